// The answer to one image: the verdict, how likely it is each class or none of them, the reasons.

import { byId, make, name, say, show } from "./dom.js";
import { definition } from "./meaning.js";
import { showNearest } from "./nearest.js";
import { phrase } from "./phrase.js";
import { t } from "./text.js";
import { asFamiliar, certainty, oneIn, percent, sureness, UNKNOWN } from "./verdict.js";

const MOST_PARTS = 4;
const NONE = ""; // in place of a class: the bar of what is none of them

const rows = new Map(); // of the bars, by class: they stay, so that they can move

/** Shows a result of the response `answer`, at a rate other than the gallery's if `rate` is not null. */
export function showAnswer(result, verdict, rate, answer) {
  byId("answer").dataset.decision = verdict.decision;
  byId("verdict").replaceChildren(...headline(verdict));
  byId("sure").replaceChildren(...sure(result, verdict, rate));
  showNearest(result);
  drawBars(result, verdict);
  byId("bars-words").textContent = t(result.unknown === null ? "answer.bars_plain" : "answer.bars");
  reasons(result, verdict, rate);
  const ms = Object.values(answer.timing_ms).reduce((sum, part) => sum + part, 0);
  const notes = (result.warnings ?? []).map((warning) => ` ${warning.detail}.`).join("");
  const bonus = result.candidates.some(({ name_bias: bias }) => bias !== 0) ? `${t("answer.bars_bonus")} ` : "";
  byId("answer-fine").textContent = `${bonus}${t("answer.computed", { ms: ms.toFixed(ms < 10 ? 1 : 0) })}${notes}`;
}

/** The verdict with each class name isolated. */
function headline({ decision, labels }) {
  if (decision === "rejected") return [UNKNOWN];
  const [label, other] = labels.map((text) => name(text));
  return decision === "ambiguous" ? phrase("answer.either", { label, other }) : [label];
}

/** How sure the verdict is. */
function sure(result, verdict, rate) {
  const { candidates, unknown } = result;
  if (unknown === null) return [];
  if (verdict.decision === "rejected") {
    const closest = name(candidates[0].label);
    if (unknown.background) return phrase("answer.like_none", { closest });
    const limit = oneIn(rate ?? unknown.stated_false_accept_rate);
    const isLikely = candidates[0].probability > unknown.probability; // but the rate is strict
    return phrase(isLikely ? "answer.maybe" : "answer.like_no_class", { closest }, { limit });
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
  const parts = parted ? attributes.slice(0, MOST_PARTS).map(({ name: part }) => part).join(", ") : "";
  say(byId("parts"), parts && t("answer.parts", { parts }));
  say(byId("familiar-words"), unknown && familiar(unknown, rate));
}

function familiar(unknown, rate) {
  const limit = oneIn(rate ?? unknown.stated_false_accept_rate);
  const words = t("answer.passes", { familiar: asFamiliar(unknown.false_accept_rate), limit });
  return unknown.stated ? words : `${words} ${t("answer.borrowed")}`;
}

/** Candidates are ranked by similarity plus name bias: what the bars show if no probability is known. */
const ranking = ({ similarity, name_bias }) => similarity + name_bias;

/** The bars show the number beside them: how likely each class is, and that it is none of them. */
function drawBars({ candidates, unknown }, verdict) {
  const bars = candidates.map((candidate) => ({
    id: candidate.class,
    label: candidate.label,
    named: verdict.labels.includes(candidate.label),
    title: candidate.examples > 0 ? t("answer.examples", { n: candidate.examples }) : t("answer.from_name"),
    share: candidate.probability ?? ranking(candidate),
    score: candidate.probability === null ? ranking(candidate).toFixed(2) : percent(candidate.probability),
    hint: t("answer.similarity", { similarity: ranking(candidate).toFixed(2) }),
  }));
  if (unknown !== null) {
    const named = verdict.decision === "rejected";
    const { probability: share } = unknown;
    bars.push({ id: NONE, label: t("answer.none"), named, title: "", share, score: percent(share), hint: "" });
  }
  const wanted = bars.map(({ id }) => rows.get(id) ?? bar());
  rows.clear();
  bars.forEach(({ id }, i) => rows.set(id, wanted[i]));
  const shown = [...byId("bars").children];
  const moved = wanted.some(({ item }, i) => item !== shown[i]);
  if (moved || shown.length !== wanted.length) {
    byId("bars").replaceChildren(...wanted.map(({ item }) => item));
    byId("bars").getBoundingClientRect(); // bars that changed places move on from where they were
  }
  bars.forEach((one, i) => fill(wanted[i], one));
}

function bar() {
  const row = {
    label: make("bdi", "bar-label"),
    fill: make("span", "bar-fill"),
    score: make("span", "bar-score"),
  };
  const track = make("span", "bar-track", row.fill);
  track.setAttribute("aria-hidden", "true");
  row.item = make("li", "bar", row.label, track, row.score);
  return row;
}

function fill(row, { id, label, named, title, share, score, hint }) {
  row.item.classList.toggle("named", named);
  row.item.classList.toggle("none-of-them", id === NONE);
  row.item.title = title;
  row.label.textContent = label;
  row.label.title = label;
  row.fill.style.width = inPercent(share);
  row.score.textContent = score;
  row.score.title = hint;
}

const inPercent = (share) => `${100 * Math.min(1, Math.max(0, share))}%`;
