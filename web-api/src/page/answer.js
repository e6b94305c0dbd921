// The answer to one image: the verdict, the candidates with the mark where known begins, the reasons.

import { byId, make, name, say, show } from "./dom.js";
import { definition } from "./meaning.js";
import { showNearest } from "./nearest.js";
import { phrase } from "./phrase.js";
import { t } from "./text.js";
import { asFamiliar, certainty, oneIn, percent, place, sureness, UNKNOWN } from "./verdict.js";

const MAX_CHIPS = 8;

// The bars show similarities; the rates say how far beyond the limit the best one is. Over the whole scale of the
// rates the similarity grows by about this much.
const SCALE = 0.45;

const rows = new Map(); // of the bars, by class: they stay, so that they can move

/** Shows a result of the response `answer`, at a rate other than the gallery's if `rate` is not null. */
export function showAnswer(result, verdict, rate, answer) {
  byId("answer").dataset.decision = verdict.decision;
  byId("verdict").replaceChildren(...headline(verdict));
  byId("sure").replaceChildren(...sure(result, verdict));
  showNearest(result);
  drawBars(result, verdict, rate);
  reasons(result, verdict, rate);
  const ms = Object.values(answer.timing_ms).reduce((sum, part) => sum + part, 0);
  const notes = (result.warnings ?? []).map((warning) => ` ${warning.detail}.`).join("");
  byId("answer-fine").textContent = `${measure(result)} ${t("answer.computed", { ms: ms.toFixed(ms < 10 ? 1 : 0) })}${notes}`;
}

/** The verdict with each class name isolated. */
function headline({ decision, labels }) {
  if (decision === "rejected") return [UNKNOWN];
  const [label, other] = labels.map((text) => name(text));
  return decision === "ambiguous" ? phrase("answer.either", { label, other }) : [label];
}

/** How sure the verdict is. */
function sure(result, verdict) {
  const { candidates, unknown } = result;
  if (unknown === null) return [];
  if (verdict.decision === "rejected") {
    const closest = name(candidates[0].label);
    return phrase(unknown.background ? "answer.like_none" : "answer.like_no_class", { closest });
  }
  if (verdict.decision === "accepted") return [sureness(certainty(result, verdict))];
  const shown = candidates.filter(({ label }) => verdict.labels.includes(label));
  return shown.flatMap(({ label, probability }, i) => [i > 0 ? ", " : "", name(label), ` ${percent(probability)}`]);
}

function reasons(result, { decision }, rate) {
  const { candidates: [{ examples }], explanation: { share, meaning, attributes }, unknown } = result;
  const known = decision !== "rejected";
  const named = meaning && Math.round(100 * share.knowledge) > 0; // a name that does not fit the images has no share
  const images = t("answer.images", { n: examples, share: percent(share.images) });
  const values = { images, share: percent(share.knowledge), meaning: meaning && definition(meaning.gloss) };
  const both = named ? "answer.by_both" : "answer.by_images";
  const reason = examples > 0 ? both : named && "answer.by_name";
  say(byId("reason"), known && reason ? t(reason, values) : "");
  const parted = known && (named || !meaning); // without a sense: the overridden attributes
  const chips = parted ? attributes.slice(0, MAX_CHIPS).map(chip) : [];
  byId("chips").replaceChildren(...chips);
  show(byId("chips"), chips.length > 0);
  show(byId("chips-title"), chips.length > 0);
  say(byId("familiar-words"), unknown && familiar(unknown, rate));
}

function familiar(unknown, rate) {
  const limit = oneIn(rate ?? unknown.stated_false_accept_rate);
  const words = t("answer.mark_at", { familiar: asFamiliar(unknown.false_accept_rate), limit });
  return unknown.stated ? words : `${words} ${t("answer.borrowed")}`;
}

/** An attribute; its weight is in the tooltip. */
function chip({ name: text, weight }) {
  const element = make("li", "chip", text);
  if (weight !== null) element.title = t("answer.weight", { weight: weight.toFixed(2) });
  return element;
}

/** Candidates are ranked by similarity plus name bias, so this is what the bars show. */
const ranking = ({ similarity, name_bias }) => similarity + name_bias;

function measure({ candidates, unknown }) {
  const biased = candidates.some((candidate) => candidate.name_bias !== 0);
  return t(unknown === null ? "answer.bars_plain" : "answer.bars") + (biased ? ` ${t("answer.bars_bonus")}` : "");
}

/** About where known begins on the bars; null if nothing is rejected. It never contradicts the verdict. */
function beginning({ candidates: [best], unknown }, { decision }, rate) {
  if (unknown === null) return null;
  const limit = place(rate ?? unknown.stated_false_accept_rate);
  const at = ranking(best) + SCALE * (limit - place(unknown.false_accept_rate));
  const agreeing = decision === "rejected" ? Math.max(at, ranking(best) + 0.03) : Math.min(at, ranking(best) - 0.01);
  return Math.min(0.98, Math.max(0.02, agreeing));
}

function drawBars(result, verdict, rate) {
  const { candidates } = result;
  const mark = beginning(result, verdict, rate);
  const wanted = candidates.map((candidate) => rows.get(candidate.class) ?? bar());
  rows.clear();
  candidates.forEach((candidate, i) => rows.set(candidate.class, wanted[i]));
  const shown = [...byId("bars").children];
  const moved = wanted.some(({ item }, i) => item !== shown[i]);
  if (moved || shown.length !== wanted.length) {
    byId("bars").replaceChildren(...wanted.map(({ item }) => item));
    byId("bars").getBoundingClientRect(); // bars that changed places move on from where they were
  }
  const greatest = verdict.decision === "rejected" && mark !== null ? mark - 0.02 : 1;
  candidates.forEach((candidate, i) => fill(wanted[i], candidate, {
    named: verdict.labels.includes(candidate.label), mark, share: Math.min(greatest, ranking(candidate)),
  }));
}

function bar() {
  const row = {
    label: make("bdi", "bar-label"),
    fill: make("span", "bar-fill"),
    mark: make("span", "bar-mark"),
    score: make("span", "bar-score"),
  };
  const track = make("span", "bar-track", row.fill, row.mark);
  track.setAttribute("aria-hidden", "true");
  row.item = make("li", "bar", row.label, track, row.score);
  return row;
}

function fill(row, candidate, { named, mark, share }) {
  row.item.classList.toggle("named", named);
  row.item.title = candidate.examples > 0 ? t("answer.examples", { n: candidate.examples }) : t("answer.from_name");
  row.label.textContent = candidate.label;
  row.label.title = candidate.label;
  row.fill.style.width = inPercent(share);
  show(row.mark, mark !== null);
  row.mark.style.insetInlineStart = inPercent(mark ?? 0);
  const { probability } = candidate;
  row.score.textContent = probability === null ? ranking(candidate).toFixed(2) : percent(probability);
  row.score.title = t("answer.similarity", { similarity: ranking(candidate).toFixed(2) });
}

const inPercent = (share) => `${100 * Math.min(1, Math.max(0, share))}%`;
