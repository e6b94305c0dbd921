// What a result says: known or unknown, and how sure, in words.

import { t } from "./text.js";

/** The text for an image that shows none of the classes. */
export const UNKNOWN = t("answer.unknown");

// Rates that the service states lie within.
const LEAST_RATE = 0.001;
const GREATEST_RATE = 0.5;

/**
 * The decision of a result and the labels it names: one if accepted, two if ambiguous. With a `rate`: what
 * it would be at that rate. Nothing is asked again, as the result has the rate at which its image passes.
 */
export function decided({ decision, label, ambiguous_with, candidates, unknown }, rate = null) {
  const labels = ambiguous_with === null ? [label] : [label, ambiguous_with];
  if (decision === "empty") return { decision, labels: [] };
  if (rate === null || unknown === null) return { decision, labels: decision === "rejected" ? [] : labels };
  if (unknown.background || unknown.false_accept_rate > rate) return { decision: "rejected", labels: [] };
  return decision === "rejected" ? { decision: "accepted", labels: [candidates[0].label] } : { decision, labels };
}

/** The verdict as plain text. */
export function inWords({ decision, labels: [label, other] }) {
  if (decision === "rejected") return UNKNOWN;
  return decision === "ambiguous" ? t("answer.either", { label, other }) : label ?? "";
}

/** How likely the verdict is, 0 to 1: of the class it names, or that it is none; null if that is not known. */
export function certainty({ candidates, unknown }, { decision, labels }) {
  if (unknown === null || decision === "empty") return null;
  return decision === "rejected" ? unknown.probability : candidates.find((one) => one.label === labels[0]).probability;
}

/** A probability in words and in percent. */
export function sureness(probability) {
  const level = levelOf(probability, [[0.95, "very"], [0.8, "quite"], [0.6, "fairly"]]);
  return t(`answer.sure_${level}`, { percent: percent(probability) });
}

/** How similar two images are, in words. */
export function alike(similarity) {
  const level = levelOf(similarity, [[0.9, "same"], [0.7, "very"], [0.5, "quite"], [0.3, "little"]]);
  return t(`answer.alike_${level}`);
}

const levelOf = (value, levels) => levels.find(([least]) => value >= least)?.[1] ?? "hardly";

/** A share as whole percent; one that is nearly nothing or all stays apart from them. */
export function percent(share) {
  if (share > 0 && share < 0.005) return "<\u00a01\u00a0%";
  return share < 1 && share >= 0.995 ? ">\u00a099\u00a0%" : `${Math.round(100 * share)}\u00a0%`;
}

/** A rate as a number of things: "5 in 100". */
export function oneIn(rate) {
  const small = rate < 0.0095;
  const n = rate <= LEAST_RATE ? 1 : Math.round((small ? 1000 : 100) * rate);
  return t(small ? "rate.in_1000" : "rate.in_100", { n });
}

/** How many unknown things look at least as familiar as an image with this false-accept rate. */
export function asFamiliar(rate) {
  if (rate >= GREATEST_RATE) return t("answer.familiar_half");
  return t(rate <= LEAST_RATE ? "answer.familiar_few" : "answer.familiar", { rate: oneIn(rate) });
}
