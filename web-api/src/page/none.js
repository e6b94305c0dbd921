// "None of these": the images that belong to no class, below the list of classes.

import { background, enrollBackground, removeBackground } from "/page/api.js";
import { confirmed } from "/page/confirm.js";
import { byId, fileInput, plural, say, show } from "/page/dom.js";

export class None {
  #changed;
  #count = 0;

  /** `changed()` is called after each change. */
  constructor(changed) {
    this.#changed = changed;
    fileInput(byId("none-files"), (files) => this.#add(files));
    byId("none-clear").addEventListener("click", () => this.#clear());
  }

  /** Shows the number of images of the gallery. */
  show({ rejects_unknown, background_examples }) {
    this.#count = background_examples;
    show(byId("none"), rejects_unknown);
    byId("none-count").textContent = plural(background_examples, "example");
    show(byId("none-clear"), background_examples > 0);
  }

  async #add(files) {
    const errors = [];
    for (const [i, file] of files.entries()) {
      say(byId("none-status"), `Adding ${i + 1} of ${files.length}…`);
      await enrollBackground(file).catch((problem) => errors.push(`${file.name}: ${problem.message}`));
    }
    say(byId("none-status"), "");
    say(byId("none-error"), errors.join(" "));
    await this.#changed();
  }

  async #clear() {
    const images = plural(this.#count, "example");
    const text = `This removes ${images} of other things. It cannot be undone.`;
    if (!(await confirmed("Empty “None of these”?", text, "Remove"))) return byId("none-clear").focus();
    try {
      for (const { id } of await background()) await removeBackground(id);
      say(byId("none-error"), "");
    } catch (problem) {
      say(byId("none-error"), `Not all were removed. ${problem.message}`);
    }
    await this.#changed();
    return byId("classes-title").focus();
  }
}
