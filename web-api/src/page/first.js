// The first visit: two sample things are taught, a third image is recognized, another one is not known, and is then
// recognized by its name. The samples are drawn by the page; what they become is an ordinary part of the gallery.

import { define, enrollAll, remove, selected } from "./api.js";
import { byId, make, say, show } from "./dom.js";
import { sample } from "./samples.js";
import { keep, kept } from "./storage.js";
import { t } from "./text.js";

const TAUGHT = ["apple", "mug"];
const VIEWS = [0, 1, 2]; // of a thing that is taught
const NEW = { apple: 6, clock: 5 }; // views that are looked at
const CLOCK = "n03046257"; // its meaning, so that the name may be of any language
const DONE = "done";
const STEPS = ["teach", "look", "unknown", "end"];

export class First {
  names = true; // whether the bundle has name knowledge
  #changed;
  #look;
  #forget;
  #labels; // resolves to those of the gallery
  #progress = read(); // { gallery, step, classes }, DONE, or null before the first step
  #entry = null; // the image that was looked at last, with its answer
  #drawn = false;
  #working = false;

  /**
   * `changed(done)` is called after a change, `look(files)` shows images and resolves to the first with its answer,
   * `forget(entry)` removes it.
   */
  constructor(changed, { look, forget, labels }) {
    this.#changed = changed;
    this.#look = look;
    this.#forget = forget;
    this.#labels = labels;
    for (const thing of TAUGHT) byId(`first-${thing}`).addEventListener("click", () => this.#do(() => this.#teach(thing)));
    byId("first-look").addEventListener("click", () => this.#do(() => this.#recognize()));
    byId("first-unknown").addEventListener("click", () => this.#do(() => this.#unknown()));
    byId("first-name").addEventListener("click", () => this.#do(() => this.#name()));
    byId("first-skip").addEventListener("click", () => this.#finish());
    byId("first-keep").addEventListener("click", () => this.#finish());
    byId("first-remove").addEventListener("click", () => this.#do(() => this.#remove()));
  }

  /** Shows the step that comes next, in a gallery without classes or where the steps were begun. */
  show({ classes, background_examples, other_space }) {
    // What was taught may have been taken back.
    const begun = this.#progress !== null && this.#progress !== DONE;
    if (begun && classes === 0 && !this.#working && this.#progress.step !== "end") {
      this.#progress = null;
      byId("first-status").textContent = "";
    }
    // Who has classes of his own needs no samples, also not when the last class is deleted.
    if (this.#progress === null && classes + background_examples > 0) this.#save(DONE);
    const wanted = this.#progress === null
      ? classes + background_examples === 0
      : this.#progress !== DONE && this.#progress.gallery === selected();
    show(byId("first"), wanted && !other_space);
    if (wanted) this.#draw();
  }

  /** Begins again, in any gallery. */
  again() {
    this.#save({ gallery: selected(), step: "teach", classes: {} });
    for (const id of ["first-answer", "first-found"]) say(byId(id), "");
    show(byId("first"), true);
    this.#draw();
    byId("first-title").focus();
  }

  async #draw() {
    const { step = "teach", classes = {} } = this.#progress ?? {};
    const at = STEPS.indexOf(step);
    for (const item of document.querySelectorAll("[data-first]")) {
      const own = STEPS.indexOf(item.dataset.first);
      item.dataset.state = own < at ? "done" : own === at ? "now" : "later";
      if (own === at) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
      for (const button of item.querySelectorAll("button")) button.disabled = own !== at;
    }
    for (const thing of TAUGHT) byId(`first-${thing}`).disabled = at > 0 || Object.hasOwn(classes, thing);
    show(byId("first-end"), step === "end");
    show(byId("first-skip"), step !== "end");
    await this.#samples();
  }

  /** Draws the samples, once. */
  async #samples() {
    if (this.#drawn) return;
    this.#drawn = true;
    for (const thing of TAUGHT) await images(`first-${thing}-views`, thing, VIEWS);
    for (const [thing, view] of Object.entries(NEW)) await images(`first-${thing}-new`, thing, [view]);
  }

  /** One step after another; a failure is shown in words. */
  async #do(step) {
    if (this.#working) return;
    this.#working = true;
    say(byId("first-error"), "");
    try {
      await step();
    } catch (problem) {
      say(byId("first-error"), problem.message);
    }
    this.#working = false;
  }

  async #teach(thing) {
    const known = await this.#labels();
    const plain = t(`first.${thing}`);
    // A class of the user's own must not be removed with the samples.
    const label = known.includes(plain) ? t("first.sample", { label: plain }) : plain;
    const before = Object.keys(this.#progress?.classes ?? {}).length > 0 ? byId("first-status").textContent : "";
    byId("first-status").textContent = t("first.teaching", { label });
    const answer = await enrollAll(label, await Promise.all(VIEWS.map((view) => sample(thing, view))));
    const classes = { ...this.#progress?.classes, [thing]: answer.class.id };
    const step = TAUGHT.every((one) => Object.hasOwn(classes, one)) ? "look" : "teach";
    this.#save({ gallery: selected(), step, classes });
    const what = t("first.taught", { label, n: VIEWS.length });
    byId("first-status").textContent = `${before} ${what}`.trim();
    await this.#changed({ what, changes: [answer.change] });
    byId(step === "look" ? "first-look" : `first-${TAUGHT.find((one) => !Object.hasOwn(classes, one))}`).focus();
  }

  async #recognize() {
    const result = await this.#ask("apple");
    const right = result.candidates[0]?.class === this.#progress.classes.apple;
    say(byId("first-answer"), verdict(result, right));
    this.#step("unknown");
    byId("first-unknown").focus();
  }

  async #unknown() {
    const result = await this.#ask("clock");
    const rejected = result.decision === "rejected";
    say(byId("first-found"), rejected ? t("first.not-known") : t("first.taken-for", { label: result.label ?? "" }));
    show(byId("first-unknown"), false);
    if (!this.names) return this.#step("end");
    show(byId("first-naming"), true);
    byId("first-name").focus();
    return undefined;
  }

  async #name() {
    const known = await this.#labels();
    const plain = t("first.clock");
    const label = known.includes(plain) ? t("first.sample", { label: plain }) : plain;
    const answer = await define(label, { synset: CLOCK });
    const { id } = answer.class ?? answer;
    this.#save({ ...this.#progress, classes: { ...this.#progress.classes, clock: id } });
    const before = this.#entry?.answer;
    await this.#changed({ what: t("first.named", { label }), changes: [answer.change] });
    // The image that is shown was looked at again, unless it is another one by now.
    const now = this.#entry?.answer;
    const result = now && now !== before ? now.results[0] : await this.#ask("clock");
    const right = result.decision !== "rejected" && result.label === label;
    say(byId("first-found"), t(right ? "first.by-name" : "first.not-by-name", { label }));
    show(byId("first-naming"), false);
    this.#step("end");
  }

  /** Shows the answer to a new view where all answers are shown, and returns it. */
  async #ask(thing) {
    this.#entry = await this.#look([await sample(thing, NEW[thing])]);
    const { answer, error } = this.#entry;
    if (error || !answer) throw new Error(error ?? t("first.interrupted"));
    return answer.results[0];
  }

  #step(step) {
    this.#save({ ...this.#progress, step });
    this.#draw();
    if (step === "end") byId("first-remove").focus();
  }

  /** Deletes the sample classes: three changes that are taken back as one. */
  async #remove() {
    const made = [];
    for (const id of Object.values(this.#progress.classes)) {
      try {
        made.push((await remove(id)).change);
      } catch (problem) {
        if (problem.code !== "unknown_class") throw problem; // deleted meanwhile
      }
    }
    this.#finish();
    this.#forget(this.#entry);
    await this.#changed({ what: t("first.removed"), changes: made, after: t("first.back") });
  }

  #finish() {
    this.#save(DONE);
    show(byId("first"), false);
    byId("teach-name").focus();
  }

  #save(progress) {
    this.#progress = progress;
    keep("first", progress === DONE ? DONE : JSON.stringify(progress));
  }
}

function read() {
  const text = kept("first");
  if (text === null || text === DONE) return text;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What the service answered for a thing that it should recognize. */
function verdict({ decision, label, confidence }, right) {
  if (decision !== "accepted" || !right) return t("first.unsure");
  return t("first.recognized", { label, percent: Math.min(99, Math.round(100 * confidence)) });
}

async function images(id, thing, views) {
  const files = await Promise.all(views.map((view) => sample(thing, view)));
  byId(id).replaceChildren(...files.map((file) => {
    const image = make("img");
    image.src = URL.createObjectURL(file);
    image.alt = "";
    return image;
  }));
}
