// "None of these": the images that belong to no class, below the list of classes.

import { background, enrollBackground, removeExamples } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, fileInput, plural, say, show } from "./dom.js";
import { findings, showFindings } from "./quality.js";

const BATCH = 1000; // examples of one call

export class None {
  #changed;
  #count = 0;

  /** `changed(done)` is called after each change. */
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
    const changes = [];
    const found = [];
    showFindings(byId("none-quality"), []);
    for (const [i, file] of files.entries()) {
      say(byId("none-status"), `Adding ${i + 1} of ${files.length}…`);
      try {
        const answer = await enrollBackground(file);
        changes.push(answer.change);
        found.push(...findings(file, answer));
      } catch (problem) {
        errors.push(problem.isAboutKey ? problem.message : `${file.name}: ${problem.message}`);
        if (problem.isAboutKey) break;
      }
    }
    say(byId("none-status"), "");
    say(byId("none-error"), errors.join(" "));
    showFindings(byId("none-quality"), found);
    const added = plural(changes.filter(Boolean).length, "image");
    await this.#changed({ what: `Added ${added} to “None of these”.`, changes });
  }

  async #clear() {
    const images = plural(this.#count, "example");
    const text = `This removes ${images} of other things. You can undo it.`;
    if (!(await confirmed("Empty “None of these”?", text, "Remove"))) return byId("none-clear").focus();
    const changes = [];
    try {
      const ids = (await background()).map((example) => example.id);
      for (let i = 0; i < ids.length; i += BATCH) changes.push((await removeExamples(ids.slice(i, i + BATCH))).change);
      say(byId("none-error"), "");
    } catch (problem) {
      say(byId("none-error"), `Not all were removed. ${problem.message}`);
    }
    await this.#changed({ what: "Emptied “None of these”.", changes });
    return byId("classes-title").focus();
  }
}
