// The answer to a row of the table, below the row: the table stays where it is while its rows are opened.

import { byId, calm, make, show } from "./dom.js";

const MARGIN = 12; // pixels that stay free above and below
const BAR = 84; // at the end of the window: the bar with the undo

export class Opened {
  #row = null; // the one that is open
  #home = document.createComment("answer"); // where the answer stands otherwise
  #image = make("img", "row-large");
  #cell = make("td", "", this.#image);
  #element = make("tr", "row-detail", this.#cell);

  constructor() {
    byId("answer").before(this.#home);
    this.#cell.colSpan = 4;
  }

  /** The row whose answer stands below it; null without one. */
  get row() {
    return this.#row;
  }

  /** Shows the answer, and the image at `url`, below a row. */
  open(row, url) {
    keeping(row.element, () => {
      this.#leave();
      this.#row = row;
      row.open.setAttribute("aria-expanded", "true");
      if (url) this.#image.src = url;
      this.#image.alt = "";
      show(this.#image, Boolean(url));
      this.#cell.append(byId("answer"));
      row.element.after(this.#element);
    });
    const { top } = row.element.getBoundingClientRect();
    const below = this.#element.getBoundingClientRect().bottom - (innerHeight - BAR);
    if (below > 0) scrollBy({ top: Math.min(below, top - MARGIN), behavior: calm() });
  }

  /** The answer goes back to its place; the row, or the one that is used now, stays where it is. */
  close(used = this.#row) {
    if (this.#row) keeping(used.element, () => this.#leave());
  }

  #leave() {
    if (!this.#row) return;
    this.#row.open.setAttribute("aria-expanded", "false");
    this.#row = null;
    this.#home.after(byId("answer"));
    this.#element.remove();
  }
}

/** Makes a change that does not move an element in the window, which not every browser sees to itself. */
function keeping(element, change) {
  const { style } = document.documentElement;
  style.overflowAnchor = "none"; // else those that do would move it twice
  const before = element.getBoundingClientRect().top;
  change();
  if (element.isConnected) scrollBy({ top: element.getBoundingClientRect().top - before, behavior: "instant" });
  requestAnimationFrame(() => requestAnimationFrame(() => { style.overflowAnchor = ""; }));
}
