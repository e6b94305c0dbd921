// The rate of the gallery: how many unknown things may pass. The slider shows at once what it changes.

import { calibrate, set } from "./api.js";
import { byId, say, show } from "./dom.js";
import { t } from "./text.js";
import { oneIn } from "./verdict.js";

export class Rate {
  #decideBy;
  #changed;
  #gallery = null;
  #tried = null; // the rate of the slider until it is saved
  #report = null; // the calibration at a revision of the gallery
  #saving = Promise.resolve(); // one change after another

  /** `decideBy(rate)` tries a rate on the shown images; `changed(done)` is called after it is saved. */
  constructor(decideBy, changed) {
    this.#decideBy = decideBy;
    this.#changed = changed;
    const slider = byId("rate-slider");
    slider.addEventListener("input", () => this.#try(Number(slider.value) / 100));
    slider.addEventListener("change", () => {
      const rate = Number(slider.value) / 100;
      this.#saving = this.#saving.then(() => this.#save(rate));
    });
  }

  /** Shows the settings of the gallery, and what is known about its rates. */
  async show(gallery) {
    this.#gallery = gallery;
    const used = gallery.rejects_unknown && gallery.classes > 0 && !gallery.other_space;
    show(byId("rate"), used);
    if (!used) return;
    this.#draw();
    if (this.#report?.revision === gallery.revision) return;
    this.#report = await calibrate().catch(() => null); // without it the slider works all the same
    this.#draw();
  }

  #try(rate) {
    this.#tried = rate;
    this.#decideBy(rate);
    if (rate !== null) this.#draw();
  }

  async #save(rate) {
    if (this.#tried !== rate) return; // moved on meanwhile
    try {
      this.#gallery = await set({ rate, threshold: null });
      say(byId("rate-error"), "");
      // The shown images keep the rate until they are classified again.
      await this.#changed({ what: t("rate.done"), changes: [this.#gallery.change] });
    } catch (problem) {
      say(byId("rate-error"), t("rate.failed", { why: problem.message }));
    }
    if (this.#tried === rate) this.#try(null);
    this.#draw();
  }

  #draw() {
    const { threshold, rate: saved } = this.#gallery;
    const rate = this.#tried ?? saved;
    const fixed = this.#tried === null && threshold !== null;
    const percent = `${+(100 * rate).toFixed(1)} %`;
    const words = fixed ? t("rate.fixed_at", { threshold }) : this.#words(rate);
    byId("rate-slider").value = Math.round(100 * rate);
    byId("rate-slider").setAttribute("aria-valuetext", fixed ? words : `${percent}. ${words}`);
    byId("rate-words").textContent = words;
    say(byId("rate-why"), this.#isBorrowed ? t(this.#gallery.classes === 1 ? "rate.one_class" : "rate.no_evidence") : "");
  }

  /** Whether nothing is known about the rates of this gallery: those of others are used. */
  get #isBorrowed() {
    return this.#report?.stated === false;
  }

  #words(rate) {
    if (this.#isBorrowed) return t("rate.elsewhere", { rate: oneIn(rate) });
    const kept = this.#kept(rate);
    const words = { rate: oneIn(rate), kept: kept === null ? "" : Math.round(100 * kept) };
    const text = t(kept === null ? "rate.lets" : "rate.lets_keeps", words);
    // Else the reason below says where they come from.
    return this.#report?.stated ? `${text} ${t("rate.estimated")}` : text;
  }

  /** The share of known images that a rate keeps, between those of the calibration; null without any. */
  #kept(rate) {
    const known = this.#report?.thresholds.filter((one) => one.known_kept !== null) ?? [];
    const above = known.findIndex((one) => one.rate >= rate);
    if (known.length === 0) return null;
    if (above <= 0) return (above < 0 ? known.at(-1) : known[0]).known_kept;
    const [low, high] = [known[above - 1], known[above]];
    const share = Math.log(rate / low.rate) / Math.log(high.rate / low.rate);
    return low.known_kept + share * (high.known_kept - low.known_kept);
  }
}
