// "Add a class": images become examples of a class, a few per call; a bad file stops no other.

import { create, define, enroll, enrollAll, isReserved, selected } from "./api.js";
import { byId, say, show, showErrors } from "./dom.js";
import { Mark } from "./mark.js";
import { changedSense, definition, hasMeaning, overrides, senseBox, senseSelect } from "./meaning.js";
import { findings, showFindings } from "./quality.js";
import { t } from "./text.js";

const TYPING_PAUSE_MS = 300;
const FILES = 8; // of one call, so that the progress moves
const BYTES = 8_000_000; // of one call, unless a file has more

// What every further call would meet too.
const LASTING = ["unreachable", "store_full", "read_only"];
// What every further image of the class would meet too.
const OF_CLASS = ["bad_name", "limit_reached"];

export class Teach {
  #changed;
  #classOf;
  #gallery = null; // whose images the messages are about,
  #revision = 0; // and its state that was shown last
  #statusAt = 0; // the state that the messages are about
  #waiting = []; // files without a class
  #used = null; // the name that images were added to last
  #names = false; // whether the bundle has name knowledge
  #sense = null; // { label, select } of the name in the field, after it was looked up
  #typing = null;
  #stopped = false;
  #queue = Promise.resolve(); // batches run one after another
  #mark = new Mark((file, part) => this.#addMarked(file, part));

