// What was done last, in a bar at the bottom of the page, with a button that takes it back. Also by Ctrl-Z.

import { redo, undo } from "./api.js";
import { byId, show } from "./dom.js";
import { sentence } from "./summary.js";
import { t } from "./text.js";

const SHOWN_MS = 10_000;

// Where Ctrl-Z belongs to the text that is typed.
const FIELDS = "input:not([type=file], [type=range]), textarea, select";

export class Undo {
  #changed;
  #offer = null; // what the button takes back: { what, changes, undone, through }, or { what, back }
  #timer = null;
  #work = Promise.resolve(); // one step after another

  /** `changed()` is called after something was taken back. */
  constructor(changed) {
    this.#changed = changed;
    byId("done-button").addEventListener("click", () => this.#next(() => this.#offer && this.#take(this.#offer)));
    document.addEventListener("keydown", (event) => this.#key(event));
    // Behind an open dialog the bar takes no clicks, so it moves into it.
    document.addEventListener("close", () => document.body.append(byId("done")), true);
  }

  /** Says something in the bar. */
  say(text) {
    this.#show(null, text);
  }

  /** Takes back what the bar offers, else the last change; with `again` it redoes. */
  last(again = false) {
    this.#next(() => this.#take(this.#offered(again) ?? { undone: again }));
  }

  /**
   * Says what was done and offers to take it back: `what` as a sentence, and the ids of the changes that it
   * made. With `undone` these changes are undos. In place of changes, `back()` may take it back.
   */
  offer({ what, changes = [], undone = false, back }) {
    if (back) return this.#show({ what, back, undone: false }, what);
    const made = changes.filter(Boolean); // a call that changed nothing has none
    if (made.length > 0) this.#show({ what, changes: made, undone }, undone ? t("undo.undone", { what }) : what);
    return undefined;
  }

  #show(offer, text, label = t(offer?.undone ? "undo.redo" : "undo.undo")) {
    clearTimeout(this.#timer);
    this.#offer = offer;
    byId("done-text").textContent = text;
    byId("done-button").textContent = label;
    show(byId("done-button"), offer !== null);
    byId("done").classList.add("on");
    document.querySelector("dialog[open]")?.append(byId("done"));
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
    const key = (event.ctrlKey || event.metaKey) && !event.altKey ? event.key?.toLowerCase() : null;
    const again = key === "y" || event.shiftKey;
    if (!["z", "y"].includes(key) || event.repeat || event.target.closest?.(FIELDS) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.last(again);
  }

  /** What the bar offers, if that is an undo or, with `again`, a redo. */
  #offered(again) {
    return this.#offer && this.#offer.undone === again && !this.#offer.through ? this.#offer : null;
  }

  #next(step) {
    this.#work = this.#work.then(step);
  }

  /** Takes changes back, the last one first; without any, what the service finds to undo or to redo. */
  async #take({ what = null, changes = [null], undone = false, through = false, back }) {
    if (back) return this.#back(what, back);
    const made = [];
    let done = what;
    try {
      for (const change of [...changes].reverse()) {
        const answer = undone ? await redo(change) : await undo(change, through);
        made.push(answer.change);
        done ??= sentence(answer.undone[0]?.summary ?? "");
      }
      this.#show({ what: done, changes: made, undone: !undone, through: false }, t(undone ? "undo.redone" : "undo.undone", { what: done }));
    } catch (problem) {
      this.#refused(problem, { what, changes: changes.slice(0, changes.length - made.length), undone, through });
    }
    await this.#changed();
    return undefined;
  }

  async #back(what, back) {
    try {
      await back();
      this.#show(null, t("undo.undone", { what }));
    } catch (problem) {
      this.#show(null, problem.message);
    }
  }

  #refused(problem, { what, changes, undone, through }) {
    const blocked = problem.code === "cannot_undo" && !undone && !through && changes[0] !== null;
    this.#show(blocked ? { what, changes, undone, through: true } : null, problem.message, t("undo.too"));
  }
}
