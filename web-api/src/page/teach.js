// "Add a class": images become examples of a class, one call per image, so that a bad file stops no other.

import { create, define, enroll, isReserved } from "./api.js";
import { byId, make, plural, say, show } from "./dom.js";
import { Mark } from "./mark.js";
import { chosen, definition, overrides, senseSelect } from "./meaning.js";
import { findings, showFindings } from "./quality.js";

const TYPING_PAUSE_MS = 300;

export class Teach {
  #changed;
  #names = false; // whether the bundle has name knowledge
  #sense = null; // { label, select } of the name in the field, after it was looked up
  #typing = null;
  #queue = Promise.resolve(); // batches run one after another
  #mark = new Mark((file, part) => this.#addMarked(file, part));

  /** `changed(done)` is called after each batch that added something. */
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

  /** Shows or hides the controls that need name knowledge. */
  useNames(names) {
    this.#names = names;
    show(byId("teach-by-name"), names);
  }

  /** The class name in the field; null, with a message, if it is missing or reserved. */
  label() {
    const field = byId("teach-name");
    const label = field.value.trim();
    const reserved = isReserved(label);
    this.#valid(Boolean(label) && !reserved);
    if (label && !reserved) return label;
    say(byId("teach-status"), reserved ? `“${label}” cannot be a class name.` : "Enter a class name first.");
    field.focus();
    return null;
  }

  /**
   * Adds the files as examples of the class `known`, or of the name in the field with its chosen sense. A single
   * image for the name in the field is marked first, if that is wanted.
   */
  add(files, known) {
    const label = known ?? this.label();
    if (!label || files.length === 0) return this.#queue;
    if (!known && files.length === 1 && this.#mark.isWanted) {
      this.#mark.open(files[0]);
      return this.#queue;
    }
    return this.#enqueue(files, label, known ? {} : this.#chosen(label));
  }

  /** Adds an image, or a part of it, as an example of the class in the field; false if no class is there. */
  #addMarked(file, part) {
    const label = this.label();
    if (label) this.#enqueue([file], label, this.#chosen(label), part);
    return label !== null;
  }

  #enqueue(files, label, sense, part = null) {
    this.#queue = this.#queue.then(() => this.#batch(files, label, sense, part));
    return this.#queue;
  }

  /** Shows the senses of the name in the field. */
  async #lookUp() {
    const label = byId("teach-name").value.trim();
    if (this.#sense?.label === label) return;
    this.#sense = null;
    const select = this.#names && label ? await senseSelect(label).catch(() => null) : null;
    if (byId("teach-name").value.trim() !== label) return; // the name changed meanwhile
    this.#sense = { label, select };
    byId("teach-sense").replaceChildren(...(select ? [make("p", "fine", "Meaning of the name:"), select] : []));
    show(byId("teach-sense"), Boolean(select));
  }

  /** The override chosen for this name. */
  #chosen(label) {
    return this.#sense?.label === label ? chosen(this.#sense.select) : {};
  }

  /** Creates a class without images. */
  async #byName() {
    const label = this.label();
    if (!label) return;
    await this.#lookUp();
    try {
      const { class: made, change } = await create(label, this.#chosen(label));
      say(byId("teach-status"), made.meaning
        ? `Added ${label} from its name only: ${definition(made.meaning.gloss)}. Three to five images make it more accurate.`
        : `No WordNet sense found for ${label}. Add images of it.`);
      this.#changed({ what: `Added “${made.label}” from its name.`, changes: [change] });
    } catch (problem) {
      const exists = problem.code === "precondition_failed";
      say(byId("teach-status"), exists ? `The class ${label} exists. Change its sense in the list of classes.` : problem.message);
    }
  }

  async #batch(files, label, sense, part) {
    const progress = byId("teach-progress");
    const tally = { added: 0, known: 0, errors: [], enrolled: null, changes: [], found: [] };
    this.#errors([]);
    showFindings(byId("teach-quality"), []);
    show(progress, files.length > 1);
    progress.max = files.length;
    for (const [i, file] of files.entries()) {
      progress.value = i;
      say(byId("teach-status"), `Adding ${i + 1} of ${files.length} to ${label}…`);
      if (!(await this.#one(file, label, part, tally))) break;
    }
    show(progress, false);
    say(byId("teach-status"), summary(tally, label));
    this.#errors(tally.errors);
    showFindings(byId("teach-quality"), tally.found);
    if (tally.added > 0 && Object.keys(sense).length > 0) {
      await this.#define(label, { ...sense, ...overrides(tally.enrolled) }, tally);
    }
    const what = `Enrolled ${plural(tally.added, "image")} in “${tally.enrolled?.label}”.`;
    if (tally.added > 0) this.#changed({ what, changes: tally.changes });
  }

  /** Sets the sense that was chosen for the name. */
  async #define(label, definition, tally) {
    try {
      tally.changes.push((await define(label, definition)).change);
    } catch (problem) {
      this.#errors([...tally.errors, problem.message]);
    }
  }

  /** Adds one image; false if the next one would fail too. */
  async #one(file, label, part, tally) {
    try {
      const answer = await enroll(label, file, part);
      tally.enrolled = answer.class;
      tally.changes.push(answer.change);
      tally.found.push(...findings(file, answer));
      if (answer.examples[0].duplicate_of) tally.known++;
      else tally.added++;
      return true;
    } catch (problem) {
      const about = file.name && !problem.isAboutKey ? `${file.name}: ` : "";
      tally.errors.push(`${about}${problem.message}`);
      return !problem.isAboutKey && !["bad_name", "unreachable", "store_full"].includes(problem.code);
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

function summary({ added, known, errors, enrolled }, label) {
  const parts = [];
  if (added > 0) parts.push(`Added ${plural(added, "image")} to ${label}. The class has ${plural(enrolled.examples, "example")}.`);
  if (known > 0) parts.push(`${plural(known, "image was", "images were")} already enrolled.`);
  if (errors.length > 0 && added + known > 0) parts.push(`${plural(errors.length, "file")} could not be used.`);
  return parts.join(" ");
}
