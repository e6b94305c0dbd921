// "Check": which classes have enough images, images that are likely in the wrong class, classes that are taken
// for each other, images that two classes have, and images that are nearly the same.

import { advice } from "./advice.js";
import { doctor, selected } from "./api.js";
import { button, byId, make, name, say, show } from "./dom.js";
import { moveTo, takeOut } from "./move.js";
import { t } from "./text.js";
import { thumbnail } from "./thumbnails.js";

const MOST = 24; // of each kind
const UNEVEN = 10; // times the images of another class: then the other one loses
const FEW = 10; // images: with fewer nothing is known of those that are likely wrong
const KINDS = ["suspects", "confusions", "shared", "duplicates"];

export class Check {
  #changed;
  #list;
  #reports = new Map(); // the last one of each gallery, which stays when another gallery is shown meanwhile
  #shown = null; // the gallery whose report is shown
  #running = false;
  #working = false; // whether something is done about what was found, after which it is checked again

  /** `changed(done)` is called after each change; `list.advise(report)` shows what was found next to the classes. */
  constructor(changed, list) {
    this.#changed = changed;
    this.#list = list;
    list.check = () => this.#run();
    byId("check-run").addEventListener("click", () => this.#run());
  }

  /** Follows the gallery: what was found in another state of it may be wrong. */
  show({ classes, revision }) {
    show(byId("check"), classes > 0);
    if (classes === 0) this.#reports.delete(selected());
    const report = this.#reports.get(selected());
    if (!report) this.#hide();
    else if (this.#shown !== selected()) this.#draw(report);
    if (report && report.revision !== revision && !this.#working) this.#age(report);
  }

  /** What was found in another state is not shown any more, but that it can be checked again. */
  #age(report) {
    say(byId("check-status"), t("check.stale"));
    if (byId("check-found").hidden) return;
    show(byId("check-found"), false);
    this.#list.advise({ classes: report.classes });
  }

  #hide() {
    if (this.#shown === null) return;
    this.#shown = null;
    say(byId("check-error"), "");
    say(byId("check-status"), "");
    show(byId("check-found"), false);
    this.#list.advise(null);
  }

  async #run() {
    if (this.#running) return;
    this.#running = true;
    say(byId("check-status"), t("check.running"));
    const gallery = selected();
    try {
      const report = await doctor();
      say(byId("check-error"), "");
      this.#reports.set(gallery, report);
      if (gallery === selected()) this.#draw(report);
    } catch (problem) {
      this.#reports.delete(gallery);
      this.#hide();
      say(byId("check-error"), problem.message);
    }
    this.#running = false;
  }

  #draw(report) {
    this.#shown = selected();
    this.#list.advise(report);
    say(byId("check-status"), summary(report));
    const once = withoutRepeats(report);
    this.#advise(once);
    const { suspects, confusions, in_two_classes, near_duplicates, totals } = once;
    const found = {
      suspects: [suspects, (one) => this.#suspect(one), totals.suspects],
      confusions: [confusions, (one) => this.#confusion(one), totals.confusions],
      shared: [in_two_classes, (one) => this.#shared(one), totals.in_two_classes],
      duplicates: [near_duplicates, (one) => this.#duplicate(one), totals.near_duplicates],
    };
    for (const kind of KINDS) {
      const [entries, draw, total] = found[kind];
      section(byId(`check-${kind}`), entries.slice(0, MOST).map(draw), total);
    }
    show(byId("check-found"), true);
  }

  /** What to do about the classes that have not enough; those that have say so in their rows. */
  #advise({ classes, suspects, confusions, in_two_classes: shared }) {
    // What is shown below is not told twice.
    const told = new Set([...suspects, ...confusions].map((one) => one.example).concat(shared.flatMap(both)));
    const wanting = classes.filter((one) => one.verdict !== "enough" && !told.has(one.example));
    const items = wanting.slice(0, MOST).map(adviceItem);
    const others = wanting.length - items.length;
    const more = others > 0 ? [t("check.moreClasses", { n: others })] : [];
    byId("check-advice").replaceChildren(...items, ...[...more, ...uneven(classes)].map((text) => make("li", "", text)));
  }

  #suspect({ example, label, suggested_label: other, nearest }) {
    const about = { label, other };
    const sides = [side(example, t("check.suspectImage", about), label)];
    if (nearest) sides.push(side(nearest, t("check.nearestImage", { label: other }), other));
    const move = button(t("check.moveTo", { label: other }), t("check.moveSuspect", about), () =>
      this.#do(() => moveTo([example], other)));
    move.classList.add("primary");
    const remove = button(t("check.remove"), t("check.removeSuspect", about), () => this.#do(() => takeOut([example], label)));
    return entry(sides, t("check.suspect", about), [move, remove]);
  }

  /** Two classes that are taken for each other: images of both from new sides help. */
  #confusion({ label, other_label: other, count, example, nearest }) {
    const sides = [side(example, t("check.imageOf", { label }), label)];
    sides.push(nearest ? side(nearest, t("check.imageOf", { label: other }), other) : word(other));
    const add = [label, other].map((one) => button(t("check.addTo", { label: one }), t("check.addImages", { label: one }), () =>
      this.#list.chooseFor(one)));
    return entry(sides, t("check.confusion", { label, other, n: count }), add);
  }

  /** An image that two classes have: the user knows which of them is wrong. */
  #shared({ example, label, other_example, other_label }) {
    const both = [[example, label, other_label], [other_example, other_label, label]];
    const sides = both.map(([id, of]) => side(id, t("check.imageIn", { label: of }), of));
    const remove = both.map(([id, of, other]) =>
      button(t("check.removeFrom", { label: of }), t("check.removeShared", { label: of, other }), () =>
        this.#do(() => takeOut([id], of))));
    return entry(sides, t("check.shared", { label, other: other_label }), remove);
  }

  #duplicate({ example, of, label }) {
    const sides = [side(of, t("check.imageOf", { label }), label), side(example, t("check.laterImage", { label }), label)];
    const remove = button(t("check.removeOne"), t("check.removeDuplicate", { label }), () =>
      this.#do(() => takeOut([example], label)));
    return entry(sides, t("check.duplicate", { label }), [remove]);
  }

  async #do(step) {
    this.#working = true;
    try {
      await this.#changed(await step());
      await this.#run();
      byId("check-run").focus();
    } catch (problem) {
      say(byId("check-error"), problem.message);
    }
    this.#working = false;
  }
}

const both = ({ example, other_example: other }) => [example, other];

/** A report that has each image once: one in two classes is also like another class. */
function withoutRepeats(report) {
  const shared = new Set(report.in_two_classes.flatMap(both));
  const suspects = report.suspects.filter(({ example }) => !shared.has(example));
  const told = new Set([...shared, ...suspects.map(({ example }) => example)]);
  // A confusion of a few images is that of the ones that are reported anyway.
  const pairs = (one) => report.in_two_classes.filter((two) => isSame(one, two)).length;
  const confusions = report.confusions.filter((one) => !told.has(one.example) || one.count > Math.max(1, 2 * pairs(one)));
  const left = (kind, kept) => report.totals[kind] - (report[kind].length - kept.length);
  const totals = { ...report.totals, suspects: left("suspects", suspects), confusions: left("confusions", confusions) };
  return { ...report, suspects, confusions, totals };
}

/** Whether two findings are about the same two classes. */
const isSame = (one, two) =>
  [one.label, one.other_label].sort().join("\u0000") === [two.label, two.other_label].sort().join("\u0000");

function summary({ accuracy, evidence, classes, next }) {
  if (accuracy === null) return t("check.nothingYet");
  const n = evidence.checked_examples;
  const parts = [t("check.recognized", { n, right: Math.round(n * accuracy) })];
  if (n < FEW) parts.push(t("check.tooFew"));
  else if (classes.some((one) => one.verdict === "enough")) parts.push(t("check.reliable"));
  if (next !== null) parts.push(t("check.firstClasses", { n: classes.length, all: evidence.classes }));
  return parts.join(" ");
}

/** That a class has too few images beside another one. */
function uneven(classes) {
  const [fewest, ...others] = classes.filter(({ examples }) => examples > 0).sort((a, b) => a.examples - b.examples);
  const most = others.at(-1);
  if (!most || most.examples < UNEVEN * fewest.examples) return [];
  return [t("check.uneven", { label: fewest.label, n: fewest.examples, other: most.label, most: most.examples })];
}

/** A class and what to do about it. */
function adviceItem(report) {
  const { label, verdict, example } = report;
  const item = make("li", "", make("p", "", name(label, "class-label"), ": ", advice(report)));
  if (example !== null) item.prepend(thumbnail(example, t("check.aboutImage", { label })));
  item.dataset.verdict = verdict;
  return item;
}

/** An image and the name of its class. */
const side = (id, alt, label) => make("figure", "", thumbnail(id, alt), make("figcaption", "", name(label)));

/** In place of an image of a class that has none. */
const word = (label) => make("figure", "", make("span", "no-image", "Aa"), make("figcaption", "", name(label)));

function entry(sides, text, buttons) {
  const words = make("p", "", text);
  words.dir = "auto";
  return make("li", "", make("div", "pair", ...sides), words, make("div", "pair-actions", ...buttons));
}

/** Shows entries of a list, and how many others there are; hides the list without any. */
function section(element, entries, total) {
  const others = total - entries.length;
  element.querySelector("ul").replaceChildren(...entries);
  say(element.querySelector(".fine"), others > 0 ? t("check.more", { n: others }) : "");
  show(element, total > 0);
}
