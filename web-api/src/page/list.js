// "Things it knows": the classes with their counts; rename, delete, add more.

import { classes, define, remove, rename } from "/page/api.js";
import { button, byId, fileInput, make, name, plural, say, show } from "/page/dom.js";
import { AttributeChips, attributesOf, chosen, definition, senseSelect } from "/page/meaning.js";

const FULL_HAND = 5;

// Places among a row's controls.
const RENAME = 1;
const MEANING = 3;

export class List {
  names = false; // whether the bundle knows what names mean
  #teach;
  #changed;
  #drawn = ""; // what the list shows, so that nothing is drawn anew under somebody's hands

  /** `teach(files, label)` adds images; `changed()` is called after a rename or a deletion. */
  constructor(teach, changed) {
    this.#teach = teach;
    this.#changed = changed;
  }

  async refresh() {
    try {
      this.#draw((await classes()).classes);
      say(byId("classes-error"), "");
    } catch (problem) {
      say(byId("classes-empty"), "");
      say(byId("classes-error"), `The list could not be read. ${problem.message}`);
    }
    byId("classes-card").removeAttribute("aria-busy");
  }

  #draw(known) {
    const drawn = JSON.stringify(known);
    // A name that is being typed stays; closing its form draws what came meanwhile.
    if (drawn === this.#drawn || document.querySelector(".rename")) return;
    this.#drawn = drawn;
    const place = focusedPlace();
    say(byId("classes-empty"), known.length === 0 ? "Nothing yet. Name a thing above and add a few images of it." : "");
    byId("classes-count").textContent = known.length > 0 ? plural(known.length, "thing") : "";
    byId("classes").replaceChildren(...known.map((item) => this.#row(item)));
    if (place) controls(place.id)[place.index]?.focus();
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
    return row;
  }

  /** What the class's name means, to be pressed for another meaning. */
  #meaningButton(row, item) {
    const text = item.meaning ? definition(item.meaning.gloss) : "its name says nothing";
    const element = button(text, `Change what ${item.label} means`, () => this.#meaning(row, item));
    element.classList.add("class-meaning");
    element.title = text;
    return element;
  }

  /** Offers other meanings of the class's name, and to say what it has. */
  async #meaning(row, item) {
    let select;
    try {
      select = await senseSelect(item.label, item);
    } catch (problem) {
      return say(byId("classes-error"), problem.message);
    }
    if (!row.isConnected) return undefined; // drawn anew meanwhile
    const none = make("p", "fine", "The lexicon does not have this word: only its images count.");
    const has = new AttributeChips(item);
    const before = select?.value;
    select?.addEventListener("change", () => {
      if (select.value === before) has.follow(item.attributes, item.attributes_said);
      else has.follow(attributesOf(select), false);
    });
    const save = button("Save", "Save the meaning", () => form.requestSubmit());
    const cancel = button("Cancel", "Keep the meaning", () => this.#restore(row, item, MEANING));
    const form = make("form", "rename", select ?? none, has.element, save, cancel);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#saveMeaning(row, item, { ...chosen(select), ...has.chosen() }, select ?? save);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.#restore(row, item, MEANING);
    });
    row.replaceChildren(form);
    return (select ?? cancel).focus();
  }

  async #saveMeaning(row, item, definition, field) {
    try {
      const { class: saved } = await define(item.id, definition);
      row.replaceWith(this.#row(saved));
      await this.#changed();
      this.#focus(item.id, MEANING);
    } catch (problem) {
      complain(row, problem, field);
    }
  }

  #addMore(item) {
    const input = make("input");
    input.type = "file";
    input.multiple = true;
    input.accept = "image/jpeg,image/png,image/webp";
    input.id = `more-${item.id}`;
    input.setAttribute("aria-label", `Add images of ${item.label}`);
    fileInput(input, (files) => this.#teach(files, item.label));
    const label = make("label", "button small", "Add");
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
      await rename(item.id, label);
      row.replaceWith(this.#row({ ...item, label }));
      await this.#changed();
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
    if (!(await confirmed(item))) return opener.focus();
    try {
      await remove(item.id);
      await this.#changed();
      byId("classes-title").focus();
    } catch (problem) {
      say(byId("classes-error"), `${item.label} was not deleted. ${problem.message}`);
    }
  }
}

/** Shows in a row why it was not saved. */
function complain(row, problem, field) {
  row.querySelector(".error")?.remove();
  const message = make("p", "error", problem.message);
  message.setAttribute("role", "alert");
  row.append(message);
  field.focus();
}

/** What a class's row offers: add, rename, delete, meaning. */
function controls(id) {
  return [...document.querySelectorAll(`[data-id="${CSS.escape(id)}"] :is(input, button)`)];
}

/** The row and control that has the focus, to give it back after drawing. */
function focusedPlace() {
  const id = document.activeElement.closest(".class")?.dataset.id;
  return id && { id, index: controls(id).indexOf(document.activeElement) };
}

/** Dots for a handful, so that one sees at a glance which thing needs more images. */
function count(examples) {
  const dots = make("span", "dots");
  dots.setAttribute("aria-hidden", "true");
  for (let i = 0; i < FULL_HAND; i++) dots.append(make("span", i < examples ? "dot on" : "dot"));
  return make("p", "class-count", dots, examples > 0 ? plural(examples, "image") : "no image yet");
}

function confirmed(item) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = `Delete “${item.label}”?`;
  byId("confirm-text").textContent =
    `It forgets this thing and what it learned from ${plural(item.examples, "image")}. This cannot be undone.`;
  return new Promise((resolve) => {
    let answer = false;
    byId("confirm-no").onclick = () => dialog.close();
    byId("confirm-yes").onclick = () => { answer = true; dialog.close(); };
    // The event of an earlier closing may come late, when the next question is open already.
    dialog.onclose = () => { if (!dialog.open) resolve(answer); };
    dialog.showModal();
    byId("confirm-no").focus();
  });
}
