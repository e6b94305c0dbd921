// What a name means: a list of the senses of a word, and what was chosen from it.

import { senses } from "/page/api.js";
import { make } from "/page/dom.js";

const PICTURES_ONLY = "-";

/** A list to choose from what `label` means, with what `item` (a class) means now; null when the lexicon has no such noun. */
export async function senseSelect(label, item) {
  const known = await senses(label);
  const current = item?.meaning;
  if (known.senses.length === 0 && !current) return null;
  const select = make("select", "field");
  select.setAttribute("aria-label", `What ${label} means`);
  for (const sense of known.senses) {
    select.append(option(sense.synset, `${sense.lemmas[0]}: ${definition(sense.gloss)}`));
  }
  if (current && !known.senses.some((sense) => sense.synset === current.synset)) {
    select.append(option(current.synset, `${current.lemmas[0]}: ${definition(current.gloss)}`));
  }
  select.append(option(PICTURES_ONLY, "none of these: only its pictures count"));
  const asRead = known.read_as ?? PICTURES_ONLY;
  select.value = item?.pictures_only ? PICTURES_ONLY : current?.synset ?? asRead;
  select.dataset.asRead = asRead;
  return select;
}

/** What the service is told of the choice: nothing where it is what the label says anyway. */
export function chosen(select) {
  if (!select || select.value === select.dataset.asRead) return {};
  return select.value === PICTURES_ONLY ? { pictures_only: true } : { synset: select.value };
}

/** A gloss without its examples. */
export const definition = (gloss) => gloss.split(";")[0];

function option(value, text) {
  const element = make("option", "", text);
  element.value = value;
  return element;
}
