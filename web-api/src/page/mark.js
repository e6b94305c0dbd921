// One image whose object is marked before it is added as an example.

import { Crop } from "./crop.js";
import { byId, show } from "./dom.js";

export class Mark {
  #add;
  #file = null;
  #part = null;
  #crop;

  /** `add(file, part)` adds the image, or a part of it; it returns false if the image must wait. */
  constructor(add) {
    this.#add = add;
    this.#crop = new Crop(byId("mark-shown"), byId("mark-crop"), (part) => { this.#part = part; });
    byId("mark-add").addEventListener("click", () => {
      if (this.#add(this.#file, this.#part)) this.#close();
    });
    byId("mark-cancel").addEventListener("click", () => this.#close());
  }

  /** Whether single images are to be marked. */
  get isWanted() {
    return byId("mark-wanted").checked;
  }

  /** Shows an image; one that is shown already is replaced. */
  open(file) {
    this.#forget();
    this.#file = file;
    byId("mark-shown").src = URL.createObjectURL(file);
    show(byId("mark"), true);
    this.#crop.offer(file);
    byId("mark-add").focus();
  }

  #close() {
    this.#forget();
    show(byId("mark"), false);
    byId("mark-wanted").focus();
  }

  #forget() {
    if (this.#file) URL.revokeObjectURL(byId("mark-shown").src);
    byId("mark-shown").removeAttribute("src");
    this.#file = null;
    this.#part = null;
    this.#crop.offer(null);
  }
}
