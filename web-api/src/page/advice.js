// What the check of a gallery says about a class, in words of the page.

import { t } from "./text.js";

const USABLE = 3; // the fewest images that the page asks for
const WANTED = 5; // the fewest different images of a class that has enough

const percent = (share) => `${Math.round(100 * share)} %`;

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

/** What to do about a class of the report, as a sentence; the image that it is about is shown beside it. */
export function advice({ examples, verdict, expected_accuracy: expected, example, advice: text }) {
  if (examples === 0) return text.includes("name") ? t("check.nameOnly") : t("check.nothing");
  if (examples === 1) return t("check.second");
  if (verdict === "enough") return t("check.enough", { share: percent(expected) });
  if (verdict === "unchecked") return text.includes("other class") ? t("check.onlyClass") : t("check.tooLarge");
  if (example === null) return t("check.alike", { n: examples });
  const other = /`(.+)`/.exec(text)?.[1] ?? "";
  if (verdict === "review") return t("check.review", { other });
  const like = alike(text, other);
  const few = expected === null || text.includes("fewest");
  return `${like} ${few ? t("check.few", { n: WANTED }) : t("check.expected", { share: percent(expected) })}`;
}

/** Which image another one should resemble, and why. */
function alike(text, other) {
  if (text.includes("taken for")) return t("check.likeTaken", { other });
  return text.includes("closest") ? t("check.likeClose", { other }) : t("check.likeLone");
}
