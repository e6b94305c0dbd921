// The part of an image that is used: a rectangle that is dragged on the preview, or set with the keyboard.

import { button, make, plain, say, show } from "./dom.js";
import { t } from "./text.js";

const STEP = 0.02; // of an arrow key
const LEAST = 0.02; // the least width and height by keyboard
const CLICK_PX = 6; // a shorter drag is a click
const KEYS_PAUSE_MS = 400;
const MIDDLE = { left: 0.25, top: 0.25, right: 0.75, bottom: 0.75 };
const WHOLE = "0.0000,0.0000,1.0000,1.0000";
const CORNERS = ["nw", "ne", "sw", "se"];
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

export class Crop {
  #image;
  #bar;
  #changed;
  #of = null; // what the image is a preview of
  #part = null; // { left, top, right, bottom } as fractions of the image; null: all of it
  #sent = null; // the part that is used, as text
  #drag = null; // { before, anchor } while a rectangle is drawn, { before, from } while it is moved
  #typing = null;
  #box = make("div", "crop-box", ...CORNERS.map(handle));
  #area = make("div", "crop", this.#box); // lies over the image as it is drawn
  #status = make("p", "fine");
  #choose = plain(t("crop.choose"), () => this.#begin()); // a finger that swipes over the image scrolls the page
  #whole = button(t("crop.whole"), t("crop.whole-label"), () => this.#clear());

