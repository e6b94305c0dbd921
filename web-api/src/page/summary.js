// The service's summary of a call, such as `enrolled 3 images in "mug", renamed "cup" to "bowl"`, in words of the
// page's language.

import { hasText, t } from "./text.js";

const OBJECT = "(?:\"(?:[^\"]*)\"|the background set|[a-z]_[0-9a-f]+…?)";
const PHRASE = new RegExp(
  `^(?:, )?(enrolled|removed|moved|created|renamed|defined|deleted|merged|purged)(?: (\\d+) images?)?`
  + `(?: (?:in |from |to )?(${OBJECT}))?(?: (?:to|into) (${OBJECT}))?(?=, |$)`,
);
const SETTINGS = /^set ([a-z_]+(?:, [a-z_]+)*)$/;

/** A summary as a sentence. What an undo or redo is about is named without it. */
export function sentence(summary) {
  const plain = summary.replace(/^((undid|redid): )+/, "");
  const text = settings(plain) ?? phrases(plain) ?? plain;
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

/**
 * What is true after calls with these summaries were undone: "“mug” is back." Of different things, and of what has no
 * words of its own, that `what` was undone.
 */
export function takenBack(summaries, what) {
  const found = summaries.map((summary) => PHRASE.exec(summary) ?? []);
  const [[, verb, , of = "", to = ""]] = found;
  const isSame = found.every((one, i) => one[0] === summaries[i] && one[1] === verb && one[3] === of && (one[4] ?? "") === to);
  const key = `undo.${verb}`;
  if (!isSame || !of || !hasText(key)) return t("undo.undone", { what });
  // A large number of images is added in parts.
  const n = found.reduce((sum, one) => sum + Number(one[2] ?? 0), 0);
  return t(key, { n, of: named(of), to: named(to) });
}

function settings(summary) {
  const names = SETTINGS.exec(summary)?.[1].split(", ");
  const words = (name) => (hasText(`history.set-${name}`) ? t(`history.set-${name}`) : name);
  return names && t("history.set", { names: names.map(words).join(", ") });
}

/** Each phrase in words; undefined if one is of another form, as a name with quotation marks makes it. */
function phrases(summary) {
  const found = [];
  let rest = summary;
  while (rest !== "") {
    const match = PHRASE.exec(rest);
    if (!match) return undefined;
    const [all, verb, n = "0", of = "", to = ""] = match;
    const key = `history.${verb}${of === "" ? "-some" : ""}`;
    if (!hasText(key)) return undefined;
    found.push(t(key, { n: Number(n), of: named(of), to: named(to) }));
    rest = rest.slice(all.length);
  }
  return found.join(", ");
}

const named = (object) => (object === "the background set" ? t("history.background") : object.replace(/^"(.*)"$/, t("history.quoted")));
