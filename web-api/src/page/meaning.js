// What a name means: a list of the senses of a word, and what was chosen from it.

import { senses } from "/page/api.js";
import { make } from "/page/dom.js";

const AS_READ = "";
const PICTURES_ONLY = "-";

/** A list to choose from what `label` means; null when the lexicon does not know the word. */
export async function senseSelect(label, current) {
  const known = await senses(label.replace(/[^\p{L}\s'.-]+/gu, " ").trim());
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
  select.value = current?.synset ?? known.read_as ?? PICTURES_ONLY;
  select.dataset.asRead = known.read_as ?? AS_READ;
  return select;
}

/** What the service is told of the choice. */
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
