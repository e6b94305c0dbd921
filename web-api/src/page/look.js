// "What is this?": images and the camera go in, ranked answers come out.

import { classify } from "/page/api.js";
import { byId, make, name, plural, say, show } from "/page/dom.js";
import { definition } from "/page/meaning.js";

const LIVE_PAUSE_MS = 200;
const MAX_REEL = 64;
const MAX_CHIPS = 8;
const NOTHING_YET = "Show it an image, and the answer appears here.";
const NO_CLASSES = "It knows nothing yet. Teach it a first thing, then show this image again.";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Look {
  #camera;
  #reel = []; // { file, url, answer, error, button, caption }
  #selected = null;
  #round = 0; // grows with each new set of images; answers of an older round are dropped
  #spoken = "";

  constructor(camera) {
    this.#camera = camera;
    this.clear();
  }

  /** Recognizes these images one after another and shows the first. */
  async images(files) {
    this.clear();
    this.#reel = files.slice(0, MAX_REEL).map((file) => ({ file, url: URL.createObjectURL(file) }));
    this.#drawReel();
    this.#select(this.#reel[0]);
    show(byId("look-clear"), true);
    await this.again();
    if (files.length > MAX_REEL) say(byId("look-error"), `Only the first ${MAX_REEL} images were looked at.`);
  }

  /** Asks again about what is shown: after teaching, the answer may be another. */
  async again() {
    const round = ++this.#round;
    for (const entry of this.#reel) {
      if (round !== this.#round) return;
      await this.#ask(entry, round);
    }
  }

  /** Recognizes what the camera sees until it stops. */
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
    this.#drawReel();
    this.#stage(null);
    this.#answer(null);
    show(byId("look-clear"), false);
  }

  async #glance(round) {
    const still = await this.#camera.still();
    if (!still || document.hidden) return LIVE_PAUSE_MS;
    try {
      const answer = await classify(still);
      if (round === this.#round) this.#answer(answer);
    } catch (problem) {
      if (round === this.#round) this.#fail(problem.message);
      return Math.max(2000, problem.retryAfter * 1000);
    }
    return LIVE_PAUSE_MS;
  }

  async #ask(entry, round) {
    if (entry === this.#selected) byId("answer").dataset.state = "busy";
    try {
      entry.answer = await this.#patiently(entry.file);
      entry.error = null;
    } catch (problem) {
      entry.error = problem.message;
    }
    if (round !== this.#round) return;
    this.#caption(entry);
    if (entry === this.#selected) this.#select(entry);
  }

  /** A busy service asked us to come back: do so, three times. */
  async #patiently(file) {
    for (let attempt = 0; ; attempt++) {
      try {
        return await classify(file);
      } catch (problem) {
        if (problem.code !== "busy" || attempt === 3) throw problem;
        await wait(Math.max(1, problem.retryAfter) * 1000);
      }
    }
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
    const label = entry.error ? "not read" : (entry.answer.results[0].label ?? "nothing known");
    entry.caption.replaceChildren(name(label));
    entry.caption.classList.toggle("bad", Boolean(entry.error));
    entry.button.setAttribute("aria-label", `${entry.file.name}: ${label}`);
  }

  #select(entry) {
    this.#selected = entry;
    for (const other of this.#reel) other.button.setAttribute("aria-pressed", String(other === entry));
    this.#stage(entry);
    if (entry.error) this.#fail(`${entry.file.name}: ${entry.error}`);
    else this.#answer(entry.answer);
    if (!entry.answer && !entry.error) byId("answer-empty").textContent = "Looking…";
  }

  #stage(entry) {
    const shown = byId("shown");
    const live = this.#camera.running;
    if (entry) shown.src = entry.url;
    else shown.removeAttribute("src");
    shown.alt = entry ? `The image being looked at: ${entry.file.name}` : "";
    show(shown, Boolean(entry));
    show(byId("video"), live);
    show(byId("live"), live);
    show(byId("stage-empty"), !entry && !live);
  }

  #answer(answer) {
    const best = answer?.results[0];
    const known = best?.decision === "accepted";
    byId("answer").dataset.state = answer ? "done" : "idle";
    say(byId("look-error"), "");
    show(byId("answer-body"), known);
    say(byId("answer-empty"), known ? "" : answer ? NO_CLASSES : NOTHING_YET);
    if (known) this.#ranked(best, answer);
    this.#speak(known ? best.label : answer ? NO_CLASSES : "");
  }

  #ranked(best, answer) {
    byId("verdict").textContent = best.label;
    byId("bars").replaceChildren(...best.candidates.map(bar));
    this.#reasons(best.candidates[0], best.explanation);
    const ms = Object.values(answer.timing_ms).reduce((sum, part) => sum + part, 0);
    const notes = (best.warnings ?? []).map((warning) => ` · ${warning.detail}`).join("");
    byId("answer-fine").textContent = `Similarity, 1 = alike · ${ms.toFixed(ms < 10 ? 1 : 0)} ms${notes}`;
  }

  #reasons({ examples }, { share, meaning, attributes, nearest }) {
    const parts = [];
    const named = meaning && Math.round(100 * share.knowledge) > 0; // a name that does not fit the images is no reason
    if (examples > 0) {
      const alike = nearest[0] ? `; the most alike is ${nearest[0].similarity.toFixed(2)}` : "";
      parts.push(`${plural(examples, "image")} (${percent(share.images)}${alike})`);
    }
    if (named) parts.push(`its name (${percent(share.knowledge)}): ${definition(meaning.gloss)}`);
    say(byId("reason"), `By ${parts.join(" and ")}.`);
    const chips = named || !meaning ? attributes.slice(0, MAX_CHIPS).map(chip) : []; // without a meaning: as people said
    byId("chips").replaceChildren(...chips);
    show(byId("chips"), chips.length > 0);
  }

  #fail(message) {
    byId("answer").dataset.state = "failed";
    show(byId("answer-body"), false);
    say(byId("answer-empty"), "");
    say(byId("look-error"), message);
  }

  /** Tells a screen reader of a new answer once, not at every frame. */
  #speak(text) {
    if (text === this.#spoken) return;
    this.#spoken = text;
    byId("spoken").textContent = text;
  }
}

/** Weighed attributes come first; the weight itself is for those who look closer. */
function chip({ name, weight }) {
  const chip = make("li", "chip", name);
  if (weight !== null) chip.title = `counts ${weight.toFixed(2)}`;
  return chip;
}

const percent = (share) => `${Math.round(100 * share)} %`;

function bar(candidate) {
  const fill = make("span", "bar-fill");
  fill.style.width = `${Math.max(0, candidate.score) * 100}%`;
  const track = make("span", "bar-track", fill);
  const score = make("span", "bar-score", candidate.score.toFixed(2));
  const item = make("li", "bar", name(candidate.label, "bar-label"), track, score);
  item.title = candidate.examples > 0 ? `learned from ${plural(candidate.examples, "image")}` : "known by its name alone";
  return item;
}
