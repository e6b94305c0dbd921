// "Add a class": images become examples of a class, a few per call; a bad file stops no other.

import { create, define, enroll, enrollAll, isReserved } from "./api.js";
import { byId, make, say, show, showErrors } from "./dom.js";
import { Mark } from "./mark.js";
import { chosen, definition, overrides, senseSelect } from "./meaning.js";
import { findings, showFindings } from "./quality.js";
import { language, t } from "./text.js";

const TYPING_PAUSE_MS = 300;
const FILES = 8; // of one call, so that the progress moves
const BYTES = 8_000_000; // of one call, unless a file has more

// What every further call would meet too.
const LASTING = ["unreachable", "store_full", "read_only"];
// What every further image of the class would meet too.
const OF_CLASS = ["bad_name", "limit_reached"];

export class Teach {
  #changed;
  #names = false; // whether the bundle has name knowledge
  #sense = null; // { label, select } of the name in the field, after it was looked up
  #typing = null;
  #stopped = false;
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
    byId("teach-stop").addEventListener("click", () => { this.#stopped = true; });
  }

  /** Shows or hides the controls that need name knowledge. */
  useNames(names) {
    this.#names = names;
    show(byId("teach-by-name"), names);
    show(byId("teach-english"), names && language !== "en");
  }

  /** The class name in the field; null, with a message, if it is missing or reserved. */
  label() {
    const field = byId("teach-name");
    const label = field.value.trim();
    const reserved = isReserved(label);
    this.#valid(Boolean(label) && !reserved);
    if (label && !reserved) return label;
    say(byId("teach-status"), reserved ? t("teach.reserved", { label }) : t("teach.name-first"));
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
    return this.#enqueue([{ label, files, sense: known ? {} : this.#chosen(label) }]);
  }

  /** Adds files to the class in the field with one call; resolves to whether they are there now. */
  async addTogether(files) {
    const label = this.label();
    if (!label) return false;
    const { added, known } = await this.#enqueue([{ label, files, sense: this.#chosen(label), together: true }]);
    return added + known > 0;
  }

  /** Adds what folders hold to the classes that they name, and files without a folder to the class in the field. */
  addFolders(groups) {
    if (groups.every(({ label }) => label === null)) return this.add(groups.flatMap(({ files }) => files));
    const named = groups.map(({ label, files }) => ({ label: label ?? this.label(), files, sense: {} }));
    return this.#enqueue(named.filter(({ label }) => label), groups.leftOut);
  }

  /** Adds an image, or a part of it, as an example of the class in the field; false if no class is there. */
  #addMarked(file, part) {
    const label = this.label();
    if (label) this.#enqueue([{ label, files: [file], sense: this.#chosen(label), part }]);
    return label !== null;
  }

