// "Classify images": classifies images and camera frames, and shows the answers.

import { showAnswer } from "./answer.js";
import { classify } from "./api.js";
import { Crop } from "./crop.js";
import { offerCurl } from "./curl.js";
import { byId, reveal, say, show } from "./dom.js";
import { Steady } from "./steady.js";
import { Table } from "./table.js";
import { t } from "./text.js";
import { decided, inWords } from "./verdict.js";

const LIVE_PAUSE_MS = 200;
const MAX_IMAGES = 1000;

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Look {
  #camera;
  #correct;
  #crop;
  #table;
  #entries = []; // { file, url, part, answer, error, note, taught }
  #selected = null;
  #shown = null; // the selected entry, or the last frame of the camera
  #rate = null; // a rate to decide by in place of the gallery's
  #round = 0; // grows with each new set of images; results of an older round are dropped
  #steady = new Steady();
  #address = null; // of the frame that is held
  #reveal = null; // ids: the first one that is shown is scrolled to, after the first answer
  #spoken = "";
  #stop; // stops the camera
  #stale = false; // whether the images wait for the camera to stop

  /** `correct` offers what can be done about each answer that is shown; `stop()` stops the camera. */
  constructor(camera, correct, stop) {
    this.#camera = camera;
    this.#stop = stop;
    this.#correct = correct;
    this.#crop = new Crop(byId("shown"), byId("look-crop"), (part) => this.#usePart(part));
    this.#table = new Table((entry) => this.#pick(entry), correct);
    correct.onHold((entry) => this.#hold(entry));
    offerCurl(() => this.#shown);
    this.clear();
  }

  /**
   * Classifies these images one after another and shows the first, to which it resolves. Unless `quiet`, what is
   * found is scrolled to.
   */
  async images(files, quiet = false) {
    this.clear();
    this.#entries = files.slice(0, MAX_IMAGES).map((file) => ({ file, url: URL.createObjectURL(file), part: null }));
    this.#table.show(this.#entries);
    this.#select(this.#entries[0]);
    show(byId("look-clear"), true);
    const [first] = this.#entries;
    const several = this.#entries.length > 1;
    this.#reveal = quiet ? null : [several ? "table" : "bars-words", "answer"];
    if (!quiet && several) reveal(byId("table")); // and again below the first answer
    await this.again();
    if (files.length > MAX_IMAGES) say(byId("look-error"), t("look.too_many", { n: MAX_IMAGES }));
    return first;
  }

  /** Classifies the shown images again, after the gallery has changed. */
  async again() {
    this.#stale = this.#camera.running;
    if (this.#stale) return;
    this.#steady.reset();
    const round = ++this.#round;
    const selected = this.#selected;
    const inOrder = selected ? [selected, ...this.#entries.filter((entry) => entry !== selected)] : this.#entries;
    for (const entry of inOrder) {
      if (round !== this.#round) return;
      // What was done before the last change may be undone.
      entry.note = entry.note?.isNew ? { ...entry.note, isNew: false } : null;
      await this.#ask(entry, round);
    }
  }

  /** Decides about the images, and those of the camera, by another rate; null: by the gallery's. */
  decideBy(rate) {
    this.#rate = rate;
    for (const entry of this.#entries) if (entry.answer && !entry.error) this.#table.update(entry, rate);
    if (this.#shown?.answer && !this.#shown.error) this.#answer(this.#shown);
  }

  /** Classifies camera frames until the camera stops. */
  async live() {
    if (this.#entries.length < 2) this.clear();
    this.#stale = this.#entries.some(({ answer, error }) => !answer && !error);
    this.#correct.clear();
    this.#table.mark(null);
    this.#stage(null);
    this.#answer(null);
    const round = ++this.#round;
    while (this.#camera.running && round === this.#round) {
      await wait(document.hidden ? 500 : await this.#glance(round));
    }
  }

  /** Goes back to the images, after the camera was stopped. */
  rest() {
    this.#round++;
    this.#correct.clear();
    if (this.#entries.length === 0) return this.clear();
    this.#select(this.#selected);
    return this.#stale ? this.again() : undefined;
  }

  /** Removes the image of `entry`, if it is shown. */
  forget(entry) {
    if (entry && this.#entries[0] === entry) this.clear();
  }

  clear() {
    this.#round++;
    for (const { url } of this.#entries) if (url) URL.revokeObjectURL(url);
    this.#entries = [];
    this.#selected = null;
    this.#steady.reset();
    this.#correct.clear();
    this.#table.show([]);
    this.#stage(null);
    this.#answer(null);
    show(byId("look-clear"), false);
  }

  async #glance(round) {
    if (this.#correct.held) return LIVE_PAUSE_MS;
    const still = await this.#camera.still();
    if (!still || document.hidden) return LIVE_PAUSE_MS;
    const tried = this.#rate !== null;
    try {
      const answer = await classify(still);
      // Asked before a rate was saved, decided by the rate before it: the next frame has the new one.
      const stale = tried && this.#rate === null;
      if (round === this.#round && !stale && !this.#correct.held) this.#frame({ file: still, part: null, answer, live: true });
    } catch (problem) {
      if (round === this.#round) this.#fail(problem.message);
      return Math.max(2000, problem.retryAfter * 1000);
    }
    return LIVE_PAUSE_MS;
  }

  /** Shows the answer to a frame, unless its verdict flickers. */
  #frame(entry) {
    const verdict = inWords(decided(entry.answer.results[0], this.#rate));
    if (!this.#steady.shows(verdict)) return;
    entry.taught = this.#shown?.taught; // its command stays on offer
    this.#answer(entry);
  }

  /** Shows the frame that a class is chosen for in place of the camera; null: the camera again. */
  #hold(entry) {
    if (this.#address) URL.revokeObjectURL(this.#address);
    this.#address = entry && URL.createObjectURL(entry.file);
    // The camera needs its video, which stays below the frame.
    byId("stage").classList.toggle("held", entry !== null);
    byId("live-text").textContent = t(entry ? "look.held" : "look.live");
    if (!entry && !this.#camera.running) return;
    const shown = byId("shown");
    if (entry) shown.src = this.#address;
    else shown.removeAttribute("src");
    shown.alt = entry ? t("look.held") : "";
    show(shown, entry !== null);
    this.#steady.reset();
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
    this.#table.update(entry, this.#rate);
    if (entry === this.#selected) this.#select(entry);
    if (entry === this.#entries[0]) this.#bring();
  }

  /** Scrolls to what was asked for, once. */
  #bring() {
    const shown = this.#reveal?.find((id) => byId(id).offsetParent !== null);
    if (shown) reveal(byId(shown));
    this.#reveal = null;
  }

  /** Classifies a part of the only image; null: all of it. */
  #usePart(part) {
    const [entry] = this.#entries;
    entry.part = part;
    entry.note = null;
    entry.example = null;
    this.#correct.renew();
    this.again();
  }

  /** Shows the image of a row. */
  #pick(entry) {
    this.#selected = entry;
    if (this.#camera.running) this.#stop(); // and back to the images
    else this.#select(entry);
  }

  #select(entry) {
    this.#selected = entry;
    this.#table.mark(entry);
    this.#stage(entry);
    if (entry.error) this.#fail(`${entry.file.name}: ${entry.error}`);
    else this.#answer(entry);
    if (!entry.answer && !entry.error) byId("answer-empty").textContent = t("look.classifying");
  }

  #stage(entry) {
    const shown = byId("shown");
    const live = this.#camera.running;
    if (entry && !entry.url) entry.url = URL.createObjectURL(entry.file);
    if (!entry) shown.removeAttribute("src");
    else if (shown.src !== entry.url) shown.src = entry.url;
    shown.alt = entry ? t("look.shown", { file: entry.file.name }) : "";
    show(shown, Boolean(entry));
    show(byId("video"), live);
    show(byId("live"), live);
    show(byId("stage-empty"), !entry && !live);
    this.#crop.offer(this.#entries.length === 1 ? entry : null);
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
    say(byId("answer-empty"), ranked ? "" : t(answer ? "look.no_classes" : "look.nothing_yet"));
    if (ranked) showAnswer(result, verdict, this.#rate, answer);
    this.#correct.show(ranked ? entry : null, verdict);
    this.#speak(ranked ? inWords(verdict) : answer ? t("look.no_classes") : "");
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
