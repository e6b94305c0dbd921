// A verdict that does not flicker: another one is shown when two answers agree on it.

const MOST_HELD = 4; // answers that all differ are shown after this many

export class Steady {
  #shown = null;
  #next = null;
  #held = 0;

  /** Whether an answer with this verdict, as text, is shown; the one that is shown stays otherwise. */
  shows(verdict) {
    const agrees = this.#shown === null || verdict === this.#shown || verdict === this.#next || ++this.#held >= MOST_HELD;
    this.#next = verdict;
    if (!agrees) return false;
    this.#shown = verdict;
    this.#held = 0;
    return true;
  }

  /** The next answer is shown at once. */
  reset() {
    this.#shown = null;
    this.#next = null;
    this.#held = 0;
  }
}
