// The answer to one image: verdict, how familiar the image looks, candidates, reasons.

import { byId, make, name, plural, say, show } from "./dom.js";
import { definition } from "./meaning.js";
import { asFamiliar, oneIn, place, UNKNOWN } from "./verdict.js";

const MAX_CHIPS = 8;

/** Shows a result of the response `answer`, at a rate other than the gallery's if `rate` is not null. */
export function showAnswer(result, verdict, rate, answer) {
  byId("answer").dataset.decision = verdict.decision;
  byId("verdict").replaceChildren(...headline(verdict));
  byId("sure").replaceChildren(...sure(result, verdict));
  familiar(result, verdict, rate);
  byId("bars").replaceChildren(...result.candidates.map((one) => bar(one, verdict.labels.includes(one.label))));
  reasons(result, verdict);
  const ms = Object.values(answer.timing_ms).reduce((sum, part) => sum + part, 0);
  const notes = (result.warnings ?? []).map((warning) => ` · ${warning.detail}`).join("");
  byId("answer-fine").textContent = `${measure(result.candidates)} · computed in ${ms.toFixed(ms < 10 ? 1 : 0)} ms${notes}`;
}

/** The verdict with each class name isolated. */
function headline(verdict) {
  if (verdict.decision === "rejected") return [UNKNOWN];
  const [label, other] = verdict.labels.map((label) => name(label));
  return verdict.decision === "ambiguous" ? [label, " or ", other, "?"] : [label];
}

/** How sure the verdict is. */
function sure({ confidence, candidates, unknown }, verdict) {
  if (unknown === null) return [];
  const closest = name(candidates[0].label);
  if (verdict.decision === "rejected") {
    return unknown.background
      ? ["It looks more like one of “None of these” than like ", closest, "."]
      : ["It is not similar enough to any class. The closest is ", closest, "."];
  }
  if (verdict.decision === "accepted") return [confidence > 0.99 ? "More than 99 % sure" : `${percent(confidence)} sure`];
  const shown = candidates.filter(({ label }) => verdict.labels.includes(label));
  return shown.flatMap(({ label, probability }, i) => [i > 0 ? ", " : "", name(label), ` ${percent(probability)}`]);
}

/** The bar from unknown to known with a mark at the limit. */
function familiar({ unknown }, verdict, rate) {
  show(byId("familiar"), unknown !== null);
  if (unknown === null) return;
  const limit = rate ?? unknown.stated_false_accept_rate;
  const mark = place(limit);
  const reached = place(unknown.false_accept_rate);
  // Beyond the scale both are at its end; the fill must not contradict the verdict.
  const fill = verdict.decision === "rejected" ? Math.min(reached, mark - 0.02) : Math.max(reached, mark);
  byId("familiar-fill").style.width = inPercent(fill);
  byId("familiar-mark").style.insetInlineStart = inPercent(mark);
  const words = `${asFamiliar(unknown.false_accept_rate)}; the mark is at ${oneIn(limit)}.`;
  const borrowed = " No rate can be stated for this gallery yet: the numbers are those of other galleries.";
  byId("familiar-words").textContent = unknown.stated ? words : words + borrowed;
}

function reasons(result, { decision }) {
  const { candidates: [{ examples }], explanation: { share, meaning, attributes, nearest } } = result;
  const known = decision !== "rejected";
  const parts = [];
  const named = meaning && Math.round(100 * share.knowledge) > 0; // a name that does not fit the images has no share
  if (examples > 0) {
    const alike = nearest[0] ? `; the most similar is ${nearest[0].similarity.toFixed(2)}` : "";
    parts.push(`${plural(examples, "image")} (${percent(share.images)}${alike})`);
  }
  if (named) parts.push(`its name ${examples > 0 ? `(${percent(share.knowledge)})` : "only"}: ${definition(meaning.gloss)}`);
  say(byId("reason"), known ? `Based on ${parts.join(" and ")}.` : "");
  const parted = known && (named || !meaning); // without a sense: the overridden attributes
  const chips = parted ? attributes.slice(0, MAX_CHIPS).map(chip) : [];
  byId("chips").replaceChildren(...chips);
  show(byId("chips"), chips.length > 0);
  show(byId("chips-title"), chips.length > 0);
}

/** An attribute; its weight is in the tooltip. */
function chip({ name, weight }) {
  const chip = make("li", "chip", name);
  if (weight !== null) chip.title = `weight ${weight.toFixed(2)}`;
  return chip;
}

const inPercent = (share) => `${100 * Math.min(1, Math.max(0, share))}%`;

const percent = (share) => `${Math.round(100 * share)} %`;

/** Candidates are ranked by similarity plus name bias, so this is what the bars show. */
const ranking = ({ similarity, name_bias }) => similarity + name_bias;

function measure(candidates) {
  const biased = candidates.some((candidate) => candidate.name_bias !== 0);
  return biased ? "Similarity to each class, with a bonus for classes without images; compare, it is no probability" : "Similarity to each class; compare, it is no probability";
}

function bar(candidate, named) {
  const fill = make("span", "bar-fill");
  fill.style.width = inPercent(ranking(candidate));
  const track = make("span", "bar-track", fill);
  const score = make("span", "bar-score", ranking(candidate).toFixed(2));
  const item = make("li", named ? "bar named" : "bar", name(candidate.label, "bar-label"), track, score);
  item.title = candidate.examples > 0 ? plural(candidate.examples, "example") : "from its name only";
  return item;
}
