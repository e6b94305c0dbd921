// What is kept of the images that are added.

import { set } from "./api.js";
import { byId, say } from "./dom.js";

const WORDS = {
  thumb: "A thumbnail of each image is kept on this device.",
  original: "The images are kept on this device.",
  off: "No images are kept.",
};

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
    byId("keep-words").textContent = WORDS[keep_images];
    if (document.activeElement !== byId("keep-images")) byId("keep-images").value = keep_images;
  }

  async #save(keep_images) {
    try {
      const { change } = await set({ keep_images });
      say(byId("keep-error"), "");
      await this.#changed({ what: `From now on: ${WORDS[keep_images]}`, changes: [change] });
    } catch (problem) {
      byId("keep-images").value = this.#kept;
      say(byId("keep-error"), `The setting was not saved. ${problem.message}`);
    }
  }
}
