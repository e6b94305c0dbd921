// A gallery of another model: what it is, and how its images are recomputed with the model of this device.

import { forgetRecomputed, recompute, recomputed, selected } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, say, show } from "./dom.js";
import { t } from "./text.js";

const POLL_MS = 1000;

// What the service refuses for a gallery of another model. The list of classes disables its own fields.
const REFUSED = "#look-files, #stage-empty, #look-photo, #camera-toggle, #teach-form :is(input, button), #none-files, #check-run";

export class Reembed {
  bundle = ""; // the name of the model of this device
  #changed;
  #timer = null;
  #last = null; // the answer that is shown
  #working = false; // a call was sent and is not answered

  /** `changed(done)` is called after the gallery has its new embeddings. */
  constructor(changed) {
    this.#changed = changed;
    byId("reembed-start").addEventListener("click", () => this.#do(() => recompute()));
    byId("reembed-use").addEventListener("click", () => this.#use());
    byId("reembed-discard").addEventListener("click", () => this.#discard());
  }

  /** Follows the gallery that is shown. */
  show({ other_space }) {
    lock(other_space);
    if (other_space) return this.#read();
    this.#hide();
    return undefined;
  }

  #hide() {
    clearTimeout(this.#timer);
    this.#last = null;
    say(byId("reembed-error"), "");
    show(byId("reembed"), false);
  }

  /** Asks how far it is, and again as long as the job runs. */
  async #read() {
    clearTimeout(this.#timer);
    const gallery = selected();
    try {
      const answer = await recomputed();
      if (gallery !== selected()) return;
      // At its end a job runs for a moment after the swap.
      if (answer.other_space || answer.state === "running") this.#draw(answer);
      else await this.#changed(swapped(answer));
    } catch (problem) {
      if (gallery !== selected()) return;
      show(byId("reembed"), true);
      say(byId("reembed-error"), problem.message);
      if (!problem.isAboutKey) this.#again(gallery);
    }
  }

  #again(gallery) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { if (gallery === selected()) this.#read(); }, POLL_MS);
  }

  #draw(answer) {
    const { state, embedded, to_embed, comparison, error } = answer;
    this.#last = answer;
    const running = state === "running";
    byId("reembed-words").textContent = this.#words(answer);
    say(byId("reembed-lost"), lostWords(answer));
    byId("reembed-progress").max = Math.max(1, embedded + to_embed);
    byId("reembed-progress").value = embedded;
    show(byId("reembed-progress"), running);
    byId("reembed-status").textContent = status(answer);
    show(byId("reembed-found"), comparison !== null);
    if (comparison) compared(comparison);
    const possible = embedded + to_embed > 0;
    show(byId("reembed-start"), possible && !running && state !== "ready");
    byId("reembed-start").textContent = t(embedded > 0 ? "reembed.on" : "reembed.start");
    show(byId("reembed-use"), state === "ready");
    show(byId("reembed-discard"), running || state === "ready" || embedded > 0);
    say(byId("reembed-error"), error);
    show(byId("reembed"), true);
    if (running) this.#again(selected());
  }

  /** What the gallery is, and what can be recomputed. */
  #words({ from_space, examples, thumbnails, ...rest }) {
    const n = examples - lost(rest);
    const small = thumbnails === 0 ? "" : thumbnails === n ? t("reembed.small-all") : t("reembed.small", { small: thumbnails });
    const what = t("reembed.words", { n: examples, space: from_space.slice(0, 12), bundle: this.bundle });
    return `${what} ${t("reembed.can", { n, small })} ${t("reembed.stays")}`;
  }

  async #use() {
    const gone = lost(this.#last);
    if (gone > 0 && !(await confirmed(t("reembed.use-title"), t("reembed.use-text", { n: gone }), t("reembed.use")))) return byId("reembed-use").focus();
    await this.#do(() => recompute({ swap: true, leave_out: gone > 0 }));
    return undefined;
  }

  async #discard() {
    if (!(await confirmed(t("reembed.discard-title"), t("reembed.discard-text"), t("reembed.discard")))) return byId("reembed-discard").focus();
    const gallery = selected();
    let kept = 0;
    await this.#do(async () => {
      ({ kept } = await forgetRecomputed());
      return recomputed();
    });
    if (kept > 0 && gallery === selected()) byId("reembed-status").textContent = t("reembed.kept", { n: kept });
    return byId("reembed-title").focus();
  }

  /** Makes a call and shows its answer. */
  async #do(call) {
    if (this.#working) return;
    this.#working = true;
    say(byId("reembed-error"), "");
    const gallery = selected();
    try {
      const answer = await call();
      if (answer.change) {
        await this.#changed(swapped(answer));
        byId("classes-title").focus();
      } else if (gallery === selected()) {
        await this.#follow(answer);
      }
    } catch (problem) {
      say(byId("reembed-error"), problem.message);
    }
    this.#working = false;
  }

  async #follow(answer) {
    if (!answer.other_space) return this.#changed();
    this.#draw(answer);
    // The button that was used may be gone.
    if (document.activeElement === document.body) byId("reembed-title").focus();
    return undefined;
  }
}

/** What the job, this page or another client did, to be taken back; undefined if that is not known. */
const swapped = ({ change }) =>
  (change ? { what: t("reembed.done"), changes: [change] } : undefined);

const lost = ({ without_image, unreadable }) => without_image + unreadable;

/** What would be lost, in words; empty if nothing would. */
function lostWords({ without_image, unreadable }) {
  const parts = [];
  if (without_image > 0) parts.push(t("reembed.no-copy", { n: without_image }));
  if (unreadable > 0) parts.push(t("reembed.unreadable", { n: unreadable }));
  if (parts.length === 0) return "";
  return t("reembed.lost", { n: lost({ without_image, unreadable }), why: parts.join(t("reembed.and")) });
}

function status({ state, embedded, to_embed }) {
  if (state === "running" && to_embed > 0) return t("reembed.running", { done: embedded, n: embedded + to_embed });
  if (state === "running") return t("reembed.comparing");
  if (state === "ready") return t("reembed.ready");
  return embedded > 0 ? t("reembed.already", { n: embedded, of: embedded + to_embed }) : "";
}

/** Shows what the recomputed images change. */
function compared({ compared, nearest_changes, single_example_classes, accuracy_before, accuracy_after, sampled }) {
  const share = (accuracy) => (accuracy === null ? "–" : `${Math.round(100 * accuracy)} %`);
  byId("reembed-before").textContent = share(accuracy_before);
  byId("reembed-now").textContent = share(accuracy_after);
  const some = sampled ? t("reembed.sample") : "";
  const single = single_example_classes > 0 ? t("reembed.single", { n: single_example_classes }) : "";
  const found = compared === 0 ? t("reembed.none") : t("reembed.changes", { changes: nearest_changes, n: compared, some });
  byId("reembed-changes").textContent = `${found} ${single}`.trim();
}

/** Disables what the service would refuse, and says why. */
function lock(locked) {
  for (const element of document.querySelectorAll(REFUSED)) element.disabled = locked;
  for (const reason of document.querySelectorAll("[data-locked]")) show(reason, locked);
}
