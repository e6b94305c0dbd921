// The images of a series before they count: each can be left out and taken back.

import { byId, make, reveal, say, show } from "./dom.js";
import { isNear } from "./measure.js";
import { t } from "./text.js";

const MOST = 30; // images that it holds: one call adds them

export class Tray {
  #add;
  #images = []; // { file, flaw, cells, url, taken }
  #dropped = 0;

  /** `add(files)` resolves to whether they were added. */
  constructor(add) {
    this.#add = add;
    byId("tray-add").addEventListener("click", () => this.#save());
    byId("tray-discard").addEventListener("click", () => this.#close());
    byId("teach-name").addEventListener("input", () => { if (!this.isEmpty) this.#say(); });
  }

  get isEmpty() {
    return this.#images.length === 0;
  }

  /** Puts measured images in. Of those that are nearly the same one stays, a good one if there is any. */
  put(shots) {
    for (const shot of shots) {
      const same = this.#images.findIndex((image) => isNear(image, shot));
      if (same < 0 && this.#images.length < MOST) this.#images.push(prepared(shot));
      else this.#dropped++;
      if (same >= 0 && this.#images[same].flaw && !shot.flaw) {
        URL.revokeObjectURL(this.#images[same].url);
        this.#images[same] = prepared(shot);
      }
    }
    // If each has a flaw, the flaw may be the thing's own.
    if (this.#images.every(({ flaw }) => flaw)) for (const image of this.#images) image.taken = true;
    this.#draw();
    reveal(byId("tray"));
    // A screen reader hears nothing of what appears with its text in it.
    byId("spoken").textContent = byId("tray-words").textContent;
  }

  #draw() {
    byId("tray-images").replaceChildren(...this.#images.map((image, i) => this.#item(image, i + 1)));
    show(byId("tray"), true);
    this.#say();
  }

  #item(image, n) {
    const thumb = make("img");
    thumb.src = image.url;
    thumb.alt = "";
    const flaw = image.flaw ? t(`teach.flaw.${image.flaw}`) : "";
    const element = make("button", "", thumb, ...(flaw ? [make("span", "", flaw)] : []));
    element.type = "button";
    element.setAttribute("aria-label", [t("teach.image", { n }), flaw].filter(Boolean).join(": "));
    element.setAttribute("aria-pressed", String(image.taken));
    element.addEventListener("click", () => {
      image.taken = !image.taken;
      element.setAttribute("aria-pressed", String(image.taken));
      this.#say();
    });
    return make("li", "", element);
  }

  #say() {
    const n = this.#taken().length;
    const label = byId("teach-name").value.trim();
    byId("tray-add").textContent = t(label ? "teach.add-n-to" : "teach.add-n", { n, label });
    byId("tray-add").setAttribute("aria-disabled", String(n === 0));
    const dropped = this.#dropped > 0 ? t("teach.dropped", { n: this.#dropped }) : "";
    const flawed = this.#images.some(({ flaw }) => flaw) ? t("teach.flawed") : "";
    say(byId("tray-words"), [t("teach.choose"), dropped, flawed].filter(Boolean).join(" "));
  }

  #taken() {
    return this.#images.filter(({ taken }) => taken).map(({ file }) => file);
  }

  async #save() {
    const files = this.#taken();
    // Images that could not be added stay.
    if (files.length > 0 && (await this.#add(files))) this.#close();
  }

  #close() {
    for (const { url } of this.#images) URL.revokeObjectURL(url);
    this.#images = [];
    this.#dropped = 0;
    byId("tray-images").replaceChildren();
    const focused = byId("tray").contains(document.activeElement);
    show(byId("tray"), false);
    if (focused) byId("teach-camera").focus();
  }
}

const prepared = (shot) => ({ ...shot, url: URL.createObjectURL(shot.file), taken: !shot.flaw });
