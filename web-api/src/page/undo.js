// What was done last, in a bar at the bottom of the page, with a button that takes it back. Also by Ctrl-Z.

import { redo, undo } from "./api.js";
import { byId, show } from "./dom.js";
import { caps } from "./shortcuts.js";
import { sentence, takenBack } from "./summary.js";
import { t } from "./text.js";

const SHOWN_MS = 15_000;

// Where Ctrl-Z belongs to the text that is typed.
const FIELDS = "input:not([type=file], [type=range]), textarea, select";

export class Undo {
  #changed;
  #offer = null; // what the button takes back: { what, changes, undone, through }, or { what, back }
  #last = null; // what was offered last, which Ctrl-Z takes back also when the bar is gone
  #timer = null;
  #work = Promise.resolve(); // one step after another
  #used = null; // the control that was used last

  /** `changed()` is called after something was taken back. */
  constructor(changed) {
    this.#changed = changed;
    byId("done-button").addEventListener("click", () => this.#next(() => this.#offer && this.#take(this.#offer)));
    byId("done-close").addEventListener("click", ({ detail }) => this.#close(detail === 0));
    document.addEventListener("keydown", (event) => this.#key(event));
    // A tap does not focus a button in every browser.
    for (const type of ["pointerdown", "focusin"]) document.addEventListener(type, ({ target }) => this.#use(target), true);
    // Behind an open dialog the bar takes no clicks, so it moves into it.
    document.addEventListener("close", () => document.body.append(byId("done")), true);
  }

  /** Says something in the bar. */
  say(text) {
    this.#show(null, text);
  }

  /** Offers nothing any more, such as when another gallery is shown. */
  forget() {
    this.#offer = null;
    this.#last = null;
    this.#hide();
  }

  /** Takes back what the bar offered last, else the last change; with `again` it redoes. */
  last(again = false) {
    this.#next(() => this.#take(this.#offered(again) ?? { undone: again }));
  }

  /**
   * Says what was done and offers to take it back: `what` as a sentence, and the ids of the changes that it
   * made. With `undone` these changes are undos, and `now` says what is true after them. What is true after they
   * are taken back is `after`, if their summaries do not say it. In place of changes, `back()` may take it back, and
   * resolves to what is true then.
   */
  offer({ what, changes = [], undone = false, now = what, after, back }) {
    if (back) return this.#show({ what, back, undone: false }, what);
    const made = changes.filter(Boolean); // a call that changed nothing has none
    if (made.length > 0) this.#show({ what, changes: made, undone, after }, now);
    return undefined;
  }

  #show(offer, text, label = t(offer?.undone ? "undo.redo" : "undo.undo")) {
    clearTimeout(this.#timer);
    this.#offer = offer;
    if (offer) this.#last = offer;
    byId("done-text").textContent = text;
    byId("done-button").textContent = label;
    show(byId("done-button"), offer !== null);
    byId("done-key").replaceChildren(...caps(["Ctrl", offer?.undone ? "Y" : "Z"]));
    show(byId("done-key"), offer !== null && !offer.through);
    show(byId("done-close"), true);
    byId("done").classList.add("on");
    document.querySelector("dialog[open]")?.append(byId("done"));
    this.#place();
    this.#timer = setTimeout(() => this.#expire(), SHOWN_MS);
  }

  #expire() {
    // After a tap a button keeps the focus, and the bar the state of a pointer over it.
    if (byId("done").matches(":has(:focus-visible)") || (byId("done").matches(":hover") && matchMedia("(hover: hover)").matches)) {
      this.#timer = setTimeout(() => this.#expire(), SHOWN_MS);
      return;
    }
    this.#offer = null;
    this.#hide();
  }

  #use(target) {
    const control = target.closest?.("button, label, a, input, select, summary, [tabindex]");
    if (control && !byId("done").contains(control)) this.#used = control;
  }

  /** The bar stands at the end of the window, or at its beginning where it would cover what is being used. */
  #place() {
    const bar = byId("done");
    if (bar.contains(document.activeElement)) return;
    bar.classList.remove("up");
    const used = this.#used?.getBoundingClientRect();
    const { left, right, top } = bar.getBoundingClientRect();
    const isCovered = used && used.height > 0 && used.bottom > top && used.top < innerHeight && used.left < right && used.right > left;
    bar.classList.toggle("up", Boolean(isCovered));
  }

  /** Takes the bar away; Ctrl-Z still takes back what it offered. */
  #close(byKey) {
    this.#offer = null;
    this.#hide();
    if (byKey) this.#used?.focus();
  }

  #hide() {
    clearTimeout(this.#timer);
    byId("done").classList.remove("on");
    byId("done-text").textContent = "";
    for (const id of ["done-button", "done-key", "done-close"]) show(byId(id), false);
  }

  #key(event) {
    const key = (event.ctrlKey || event.metaKey) && !event.altKey ? event.key?.toLowerCase() : null;
    const again = key === "y" || event.shiftKey;
    if (!["z", "y"].includes(key) || event.repeat || event.target.closest?.(FIELDS) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    this.last(again);
  }

  /** What was offered last, if that is an undo or, with `again`, a redo. */
  #offered(again) {
    return this.#last && this.#last.undone === again && !this.#last.through ? this.#last : null;
  }

  #next(step) {
    this.#work = this.#work.then(step);
  }

  /** Takes changes back, the last one first; without any, what the service finds to undo or to redo. */
  async #take({ what = null, changes = [null], undone = false, through = false, back, after }) {
    if (back) return this.#back(back);
    const made = [];
    let done = what;
    const summaries = [];
    try {
      for (const change of [...changes].reverse()) {
        const answer = undone ? await redo(change) : await undo(change, through);
        made.push(answer.change);
        summaries.push(answer.undone[0]?.summary ?? "");
        done ??= sentence(summaries[0]);
      }
      const now = undone ? done : after ?? takenBack(summaries, done);
      this.#show({ what: done, changes: made, undone: !undone, through: false, after }, now);
    } catch (problem) {
      this.#refused(problem, { what, changes: changes.slice(0, changes.length - made.length), undone, through });
    }
    await this.#changed();
    return undefined;
  }

  async #back(back) {
    this.#last = null;
    try {
      this.#show(null, await back());
    } catch (problem) {
      this.#show(null, problem.message);
    }
  }

  #refused(problem, { what, changes, undone, through }) {
    this.#last = null;
    const blocked = problem.code === "cannot_undo" && !undone && !through && changes[0] !== null;
    this.#show(blocked ? { what, changes, undone, through: true } : null, problem.message, t("undo.too"));
  }
}
