// "History": the calls that changed the gallery, newest first; each can be undone.

import { history, undo } from "./api.js";
import { button, byId, make, say, show } from "./dom.js";

const PART = 30;
const MOST = 1000; // of one answer

/** Who made a change, as the service names it. */
const ACTORS = {
  page: "on this page",
  http: "a program",
  cli: "the command line",
  retention: "automatically",
};

/** Of a change that was made with a key, the name of the key. */
export const actor = (call) => (Object.hasOwn(ACTORS, call.actor) ? ACTORS[call.actor] : call.actor);

/** A summary of the service as a sentence. What an undo or redo is about is named without it. */
export function sentence(summary) {
  const text = summary.replace(/^((undid|redid): )+/, "");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export class History {
  #changed;
  #limit = PART;
  #drawn = ""; // the calls that the list shows; an unchanged list is not redrawn

  /** `changed(done)` is called after each undo. */
  constructor(changed) {
    this.#changed = changed;
    byId("history").addEventListener("toggle", () => this.refresh());
    byId("history-more").addEventListener("click", () => {
      this.#limit = Math.min(MOST, this.#limit + PART);
      this.refresh();
    });
  }

  /** Reads the history, if it is open. */
  async refresh() {
    if (!byId("history").open) return;
    try {
      this.#draw(await history(this.#limit));
      say(byId("history-error"), "");
    } catch (problem) {
      say(byId("history-error"), `The history could not be loaded. ${problem.message}`);
    }
  }

  #draw({ history: calls, next }) {
    say(byId("history-empty"), calls.length === 0 ? "Nothing was changed yet." : "");
    show(byId("history-more"), next !== null && this.#limit < MOST);
    const drawn = JSON.stringify(calls);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const focused = document.activeElement.closest("#history-list [data-change]")?.dataset.change;
    byId("history-list").replaceChildren(...calls.map((call) => this.#row(call)));
    if (focused) this.#focus(focused);
  }

  #focus(change) {
    const row = document.querySelector(`#history-list [data-change="${CSS.escape(change)}"]`);
    (row?.querySelector("button") ?? byId("history-title")).focus();
  }

  #row(call) {
    const when = make("time", "", new Date(call.at).toLocaleString());
    when.dateTime = call.at;
    const prefix = call.is_undo ? "Undone: " : "";
    const what = make("p", "call-what", prefix + sentence(call.summary));
    what.dir = "auto";
    const about = make("p", "fine", when, ` · ${actor(call)}`);
    const row = make("li", "call", make("div", "", what, about));
    row.dataset.change = call.change;
    if (call.undone) {
      row.classList.add("undone");
      about.append(" · undone");
    } else {
      const verb = call.is_undo ? "Redo" : "Undo";
      row.append(button(verb, `${verb}: ${sentence(call.summary)}`, () => this.#undo(call, row, false)));
    }
    return row;
  }

  async #undo(call, row, through) {
    try {
      const { change } = await undo(call.change, through);
      const what = sentence(call.summary);
      await this.#changed(call.is_undo ? { what: `Redone: ${what}`, changes: [change] } : { what, changes: [change], undone: true });
    } catch (problem) {
      this.#refuse(call, row, problem, through);
    }
  }

  /** Shows in the row why the service refused, and offers to undo what stands in the way. */
  #refuse(call, row, problem, through) {
    row.querySelector(".error")?.remove();
    const message = make("p", "error", problem.message);
    message.setAttribute("role", "alert");
    if (problem.code === "cannot_undo" && !through) {
      const more = button("Undo these too", `Undo these too: ${sentence(call.summary)}`, () => this.#undo(call, row, true));
      message.append(" ", more);
    }
    row.append(message);
  }
}