  /** `changed(done)` is called after each batch that added something; `classOf(label)` is the class of this name. */
  constructor(changed, classOf) {
    this.#changed = changed;
    this.#classOf = classOf;
    byId("teach-form").addEventListener("submit", (event) => {
      event.preventDefault();
      if (!this.label()) return;
      if (this.#waiting.length > 0) this.#addWaiting();
      else byId("teach-files").focus();
    });
    byId("teach-name").addEventListener("input", () => {
      if (this.#waiting.length === 0) this.#wrong("");
      this.#quiet();
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#lookUp(), TYPING_PAUSE_MS);
    });
    // A name that stays for the next image is replaced by another one that is typed.
    byId("teach-name").addEventListener("focus", ({ target }) => setTimeout(() => {
      if (target.value.trim() === this.#used) target.select();
    }));
    byId("teach-by-name").addEventListener("click", () => this.#byName());
    byId("teach-again").addEventListener("click", () => this.#again(byId("teach-again").value));
    byId("teach-wait-add").addEventListener("click", () => { if (this.label()) this.#addWaiting(); });
    byId("teach-wait-discard").addEventListener("click", () => this.#discard());
    byId("teach-stop").addEventListener("click", () => { this.#stopped = true; });
  }

  /** Follows the gallery: messages about another one, or about another state of it, may be wrong. */
  show({ revision }) {
    this.#revision = revision;
    if (this.#gallery !== selected() || revision > this.#statusAt) {
      this.#quiet();
      showErrors(byId("teach-errors"), []);
      showFindings(byId("teach-quality"), []);
    }
    this.#gallery = selected();
  }

  /** Goes to the name; a name that is there is replaced by what is typed. */
  focus() {
    byId("teach-name").focus();
    byId("teach-name").select();
  }

  /** Shows or hides the controls that need name knowledge. */
  useNames(names) {
    this.#names = names;
    show(byId("teach-by-name"), names);
  }

  /** The class name in the field; null, with a message at the field, if it is missing or reserved. */
  label() {
    const label = byId("teach-name").value.trim();
    if (this.#isNamed()) {
      this.#wrong("");
      return label;
    }
    const n = this.#waiting.length;
    const missing = n > 0 ? t("teach.waiting", { n }) : t("teach.name-first");
    this.#wrong(label ? t("teach.reserved", { label }) : missing);
    byId("teach-name").focus();
    return null;
  }

  #isNamed() {
    const label = byId("teach-name").value.trim();
    return Boolean(label) && !isReserved(label);
  }

  /** Keeps files until a name is entered for them. */
  #wait(files) {
    this.#quiet();
    this.#waiting.push(...files);
    byId("teach-wait-add").textContent = t("teach.add-n", { n: this.#waiting.length });
    show(byId("teach-wait"), true);
    this.label();
    return this.#queue;
  }

  #addWaiting() {
    this.add(this.#taken([]));
    byId("teach-name").focus();
  }

  /** The files, and before them those that waited for a name. */
  #taken(files) {
    const all = [...this.#waiting, ...files];
    this.#discard();
    return all;
  }

  #discard() {
    this.#waiting = [];
    show(byId("teach-wait"), false);
    this.#wrong("");
  }

  /** Puts the name of a class into the field, to add more to it. */
  #again(label) {
    this.#quiet();
    byId("teach-name").value = label;
    this.#lookUp();
    byId("teach-files").focus();
  }

  /** Empties the field: the next name is that of another class. */
  #empty() {
    clearTimeout(this.#typing);
    byId("teach-name").value = "";
    this.#lookUp();
  }

  /**
   * Adds the files as examples of the class `known`, or of the name in the field with its chosen sense. A single
   * image for the name in the field is marked first, if that is wanted. The name `stays` for the next image, or the
   * field is emptied.
   */
  add(files, known, stays = false) {
    if (files.length === 0) return this.#queue;
    if (known) return this.#enqueue([{ label: known, files }]);
    if (!this.#isNamed()) return this.#wait(files);
    const label = this.label();
    const all = this.#taken(files);
    if (all.length === 1 && this.#mark.isWanted) {
      this.#mark.open(all[0]);
      return this.#queue;
    }
    return this.#enqueue([{ label, files: all, sense: this.#chosen(label), own: true, stays }]);
  }

  /** Adds files to the class in the field with one call; resolves to whether they are there now. */
  async addTogether(files) {
    const label = this.label();
    if (!label) return false;
    const group = { label, files, sense: this.#chosen(label), own: true, together: true };
    const { added, known } = await this.#enqueue([group]);
    return added + known > 0;
  }

  /** Adds what folders hold to the classes that they name, and files without a folder to the class in the field. */
  addFolders(groups) {
    if (groups.every(({ label }) => label === null)) return this.add(groups.flatMap(({ files }) => files));
    const named = groups.filter(({ label }) => label !== null);
    const others = groups.filter(({ label }) => label === null).flatMap(({ files }) => files);
    this.add(others);
    return this.#enqueue(named, groups.leftOut);
  }

  /** Adds an image, or a part of it, as an example of the class in the field; false if no class is there. */
  #addMarked(file, part) {
    const label = this.label();
    if (label) this.#enqueue([{ label, files: [file], sense: this.#chosen(label), part, own: true, stays: true }]);
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
    const select = this.#names && label ? await senseSelect(label, this.#classOf(label)).catch(() => null) : null;
    if (byId("teach-name").value.trim() !== label) return; // the name changed meanwhile
    this.#sense = { label, select };
    byId("teach-sense").replaceChildren(...(select ? senseBox(select) : []));
    show(byId("teach-sense"), Boolean(select));
  }

  /** The meaning chosen for this name; null unless it was changed. */
  #chosen(label) {
    return this.#sense?.label === label ? changedSense(this.#sense.select) : null;
  }

  /** Creates a class without images. */
  async #byName() {
    const label = this.label();
    if (!label) return undefined;
    await this.#lookUp();
    this.#quiet();
    // A class with neither images nor a meaning is never recognized.
    if (!hasMeaning(this.#sense?.select)) {
      this.#wrong(t("teach.no-sense", { label }));
      return byId("teach-name").focus();
    }
    try {
      const { class: made, change, revision } = await create(label, this.#chosen(label) ?? {});
      say(byId("teach-status"), t("teach.by-name", { label, gloss: definition(made.meaning.gloss) }));
      this.#statusAt = revision;
      this.#more(made.label);
      this.#empty();
      this.#changed({ what: t("teach.done-by-name", { label: made.label }), changes: [change] });
    } catch (problem) {
      this.#wrong(problem.code === "precondition_failed" ? t("teach.exists", { label }) : problem.message);
    }
    return undefined;
  }

  /** Adds the files of each group, `{ label, files, sense, part, together }`; resolves to what became of them. */
  async #batch(groups, leftOut) {
    const n = groups.reduce((sum, { files }) => sum + files.length, 0);
    const counts = { n, tried: 0, added: 0, known: 0, leftOut };
    const tally = { ...counts, errors: [], classes: new Map(), changes: [], found: [], over: false, revision: this.#revision };
    this.#stopped = false;
    this.#statusAt = Infinity; // messages about the work stay
    this.#quiet();
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
    this.#statusAt = tally.revision;
    this.#ended(groups, tally);
    if (tally.added > 0) this.#changed({ what: what(tally), changes: tally.changes });
    return tally;
  }

  /** After the name in the field was used, the field is ready for the next one. */
  #ended(groups, { classes }) {
    const own = groups.find((group) => group.own && classes.has(group.label));
    const stays = own?.stays || (!own?.together && !byId("tray").hidden);
    if (own && !stays && byId("teach-name").value.trim() === own.label) this.#empty();
    this.#used = own?.label ?? null;
    // Not behind the bar with the undo.
    if (own) byId("teach-form").querySelector("#teach-again:not([hidden]), #teach-status").scrollIntoView({ block: "nearest" });
    const [only] = classes.values();
    if (classes.size === 1 && byId("teach-name").value.trim() === "") this.#more(only.label);
  }

  /** Offers to add more to a class. */
  #more(label) {
    byId("teach-again").value = label;
    say(byId("teach-again"), t("teach.again", { label }));
  }

  /** Hides what became of the last images. */
  #quiet() {
    for (const id of ["teach-status", "teach-again"]) say(byId(id), "");
  }

  async #group({ label, files, sense = null, part = null, together = false }, tally) {
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
    if (tally.added > before && sense !== null) await this.#define(label, sense, tally);
  }

  /** Sets the sense that was chosen for the name. */
  async #define(label, sense, tally) {
    try {
      const { change, revision } = await define(label, { ...sense, ...overrides(tally.classes.get(label)) });
      tally.changes.push(change);
      tally.revision = revision;
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

  /** Says at the field what is wrong with the name, or that it is missing. */
  #wrong(message) {
    say(byId("teach-name-error"), message);
    if (message) byId("teach-name").setAttribute("aria-invalid", "true");
    else byId("teach-name").removeAttribute("aria-invalid");
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
  tally.revision = answer.revision;
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
  // How many were added stands in the bar.
  if (added > 0 && classes.size === 1) parts.push(t("teach.has", { label: only.label, n: only.examples }));
  if (known > 0) parts.push(t("teach.known", { n: known }));
  if (errors.length > 0 && added + known > 0) parts.push(t("teach.unusable", { n: errors.length }));
  if (tried < n && added + known > 0) parts.push(t("teach.stopped", { n: n - tried }));
  if (leftOut > 0) parts.push(t("teach.left-out", { n: leftOut }));
  return parts.join(" ");
}
