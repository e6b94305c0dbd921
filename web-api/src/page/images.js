// All images of a class, in its row: select some as in a folder of files; remove, move, enlarge, drag to another row.

import { allExamples } from "./api.js";
import { button, make, plain, say, show } from "./dom.js";
import { enlarge } from "./enlarge.js";
import { moveForm, moveTo, takeOut } from "./move.js";
import { Selection } from "./select.js";
import { t } from "./text.js";
import { thumbnail } from "./thumbnails.js";

/** What is dragged: the examples, as JSON. */
export const DRAGGED = "application/x-handful-examples";

const LONG_PRESS_MS = 450;
const STILL_PX = 10; // a finger that moves farther scrolls

export class Images {
  element;
  #item;
  #page; // what the list shares with its rows
  #close;
  #examples = [];
  #cells = new Map(); // by example
  #selection = new Selection();
  #picks = false; // whether a tap selects
  #press = null; // the timer of a long press
  #pressed = false; // whether the last press was a long one: its click is none
  #pointer = "mouse"; // what was used last
  #count = make("p", "select-count");
  #list = make("div", "thumbs");
  #error = make("p", "error");
  #form = null;
  #acts;
  #buttons;

  /** `close()` shuts the row and gives the focus back. */
  constructor(page, close) {
    this.#page = page;
    this.#close = close;
    this.#buttons = {
      pick: plain(t("images.select"), () => this.#pick(!this.#picks)),
      all: plain(t("images.all"), () => this.#do(() => this.#selection.all())),
      add: button(t("meaning.add"), t("list.add"), () => this.#page.choose(this.#item)),
      move: plain(t("images.moveSome"), () => this.#openMove()),
      remove: plain(t("images.delete"), () => this.#remove(this.#selection.ids)),
      enlarge: plain(t("images.enlarge"), () => this.#enlarge()),
    };
    for (const [what, element] of Object.entries(this.#buttons)) element.dataset.do = what;
    this.#count.setAttribute("role", "status");
    this.#error.setAttribute("role", "alert");
    show(this.#error, false);
    this.#list.setAttribute("role", "listbox");
    this.#list.setAttribute("aria-multiselectable", "true");
    const { pick, all, add, move, remove, enlarge: large } = this.#buttons;
    const bar = make("div", "select-bar", this.#count, pick, all, add);
    // Below the images: what appears above them would push them away under the finger.
    this.#acts = make("div", "select-bar acts", large, move, remove);
    this.element = make("div", "images", bar, this.#list, this.#acts, this.#error);
    this.#listen();
  }

  #listen() {
    const on = (type, act) => this.#list.addEventListener(type, (event) => {
      const id = event.target.closest("[data-example]")?.dataset.example;
      if (id) act(id, event);
    });
    on("click", (id, event) => this.#click(id, event));
    on("dblclick", (id) => this.#open(id));
    on("keydown", (id, event) => this.#key(event));
    on("pointerdown", (id, event) => this.#down(id, event));
    on("dragstart", (id, event) => this.#drag(id, event));
    on("focusin", (id) => { this.#selection.lead ??= id; });
    const stop = () => clearTimeout(this.#press);
    for (const type of ["pointerup", "pointercancel", "scroll"]) this.#list.addEventListener(type, stop);
    // The menu of the browser would take the place of the selection.
    on("contextmenu", (id, event) => { if (this.#pointer !== "mouse") event.preventDefault(); });
  }

  /** Belongs to this class from now on. */
  show(item) {
    this.#item = item;
    this.#list.setAttribute("aria-label", t("images.of", { label: item.label }));
    this.#buttons.add.disabled = this.#page.locked;
    this.#draw();
  }

  async refresh() {
    try {
      this.#examples = await allExamples(this.#item.id);
      say(this.#error, "");
    } catch (problem) {
      say(this.#error, problem.message);
    }
    this.#draw();
  }

  /** Gives the focus to the images. */
  focus() {
    const lead = this.#cells.get(this.#selection.lead);
    if (lead) lead.focus();
    else this.#buttons.add.focus();
  }

  #draw() {
    const had = this.#list.contains(document.activeElement);
    this.#selection.follow(this.#examples.map(({ id }) => id));
    const there = new Set(this.#examples.map(({ id }) => id));
    for (const [id, cell] of this.#cells) {
      if (there.has(id)) continue;
      cell.remove();
      this.#cells.delete(id);
    }
    let at = this.#list.firstElementChild;
    for (const [i, { id }] of this.#examples.entries()) {
      const cell = this.#cell(id);
      cell.setAttribute("aria-label", t("images.one", { n: i + 1, label: this.#item.label }));
      cell.classList.toggle("suspect", this.#page.suspects.has(id));
      if (cell === at) at = at.nextElementSibling;
      else this.#list.insertBefore(cell, at);
    }
    this.#mark();
    if (had) this.focus();
  }

  #cell(id) {
    const known = this.#cells.get(id);
    if (known) return known;
    const cell = make("div", "thumb", thumbnail(id));
    cell.dataset.example = id;
    cell.draggable = true;
    cell.setAttribute("role", "option");
    this.#cells.set(id, cell);
    return cell;
  }

  /** Shows what is selected and what can be done with it. */
  #mark() {
    const { chosen, lead } = this.#selection;
    for (const [id, cell] of this.#cells) {
      cell.setAttribute("aria-selected", String(chosen.has(id)));
      cell.tabIndex = id === lead ? 0 : -1;
    }
    const some = chosen.size > 0;
    const text = some ? t("images.selected", { n: chosen.size }) : t("list.images", { n: this.#examples.length });
    if (this.#count.textContent !== text) this.#count.textContent = text;
    show(this.#acts, some);
    show(this.#buttons.add, !some && !this.#picks);
    show(this.#buttons.pick, this.#examples.length > 0 && (this.#picks || !some));
    show(this.#buttons.all, this.#picks || some);
    this.#buttons.pick.setAttribute("aria-pressed", String(this.#picks));
    if (!some) this.#closeForm();
  }

  #do(step) {
    step();
    this.#mark();
  }

  #pick(on) {
    this.#picks = on;
    if (!on) this.#selection.none();
    this.#mark();
  }

  #down(id, event) {
    this.#pointer = event.pointerType;
    this.#pressed = false;
    const cell = this.#cells.get(id);
    // A finger that rests on an image selects it; it must not begin to drag.
    cell.draggable = event.pointerType !== "touch";
    clearTimeout(this.#press);
    if (event.pointerType === "mouse") return;
    const from = [event.clientX, event.clientY];
    const moved = (now) => {
      if (Math.hypot(now.clientX - from[0], now.clientY - from[1]) > STILL_PX) clearTimeout(this.#press);
    };
    cell.onpointermove = moved;
    this.#press = setTimeout(() => {
      this.#pressed = true;
      this.#picks = true;
      this.#do(() => this.#selection.take(id, { toggle: true }));
    }, LONG_PRESS_MS);
  }

  #click(id, event) {
    clearTimeout(this.#press);
    if (this.#pressed) {
      this.#pressed = false;
      return;
    }
    const toggle = event.ctrlKey || event.metaKey || this.#picks;
    if (this.#pointer !== "mouse" && !toggle && !event.shiftKey) {
      this.#open(id);
      return;
    }
    this.#do(() => this.#selection.take(id, { range: event.shiftKey, toggle }));
    this.#cells.get(id).focus();
  }

  #key(event) {
    const ctrl = event.ctrlKey || event.metaKey;
    const { lead, place } = this.#selection;
    const columns = this.#columns();
    const to = {
      ArrowLeft: place - 1, ArrowRight: place + 1, ArrowUp: place - columns, ArrowDown: place + columns,
      Home: 0, End: this.#examples.length - 1,
    }[event.key];
    if (event.altKey) return;
    if (to !== undefined) this.#go(to, { range: event.shiftKey, quiet: ctrl && !event.shiftKey });
    else if (event.key === " " && ctrl) this.#do(() => this.#selection.take(lead, { toggle: true }));
    else if (event.key === " " || event.key === "Enter") this.#open(lead);
    else if (event.key === "a" && ctrl) this.#do(() => this.#selection.all());
    else if (event.key === "Delete" || event.key === "Backspace") this.#remove(this.#selection.ids);
    else if (event.key === "Escape") this.#escape();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #go(place, how) {
    this.#do(() => this.#selection.go(place, how));
    const cell = this.#cells.get(this.#selection.lead);
    cell?.focus();
    cell?.scrollIntoView({ block: "nearest" });
  }

  #escape() {
    if (this.#selection.chosen.size > 0 || this.#picks) this.#pick(false);
    else this.#close();
  }

  /** How many images are in one line. */
  #columns() {
    const cells = [...this.#list.children];
    const next = cells.findIndex((cell) => cell.offsetTop > cells[0].offsetTop);
    return next < 0 ? Math.max(1, cells.length) : next;
  }

  #drag(id, { dataTransfer }) {
    if (!this.#selection.chosen.has(id)) this.#do(() => this.#selection.take(id));
    dataTransfer.setData(DRAGGED, JSON.stringify(this.#selection.ids));
    this.#page.from = this.#item.id; // what is dragged cannot be read before it is dropped
    dataTransfer.effectAllowed = "move";
  }

  #enlarge() {
    const first = this.#selection.ids[0];
    if (first) this.#open(first);
  }

  #open(id) {
    enlarge({
      id: this.#item.id,
      examples: this.#examples,
      at: this.#examples.findIndex((example) => example.id === id),
      label: this.#item.label,
      labels: this.#others(),
      changed: this.#page.changed,
      closed: (last) => {
        // The focus follows; selected stays what the user selected.
        if (this.#cells.has(last)) this.#selection.lead = last;
        this.#mark();
        this.focus();
      },
    });
  }

  #others() {
    return this.#page.labels.filter((label) => label !== this.#item.label);
  }

  #openMove() {
    if (this.#form) return this.#closeForm();
    const images = t("list.images", { n: this.#selection.chosen.size });
    this.#form = moveForm(this.#others(), images, (label) => {
      this.#closeForm();
      if (label === null) return this.focus();
      return this.#change(() => moveTo(this.#selection.ids, label));
    });
    this.#acts.prepend(this.#form);
    return this.#form.querySelector("select").focus();
  }

  #closeForm() {
    this.#form?.remove();
    this.#form = null;
  }

  #remove(ids) {
    return ids.length > 0 && this.#change(() => takeOut(ids, this.#item.label));
  }

  async #change(step) {
    const had = this.element.contains(document.activeElement);
    try {
      const done = await step();
      this.#picks = false;
      say(this.#error, "");
      await this.#page.changed(done);
    } catch (problem) {
      say(this.#error, problem.message);
    }
    if (had && this.element.isConnected && document.activeElement === document.body) this.focus();
  }
}
