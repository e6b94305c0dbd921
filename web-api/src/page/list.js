// "Classes": the classes with their images; add, rename, delete, change the sense.

import { classes, define, remove, rename } from "./api.js";
import { confirmed } from "./confirm.js";
import { button, byId, fileInput, make, name, plural, say, show } from "./dom.js";
import { Images } from "./images.js";
import { AttributeChips, attributesOf, chosen, definition, senseSelect } from "./meaning.js";

const MAX_DOTS = 5;

// Positions among a row's controls.
const RENAME = 1;
const SENSE = 3;

export class List {
  names = false; // whether the bundle has name knowledge
  locked = false; // whether no images can be added
  labels = []; // the names of all classes
  #teach;
  #changed;
  #drawn = ""; // the classes that the list shows; an unchanged list is not redrawn
  #images = new Map(); // of each class, kept when the list is drawn anew

  /** `teach(files, label)` adds images; `changed(done)` is called after each change. */
  constructor(teach, changed) {
    this.#teach = teach;
    this.#changed = changed;
  }

  async refresh() {
    try {
      this.#draw(await classes());
      say(byId("classes-error"), "");
      for (const images of this.#images.values()) images.refresh();
    } catch (problem) {
      say(byId("classes-empty"), "");
      say(byId("classes-error"), `The classes could not be loaded. ${problem.message}`);
    }
    byId("classes-card").removeAttribute("aria-busy");
  }

  #draw(known) {
    this.labels = known.map((item) => item.label);
    const drawn = JSON.stringify([known, this.locked]);
    // An open form stays; closing it draws the changes made meanwhile.
    if (drawn === this.#drawn || document.querySelector(".rename")) return;
    this.#drawn = drawn;
    const place = focusedPlace();
    say(byId("classes-empty"), known.length === 0 ? "No classes yet. Enter a class name and add a few images of it." : "");
    byId("classes-count").textContent = known.length > 0 ? plural(known.length, "class", "classes") : "";
    this.#forget(known);
    byId("classes").replaceChildren(...known.map((item) => this.#row(item)));
    if (place) this.#restoreFocus(place);
  }

  /** Forgets the images of classes that are gone. */
  #forget(known) {
    const ids = new Set(known.map((item) => item.id));
    for (const id of this.#images.keys()) if (!ids.has(id)) this.#images.delete(id);
  }

  #restoreFocus({ id, index }) {
    controls(id)[index]?.focus();
    if (document.activeElement === document.body) byId("classes-title").focus();
  }

  #row(item) {
    const row = make("li", "class");
    row.dataset.id = item.id;
    const title = make("div", "", make("p", "class-name", name(item.label)), count(item.examples));
    const renameButton = button("Rename", `Rename ${item.label}`, () => this.#rename(row, item));
    const deleteButton = button("Delete", `Delete ${item.label}`, () => this.#delete(item, deleteButton));
    const actions = make("div", "class-actions", this.#addMore(item), renameButton, deleteButton);
    row.append(title, actions);
    if (this.names) row.append(this.#meaningButton(row, item));
    row.append(this.#imagesOf(item));
    return row;
  }

  /** The images of the class; what is loaded and open stays when the row is drawn anew. */
  #imagesOf(item) {
    const known = this.#images.get(item.id) ?? new Images(() => this.labels, this.#changed);
    this.#images.set(item.id, known);
    known.show(item);
    return known.element;
  }

  /** Shows the sense of the class and opens the form that changes it. */
  #meaningButton(row, item) {
    const text = item.meaning ? definition(item.meaning.gloss) : "no WordNet sense";
    const element = button(text, `Change the sense of ${item.label}`, () => this.#meaning(row, item));
    element.classList.add("class-meaning");
    element.title = text;
    return element;
  }

  /** Opens the form for the sense and the attributes of the class. */
  async #meaning(row, item) {
    let select;
    try {
      select = await senseSelect(item.label, item);
    } catch (problem) {
      return say(byId("classes-error"), problem.message);
    }
    if (!row.isConnected) return undefined; // redrawn meanwhile
    const none = make("p", "fine", "No WordNet sense found for this name; only its images are used.");
    const has = new AttributeChips(item);
    const before = select?.value;
    select?.addEventListener("change", () => {
      if (select.value === before) has.follow(item.attributes, item.attributes_overridden);
      else has.follow(attributesOf(select), false);
    });
    const save = button("Save", "Save the sense", () => form.requestSubmit());
    const cancel = button("Cancel", "Keep the sense", () => this.#restore(row, item, SENSE));
    const form = make("form", "rename", select ?? none, has.element, save, cancel);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#saveMeaning(row, item, { ...chosen(select), ...has.chosen() }, select ?? save);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#restore(row, item, SENSE);
    });
    row.replaceChildren(form);
    return (select ?? cancel).focus();
  }

  async #saveMeaning(row, item, definition, field) {
    try {
      const { class: saved, change } = await define(item.id, definition);
      row.replaceWith(this.#row(saved));
      await this.#changed({ what: `Changed the sense of “${saved.label}”.`, changes: [change] });
      this.#focus(item.id, SENSE);
    } catch (problem) {
      complain(row, problem, field);
    }
  }

  #addMore(item) {
    const input = make("input");
    input.type = "file";
    input.multiple = true;
    input.disabled = this.locked;
    input.accept = "image/jpeg,image/png,image/webp,image/bmp,image/tiff,image/gif";
    input.id = `more-${item.id}`;
    input.setAttribute("aria-label", `Add images of ${item.label}`);
    fileInput(input, (files) => this.#teach(files, item.label));
    const label = make("label", "button small", "Add images");
    label.htmlFor = input.id;
    return make("span", "file", input, label);
  }

  #rename(row, item) {
    const field = make("input", "field");
    field.value = item.label;
    field.maxLength = 128;
    field.dir = "auto";
    field.setAttribute("aria-label", `New name of ${item.label}`);
    const form = make("form", "rename", field, button("Save", "Save the new name", () => form.requestSubmit()),
      button("Cancel", "Keep the old name", () => this.#restore(row, item)));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save(row, item, field);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#restore(row, item);
    });
    row.replaceChildren(form);
    field.select();
    field.focus();
  }

  async #save(row, item, field) {
    const label = field.value.trim();
    if (label === item.label) return this.#restore(row, item);
    try {
      const { change } = await rename(item.id, label);
      row.replaceWith(this.#row({ ...item, label }));
      await this.#changed({ what: `Renamed “${item.label}” to “${label}”.`, changes: [change] });
      this.#focus(item.id, RENAME);
    } catch (problem) {
      complain(row, problem, field);
    }
  }

  #restore(row, item, place = RENAME) {
    row.replaceWith(this.#row(item));
    this.#focus(item.id, place);
    this.refresh();
  }

  #focus(id, place) {
    controls(id)[place]?.focus();
  }

  async #delete(item, opener) {
    const text = `This deletes the class and its ${plural(item.examples, "example")}. You can undo it.`;
    if (!(await confirmed(`Delete “${item.label}”?`, text, "Delete"))) return opener.focus();
    try {
      const { change } = await remove(item.id);
      await this.#changed({ what: `Deleted “${item.label}”.`, changes: [change] });
      byId("classes-title").focus();
    } catch (problem) {
      say(byId("classes-error"), `${item.label} was not deleted. ${problem.message}`);
    }
  }
}

/** Shows in a row why the change failed. */
function complain(row, problem, field) {
  row.querySelector(".error")?.remove();
  const message = make("p", "error", problem.message);
  message.setAttribute("role", "alert");
  row.append(message);
  field.focus();
}

/** The controls of a class's row: add, rename, delete, sense, and those of its images. */
function controls(id) {
  return [...document.querySelectorAll(`[data-id="${CSS.escape(id)}"] :is(input, button, summary)`)];
}

/** The row and control that has the focus, to restore it after drawing. */
function focusedPlace() {
  const id = document.activeElement.closest(".class")?.dataset.id;
  return id && { id, index: controls(id).indexOf(document.activeElement) };
}

/** One dot per example, up to five. */
function count(examples) {
  const dots = make("span", "dots");
  dots.setAttribute("aria-hidden", "true");
  for (let i = 0; i < MAX_DOTS; i++) dots.append(make("span", i < examples ? "dot on" : "dot"));
  return make("p", "class-count", dots, plural(examples, "example"));
}
