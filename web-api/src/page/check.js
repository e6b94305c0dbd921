// "Check": which classes have enough images, images that are likely in the wrong class, classes that are taken
// for each other, images that two classes have, and images that are nearly the same.

import { doctor, moveExample, removeExample, selected } from "./api.js";
import { button, byId, make, name, plural, say, show } from "./dom.js";
import { thumbnail } from "./images.js";

const MOST = 24; // of each kind
const ID = /\be_[0-9a-f]+/;

export class Check {
  #changed;
  #shown = null; // what is shown: the name of the gallery and its revision
  #running = false;

  /** `changed(done)` is called after each change. */
  constructor(changed) {
    this.#changed = changed;
    byId("check-run").addEventListener("click", () => this.#run());
  }

  /** Follows the gallery: what was found in another state of it may be wrong. */
  show({ classes, revision }) {
    show(byId("check"), classes > 0);
    if (!this.#shown) return;
    if (this.#shown.gallery !== selected() || classes === 0) this.#forget();
    else if (this.#shown.revision !== revision) say(byId("check-status"), "The gallery has changed. Check it again.");
  }

  #forget() {
    this.#shown = null;
    say(byId("check-status"), "");
    show(byId("check-found"), false);
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    say(byId("check-status"), "Checking…");
    const gallery = selected();
    try {
      const report = await doctor();
      say(byId("check-error"), "");
      if (gallery === selected()) this.#draw(report);
      else this.#forget();
    } catch (problem) {
      this.#forget();
      say(byId("check-error"), problem.message);
    }
    this.#running = false;
  }

  #draw(report) {
    const { accuracy, evidence, classes, next, suspects, confusions, in_two_classes, near_duplicates, totals, notes } = report;
    this.#shown = { gallery: selected(), revision: report.revision };
    const images = plural(evidence.checked_examples, "image");
    const found = accuracy === null ? "Nothing can be checked yet." : `${percent(accuracy)} of ${images} are recognized when each is left out.`;
    say(byId("check-status"), found);
    const sentences = next === null ? notes : [...notes, `The first ${classes.length} of ${evidence.classes} classes are listed.`];
    byId("check-advice").replaceChildren(...classes.map(advice), ...sentences.map((text) => make("li", "", text)));
    section("check-suspects", first(suspects).map((one) => this.#suspect(one)), totals.suspects);
    section("check-confusions", first(confusions).map(confusion), totals.confusions);
    section("check-shared", first(in_two_classes).map((one) => this.#shared(one)), totals.in_two_classes);
    section("check-duplicates", first(near_duplicates).map((one) => this.#duplicate(one)), totals.near_duplicates);
    show(byId("check-found"), true);
  }

  #suspect({ example, label, suggested_label, nearest }) {
    const what = `the image in ${label} that resembles ${suggested_label}`;
    const remove = button("Remove", `Remove ${what}`, () => this.#remove(example, label));
    const move = button(`Move to ${suggested_label}`, `Move ${what}`, () => this.#move(example, suggested_label));
    const text = make("p", "", "In ", name(label), ", resembles ", name(suggested_label), ".");
    const pair = [thumbnail(example, what), nearest && thumbnail(nearest, `A similar image of ${suggested_label}`)];
    return make("li", "", make("div", "pair", ...pair.filter(Boolean)), text, make("div", "thumb-actions", remove, move));
  }

  /** An image that two classes have: the user knows which of them is wrong. */
  #shared({ example, label, other_example, other_label }) {
    const sides = [[example, label, other_label], [other_example, other_label, label]];
    const pair = sides.map(([id, of]) => thumbnail(id, `The image in ${of}`));
    const remove = sides.map(([id, of, other]) =>
      button(`Remove from ${of}`, `Remove from ${of} the image that ${other} has too`, () => this.#remove(id, of)));
    const text = make("p", "", "In ", name(label), " and in ", name(other_label), ": one of them is likely wrong.");
    return make("li", "", make("div", "pair", ...pair), text, make("div", "thumb-actions", ...remove));
  }

  #duplicate({ example, of, label }) {
    const what = `the later one of two images of ${label} that are nearly the same`;
    const remove = button("Remove one", `Remove ${what}`, () => this.#remove(example, label));
    const pair = make("div", "pair", thumbnail(of, `An image of ${label}`), thumbnail(example, what));
    return make("li", "", pair, make("p", "", "Of ", name(label), "."), make("div", "thumb-actions", remove));
  }

  #remove(id, label) {
    return this.#do(() => removeExample(id), `Removed 1 image from “${label}”.`);
  }

  #move(id, label) {
    return this.#do(() => moveExample(id, label), `Moved 1 image to “${label}”.`);
  }

  async #do(call, what) {
    try {
      const { change } = await call();
      await this.#changed({ what, changes: [change] });
      await this.#run();
      byId("check-run").focus();
    } catch (problem) {
      say(byId("check-error"), problem.message);
    }
  }
}

/** A class and what to do about it; the image that it is about is shown, which its id would not do. */
function advice({ label, verdict, advice: text, example }, at) {
  const isShown = example !== null && at < MOST;
  const item = make("li", "", name(label, "class-name"), make("span", "", isShown ? text.replace(ID, "this one") : text));
  if (isShown) item.append(make("div", "pair", thumbnail(example, `The image of ${label} that this is about`)));
  item.dataset.verdict = verdict;
  return item;
}

/** Two classes that are taken for each other, with an image of each that shows it. */
function confusion({ label, other_label, count, example, nearest }) {
  const pair = [thumbnail(example, `An image of ${label}`), nearest && thumbnail(nearest, `An image of ${other_label}`)];
  const text = make("p", "", name(label), " and ", name(other_label), `: ${plural(count, "image")}.`);
  return make("li", "", make("div", "pair", ...pair.filter(Boolean)), text);
}

/** Shows entries of a list, and how many others there are; hides the list without any. */
function section(id, entries, total) {
  const others = total - entries.length;
  byId(id).querySelector("ul").replaceChildren(...entries);
  say(byId(id).querySelector(".fine"), others > 0 ? `And ${others} more.` : "");
  show(byId(id), total > 0);
}

const first = (list) => list.slice(0, MOST);
const percent = (share) => `${Math.round(100 * share)} %`;
