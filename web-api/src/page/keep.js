// What is kept of the images that are added.

import { set } from "./api.js";
import { byId, say } from "./dom.js";
import { t } from "./text.js";

export class Keep {
  #changed;
  #kept = "thumb"; // the setting of the gallery

  /** `changed(done)` is called after a change. */
  constructor(changed) {
    this.#changed = changed;
    const select = byId("keep-images");
    select.addEventListener("change", () => this.#save(select.value));
  }

  /** Shows the setting of the gallery. */
  show({ keep_images }) {
    this.#kept = keep_images;
    // Also in the line at the foot of the page.
    for (const id of ["keep-words", "foot-kept"]) byId(id).textContent = t(`settings.kept-${keep_images}`);
    if (document.activeElement !== byId("keep-images")) byId("keep-images").value = keep_images;
  }

  async #save(keep_images) {
    try {
      const { change } = await set({ keep_images });
      say(byId("keep-error"), "");
      await this.#changed({ what: t("settings.from-now", { words: t(`settings.kept-${keep_images}`) }), changes: [change] });
    } catch (problem) {
      byId("keep-images").value = this.#kept;
      say(byId("keep-error"), t("settings.not-saved", { why: problem.message }));
    }
  }
}
