// What the check of a gallery says about a class, in words of the page.

import { t } from "./text.js";

const USABLE = 3; // the fewest images that the page asks for
const WANTED = 5; // the fewest different images of a class that has enough

// Nothing that is measured with a few images is certain.
const percent = (share) => `${Math.min(99, Math.round(100 * share))} %`;

/** Whether a class has enough images, in a few words: `{ state, words }`. `found` is what a check found, if any. */
export function enough(item, found) {
  const { examples } = item;
  if (examples === 0) return item.meaning ? say("name", t("list.nameOnly")) : say("add", t("list.nothing"));
  // What was found about other images may be wrong now.
  if (found?.examples === examples && examples > 1) return checked(found, examples);
  // From three on it works, and more are only better.
  if (examples < WANTED) return say(examples < USABLE ? "add" : "unchecked", t("list.addMore", { n: WANTED - examples }));
  return say("unchecked", t("list.likely"));
}

const say = (state, words) => ({ state, words });

function checked({ verdict, expected_accuracy: expected }, examples) {
  if (verdict === "enough") return say(verdict, t("list.enough", { share: percent(expected) }));
  if (verdict === "review") return say(verdict, t("list.review"));
  if (verdict === "unchecked") return say(verdict, t("list.likely"));
  if (examples < WANTED) return say("add", t("list.addMore", { n: WANTED - examples }));
  return say("add", expected === null ? t("list.addOther") : t("list.addWeak", { share: percent(expected) }));
}

// The images of a class with these kinds are like those of another one, or unlike each other: more of them help.
const LIKE = ["taken_for", "close_to", "least_alike"];

/** What to do about a class of the report, as a sentence; the image that it is about is shown beside it. */
export function advice({ kind, examples, checked, other_label: other }) {
  const text = t(`advice.${kind}`, { n: examples, other });
  return LIKE.includes(kind) && checked < WANTED ? `${text} ${t("advice.few", { n: WANTED })}` : text;
}
