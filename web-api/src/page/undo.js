// What was done last, in a bar at the bottom of the page, with a button that takes it back. Also by Ctrl-Z.

import { redo, undo } from "./api.js";
import { byId, show } from "./dom.js";
import { sentence } from "./history.js";

const SHOWN_MS = 10_000;

// Where Ctrl-Z belongs to the text that is typed.
const FIELDS = "input:not([type=file], [type=range]), textarea, select";

export class Undo {
  #changed;
  #offer = null; // what the button takes back: { what, changes, undone, through }
  #timer = null;
  #work = Promise.resolve(); // one step after another

  /** `changed()` is called after something was taken back. */
  constructor(changed) {
    this.#changed = changed;
    byId("done-button").addEventListener("click", () => this.#next(() => this.#offer && this.#take(this.#offer)));
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /**
   * Says what was done and offers to take it back: `what` as a sentence, and the ids of the changes that it
   * made. With `undone` these changes are undos.
   */
  offer({ what, changes, undone = false }) {
    const made = changes.filter(Boolean); // a call that changed nothing has none
    if (made.length > 0) this.#show({ what, changes: made, undone }, undone ? `Undone: ${what}` : what);
  }

  #show(offer, text, label = offer?.undone ? "Redo" : "Undo") {
    clearTimeout(this.#timer);
    this.#offer = offer;
    byId("done-text").textContent = text;
    byId("done-button").textContent = label;
    show(byId("done-button"), offer !== null);
    byId("done").classList.add("on");
    this.#timer = setTimeout(() => this.#expire(), SHOWN_MS);
  }

  #expire() {
    if (byId("done").matches(":hover, :focus-within")) {
      this.#timer = setTimeout(() => this.#expire(), SHOWN_MS);
      return;
    }
    this.#offer = null;
    byId("done").classList.remove("on");
    byId("done-text").textContent = "";
    show(byId("done-button"), false);
  }

  #key(event) {
    const isUndo = (event.ctrlKey || event.metaKey) && !event.altKey && event.key?.toLowerCase() === "z";
    if (!isUndo || event.repeat || event.target.closest?.(FIELDS) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    const again = event.shiftKey;
    this.#next(() => this.#take(this.#offered(again) ?? { undone: again }));
  }

  /** What the bar offers, if that is an undo or, with `again`, a redo. */
  #offered(again) {
    return this.#offer && this.#offer.undone === again && !this.#offer.through ? this.#offer : null;
  }

  #next(step) {
    this.#work = this.#work.then(step);
  }

  /** Takes changes back, the last one first; without any, what the service finds to undo or to redo. */
  async #take({ what = null, changes = [null], undone = false, through = false }) {
    const made = [];
    let done = what;
    try {
      for (const change of [...changes].reverse()) {
        const answer = undone ? await redo(change) : await undo(change, through);
        made.push(answer.change);
        done ??= sentence(answer.undone[0]?.summary ?? "");
      }
      this.#show({ what: done, changes: made, undone: !undone, through: false }, `${undone ? "Redone" : "Undone"}: ${done}`);
    } catch (problem) {
      this.#refused(problem, { what, changes: changes.slice(0, changes.length - made.length), undone, through });
    }
    await this.#changed();
  }

  #refused(problem, { what, changes, undone, through }) {
    const blocked = problem.code === "cannot_undo" && !undone && !through && changes[0] !== null;
    this.#show(blocked ? { what, changes, undone, through: true } : null, problem.message, "Undo these too");
  }
}
