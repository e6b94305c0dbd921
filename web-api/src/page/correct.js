// What can be done about an answer: teach its image as a class, or as none of the classes.

import { enroll, enrollBackground, isReserved, removeBackground } from "./api.js";
import { cutOut } from "./crop.js";
import { button, byId, make, name, plural, say, show } from "./dom.js";

export class Correct {
  #changed;
  #labels;
  #entry = null; // the image whose answer is shown
  #taught = null; // the image in the form: the camera goes on, the form keeps its image
  #noted = null; // the image that the note is about

  /** `changed(done)` is called after each change; `labels()` are the names of all classes. */
  constructor(changed, labels) {
    this.#changed = changed;
    this.#labels = labels;
    byId("teach-as").addEventListener("click", () => this.#open());
    byId("none-of-these").addEventListener("click", () => this.#reject());
    byId("undo").addEventListener("click", () => this.#undo());
    byId("teach-as-cancel").addEventListener("click", () => this.#cancel());
    byId("teach-as-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#teach(byId("teach-as-name").value.trim());
    });
    byId("teach-as-form").addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#cancel();
    });
  }

  /** Shows what can be done about the answer to `entry`, `{ file, part, answer, live }`; null hides it. */
  show(entry, verdict) {
    show(byId("correct"), entry !== null);
    if (entry === null) return;
    const other = entry !== this.#entry;
    this.#entry = entry;
    byId("correct").dataset.decision = verdict.decision;
    // A bundle without a decision does not use the background set.
    show(byId("none-of-these"), entry.answer.results[0].unknown !== null);
    if (!other || entry.live) return;
    this.#close();
    this.#note(entry);
  }

  /** The image that is shown is about to be another part of the same file. */
  renew() {
    this.#close();
    this.#note(this.#entry);
  }

  /** Forgets the images. */
  clear() {
    this.#entry = null;
    this.#close();
    this.#note(null);
  }

  #open() {
    this.#taught = this.#entry;
    this.#showTaught();
    const { candidates, label } = this.#taught.answer.results[0];
    const likely = candidates.filter((candidate) => candidate.label !== label);
    const known = likely.map((candidate) => choice(candidate.label, () => this.#teach(candidate.label)));
    byId("teach-as-known").replaceChildren(...known);
    byId("teach-as-labels").replaceChildren(...this.#labels().map((text) => new Option("", text)));
    byId("teach-as-name").value = "";
    say(byId("teach-as-error"), "");
    show(byId("teach-as-form"), true);
    byId("teach-as-name").focus();
  }

  /** Shows the image in the form, or the part of it that is used. */
  async #showTaught() {
    const taught = this.#taught;
    const image = await cutOut(taught.file, taught.part).catch(() => taught.file);
    if (taught !== this.#taught) return;
    const url = URL.createObjectURL(image);
    byId("teach-as-image").src = url;
    byId("teach-as-image").onload = () => URL.revokeObjectURL(url);
  }

  #close() {
    show(byId("teach-as-form"), false);
    this.#taught = null;
  }

  #cancel() {
    this.#close();
    byId("teach-as").focus();
  }

  async #teach(label) {
    const entry = this.#taught;
    let done;
    if (!label || isReserved(label)) {
      say(byId("teach-as-error"), label ? `“${label}” cannot be a class name.` : "Enter a class name first.");
      return byId("teach-as-name").focus();
    }
    try {
      const { class: taught, examples, change } = await enroll(label, entry.file, entry.part);
      done = { what: `Enrolled 1 image in “${taught.label}”.`, changes: [change] };
      const has = `${taught.label} has ${plural(taught.examples, "example")}.`;
      this.#write(entry, { text: examples[0].duplicate_of ? `It was an example of ${taught.label} already. ${has}` : `Added. ${has}` });
    } catch (problem) {
      return say(byId("teach-as-error"), problem.message);
    }
    this.#cancel();
    return this.#changed(done);
  }

  async #reject() {
    const entry = this.#entry;
    let done;
    try {
      const { examples: [example], change } = await enrollBackground(entry.file, entry.part);
      done = { what: "Added 1 image to “None of these”.", changes: [change] };
      const text = example.duplicate_of ? "It was an example of “None of these” already." : "Added to “None of these”.";
      this.#write(entry, { text, id: example.id });
    } catch (problem) {
      return this.#write(entry, { text: problem.message, failed: true });
    }
    return this.#changed(done);
  }

  async #undo() {
    const entry = this.#noted;
    let done;
    try {
      const { change } = await removeBackground(entry.note.id);
      done = { what: "Removed 1 image from “None of these”.", changes: [change] };
      this.#write(entry, { text: "Removed from “None of these”." });
    } catch (problem) {
      // Another page may have removed it.
      this.#write(entry, { text: problem.message, failed: true });
    }
    byId("none-of-these").focus();
    return this.#changed(done);
  }

  #write(entry, note) {
    entry.note = note;
    // Another image of the reel may be selected meanwhile; its own note stays.
    if (entry === this.#entry || entry.live) this.#note(entry);
  }

  #note(entry) {
    const note = entry?.note;
    this.#noted = entry;
    say(byId("note-text"), note?.text);
    byId("note-text").classList.toggle("bad", Boolean(note?.failed));
    show(byId("undo"), Boolean(note?.id));
  }
}

/** A class that the image can be added to with one click. */
function choice(label, onClick) {
  const element = button("", `Teach it as ${label}`, onClick);
  element.replaceChildren(name(label));
  return make("li", "", element);
}
