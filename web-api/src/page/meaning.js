// What a name means: a list of the senses of a word, what was chosen from it, and what such a thing has.

import { senses } from "/page/api.js";
import { button, make } from "/page/dom.js";

const IMAGES_ONLY = "-";

/** A list to choose from what `label` means, with what `item` (a class) means now; null when the lexicon has no such noun. */
export async function senseSelect(label, item) {
  const known = await senses(label);
  const current = item?.meaning;
  if (known.senses.length === 0 && !current) return null;
  const select = make("select", "field");
  select.setAttribute("aria-label", `What ${label} means`);
  for (const sense of known.senses) {
    select.append(option(sense.synset, `${sense.lemmas[0]}: ${definition(sense.gloss)}`, sense.attributes));
  }
  if (current && !known.senses.some((sense) => sense.synset === current.synset)) {
    select.append(option(current.synset, `${current.lemmas[0]}: ${definition(current.gloss)}`, item.attributes));
  }
  select.append(option(IMAGES_ONLY, "none of these: only its images count"));
  const asRead = known.read_as ?? IMAGES_ONLY;
  select.value = item?.images_only ? IMAGES_ONLY : current?.synset ?? asRead;
  select.dataset.asRead = asRead;
  return select;
}

/** What the service is told of the choice: nothing where it is what the label says anyway. */
export function chosen(select) {
  if (!select || select.value === select.dataset.asRead) return {};
  return select.value === IMAGES_ONLY ? { images_only: true } : { synset: select.value };
}

/** A gloss without its examples. */
export const definition = (gloss) => gloss.split(";")[0];

/** What the chosen meaning has. */
export const attributesOf = (select) => JSON.parse(select.selectedOptions[0]?.dataset.attributes ?? "[]");

/** What the service is told that a class has: nothing where people said nothing. */
export const said = ({ attributes, attributes_said }) =>
  attributes_said ? { attributes: attributes.map(told) } : {};

/** A part by its synset; one that was typed has none yet. */
const told = (part) => part.synset ?? part.name;

/** Chips of what a class has, to be taken away one by one and added to. */
export class AttributeChips {
  #parts;
  #said; // whether people said something, now or before
  #touched = false; // whether something was changed here
  #list = make("ul", "chips");
  #field = make("input", "field");
  element;

  constructor(item) {
    this.#parts = item.attributes;
    this.#said = item.attributes_said;
    this.#field.placeholder = "add a part, such as handle";
    this.#field.maxLength = 64;
    this.#field.setAttribute("aria-label", `A part that ${item.label} has`);
    this.#field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // the form is saved by its button
      this.#add();
    });
    const add = button("Add", "Add the part", () => this.#add());
    const title = make("p", "fine", `What ${item.label} has, for explanations:`);
    this.element = make("div", "has", title, this.#list, make("div", "has-more", this.#field, add));
    this.#draw();
  }

  /** Shows what a newly chosen meaning has, unless something was changed here; `said`: whether people said so before. */
  follow(parts, said) {
    if (this.#touched) return;
    this.#parts = parts;
    this.#said = said;
    this.#draw();
  }

  /** What the service is told. */
  chosen() {
    this.#add(); // what is still in the field was meant
    return said({ attributes: this.#parts, attributes_said: this.#said });
  }

  #add() {
    const name = this.#field.value.trim();
    this.#field.value = "";
    if (!name || this.#parts.some((part) => part.name === name)) return;
    this.#change([...this.#parts, { name }]);
  }

  #change(parts) {
    this.#parts = parts;
    this.#said = true;
    this.#touched = true;
    this.#draw();
    this.#field.focus();
  }

  #draw() {
    const chip = (part) => {
      const without = this.#parts.filter((other) => other !== part);
      const remove = button("×", `It has no ${part.name}`, () => this.#change(without));
      return make("li", "chip", part.name, remove);
    };
    this.#list.replaceChildren(...this.#parts.map(chip));
  }
}

function option(value, text, attributes = []) {
  const element = make("option", "", text);
  element.value = value;
  element.dataset.attributes = JSON.stringify(attributes);
  return element;
}
