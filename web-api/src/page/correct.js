// What can be done about an answer: one click teaches its image as another class, or as none of the classes.

import { create, enroll, enrollBackground, isReserved } from "./api.js";
import { button, byId, isSeen, make, name, reveal, say, show } from "./dom.js";
import { definition } from "./meaning.js";
import { moveTo } from "./move.js";
import { enlargeNearest } from "./nearest.js";
import { inWords } from "./quality.js";
import { isTaken } from "./shortcuts.js";
import { t } from "./text.js";

const NOTE_MS = 8000; // of a frame of the camera, which is gone
const MOST = 9; // classes that are offered: one for each digit

export class Correct {
  #changed;
  #labels;
  #entry = null; // the image whose answer is shown
  #held = null; // of the camera: the image that stays while a class is chosen for it
  #fading = null;
  #work = Promise.resolve();
  #holds = () => {}; // called with the image that is held, and with null
  #chips = new Map(); // by label; a chip that stays is not moved, as it may be about to be clicked

  /** `changed(done)` is called after each change; `labels()` are the names of all classes. */
  constructor(changed, labels) {
    this.#changed = changed;
    this.#labels = labels;
    enlargeNearest(labels, changed);
    byId("none-of-these").addEventListener("click", () => this.reject(this.#entry));
    byId("correct").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#typed(byId("teach-as-name").value.trim());
    });
    byId("teach-as-name").addEventListener("input", () => this.#wrong(""));
    this.#holding();
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  /** The image of the camera that stays until a class is chosen for it; null: the camera goes on. */
  get held() {
    return this.#held;
  }

  /** `holds(entry)` is called with the image that the camera holds, and with null when it goes on. */
  onHold(holds) {
    this.#holds = holds;
  }

  /** Shows what can be done about the answer to `entry`, `{ file, part, answer, live }`; null hides it. */
  show(entry, verdict) {
    show(byId("correct"), entry !== null);
    if (entry === null) return;
    const other = entry !== this.#entry;
    this.#entry = entry;
    const [result] = entry.answer.results;
    byId("correct").dataset.decision = verdict.decision;
    byId("correct-title").textContent = t(verdict.decision === "rejected" ? "correct.teach_as" : "correct.wrong");
    // A bundle without a decision does not use the background set.
    show(byId("none-of-these"), result.unknown !== null);
    const others = (label) => !verdict.labels.includes(label) || verdict.labels.length > 1;
    this.#offer(this.choices(result).filter(others), result);
    if (entry.live) return;
    if (other) this.#empty();
    this.#note(entry, verdict);
  }

  /** The classes that are offered for an image: its candidates, best first, then others. */
  choices({ candidates }) {
    const likely = candidates.map(({ label }) => label);
    const others = this.#labels().filter((label) => !likely.includes(label));
    return [...likely, ...others].slice(0, MOST);
  }

  /** The image that is shown is about to be another part of the same file. */
  renew() {
    this.#empty();
    this.#note(this.#entry);
  }

  /** Forgets the images. */
  clear() {
    this.#entry = null;
    this.#release();
    this.#empty();
    this.#note(null);
  }

  /** Teaches an image as a class; false if that failed. */
  teach(entry, label) {
    return this.#put(entry, label, async () => {
      const { class: taught, examples: [example], change } = await enroll(label, entry.file, entry.part);
      const has = t("correct.has", { label: taught.label, n: taught.examples });
      // That it was added stands in the bar.
      const words = [example.duplicate_of ? t("correct.known", { label: taught.label, has }) : has];
      // By an earlier correction or by hand: two classes with the same image confuse each other.
      words.push(...example.quality.filter(({ code }) => code === "in_other_class").map(inWords));
      const done = { what: t("correct.done", { label: taught.label }), changes: [change] };
      // The meaning of a new name was looked up, and may be the wrong one.
      const isNamed = taught.examples === 1 && taught.meaning !== null && !example.duplicate_of;
      if (isNamed) words.push(t("correct.meaning", { meaning: definition(taught.meaning.gloss) }));
      return { example: example.id, label: taught.label, text: words.join(" "), isNamed, done };
    });
  }