  #enqueue(groups, leftOut = 0) {
    const batch = this.#queue.then(() => this.#batch(groups, leftOut));
    this.#queue = batch.catch(() => {});
    return batch;
  }

  /** Shows the senses of the name in the field. */
  async #lookUp() {
    const label = byId("teach-name").value.trim();
    if (this.#sense?.label === label) return;
    this.#sense = null;
    const select = this.#names && label ? await senseSelect(label).catch(() => null) : null;
    if (byId("teach-name").value.trim() !== label) return; // the name changed meanwhile
    this.#sense = { label, select };
    byId("teach-sense").replaceChildren(...(select ? [make("p", "fine", t("teach.sense")), select] : []));
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
      const gloss = made.meaning && definition(made.meaning.gloss);
      say(byId("teach-status"), gloss ? t("teach.by-name", { label, gloss }) : t("teach.no-sense", { label }));
      this.#changed({ what: t("teach.done-by-name", { label: made.label }), changes: [change] });
    } catch (problem) {
      const exists = problem.code === "precondition_failed";
      say(byId("teach-status"), exists ? t("teach.exists", { label }) : problem.message);
    }
  }

  /** Adds the files of each group, `{ label, files, sense, part, together }`; resolves to what became of them. */
  async #batch(groups, leftOut) {
    const n = groups.reduce((sum, { files }) => sum + files.length, 0);
    const counts = { n, tried: 0, added: 0, known: 0, leftOut };
    const tally = { ...counts, errors: [], classes: new Map(), changes: [], found: [], over: false };
    this.#stopped = false;
    showErrors(byId("teach-errors"), []);
    showFindings(byId("teach-quality"), []);
    byId("teach-progress").max = n;
    show(byId("teach-progress"), n > 1);
    show(byId("teach-stop"), n > FILES);
    for (const group of groups) if (!tally.over && !this.#stopped) await this.#group(group, tally);
    show(byId("teach-progress"), false);
    show(byId("teach-stop"), false);
    say(byId("teach-status"), summary(tally));
    showErrors(byId("teach-errors"), tally.errors);
    showFindings(byId("teach-quality"), tally.found);
    if (tally.added > 0) this.#changed({ what: what(tally), changes: tally.changes });
    return tally;
  }

  async #group({ label, files, sense, part = null, together = false }, tally) {
    if (isReserved(label)) {
      tally.errors.push(t("teach.reserved", { label }));
      return;
    }
    const before = tally.added;
    for (const some of together ? [files] : parcels(files)) {
      byId("teach-progress").value = tally.tried;
      say(byId("teach-status"), t("teach.adding", { i: tally.tried + some.length, of: tally.n, label }));
      tally.tried += some.length;
      if (!(await this.#some(some, label, part, tally)) || this.#stopped) break;
    }
    if (tally.added > before && Object.keys(sense).length > 0) await this.#define(label, sense, tally);
  }

  /** Sets the sense that was chosen for the name. */
  async #define(label, sense, tally) {
    try {
      tally.changes.push((await define(label, { ...sense, ...overrides(tally.classes.get(label)) })).change);
    } catch (problem) {
      tally.errors.push(problem.message);
    }
  }

  /** Adds files with one call, or one by one if one of them is refused; false if the next would be refused too. */
  async #some(files, label, part, tally) {
    try {
      const answer = files.length > 1 ? await enrollAll(label, files) : await enroll(label, files[0], part);
      count(files, label, answer, tally);
      return true;
    } catch (problem) {
      tally.over = problem.isAboutKey || LASTING.includes(problem.code);
      const next = !tally.over && !OF_CLASS.includes(problem.code);
      if (next && files.length > 1) {
        for (const file of files) if (!(await this.#some([file], label, part, tally))) return false;
        return true;
      }
      const about = next ? files[0].name : label;
      tally.errors.push(about && !tally.over ? `${about}: ${problem.message}` : problem.message);
      return next;
    }
  }

  #valid(valid) {
    const field = byId("teach-name");
    if (valid) field.removeAttribute("aria-invalid");
    else field.setAttribute("aria-invalid", "true");
  }
}

/** Files in the parts that are sent at once. */
function* parcels(files) {
  let some = [];
  let bytes = 0;
  for (const file of files) {
    if (some.length === FILES || (some.length > 0 && bytes + file.size > BYTES)) {
      yield some;
      some = [];
      bytes = 0;
    }
    some.push(file);
    bytes += file.size;
  }
  if (some.length > 0) yield some;
}

function count(files, label, answer, tally) {
  tally.classes.set(label, answer.class);
  tally.changes.push(answer.change);
  tally.found.push(...findings(files, answer));
  for (const { duplicate_of: known } of answer.examples) {
    if (known) tally.known++;
    else tally.added++;
  }
}

/** What was done, as the history would put it. */
function what({ added, classes }) {
  if (classes.size > 1) return t("teach.done-many", { n: added, classes: classes.size });
  const [{ label }] = classes.values();
  return t("teach.done", { n: added, label });
}

function summary({ n, tried, added, known, leftOut, errors, classes }) {
  const [only] = classes.values();
  const parts = [];
  if (added > 0 && classes.size > 1) parts.push(t("teach.added-many", { n: added, classes: classes.size }));
  if (added > 0 && classes.size === 1) {
    parts.push(t("teach.added", { n: added, label: only.label }), t("teach.has", { n: only.examples }));
  }
  if (known > 0) parts.push(t("teach.known", { n: known }));
  if (errors.length > 0 && added + known > 0) parts.push(t("teach.unusable", { n: errors.length }));
  if (tried < n && added + known > 0) parts.push(t("teach.stopped", { n: n - tried }));
  if (leftOut > 0) parts.push(t("teach.left-out", { n: leftOut }));
  return parts.join(" ");
}
