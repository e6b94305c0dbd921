// What a result says: known or unknown, in words.

/** The text for an image that shows none of the classes. */
export const UNKNOWN = "I don't know this";

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
export function inWords({ decision, labels }) {
  if (decision === "rejected") return UNKNOWN;
  return decision === "ambiguous" ? `${labels.join(" or ")}?` : labels[0] ?? "";
}

/** A rate as a number of things: "5 in 100". */
export function oneIn(rate) {
  if (rate <= LEAST_RATE) return "1 in 1,000";
  return rate < 0.0095 ? `${Math.round(1000 * rate)} in 1,000` : `${Math.round(100 * rate)} in 100`;
}

/** How many unknown things look at least as familiar as an image with this false-accept rate. */
export function asFamiliar(rate) {
  if (rate >= GREATEST_RATE) return "Half of all unknown things or more look this familiar";
  if (rate <= LEAST_RATE) return "Fewer than 1 in 1,000 unknown things look this familiar";
  return `About ${oneIn(rate)} unknown things look this familiar`;
}

/** Where a rate lies on the scale from unknown, 0, to known, 1. */
export function place(rate) {
  const within = Math.min(GREATEST_RATE, Math.max(LEAST_RATE, rate));
  return Math.log(GREATEST_RATE / within) / Math.log(GREATEST_RATE / LEAST_RATE);
}
