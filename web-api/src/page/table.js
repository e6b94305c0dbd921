// Several images as a table: thumbnail, answer, how likely that is, and what it is if that is wrong.

import { isReserved } from "./api.js";
import { csv } from "./csv.js";
import { byId, isSeen, make, name, plain, reveal, say, show } from "./dom.js";
import { pathOf } from "./folders.js";
import { toggleMenu } from "./menu.js";
import { Opened } from "./opened.js";
import { dated, save } from "./save.js";
import { isTaken } from "./shortcuts.js";
import { t } from "./text.js";
import { certainty, decided, inWords, percent, UNKNOWN } from "./verdict.js";

const THUMBNAILS = 200; // of the last images: a browser keeps each in memory
const CHIPS = 2; // classes that a row offers; the others are in its menu
const LEAST_SHARE = 0.01; // of the probability: less says no more than no number
const TAIL = 9; // characters at the end of a long file name that are always shown: its number is there

const ORDERS = {
  given: () => 0,
  hardest: (a, b) => hardness(b) - hardness(a),
  answer: (a, b) => inAnswer(a).localeCompare(inAnswer(b)),
  file: (a, b) => pathOf(a.file).localeCompare(pathOf(b.file), undefined, { numeric: true }),
};

export class Table {
  #select;
  #correct;
  #given = []; // entries as they came
  #entries = []; // in the order that is shown
  #current = null; // the row that the Tab key reaches
  #opened = new Opened();

