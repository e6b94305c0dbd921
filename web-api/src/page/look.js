// "Classify images": classifies images and camera frames, and shows the candidates.

import { classify } from "/page/api.js";
import { byId, make, name, plural, say, show } from "/page/dom.js";
import { definition } from "/page/meaning.js";

const LIVE_PAUSE_MS = 200;
const MAX_REEL = 64;
const MAX_CHIPS = 8;
const NOTHING_YET = "Choose an image. The result appears here.";
const NO_CLASSES = "The gallery has no classes yet. Add a class, then classify this image again.";

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export class Look {
  #camera;
  #reel = []; // { file, url, answer, error, button, caption }
  #selected = null;
  #round = 0; // grows with each new set of images; results of an older round are dropped
  #spoken = "";

  constructor(camera) {
    this.#camera = camera;
    this.clear();
  }

  /** Classifies these images one after another and shows the first. */
  async images(files) {
    this.clear();
    this.#reel = files.slice(0, MAX_REEL).map((file) => ({ file, url: URL.createObjectURL(file) }));
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
      entry.answer = await this.#withRetries(entry.file);
      entry.error = null;
    } catch (problem) {
      entry.error = problem.message;
    }
    if (round !== this.#round) return;
    this.#caption(entry);
    if (entry === this.#selected) this.#select(entry);
  }

  /** Retries up to three times while the service is busy. */
  async #withRetries(file) {
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
    const label = entry.error ? "failed" : (entry.answer.results[0].label ?? "no classes");
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
    if (!entry.answer && !entry.error) byId("answer-empty").textContent = "Classifying…";
  }

  #stage(entry) {
    const shown = byId("shown");
    const live = this.#camera.running;
    if (entry) shown.src = entry.url;
    else shown.removeAttribute("src");
    shown.alt = entry ? `The selected image: ${entry.file.name}` : "";
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
    byId("answer-fine").textContent = `${measure(best.candidates)} · computed in ${ms.toFixed(ms < 10 ? 1 : 0)} ms${notes}`;
  }

  #reasons({ examples }, { share, meaning, attributes, nearest }) {
    const parts = [];
    const named = meaning && Math.round(100 * share.knowledge) > 0; // a name that does not fit the images has no share
    if (examples > 0) {
      const alike = nearest[0] ? `; the most similar is ${nearest[0].similarity.toFixed(2)}` : "";
      parts.push(`${plural(examples, "image")} (${percent(share.images)}${alike})`);
    }
    if (named) parts.push(`its name ${examples > 0 ? `(${percent(share.knowledge)})` : "only"}: ${definition(meaning.gloss)}`);
    say(byId("reason"), `Based on ${parts.join(" and ")}.`);
    const chips = named || !meaning ? attributes.slice(0, MAX_CHIPS).map(chip) : []; // without a sense: the overridden attributes
    byId("chips").replaceChildren(...chips);
    show(byId("chips"), chips.length > 0);
    show(byId("chips-title"), chips.length > 0);
  }

  #fail(message) {
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

/** An attribute; its weight is in the tooltip. */
function chip({ name, weight }) {
  const chip = make("li", "chip", name);
  if (weight !== null) chip.title = `weight ${weight.toFixed(2)}`;
  return chip;
}

const percent = (share) => `${Math.round(100 * share)} %`;

/** Candidates are ranked by similarity plus name bias, so this is what the bars show. */
const ranking = ({ similarity, name_bias }) => similarity + name_bias;

function measure(candidates) {
  const biased = candidates.some((candidate) => candidate.name_bias !== 0);
  return biased ? "Similarity to each class, with a bonus for classes without images; compare, it is no probability" : "Similarity to each class; compare, it is no probability";
}

function bar(candidate) {
  const fill = make("span", "bar-fill");
  fill.style.width = `${Math.min(1, Math.max(0, ranking(candidate))) * 100}%`;
  const track = make("span", "bar-track", fill);
  const score = make("span", "bar-score", ranking(candidate).toFixed(2));
  const item = make("li", "bar", name(candidate.label, "bar-label"), track, score);
  item.title = candidate.examples > 0 ? plural(candidate.examples, "example") : "from its name only";
  return item;
}
