// "Teach a thing": images become examples of a name, one call each, so that one bad file stops no other.

import { begin, define, enroll } from "/page/api.js";
import { byId, make, plural, say, show } from "/page/dom.js";
import { chosen, definition, said, senseSelect } from "/page/meaning.js";

const TYPING_PAUSE_MS = 300;

export class Teach {
  #changed;
  #names = false; // whether the bundle knows what names mean
  #sense = null; // { label, select } of the name in the field, once it was looked up
  #typing = null;
  #queue = Promise.resolve(); // one batch after another, in the order of the clicks

  /** `changed` is called after each batch that added something. */
  constructor(changed) {
    this.#changed = changed;
    byId("teach-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.label()) byId("teach-files").focus();
    });
    byId("teach-name").addEventListener("input", () => {
      this.#valid(true);
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#lookUp(), TYPING_PAUSE_MS);
    });
    byId("teach-by-name").addEventListener("click", () => this.#byName());
  }

  /** From now on the page offers what needs knowledge of names. */
  useNames(names) {
    this.#names = names;
    show(byId("teach-by-name"), names);
  }

  /** The name in the field; without one it asks for it and returns null. */
  label() {
    const field = byId("teach-name");
    const label = field.value.trim();
    // In an address these would be an id or a step up, not a name.
    const reserved = /^(\.{1,2}|@\d+)$/.test(label);
    this.#valid(Boolean(label) && !reserved);
    if (label && !reserved) return label;
    say(byId("teach-status"), reserved ? `It cannot be called “${label}”.` : "First say what it is called.");
    field.focus();
    return null;
  }

  /** Adds the files as examples of `known`, or of the name in the field with the meaning that was chosen for it. */
  add(files, known) {
    const label = known ?? this.label();
    if (!label || files.length === 0) return this.#queue;
    const meaning = known ? {} : this.#chosen(label);
    this.#queue = this.#queue.then(() => this.#batch(files, label, meaning));
    return this.#queue;
  }

  /** Shows what the name in the field means, to be corrected. */
  async #lookUp() {
    const label = byId("teach-name").value.trim();
    if (this.#sense?.label === label) return;
    this.#sense = null;
    const select = this.#names && label ? await senseSelect(label).catch(() => null) : null;
    if (byId("teach-name").value.trim() !== label) return; // typed on meanwhile
    this.#sense = { label, select };
    byId("teach-sense").replaceChildren(...(select ? [make("p", "fine", "It is read as:"), select] : []));
    show(byId("teach-sense"), Boolean(select));
  }

  /** What was chosen for this very name in the field. */
  #chosen(label) {
    return this.#sense?.label === label ? chosen(this.#sense.select) : {};
  }

  /** Makes a class that has no image yet. */
  async #byName() {
    const label = this.label();
    if (!label) return;
    await this.#lookUp();
    try {
      const { class: made } = await begin(label, this.#chosen(label));
      say(byId("teach-status"), made.meaning
        ? `${label} is known by its name: ${definition(made.meaning.gloss)}. Images make it surer.`
        : `${label} says nothing to the lexicon: add images of it.`);
      this.#changed();
    } catch (problem) {
      const exists = problem.code === "stale_revision";
      say(byId("teach-status"), exists ? `${label} is there already; its row changes what it means.` : problem.message);
    }
  }

  async #batch(files, label, meaning) {
    const progress = byId("teach-progress");
    const tally = { added: 0, known: 0, errors: [], taught: null };
    this.#errors([]);
    show(progress, files.length > 1);
    progress.max = files.length;
    for (const [i, file] of files.entries()) {
      progress.value = i;
      say(byId("teach-status"), `Adding ${i + 1} of ${files.length} to ${label}…`);
      if (!(await this.#one(file, label, tally))) break;
    }
    show(progress, false);
    say(byId("teach-status"), summary(tally, label));
    this.#errors(tally.errors);
    if (tally.added > 0 && Object.keys(meaning).length > 0) {
      await define(label, { ...meaning, ...said(tally.taught) }).catch((problem) => this.#errors([...tally.errors, problem.message]));
    }
    if (tally.added > 0) this.#changed();
  }

  /** Adds one image; false when trying the next makes no sense. */
  async #one(file, label, tally) {
    try {
      const answer = await enroll(label, file);
      tally.taught = answer.class;
      if (answer.examples[0].duplicate_of) tally.known++;
      else tally.added++;
      return true;
    } catch (problem) {
      tally.errors.push(file.name ? `${file.name}: ${problem.message}` : problem.message);
      return !["bad_name", "unreachable", "store_full"].includes(problem.code);
    }
  }

  #errors(errors) {
    byId("teach-errors").replaceChildren(...errors.map((text) => make("li", "", text)));
    show(byId("teach-errors"), errors.length > 0);
  }

  #valid(valid) {
    const field = byId("teach-name");
    if (valid) field.removeAttribute("aria-invalid");
    else field.setAttribute("aria-invalid", "true");
  }
}

function summary({ added, known, errors, taught }, label) {
  const parts = [];
  if (added > 0) parts.push(`Learned ${plural(added, "image")} of ${label}; it has ${taught.examples} now.`);
  if (known > 0) parts.push(`${plural(known, "image was", "images were")} already there.`);
  if (errors.length > 0 && added + known > 0) parts.push(`${plural(errors.length, "file")} could not be used.`);
  return parts.join(" ");
}