  /** `select(entry)` shows the answer to an image; `correct` teaches it. */
  constructor(select, correct) {
    this.#select = select;
    this.#correct = correct;
    byId("table-order").addEventListener("change", () => this.#order());
    byId("table-csv").addEventListener("click", () => this.#save());
    byId("table-rows").addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows these images, `{ file, url, answer, error, verdict }`; a single one needs no table. */
  show(entries) {
    this.#opened.close();
    this.#given = entries;
    this.#entries = [...entries];
    this.#current = null;
    byId("table-order").value = "given";
    show(byId("table"), entries.length > 1);
    if (entries.length > 1) for (const entry of entries) this.#row(entry);
    byId("table-rows").replaceChildren(...(entries.length > 1 ? entries.map((entry) => entry.row.element) : []));
    const dropped = Math.max(0, entries.length - THUMBNAILS);
    for (const entry of entries.slice(0, dropped)) this.#drop(entry);
    say(byId("table-note"), dropped > 0 ? t("table.dropped", { n: THUMBNAILS }) : "");
    this.#count();
  }

  /** Shows the answer to an image, decided by `rate`. */
  update(entry, rate) {
    const { row, answer, error } = entry;
    if (!row) return;
    const [result] = answer?.results ?? [];
    entry.verdict = error || !result ? null : decided(result, rate);
    const { verdict } = entry;
    row.element.dataset.decision = error ? "failed" : verdict?.decision ?? "";
    row.answer.replaceChildren(name(error ? t("table.failed") : caption(verdict)));
    row.error.className = "error";
    say(row.error, error);
    row.sure.textContent = inPercent(verdict && certainty(result, verdict));
    row.open.setAttribute("aria-label", t("table.row", { file: entry.file.name, answer: row.answer.textContent }));
    this.#offer(entry, verdict ? result : null);
    this.#count();
  }

  /** Marks the row whose answer is shown. */
  mark(entry) {
    if (this.#opened.row !== entry?.row) this.#opened.close(entry?.row);
    for (const { row } of this.#entries) row?.element.classList.toggle("selected", row === entry?.row);
    if (entry?.row) this.#reach(entry);
  }

  #row(entry) {
    const image = make("img");
    image.src = entry.url;
    image.alt = "";
    image.loading = "lazy";
    image.decoding = "async";
    image.addEventListener("error", () => image.replaceWith(make("span", "no-image", "–")));
    const open = make("button", "row-open", image);
    open.type = "button";
    open.tabIndex = -1;
    open.setAttribute("aria-expanded", "false");
    open.addEventListener("click", () => this.#open(entry));
    const answer = make("span", "row-answer", "…");
    const row = { open, image, answer, sure: cell("sure"), caption: make("p", "fine row-caption"), wrong: make("div", "row-classes"), error: make("p", "error") };
    row.error.setAttribute("role", "alert");
    show(row.error, false);
    open.setAttribute("aria-label", t("table.row", { file: entry.file.name, answer: "…" }));
    row.element = make("tr", "", cell("image", open), cell("what", row.answer, fileName(entry.file)), row.sure, cell("wrong", row.caption, row.wrong, row.error));
    // All of the row does what its thumbnail does.
    row.element.addEventListener("click", (event) => { if (!event.target.closest("button, input, form, [role=menu]")) open.click(); });
    entry.row = row;
  }

  /** Opens a row, or closes it. */
  #open(entry) {
    if (this.#opened.row === entry.row) return this.#opened.close();
    this.#select(entry);
    return this.#opened.open(entry.row, entry.url);
  }

  /** Of too many images the thumbnails of the first go. */
  #drop(entry) {
    URL.revokeObjectURL(entry.url);
    entry.url = null;
    entry.row?.image.replaceWith(make("span", "no-image", "–"));
  }

  /** The chips of a row, each with the digit that does the same, and the way to all classes. */
  #offer(entry, result) {
    const { row, verdict } = entry;
    const offered = result ? this.#correct.choices(result).map((label, i) => ({ label, digit: i + 1 })) : [];
    const others = offered.filter(({ label }) => !verdict.labels.includes(label) || verdict.labels.length > 1);
    const share = (label) => {
      const likely = result.candidates.find((one) => one.label === label)?.probability;
      return likely >= LEAST_SHARE ? inPercent(likely) : "";
    };
    const first = others.slice(0, CHIPS).map((one) => ({ ...one, share: share(one.label) }));
    const key = JSON.stringify(first);
    if (row.offered === key && result) return; // a chip that has the focus stays
    row.offered = key;
    say(row.caption, result && t(verdict.decision === "rejected" ? "correct.teach_as" : "table.wrong"));
    const chips = first.map(({ label, digit, share: likely }) => {
      const chip = plain("", () => this.#teach(entry, label));
      chip.setAttribute("aria-label", t("table.as", { file: entry.file.name, label }));
      const hint = make("kbd", "digit", String(digit));
      hint.setAttribute("aria-hidden", "true");
      chip.replaceChildren(name(label), make("span", "row-share", likely), hint);
      return chip;
    });
    const other = plain("…", () => this.#menu(entry, other, others.slice(CHIPS)));
    other.setAttribute("aria-haspopup", "menu");
    other.setAttribute("aria-expanded", "false");
    other.setAttribute("aria-label", t("table.other", { file: entry.file.name }));
    row.wrong.replaceChildren(...(result ? [...chips, other] : []));
    for (const one of row.wrong.children) one.tabIndex = this.#current === entry ? 0 : -1;
  }

  /** The other classes of a row. */
  #menu(entry, opener, others) {
    const [{ unknown }] = entry.answer.results;
    toggleMenu(opener, [
      ...others.map(({ label }) => ({ text: name(label), name: "as", run: () => this.#teach(entry, label) })),
      // A bundle without a decision does not use the background set.
      ...(unknown === null ? [] : [{ text: t("correct.none"), name: "none", run: () => this.#do(entry, () => this.#correct.reject(entry)) }]),
      { text: t("table.another"), name: "another", run: () => this.#ask(entry) },
    ]);
  }

  /** A field in the row, for the name of any class. */
  #ask(entry) {
    const { row } = entry;
    const field = make("input", "field");
    field.maxLength = 128;
    field.dir = "auto";
    field.setAttribute("list", "teach-as-labels");
    for (const [key, text] of [["aria-label", t("table.other", { file: entry.file.name })], ["placeholder", t("correct.other")]]) field.setAttribute(key, text);
    const form = make("form", "row-form", field, plain(t("correct.teach"), () => form.requestSubmit()));
    form.noValidate = true;
    const close = () => {
      row.offered = null;
      this.#offer(entry, entry.answer.results[0]);
      say(row.error, "");
      row.open.focus();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const label = field.value.trim();
      const bad = !label || isReserved(label);
      field.setAttribute("aria-invalid", String(bad));
      row.error.className = "error";
      if (bad) return say(row.error, t(label ? "correct.reserved" : "correct.no_name", { label }));
      close(); // at once: all images are classified again before the call ends
      return this.#teach(entry, label);
    });
    form.addEventListener("keydown", (event) => {
      event.stopPropagation(); // the keys belong to the field, not to the table
      if (event.key === "Escape") close();
    });
    row.wrong.replaceChildren(form);
    field.focus();
  }

  #teach(entry, label) {
    return this.#do(entry, () => this.#correct.teach(entry, label));
  }

  /** A change of the image of a row; a failure is shown in the row, as the answer may be out of sight. */
  async #do(entry, change) {
    this.#select(entry);
    const done = await change();
    entry.row.error.className = done ? "fine" : "error";
    say(entry.row.error, done && !entry.note?.isKnown ? "" : entry.note?.text);
    return done;
  }

  /** The Tab key reaches one row: the others are reached from there with the arrow keys. */
  #reach(entry) {
    for (const [one, index] of [[this.#current, -1], [entry, 0]]) {
      if (!one?.row) continue;
      one.row.open.tabIndex = index;
      for (const chip of one.row.wrong.children) chip.tabIndex = index;
    }
    this.#current = entry;
  }

  #key(event) {
    const at = this.#entries.findIndex(({ row }) => row.element.contains(event.target));
    const last = this.#entries.length - 1;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
    if (at < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    if (to !== undefined) {
      event.preventDefault();
      const entry = this.#entries[Math.max(0, Math.min(last, to))];
      this.#reach(entry);
      entry.row.open.focus();
    } else if (/^[1-9]$/.test(event.key) && !event.repeat && !isTaken(event)) {
      event.preventDefault(); // it is about this row, which may not be the one that is shown
      const entry = this.#entries[at];
      if (!isSeen(entry.row.element)) return reveal(entry.row.element);
      const label = entry.verdict && this.#correct.choices(entry.answer.results[0])[event.key - 1];
      if (label) this.#teach(entry, label);
    }
    return undefined;
  }

  #order() {
    this.#opened.close();
    // Sorted once: rows that moved while they are corrected would be lost.
    this.#entries = [...this.#given].sort(ORDERS[byId("table-order").value]);
    byId("table-rows").append(...this.#entries.map(({ row }) => row.element));
    this.#reach(this.#entries[0]);
  }

  #count() {
    const done = this.#given.filter(({ answer, error }) => answer || error).length;
    const unknown = this.#given.filter(({ verdict }) => verdict?.decision === "rejected").length;
    const all = this.#given.length;
    const counts = t("table.count", { n: all }) + (unknown > 0 ? ` · ${t("table.unknown", { n: unknown })}` : "");
    byId("table-count").textContent = done < all ? t("table.progress", { n: done, all }) : counts;
  }

  #save() {
    const rows = this.#entries.map((entry) => [this.#given.indexOf(entry) + 1, ...record(entry)]);
    const file = dated("handful", "csv");
    save({ blob: new Blob([csv([HEAD.map((one) => t(`csv.${one}`)), ...rows])], { type: "text/csv" }) }, file);
    say(byId("table-note"), t("table.saved", { n: rows.length, file }));
  }
}

/** `row` counts the images as they came; `answer` is empty for an unknown one, which still has a best class. */
const HEAD = [
  "row", "file", "decision", "answer", "best_class", "best_probability", "second_class", "second_probability",
  "unknown_probability", "error",
];

/** A row without its number. */
function record({ file, answer, error, verdict }) {
  if (!verdict) return [pathOf(file), "", "", "", null, "", null, null, error ?? ""];
  const [{ candidates: [best, second], unknown }] = answer.results;
  const likely = [best, second].flatMap((one) => [one?.label, rounded(one?.probability)]);
  return [pathOf(file), t(`csv.is_${verdict.decision}`), verdict.labels[0], ...likely, rounded(unknown?.probability), ""];
}

const rounded = (share) => (typeof share === "number" ? Number(share.toFixed(4)) : null);

const cell = (what, ...children) => make("td", `row-${what}`, ...children);

const inPercent = (share) => (typeof share === "number" ? percent(share) : "");

function caption(verdict) {
  if (!verdict) return "…";
  if (verdict.decision === "empty") return t("table.no_classes");
  return verdict.decision === "rejected" ? t("table.is_unknown") : inWords(verdict);
}

/** A file name whose end is not cut off: where names are numbered, only the ends differ. */
function fileName(file) {
  const path = pathOf(file);
  if (path.length <= 2 * TAIL) return name(path, "row-file");
  const whole = name("", "row-file long");
  whole.title = path;
  whole.append(make("span", "", path.slice(0, -TAIL)), make("span", "", path.slice(-TAIL)));
  return whole;
}

/** Failed ones first, then unknown ones, then those that may be one of two, then the least certain. */
function hardness({ answer, error, verdict }) {
  if (error || !verdict) return error ? 4 : -1;
  if (verdict.decision === "rejected") return 3 - (certainty(answer.results[0], verdict) ?? 0) / 2;
  const sure = certainty(answer.results[0], verdict) ?? answer.results[0].candidates[0]?.similarity ?? 0;
  return (verdict.decision === "ambiguous" ? 1 : 0) + 1 - sure;
}

const inAnswer = ({ verdict }) => (verdict?.decision === "rejected" ? UNKNOWN : verdict?.labels[0] ?? "");
