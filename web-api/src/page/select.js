// Which of some images are selected, as in a folder of files: one, a range, some, all.

export class Selection {
  chosen = new Set();
  lead = null; // the one that has the focus
  #ids = [];
  #anchor = null; // where a range begins

  /** These are there from now on. A lead that is gone gives way to the one after it. */
  follow(ids) {
    const there = new Set(ids);
    const following = this.#ids.slice(Math.max(0, this.#ids.indexOf(this.lead)));
    this.#ids = ids;
    for (const id of this.chosen) if (!there.has(id)) this.chosen.delete(id);
    if (!there.has(this.lead)) this.lead = following.find((id) => there.has(id)) ?? (this.lead === null ? ids[0] : ids.at(-1)) ?? null;
    if (!there.has(this.#anchor)) this.#anchor = this.lead;
  }

  /** The selected ones, in their order. */
  get ids() {
    return this.#ids.filter((id) => this.chosen.has(id));
  }

  /** Selects one: instead of the others, with them (`toggle`), or all from the one before to it (`range`). */
  take(id, { range = false, toggle = false } = {}) {
    this.lead = id;
    if (range) this.#range(id, toggle);
    else if (toggle) this.#toggle(id);
    else this.chosen = new Set([id]);
    if (!range) this.#anchor = id;
  }

  /** Goes to the one at a place, with the same choices; `quiet` selects nothing. */
  go(place, { range = false, quiet = false }) {
    const id = this.#ids[Math.max(0, Math.min(place, this.#ids.length - 1))];
    if (id === undefined) return;
    if (quiet) this.lead = id;
    else this.take(id, { range });
  }

  get place() {
    return this.#ids.indexOf(this.lead);
  }

  all() {
    this.chosen = new Set(this.#ids);
  }

  none() {
    this.chosen.clear();
  }

  #toggle(id) {
    if (!this.chosen.delete(id)) this.chosen.add(id);
  }

  #range(id, adds) {
    const ends = [this.#ids.indexOf(this.#anchor ?? id), this.#ids.indexOf(id)];
    const part = this.#ids.slice(Math.min(...ends), Math.max(...ends) + 1);
    this.chosen = new Set(adds ? [...this.chosen, ...part] : part);
  }
}
