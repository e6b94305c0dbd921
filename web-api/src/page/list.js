// "Things it knows": the classes, a row each. Only what changed is drawn anew, and only rows near what is seen have
// images, so that a thousand of them scroll smoothly.

import { classes } from "./api.js";
import { byId, fileInput, make, say, show } from "./dom.js";
import { dropped } from "./folders.js";
import { DRAGGED } from "./images.js";
import { moveTo } from "./move.js";
import { Row } from "./row.js";
import { t } from "./text.js";

const SEARCHED_FROM = 6; // classes; fewer are seen at once
const MANY = 50; // classes
const SLICE_MS = 12; // of drawing, before the page may do something else
const STEP_PX = 48; // of an image in a strip
const IMAGES = "image/jpeg,image/png,image/webp,image/bmp,image/tiff,image/gif";

const byName = (a, b) => a.place - b.place;
const ORDERS = {
  name: byName,
  // Ids begin with the time.
  newest: (a, b) => (a.id < b.id ? 1 : -1),
  fewest: (a, b) => a.examples - b.examples || byName(a, b),
};

const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
const searched = new WeakMap(); // what is searched of each class

/** Whether the name of a class has the text in it. */
function matches(item, query) {
  if (!query) return true;
  if (!searched.has(item)) searched.set(item, folded(item.label));
  return searched.get(item).includes(query);
}