  /**
   * For the preview `image`, an element that shows its image whole; `bar` gets the texts and the button.
   * `changed(text)` is called with each new part, "x,y,w,h", or null for the whole image.
   */
  constructor(image, bar, changed) {
    this.#image = image;
    this.#bar = bar;
    this.#changed = changed;
    const hint = make("p", "fine with-mouse", t("crop.hint"));
    hint.id = `${bar.id}-hint`;
    this.#choose.id = `${bar.id}-choose`;
    this.#choose.classList.add("with-touch");
    this.#status.id = `${bar.id}-status`;
    this.#status.setAttribute("role", "status");
    this.#whole.id = `${bar.id}-whole`;
    bar.append(hint, this.#choose, this.#status, this.#whole);
    this.#describeArea(`${bar.id}-area`, hint.id);
    image.after(this.#area);
    image.addEventListener("load", () => this.#place());
    image.addEventListener("error", () => this.#place());
    new ResizeObserver(() => this.#place()).observe(image);
    this.#listen();
    this.offer(null);
  }

  /** Offers it for the image of `of`; its part stays until another one is offered. Null offers nothing. */
  offer(of) {
    if (of !== this.#of) {
      clearTimeout(this.#typing);
      this.#of = of;
      this.#part = null;
      this.#sent = null;
      this.#drag = null;
      say(this.#status, "");
    }
    this.#place();
  }

  #describeArea(id, hint) {
    this.#area.id = id;
    this.#area.tabIndex = 0;
    // The arrow keys are for the rectangle, not for a screen reader.
    this.#area.setAttribute("role", "application");
    this.#area.setAttribute("aria-label", t("crop.area"));
    this.#area.setAttribute("aria-describedby", hint);
  }

  #listen() {
    this.#area.addEventListener("pointerdown", (event) => this.#down(event));
    this.#area.addEventListener("pointermove", (event) => this.#move(event));
    this.#area.addEventListener("pointerup", (event) => this.#up(event));
    // The browser took the pointer: as if the drag had not begun.
    this.#area.addEventListener("pointercancel", () => this.#restore());
    for (const element of [this.#area, this.#bar]) {
      element.addEventListener("keydown", (event) => this.#key(event));
    }
  }

  /** Lays the area over the image as it is drawn, which may be smaller than its element. */
  #place() {
    const { naturalWidth, naturalHeight, offsetLeft, offsetTop, offsetWidth, offsetHeight } = this.#image;
    const drawn = this.#of !== null && naturalWidth > 0 && offsetWidth > 0;
    show(this.#area, drawn);
    show(this.#bar, drawn);
    if (!drawn) return;
    const scale = Math.min(offsetWidth / naturalWidth, offsetHeight / naturalHeight);
    const width = naturalWidth * scale;
    const height = naturalHeight * scale;
    this.#area.style.left = `${offsetLeft + (offsetWidth - width) / 2}px`;
    this.#area.style.top = `${offsetTop + (offsetHeight - height) / 2}px`;
    this.#area.style.width = `${width}px`;
    this.#area.style.height = `${height}px`;
    this.#draw(this.#part);
  }

  #draw(part) {
    this.#part = part;
    show(this.#box, part !== null);
    show(this.#whole, part !== null);
    show(this.#choose, part === null);
    this.#area.classList.toggle("parted", part !== null);
    if (part === null) return;
    this.#box.style.left = percent(part.left);
    this.#box.style.top = percent(part.top);
    this.#box.style.width = percent(part.right - part.left);
    this.#box.style.height = percent(part.bottom - part.top);
  }

  /** Where the pointer is, in fractions of the image. */
  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.#area.getBoundingClientRect();
    return { x: within((clientX - left) / width, 0, 1), y: within((clientY - top) / height, 0, 1) };
  }

  #down(event) {
    if (!event.isPrimary || event.button !== 0) return;
    if (event.pointerType === "touch" && this.#part === null) return;
    clearTimeout(this.#typing);
    const at = this.#at(event);
    const before = this.#part;
    const { corner } = event.target.dataset;
    // A corner is dragged as if the rectangle were drawn from the opposite one.
    if (corner) this.#drag = { before, anchor: opposite(before, corner) };
    else if (event.target === this.#box) this.#drag = { before, from: at };
    else this.#drag = { before, anchor: at };
    this.#area.setPointerCapture(event.pointerId);
    this.#area.focus({ preventScroll: true });
  }

  #move(event) {
    if (!this.#drag) return;
    const { before, anchor, from } = this.#drag;
    const at = this.#at(event);
    this.#draw(anchor ? between(anchor, at) : moved(before, at.x - from.x, at.y - from.y));
  }

  #up(event) {
    if (!this.#drag) return;
    this.#move(event);
    const { width, height } = this.#box.getBoundingClientRect();
    // A small rectangle, as the keyboard makes it, can be moved too.
    if (this.#drag.anchor && Math.min(width, height) < CLICK_PX) return this.#restore();
    this.#drag = null;
    return this.#use();
  }

  /** Ends a drag and changes nothing. */
  #restore() {
    if (!this.#drag) return;
    this.#draw(this.#drag.before);
    this.#drag = null;
    this.#use();
  }

  #key(event) {
    if (event.key === "Escape") return this.#clear();
    const arrow = ARROWS[event.key];
    if (!arrow || event.currentTarget !== this.#area || this.#drag) return undefined;
    event.preventDefault();
    const change = event.shiftKey ? resized : moved;
    this.#draw(this.#part ? change(this.#part, ...arrow) : MIDDLE);
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#use(), KEYS_PAUSE_MS);
    return undefined;
  }

  /** Begins with the middle of the image, whose rectangle a finger moves. */
  #begin() {
    this.#draw(MIDDLE);
    this.#area.focus({ preventScroll: true });
    this.#use();
  }

  #clear() {
    clearTimeout(this.#typing);
    this.#drag = null;
    this.#draw(null);
    // The button is gone.
    this.#area.focus({ preventScroll: true });
    this.#use();
  }

  /** The part that is drawn is used from now on. */
  #use() {
    const text = this.#part && textOf(this.#part);
    const used = text === WHOLE ? null : text;
    if (used === this.#sent) return;
    this.#sent = used;
    say(this.#status, t(used ? "crop.part" : "crop.all"));
    // Where it is, for those who do not see it.
    if (used) this.#status.append(make("span", "visually-hidden", inWords(this.#part)));
    this.#changed(used);
  }
}

/** The part of an image file as an image of its own, to show it; the file itself without a part, or if it is too large. */
export async function cutOut(file, text) {
  if (!text) return file;
  const image = await createImageBitmap(file);
  const [x, y, width, height] = text.split(",").map(Number);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * image.width));
  canvas.height = Math.max(1, Math.round(height * image.height));
  canvas.getContext("2d").drawImage(image, -x * image.width, -y * image.height);
  image.close();
  // A browser may refuse a large canvas.
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? file)));
}

function handle(corner) {
  const element = make("span", "crop-handle");
  element.dataset.corner = corner;
  return element;
}

const within = (value, least, most) => Math.min(most, Math.max(least, value));
const percent = (share) => `${100 * share}%`;
const whole = (share) => `${Math.round(100 * share)} %`;

const between = (a, b) => ({
  left: Math.min(a.x, b.x), top: Math.min(a.y, b.y), right: Math.max(a.x, b.x), bottom: Math.max(a.y, b.y),
});

const opposite = ({ left, top, right, bottom }, corner) => ({
  x: corner.endsWith("w") ? right : left, y: corner.startsWith("n") ? bottom : top,
});

/** A rectangle elsewhere in the image. */
function moved({ left, top, right, bottom }, x, y) {
  const across = within(x, -left, 1 - right);
  const down = within(y, -top, 1 - bottom);
  return { left: left + across, top: top + down, right: right + across, bottom: bottom + down };
}

/** A rectangle with its right and lower side elsewhere. */
function resized({ left, top, right, bottom }, x, y) {
  return {
    left, top, right: within(right + x, Math.min(1, left + LEAST), 1), bottom: within(bottom + y, Math.min(1, top + LEAST), 1),
  };
}

/** "x,y,w,h" with 4 decimals. Sides are rounded, and not sizes, so that no part leaves the image. */
function textOf({ left, top, right, bottom }) {
  const [x, y, x2, y2] = [left, top, right, bottom].map((side) => Math.round(10000 * side));
  return [x, y, x2 - x, y2 - y].map((digits) => (digits / 10000).toFixed(4)).join();
}

function inWords({ left, top, right, bottom }) {
  return t("crop.place", { left: whole(left), right: whole(right), top: whole(top), bottom: whole(bottom) });
}
