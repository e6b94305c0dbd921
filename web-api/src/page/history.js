// "History": the calls that changed the gallery, newest first; each can be undone.

import { history, undo } from "./api.js";
import { button, byId, make, say, show } from "./dom.js";
import { sentence, takenBack } from "./summary.js";
import { hasText, language, t } from "./text.js";

const PART = 30;
const MOST = 1000; // of one answer
const TICK_MS = 30_000; // after which "a minute ago" is not right any more

const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

/** Who made a change. Of one that was made with a key, the name of the key. */
export const actor = (call) => (hasText(`history.by-${call.actor}`) ? t(`history.by-${call.actor}`) : call.actor);

/** A time as "5 minutes ago"; after a month as a date. */
export function ago(at) {
  const seconds = (Date.now() - new Date(at).getTime()) / 1000;
  if (seconds > 30 * 86_400) return new Date(at).toLocaleDateString(language);
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? ["second", 1];
  return unit === "second" ? t("history.now") : relative.format(-Math.round(seconds / length), unit);
}

/** The element for a time: relative, with the exact one as its title. */
export function moment(at) {
  const time = make("time", "", ago(at));
  time.dateTime = at;
  time.title = new Date(at).toLocaleString(language);
  return time;
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
    setInterval(tick, TICK_MS);
  }

  /** Reads the history, if it is open. */
  async refresh() {
    if (!byId("history").open) return;
    try {
      this.#draw(await history(this.#limit));
      say(byId("history-error"), "");
    } catch (problem) {
      say(byId("history-error"), t("history.failed", { why: problem.message }));
    }
  }

  #draw({ history: calls, next }) {
    say(byId("history-empty"), calls.length === 0 ? t("history.empty") : "");
    show(byId("history-more"), next !== null && this.#limit < MOST);
    const drawn = JSON.stringify(calls);
    if (drawn === this.#drawn) return tick();
    this.#drawn = drawn;
    const focused = document.activeElement.closest("#history-list [data-change]")?.dataset.change;
    byId("history-list").replaceChildren(...calls.map((call) => this.#row(call)));
    if (focused) this.#focus(focused);
    return undefined;
  }

  #focus(change) {
    const row = document.querySelector(`#history-list [data-change="${CSS.escape(change)}"]`);
    (row?.querySelector("button") ?? byId("history-title")).focus();
  }

  #row(call) {
    const done = sentence(call.summary);
    const isRedo = call.summary.startsWith("redid: ");
    const how = isRedo ? "undo.redone" : "undo.undone";
    const what = make("p", "call-what", call.is_undo ? t(how, { what: done }) : done);
    what.dir = "auto";
    // That it was done here is the usual case.
    const about = make("p", "fine", moment(call.at), call.actor === "page" ? "" : ` · ${actor(call)}`);
    about.title = actor(call);
    const row = make("li", "call", make("div", "", what, about));
    row.dataset.change = call.change;
    if (call.undone) {
      row.classList.add("undone");
      about.append(` · ${t("history.undone")}`);
    } else {
      const verb = t(call.is_undo && !isRedo ? "undo.redo" : "undo.undo");
      row.append(button(verb, `${verb}: ${done}`, () => this.#undo(call, row, false)));
    }
    return row;
  }

  async #undo(call, row, through) {
    try {
      const { change } = await undo(call.change, through);
      const what = sentence(call.summary);
      const isRedo = call.summary.startsWith("redid: ");
      const back = { what, changes: [change], undone: true, now: takenBack([call.summary.replace(/^redid: /, "")], what) };
      await this.#changed(call.is_undo && !isRedo ? { what, changes: [change] } : back);
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
      const more = button(t("undo.too"), `${t("undo.too")}: ${sentence(call.summary)}`, () => this.#undo(call, row, true));
      message.append(" ", more);
    }
    row.append(message);
  }
}

/** Shows how long ago each listed change is. */
function tick() {
  for (const time of document.querySelectorAll("#history-list time")) time.textContent = ago(time.dateTime);
}