export class List {
  labels = []; // the names of all classes
  #teach;
  #known = [];
  #rows = new Map(); // by class
  #query = ""; // what is searched
  #searches = false; // whether the search was asked for
  #turn = 0; // of drawing: a later one replaces it
  #for = null; // the class that files are chosen for
  #check = () => {};
  #picker = make("input");
  #near = new IntersectionObserver((changes) => {
    for (const { target, isIntersecting } of changes) this.#rows.get(target.dataset.id)?.near(isIntersecting);
  }, { rootMargin: "400px" });

  /** What the rows share. `width` is the number of images that fit into a strip. */
  #page = {
    names: false, locked: false, revision: null, report: null, suspects: new Set(), width: 6, labels: [],
    from: null, changed: null, choose: (item) => this.chooseFor(item.label),
  };

  /** `teach(files, label)` adds images; `changed(done)` is called after each change. */
  constructor(teach, changed) {
    this.#teach = teach;
    this.#page.changed = changed;
    Object.assign(this.#picker, { type: "file", multiple: true, accept: IMAGES, id: "more-files", hidden: true });
    byId("classes").after(this.#picker);
    fileInput(this.#picker, (files) => this.#teach(files, this.#for));
    byId("classes-search").addEventListener("input", () => this.#search());
    byId("classes-search").addEventListener("keydown", (event) => this.#searchKey(event));
    byId("classes-sort").addEventListener("change", () => this.#sort());
    new ResizeObserver(([{ contentRect }]) => this.#resize(contentRect.width)).observe(byId("classes"));
    for (const zone of [byId("classes"), byId("none")]) this.#takeDrops(zone);
  }

  /** Whether the bundle has name knowledge. */
  set names(names) {
    this.#page.names = names;
  }

  /** Whether no images can be added. */
  set locked(locked) {
    this.#page.locked = locked;
  }

  /** The state of the gallery: the images of a class may be others. */
  set revision(revision) {
    this.#page.revision = revision;
  }

  /** `check()` checks the gallery. */
  set check(check) {
    this.#check = check;
  }

  /** The class with this name; undefined without one. */
  classOf(label) {
    return this.#known.find((item) => item.label === label);
  }

  /** Shows the field that searches, also where few classes need none. */
  search() {
    this.#searches = true;
    this.#frame(this.#known);
  }

  /** Asks for the meaning of a class in its row. */
  askMeaning(label) {
    const row = this.#rows.get(this.classOf(label)?.id);
    row?.element.scrollIntoView({ block: "center" });
    row?.askMeaning();
  }

  async refresh() {
    try {
      this.#known = await classes();
      say(byId("classes-error"), "");
      await this.#draw();
    } catch (problem) {
      say(byId("classes-empty"), "");
      say(byId("classes-error"), t("list.notLoaded", { why: problem.message }));
    }
    byId("classes-card").removeAttribute("aria-busy");
  }

  /** Shows next to the classes what a check has found; null: nothing. */
  advise(report) {
    const found = new Map((report?.classes ?? []).map((one) => [one.id, one]));
    this.#page.report = report && { classes: found };
    this.#page.suspects = new Set((report?.suspects ?? []).map((one) => one.example));
    for (const row of this.#rows.values()) row.suspects();
    return this.#draw();
  }

  async #draw() {
    const turn = ++this.#turn;
    const known = this.#known;
    this.labels = known.map(({ label }) => label);
    this.#page.labels = this.labels;
    this.#frame(known);
    this.#forget(known);
    const list = byId("classes");
    list.classList.toggle("many", known.length > MANY);
    const focused = document.activeElement;
    let at = list.firstElementChild;
    let since = performance.now();
    for (const item of this.#sorted(known)) {
      if (performance.now() - since > SLICE_MS) {
        await new Promise((resolve) => setTimeout(resolve));
        if (turn !== this.#turn) return;
        since = performance.now();
      }
      const row = this.#row(item);
      show(row.element, matches(item, this.#query));
      if (row.element === at) at = at.nextElementSibling;
      else list.insertBefore(row.element, at);
    }
    // A row that was moved loses the focus.
    if (list.contains(focused) && document.activeElement === document.body) focused.focus();
  }

  /** Shows the rows whose names have the text of the field in them. */
  #search() {
    this.#frame(this.#known);
    for (const { element, item } of this.#rows.values()) show(element, matches(item, this.#query));
  }

  /** Shows what stands above the rows. */
  #frame(known) {
    const field = byId("classes-search");
    show(byId("classes-find"), known.length > 0 && (this.#searches || known.length >= SEARCHED_FROM || field.value !== ""));
    this.#query = folded(field.value.trim());
    const n = known.length;
    const found = known.filter((item) => matches(item, this.#query)).length;
    const count = this.#query ? t("list.found", { n: found, all: n }) : t("list.classes", { n });
    // A status that is set again may be read again.
    if (byId("classes-count").textContent !== count) say(byId("classes-count"), n > 0 ? count : "");
    say(byId("classes-empty"), n === 0 ? t("list.empty") : found === 0 ? t("list.noneFound") : "");
  }

  #row(item) {
    let row = this.#rows.get(item.id);
    if (row) {
      row.update(item);
      return row;
    }
    row = new Row(this.#page);
    this.#rows.set(item.id, row);
    row.update(item);
    this.#near.observe(row.element);
    return row;
  }

  #sorted(known) {
    const order = byId("classes-sort").value;
    const placed = known.map((item, place) => ({ place, item, id: item.id, examples: item.examples }));
    const found = this.#page.report?.classes;
    const share = ({ id, examples }) => (examples === 0 ? -1 : (found?.get(id)?.expected_accuracy ?? 0));
    const compare = order === "weakest" ? (a, b) => share(a) - share(b) || byName(a, b) : ORDERS[order];
    return placed.sort(compare).map(({ item }) => item);
  }

  /** Removes the rows of classes that are gone; the focus goes to the row in their place. */
  #forget(known) {
    const ids = new Set(known.map(({ id }) => id));
    for (const [id, { element }] of this.#rows) {
      if (ids.has(id)) continue;
      const had = element.contains(document.activeElement);
      const near = element.nextElementSibling ?? element.previousElementSibling;
      const next = this.#rows.get(near?.dataset.id);
      this.#near.unobserve(element);
      this.#rows.delete(id);
      element.remove();
      if (had) (next && ids.has(next.item.id) ? next : byId("classes-title")).focus();
    }
  }

  #searchKey(event) {
    if (event.key !== "Escape") return;
    event.preventDefault();
    if (event.target.value === "" && this.#searches) {
      this.#searches = false;
      byId("classes-title").focus();
    }
    event.target.value = "";
    this.#search();
  }

  async #sort() {
    if (byId("classes-sort").value === "weakest" && !this.#page.report) await this.#check();
    await this.#draw();
  }

  #resize(width) {
    const fits = Math.floor((width + 4) / STEP_PX);
    if (fits === this.#page.width || width === 0) return;
    this.#page.width = fits;
    this.#draw();
  }

  /** Asks for files of the class with this label. */
  chooseFor(label) {
    this.#for = label;
    this.#picker.click();
  }

  // --- what is dropped on a row: files, folders, images of another row

  #takeDrops(zone) {
    let over = null; // the row, or the zone itself, that is shown as the target
    const mark = (element) => {
      over?.classList.remove("over");
      over = element;
      over?.classList.add("over");
    };
    const target = ({ target: at, dataTransfer: { types } }) => {
      const moves = types.includes(DRAGGED);
      if (!moves && (zone.id === "none" || !types.includes("Files") || this.#page.locked)) return null;
      const row = zone.id === "none" ? zone : at.closest(".class");
      return moves && row?.dataset.id === this.#page.from ? null : row;
    };
    zone.addEventListener("dragover", (event) => {
      const element = target(event);
      if (element !== over) mark(element);
      if (!element) return;
      event.preventDefault();
      event.stopPropagation();
    });
    zone.addEventListener("dragleave", (event) => {
      if (!zone.contains(event.relatedTarget)) mark(null);
    });
    zone.addEventListener("drop", (event) => {
      const element = target(event);
      mark(null);
      if (!element) return;
      event.preventDefault();
      event.stopPropagation();
      const label = this.#rows.get(element.dataset.id)?.item.label ?? "";
      const moved = event.dataTransfer.getData(DRAGGED);
      if (moved) this.#move(JSON.parse(moved), label);
      else this.#drop(event.dataTransfer, label);
    });
  }

  async #drop(transfer, label) {
    for (const { label: folder, files } of await dropped(transfer)) await this.#teach(files, folder ?? label);
  }

  async #move(ids, label) {
    try {
      await this.#page.changed(await moveTo(ids, label));
    } catch (problem) {
      say(byId("classes-error"), problem.message);
    }
  }
}
