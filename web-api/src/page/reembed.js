// A gallery of another model: what it is, and how its images are recomputed with the model of this device.

import { forgetRecomputed, recompute, recomputed, selected } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, plural, say, show } from "./dom.js";

const POLL_MS = 1000;

// What the service refuses for a gallery of another model. The list of classes disables its own fields.
const REFUSED = "#look-files, #look-photo, #camera-toggle, #teach-form :is(input, button), #none-files, #check-run";

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
    byId("reembed-start").textContent = embedded > 0 ? "Go on" : "Recompute with this model";
    show(byId("reembed-use"), state === "ready");
    show(byId("reembed-discard"), running || state === "ready" || embedded > 0);
    say(byId("reembed-error"), error);
    show(byId("reembed"), true);
    if (running) this.#again(selected());
  }

  /** What the gallery is, and what can be recomputed. */
  #words({ from_space, examples, thumbnails, ...rest }) {
    const kept = examples - lost(rest);
    const small = thumbnails > 0 ? `, ${thumbnails === kept ? "all" : thumbnails} of them from small copies` : "";
    return `The model (${from_space.slice(0, 12)}…) of its ${plural(examples, "image")} is not that of this device, “${this.bundle}”, `
      + "so no image can be compared with them. You can still look at the gallery, change it and export it. "
      + `${plural(kept, "image")} can be recomputed${small}. `
      + "The gallery stays as it is until you use the result, and you can undo that.";
  }

  async #use() {
    const gone = lost(this.#last);
    const text = `${plural(gone, "image")} cannot be recomputed and will be removed with it. You can undo it.`;
    if (gone > 0 && !(await confirmed("Use the recomputed images?", text, "Use it"))) return byId("reembed-use").focus();
    await this.#do(() => recompute({ swap: true, leave_out: gone > 0 }));
    return undefined;
  }

  async #discard() {
    const text = "What was recomputed is forgotten. The gallery stays as it is.";
    if (!(await confirmed("Discard the recomputed images?", text, "Discard"))) return byId("reembed-discard").focus();
    const gallery = selected();
    let kept = 0;
    await this.#do(async () => {
      ({ kept } = await forgetRecomputed());
      return recomputed();
    });
    if (kept > 0 && gallery === selected()) byId("reembed-status").textContent = keptWords(kept);
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
  (change ? { what: "Recomputed the images with this model.", changes: [change] } : undefined);

const lost = ({ without_image, unreadable }) => without_image + unreadable;

/** What would be lost, in words; empty if nothing would. */
function lostWords({ without_image, unreadable }) {
  const parts = [];
  if (without_image > 0) parts.push(`no copy of ${plural(without_image, "image")} was kept`);
  if (unreadable > 0) parts.push(`${plural(unreadable, "kept image")} cannot be read`);
  if (parts.length === 0) return "";
  return `${plural(lost({ without_image, unreadable }), "image")} would be lost: ${parts.join(", and ")}. `
    + "To keep them, use the model that made the gallery.";
}

/** Why nothing was discarded. */
const keptWords = (kept) =>
  `Nothing was discarded: the gallery once used ${plural(kept, "recomputed image")}, so an undo or a redo needs them.`;

function status({ state, embedded, to_embed }) {
  if (state === "running" && to_embed > 0) return `Recomputed ${embedded} of ${plural(embedded + to_embed, "image")}…`;
  if (state === "running") return "Comparing…";
  if (state === "ready") return "All images are recomputed. Compare, then use the result or discard it.";
  return embedded > 0 ? `${plural(embedded, "image")} of ${embedded + to_embed} are recomputed already.` : "";
}

/** Shows what the recomputed images change. */
function compared({ compared, nearest_changes, single_example_classes, accuracy_before, accuracy_after, sampled }) {
  const share = (accuracy) => (accuracy === null ? "–" : `${Math.round(100 * accuracy)} %`);
  byId("reembed-before").textContent = share(accuracy_before);
  byId("reembed-now").textContent = share(accuracy_after);
  const some = sampled ? ", a sample of all" : "";
  const single = single_example_classes > 0
    ? ` ${plural(single_example_classes, "class has", "classes have")} one image and ${single_example_classes === 1 ? "is" : "are"} not compared.`
    : "";
  byId("reembed-changes").textContent = compared === 0
    ? `Nothing can be compared: no class has two images.${single}`
    : `Another class is nearest for ${nearest_changes} of ${plural(compared, "image")}${some}.${single}`;
}

/** Disables what the service would refuse, and says why. */
function lock(locked) {
  for (const element of document.querySelectorAll(REFUSED)) element.disabled = locked;
  for (const reason of document.querySelectorAll("[data-locked]")) show(reason, locked);
}