  /** Teaches an image as none of the classes; false if that failed. */
  reject(entry) {
    return this.#put(entry, "", async () => {
      const { examples: [example], change } = await enrollBackground(entry.file, entry.part);
      const text = t(example.duplicate_of ? "correct.none_known" : "correct.none_added");
      return { example: example.id, label: "", text, done: { what: t("correct.none_done"), changes: [change] } };
    });
  }

  /** Puts an image into a class by `add()`; one that was put into another class before moves instead. */
  async #put(entry, label, add) {
    // One after another: a second click on another class moves what the first one adds.
    const step = this.#work.then(async () => {
      const put = (await this.#moved(entry, label)) ?? (await add());
      entry.example = put.example;
      return put;
    });
    this.#work = step.catch(() => {});
    try {
      const { label: taught, text, isNamed, done } = await step;
      const isKnown = !done.changes.some(Boolean); // no bar says so
      if (taught) entry.taught = taught;
      this.#write(entry, { text, label: taught, isNamed, isKnown, isNew: true });
      this.#release();
      await this.#changed(done);
      return true;
    } catch (problem) {
      this.#write(entry, { text: problem.message, failed: true });
      return false;
    }
  }

  /** Moves the example that an image has become; null if it is none, or no longer. */
  async #moved({ example }, label) {
    if (!example) return null;
    try {
      const made = !label || this.#labels().includes(label) ? [] : [(await create(label, {})).change];
      const { what, changes } = await moveTo([example], label);
      const text = t("correct.moved", { label: label || t("correct.none") });
      return { example, label, text, done: { what, changes: [...made, ...changes] } };
    } catch (problem) {
      if (problem.code === "unknown_example") return null; // it was undone, or removed
      throw problem;
    }
  }

  async #typed(label) {
    const field = byId("teach-as-name");
    const bad = !label || isReserved(label);
    this.#wrong(bad ? t(label ? "correct.reserved" : "correct.no_name", { label }) : "");
    if (bad) return field.focus();
    const taught = await this.teach(this.#entry, label);
    if (taught) this.#empty();
    return undefined;
  }

  /** Draws the chips; of the ones that stay, none changes its place. */
  #offer(labels, { candidates }) {
    const digits = new Map(this.choices({ candidates }).map((label, i) => [label, i + 1]));
    const stay = this.#entry.live ? [...this.#chips.keys()].filter((label) => labels.includes(label)) : [];
    const inOrder = [...stay, ...labels.filter((label) => !stay.includes(label))];
    const chips = inOrder.map((label) => [label, this.#chips.get(label) ?? this.#chip(label)]);
    // Before the camera the classes change their numbers within seconds.
    for (const [label, { digit }] of chips) {
      digit.textContent = digits.get(label);
      show(digit, !this.#entry.live);
    }
    const elements = chips.map(([, { item }]) => item);
    const list = byId("teach-as-known");
    const same = elements.length === list.children.length && elements.every((item, i) => item === list.children[i]);
    if (!same) list.replaceChildren(...elements);
    this.#chips = new Map(chips);
    const known = this.#labels();
    const options = byId("teach-as-labels");
    if (options.children.length !== known.length) options.replaceChildren(...known.map((text) => new Option("", text)));
  }

  /** A class that the image is taught as with one click. */
  #chip(label) {
    const digit = make("kbd", "digit");
    digit.setAttribute("aria-hidden", "true");
    const element = button("", t("correct.as", { label }), () => this.teach(this.#entry, label));
    element.replaceChildren(name(label), digit);
    return { item: make("li", "", element), digit };
  }

  /** A digit teaches the image as the class with this number. */
  #key(event) {
    const digit = Number(event.key);
    if (!(digit >= 1) || event.repeat || byId("correct").hidden || this.#entry?.live || isTaken(event)) return undefined;
    // What is not seen is not changed: the key shows first what it is about.
    if (!isSeen(byId("answer"))) return reveal(byId("answer"));
    const label = this.choices(this.#entry.answer.results[0])[digit - 1];
    return label && this.teach(this.#entry, label);
  }

  /** While a class is chosen, the camera holds the image that it is chosen for. */
  #holding() {
    const area = byId("correct");
    const hold = () => { if (this.#entry?.live) this.#hold(this.#entry); };
    for (const type of ["focusin", "input"]) area.addEventListener(type, hold);
    area.addEventListener("focusout", (event) => { if (!area.contains(event.relatedTarget)) this.#release(); });
    area.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.#empty();
      this.#release();
    });
  }

  #hold(entry) {
    if (this.#held) return;
    this.#held = entry;
    this.#holds(entry);
  }

  #release() {
    if (!this.#held) return;
    this.#held = null;
    this.#holds(null);
  }

  #empty() {
    byId("teach-as-name").value = "";
    this.#wrong("");
  }

  /** Says at the field what is wrong with the name. */
  #wrong(message) {
    say(byId("teach-as-error"), message);
    if (message) byId("teach-as-name").setAttribute("aria-invalid", "true");
    else byId("teach-as-name").removeAttribute("aria-invalid");
  }

  #write(entry, note) {
    entry.note = note;
    // Another image may be selected meanwhile; its own note stays.
    if (entry === this.#entry || entry.live) this.#note(entry);
    // Not behind the bar with the undo, if it was asked for here and not in a row of the table.
    if (byId("correct").contains(document.activeElement)) byId("note-text").scrollIntoView({ block: "nearest" });
    clearTimeout(this.#fading);
    if (entry.live) this.#fading = setTimeout(() => this.#note(null), NOTE_MS);
  }

  /** Shows what was done about an image, and that it was not enough if its `verdict` is another one still. */
  #note(entry, verdict) {
    const note = entry?.note;
    const { label } = note ?? {};
    const isStill = label && verdict && !verdict.labels.includes(label);
    say(byId("note-text"), isStill ? `${note.text} ${t("correct.still", { label })}` : note?.text);
    byId("note-text").classList.toggle("error", Boolean(note?.failed));
    byId("note-meaning").value = label ?? "";
    show(byId("note-meaning"), Boolean(note?.isNamed));
  }
}
