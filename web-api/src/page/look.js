// "Classify images": classifies images and camera frames, and shows the answers.

import { showAnswer } from "./answer.js";
import { classify } from "./api.js";
import { Crop } from "./crop.js";
import { byId, make, name, say, show } from "./dom.js";
import { decided, inWords } from "./verdict.js";

const LIVE_PAUSE_MS = 200;
const MAX_REEL = 64;
const NOTHING_YET = "Choose an image. The result appears here.";
const NO_CLASSES = "The gallery has no classes yet. Add a class, then classify this image again.";

/** What the reel says in place of a class name. */
const CAPTIONS = { rejected: "unknown", empty: "no classes" };

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Look {
  #camera;
  #correct;
  #crop;
  #reel = []; // { file, url, part, answer, error, button, caption }
  #selected = null;
  #shown = null; // the selected entry, or the last frame of the camera
  #rate = null; // a rate to decide by in place of the gallery's
  #round = 0; // grows with each new set of images; results of an older round are dropped
  #spoken = "";

  /** `correct` offers what can be done about each answer that is shown. */
  constructor(camera, correct) {
    this.#camera = camera;
    this.#correct = correct;
    this.#crop = new Crop(byId("shown"), byId("look-crop"), (part) => this.#usePart(part));
    this.clear();
  }

  /** Classifies these images one after another and shows the first. */
  async images(files) {
    this.clear();
    this.#reel = files.slice(0, MAX_REEL).map((file) => ({ file, url: URL.createObjectURL(file), part: null }));
    this.#drawReel();
    this.#select(this.#reel[0]);
    show(byId("look-clear"), true);
    await this.again();
    if (files.length > MAX_REEL) say(byId("look-error"), `Only the first ${MAX_REEL} images were classified.`);
  }

  /** Classifies the shown images again, after the gallery has changed. */
  async again() {
    const round = ++this.#round;
    for (const entry of this.#reel) {
      if (round !== this.#round) return;
      await this.#ask(entry, round);
    }
  }

  /** Decides about the images of the reel, and of the camera, by another rate; null: by the gallery's. */
  decideBy(rate) {
    this.#rate = rate;
    for (const entry of this.#reel) if (entry.answer && !entry.error) this.#caption(entry);
    if (this.#shown?.answer && !this.#shown.error) this.#answer(this.#shown);
  }

  /** Classifies camera frames until the camera stops. */
  async live() {
    this.clear();
    const round = ++this.#round;
    while (this.#camera.running && round === this.#round) {
      await wait(document.hidden ? 500 : await this.#glance(round));
    }
  }

  clear() {
    this.#round++;
    for (const { url } of this.#reel) URL.revokeObjectURL(url);
    this.#reel = [];
    this.#selected = null;
    this.#correct.clear();
    this.#drawReel();
    this.#stage(null);
    this.#answer(null);
    show(byId("look-clear"), false);
  }

  async #glance(round) {
    const still = await this.#camera.still();
    if (!still || document.hidden) return LIVE_PAUSE_MS;
    const tried = this.#rate !== null;
    try {
      const answer = await classify(still);
      // Asked before a rate was saved, decided by the rate before it: the next frame has the new one.
      const stale = tried && this.#rate === null;
      if (round === this.#round && !stale) this.#answer({ file: still, answer, live: true });
    } catch (problem) {
      if (round === this.#round) this.#fail(problem.message);
      return Math.max(2000, problem.retryAfter * 1000);
    }
    return LIVE_PAUSE_MS;
  }

  async #ask(entry, round) {
    if (entry === this.#selected) byId("answer").dataset.state = "busy";
    try {
      const answer = await classify(entry.file, entry.part);
      // It may be about another part of the image.
      if (round !== this.#round) return;
      entry.answer = answer;
      entry.error = null;
    } catch (problem) {
      if (round !== this.#round) return;
      entry.error = problem.message;
    }
    this.#caption(entry);
    if (entry === this.#selected) this.#select(entry);
  }

  /** Classifies a part of the only image; null: all of it. */
  #usePart(part) {
    const [entry] = this.#reel;
    entry.part = part;
    entry.note = null;
    this.#correct.renew();
    this.again();
  }

  #drawReel() {
    const items = this.#reel.map((entry) => {
      const image = make("img");
      image.src = entry.url;
      image.alt = "";
      entry.caption = make("span", "", "…");
      entry.button = make("button", "", image, entry.caption);
      entry.button.type = "button";
      entry.button.addEventListener("click", () => this.#select(entry));
      return make("li", "", entry.button);
    });
    byId("reel").replaceChildren(...items);
    show(byId("reel"), this.#reel.length > 1);
  }

  #caption(entry) {
    const verdict = entry.error ? null : decided(entry.answer.results[0], this.#rate);
    const label = verdict ? CAPTIONS[verdict.decision] ?? inWords(verdict) : "failed";
    entry.caption.replaceChildren(name(label));
    entry.caption.classList.toggle("bad", Boolean(entry.error));
    entry.caption.classList.toggle("unknown", verdict?.decision === "rejected");
    entry.caption.classList.toggle("both", verdict?.decision === "ambiguous");
    entry.button.setAttribute("aria-label", `${entry.file.name}: ${label}`);
  }

  #select(entry) {
    this.#selected = entry;
    for (const other of this.#reel) other.button.setAttribute("aria-pressed", String(other === entry));
    this.#stage(entry);
    if (entry.error) this.#fail(`${entry.file.name}: ${entry.error}`);
    else this.#answer(entry);
    if (!entry.answer && !entry.error) byId("answer-empty").textContent = "Classifying…";
  }

  #stage(entry) {
    const shown = byId("shown");
    const live = this.#camera.running;
    if (!entry) shown.removeAttribute("src");
    else if (shown.src !== entry.url) shown.src = entry.url;
    shown.alt = entry ? `The selected image: ${entry.file.name}` : "";
    show(shown, Boolean(entry));
    show(byId("video"), live);
    show(byId("live"), live);
    show(byId("stage-empty"), !entry && !live);
    this.#crop.offer(this.#reel.length === 1 ? entry : null);
  }

  #answer(entry) {
    this.#shown = entry;
    const answer = entry?.answer;
    const result = answer?.results[0];
    const verdict = result && decided(result, this.#rate);
    const ranked = Boolean(verdict) && verdict.decision !== "empty";
    byId("answer").dataset.state = answer ? "done" : "idle";
    say(byId("look-error"), "");
    show(byId("answer-body"), ranked);
    say(byId("answer-empty"), ranked ? "" : answer ? NO_CLASSES : NOTHING_YET);
    if (ranked) showAnswer(result, verdict, this.#rate, answer);
    this.#correct.show(ranked ? entry : null, verdict);
    this.#speak(ranked ? inWords(verdict) : answer ? NO_CLASSES : "");
  }

  #fail(message) {
    this.#shown = null;
    this.#correct.show(null);
    byId("answer").dataset.state = "failed";
    show(byId("answer-body"), false);
    say(byId("answer-empty"), "");
    say(byId("look-error"), message);
  }

  /** Announces a new result to screen readers once, not at every frame. */
  #speak(text) {
    if (text === this.#spoken) return;
    this.#spoken = text;
    byId("spoken").textContent = text;
  }
}
