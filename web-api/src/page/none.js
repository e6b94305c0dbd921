// "None of these": the images that belong to no class, below the list of classes.

import { background, enrollBackground, removeExamples, selected } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, dropZone, fileInput, say, show, showErrors } from "./dom.js";
import { findings, showFindings } from "./quality.js";
import { t } from "./text.js";

const BATCH = 1000; // examples of one call

export class None {
  #changed;
  #count = 0;
  #gallery = null; // whose images the messages are about

  /** `changed(done)` is called after each change. */
  constructor(changed) {
    this.#changed = changed;
    fileInput(byId("none-files"), (files) => this.#add(files));
    dropZone(byId("none"), (files) => this.#add(files));
    byId("none-clear").addEventListener("click", () => this.#clear());
  }

  /** Shows the number of images of the gallery. */
  show({ rejects_unknown, background_examples }) {
    this.#count = background_examples;
    if (this.#gallery !== selected()) this.#quiet();
    this.#gallery = selected();
    show(byId("none"), rejects_unknown);
    byId("none-count").textContent = t("none.count", { n: background_examples });
    show(byId("none-clear"), background_examples > 0);
  }

  #quiet() {
    say(byId("none-status"), "");
    showErrors(byId("none-error"), []);
    showFindings(byId("none-quality"), []);
  }

  async #add(files) {
    if (files.length === 0) return;
    const errors = [];
    const changes = [];
    const found = [];
    this.#quiet();
    for (const [i, file] of files.entries()) {
      say(byId("none-status"), t("none.adding", { i: i + 1, of: files.length }));
      try {
        const answer = await enrollBackground(file);
        changes.push(answer.change);
        found.push(...findings([file], answer));
      } catch (problem) {
        errors.push(problem.isAboutKey ? problem.message : `${file.name}: ${problem.message}`);
        if (problem.isAboutKey) break;
      }
    }
    say(byId("none-status"), "");
    showErrors(byId("none-error"), errors);
    showFindings(byId("none-quality"), found);
    await this.#changed({ what: t("none.done", { n: changes.filter(Boolean).length }), changes });
  }

  async #clear() {
    const text = t("none.empty-text", { n: this.#count });
    if (!(await confirmed(t("none.empty-ask"), text, t("frame.delete")))) return byId("none-clear").focus();
    const changes = [];
    try {
      const ids = (await background()).map((example) => example.id);
      for (let i = 0; i < ids.length; i += BATCH) changes.push((await removeExamples(ids.slice(i, i + BATCH))).change);
      showErrors(byId("none-error"), []);
    } catch (problem) {
      showErrors(byId("none-error"), [`${t("none.not-all")} ${problem.message}`]);
    }
    await this.#changed({ what: t("none.emptied"), changes });
    return byId("classes-title").focus();
  }
}
