// The meaning of a class name: a list of the senses of a dictionary, the choice, and the attributes.

import { senses } from "./api.js";
import { button, make, plain, show } from "./dom.js";
import { t } from "./text.js";

const IMAGES_ONLY = "-";

/** A list of the senses of `label` with the current sense of the class `item` selected; null without any sense. */
export async function senseSelect(label, item) {
  const known = await senses(label);
  const current = item?.meaning;
  if (known.senses.length === 0 && !current) return null;
  const select = make("select", "field");
  select.setAttribute("aria-label", t("meaning.of", { label }));
  for (const sense of known.senses) {
    select.append(option(sense.synset, `${sense.lemmas[0]} – ${definition(sense.gloss)}`, sense.attributes));
  }
  if (current && !known.senses.some((sense) => sense.synset === current.synset)) {
    select.append(option(current.synset, `${current.lemmas[0]} – ${definition(current.gloss)}`, item.attributes));
  }
  select.append(option(IMAGES_ONLY, t("meaning.images-only")));
  const defaultSense = known.default_sense ?? IMAGES_ONLY;
  select.value = item?.images_only ? IMAGES_ONLY : current?.synset ?? defaultSense;
  select.dataset.defaultSense = defaultSense;
  select.dataset.before = select.value;
  return select;
}

/** The list, before it the whole meaning that is chosen, and after it a button that uses the images only. */
export function senseBox(select) {
  const words = make("p", "fine");
  const senses = select.options.length - 1;
  const only = plain(t("meaning.only"), () => {
    const back = select.dataset.before === IMAGES_ONLY ? select.options[0].value : select.dataset.before;
    select.value = select.value === IMAGES_ONLY ? back : IMAGES_ONLY;
    select.dispatchEvent(new Event("change"));
  });
  const follow = () => {
    const isOnly = select.value === IMAGES_ONLY;
    only.setAttribute("aria-pressed", String(isOnly));
    words.textContent = isOnly ? t("meaning.unused") : t("meaning.chosen", { meaning: select.selectedOptions[0].textContent });
  };
  select.addEventListener("change", follow);
  follow();
  show(select, senses > 1);
  return [words, make("div", "sense-row", select, only)];
}

/** Whether a meaning is chosen. */
export const hasMeaning = (select) => Boolean(select) && select.value !== IMAGES_ONLY;

/** The override to send if another meaning was chosen than the one before; null if it is the same. */
export const changedSense = (select) => (select && select.value !== select.dataset.before ? chosen(select) : null);

/** The override to send; empty for the default sense of the label. */
export function chosen(select) {
  if (!select || select.value === select.dataset.defaultSense) return {};
  return select.value === IMAGES_ONLY ? { images_only: true } : { synset: select.value };
}

/** A gloss without its examples. */
export const definition = (gloss) => gloss.split(";")[0];

/** The attributes of the chosen sense. */
export const attributesOf = (select) => JSON.parse(select.selectedOptions[0]?.dataset.attributes ?? "[]");

/** The attributes to send; none unless they are overridden. */
export const overrides = ({ attributes, attributes_overridden }) =>
  attributes_overridden ? { attributes: attributes.map(reference) } : {};

/** The synset of an attribute; the word for one that was typed. */
const reference = (attribute) => attribute.synset ?? attribute.name;

/** The attributes of a class as chips that can be removed and added. */
export class AttributeChips {
  #attributes;
  #overridden; // whether the attributes are overridden, now or before
  #touched = false; // whether the user changed something here
  #list = make("ul", "chips");
  #field = make("input", "field");
  element;

  constructor(item) {
    this.#attributes = item.attributes;
    this.#overridden = item.attributes_overridden;
    this.#field.placeholder = t("meaning.example");
    this.#field.maxLength = 64;
    this.#field.setAttribute("aria-label", t("meaning.attribute", { label: item.label }));
    this.#field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // the form is saved by its button
      this.#add();
    });
    const add = button(t("meaning.add"), t("meaning.add-label"), () => this.#add());
    const title = make("summary", "fine", t("meaning.attributes", { label: item.label }));
    this.element = make("details", "has", title, this.#list, make("div", "has-more", this.#field, add));
    this.#draw();
  }

  /** Shows the attributes of a newly chosen sense, unless the user changed something here. */
  follow(attributes, overridden) {
    if (this.#touched) return;
    this.#attributes = attributes;
    this.#overridden = overridden;
    this.#draw();
  }

  /** The attributes to send. */
  chosen() {
    this.#add(); // text left in the field counts as an attribute
    return overrides({ attributes: this.#attributes, attributes_overridden: this.#overridden });
  }

  #add() {
    const name = this.#field.value.trim();
    this.#field.value = "";
    if (!name || this.#attributes.some((attribute) => attribute.name === name)) return;
    this.#change([...this.#attributes, { name }]);
  }

  #change(attributes) {
    this.#attributes = attributes;
    this.#overridden = true;
    this.#touched = true;
    this.#draw();
    this.#field.focus();
  }

  #draw() {
    const chip = (attribute) => {
      const without = this.#attributes.filter((other) => other !== attribute);
      const remove = button("×", t("meaning.remove", { name: attribute.name }), () => this.#change(without));
      return make("li", "chip", attribute.name, remove);
    };
    this.#list.replaceChildren(...this.#attributes.map(chip));
  }
}

function option(value, text, attributes = []) {
  const element = make("option", "", text);
  element.value = value;
  element.dataset.attributes = JSON.stringify(attributes);
  return element;
}
