// A text with elements in it, such as class names that are isolated from the text around them.

import { t } from "./text.js";

const MARK = "\u0000"; // in no text

/** The text of a key as a list of strings and elements: `{name}` becomes the element `nodes.name`. */
export function phrase(key, nodes, values = {}) {
  const marked = Object.fromEntries(Object.keys(nodes).map((place) => [place, `${MARK}${place}${MARK}`]));
  return t(key, { ...values, ...marked }).split(MARK).map((part, i) => (i % 2 === 1 ? nodes[part] : part));
}
