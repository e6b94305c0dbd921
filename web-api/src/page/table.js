// Several images as a table: thumbnail, answer, how sure, second best, and what it is if that is wrong.

import { csv } from "./csv.js";
import { byId, make, name, plain, say, show } from "./dom.js";
import { save } from "./save.js";
import { isTaken } from "./shortcuts.js";
import { t } from "./text.js";
import { certainty, decided, inWords, percent, UNKNOWN } from "./verdict.js";

const THUMBNAILS = 200; // of the last images: a browser keeps each in memory
const CHIPS = 2; // classes that a row offers; the others are offered above

const ORDERS = {
  given: () => 0,
  hardest: (a, b) => hardness(b) - hardness(a),
  answer: (a, b) => inAnswer(a).localeCompare(inAnswer(b)),
  file: (a, b) => a.file.name.localeCompare(b.file.name),
};

export class Table {
  #select;
  #correct;
  #given = []; // entries as they came
  #entries = []; // in the order that is shown
  #current = null; // the row that the Tab key reaches

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
    row.answer.title = error ?? "";
    const sure = verdict && certainty(result, verdict);
    // By a strict rate an image is unknown that is likely known.
    row.sure.textContent = verdict?.decision === "rejected" && sure < 0.5 ? "" : inPercent(sure);
    const second = verdict && secondOf(result, verdict);
    row.second.replaceChildren(...(second ? [name(second.label), ` ${inPercent(second.probability)}`] : []));
    row.open.setAttribute("aria-label", t("table.row", { file: entry.file.name, answer: row.answer.textContent }));
    this.#offer(entry, verdict ? result : null);
    this.#count();
  }

  /** Marks the row whose answer is shown. */
  mark(entry) {
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
    open.addEventListener("click", () => this.#select(entry));
    const file = name(entry.file.name, "row-file");
    const answer = make("span", "row-answer", "…");
    const row = { open, image, answer, sure: cell("sure"), second: cell("second"), wrong: cell("wrong") };
    open.setAttribute("aria-label", t("table.row", { file: entry.file.name, answer: "…" }));
    row.element = make("tr", "", cell("image", open), cell("what", row.answer, file), row.sure, row.second, row.wrong);
    entry.row = row;
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
    const key = others.slice(0, CHIPS).map(({ label, digit }) => `${digit}${label}`).join();
    if (row.offered === key && result) return; // a chip that has the focus stays
    row.offered = key;
    const chips = others.slice(0, CHIPS).map(({ label, digit }) => {
      const chip = plain("", () => this.#teach(entry, label));
      chip.setAttribute("aria-label", t("table.as", { file: entry.file.name, label }));
      const hint = make("kbd", "digit", String(digit));
      hint.setAttribute("aria-hidden", "true");
      chip.replaceChildren(name(label), hint);
      return chip;
    });
    const other = plain("…", () => { this.#select(entry); this.#correct.ask(); });
    other.setAttribute("aria-label", t("table.other", { file: entry.file.name }));
    row.wrong.replaceChildren(...(result ? [...chips, other] : []));
    for (const one of row.wrong.children) one.tabIndex = this.#current === entry ? 0 : -1;
  }

  #teach(entry, label) {
    this.#select(entry);
    return this.#correct.teach(entry, label);
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
      const label = entry.verdict && this.#correct.choices(entry.answer.results[0])[event.key - 1];
      if (label) this.#teach(entry, label);
    }
  }

  #order() {
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
    const head = ["file", "decision", "answer", "confidence", "second_best", "second_confidence", "error"];
    const rows = this.#entries.map((entry) => record(entry));
    save({ blob: new Blob([csv([head, ...rows])], { type: "text/csv" }) }, "handful.csv");
  }
}

/** A row for a program: decisions by their word in the API. */
function record({ file, answer, error, verdict }) {
  if (!verdict) return [file.name, "", "", null, "", null, error ?? ""];
  const [result] = answer.results;
  const second = secondOf(result, verdict);
  const sure = certainty(result, verdict);
  return [file.name, verdict.decision, verdict.labels[0], rounded(sure), second?.label, rounded(second?.probability), ""];
}

const rounded = (share) => (typeof share === "number" ? Number(share.toFixed(4)) : null);

const cell = (what, ...children) => make("td", `row-${what}`, ...children);

const inPercent = (share) => (typeof share === "number" ? percent(share) : "");

function caption(verdict) {
  if (!verdict) return "…";
  if (verdict.decision === "empty") return t("table.no_classes");
  return verdict.decision === "rejected" ? t("table.is_unknown") : inWords(verdict);
}

/** The best candidate that the verdict does not name. */
const secondOf = ({ candidates }, { labels }) => candidates.find(({ label }) => label !== labels[0]);

/** Failed ones first, then unknown ones, then those that may be one of two, then the least certain. */
function hardness({ answer, error, verdict }) {
  if (error || !verdict) return error ? 4 : -1;
  if (verdict.decision === "rejected") return 3 - (certainty(answer.results[0], verdict) ?? 0) / 2;
  const sure = certainty(answer.results[0], verdict) ?? answer.results[0].candidates[0]?.similarity ?? 0;
  return (verdict.decision === "ambiguous" ? 1 : 0) + 1 - sure;
}

const inAnswer = ({ verdict }) => (verdict?.decision === "rejected" ? UNKNOWN : verdict?.labels[0] ?? "");
