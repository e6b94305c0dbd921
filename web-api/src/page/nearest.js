// The example that is most similar to an image: its thumbnail beside the answer, enlarged by a click.

import { allExamples } from "./api.js";
import { byId, name, say, show } from "./dom.js";
import { enlarge } from "./enlarge.js";
import { phrase } from "./phrase.js";
import { t } from "./text.js";
import { thumbnail } from "./thumbnails.js";
import { alike } from "./verdict.js";

let shown = null; // { example, id, label }: of the class

/** Shows the example of the best candidate that is most similar; nothing if it has none. */
export function showNearest({ candidates: [{ class: id, label }], explanation: { nearest: [first] } }) {
  show(byId("nearest"), Boolean(first));
  if (!first) return;
  // The camera answers again and again: the same image is not drawn anew.
  if (shown?.example !== first.example) byId("nearest-image").replaceChildren(thumbnail(first.example));
  shown = { example: first.example, id, label };
  byId("nearest-words").replaceChildren(...phrase("answer.nearest", { label: name(label) }, { alike: alike(first.similarity) }));
  byId("nearest").title = t("answer.similarity", { similarity: first.similarity.toFixed(2) });
}

/** Its click enlarges it. `labels()` are the names of all classes; `changed(done)` is called after each change. */
export function enlargeNearest(labels, changed) {
  byId("nearest").addEventListener("click", async () => {
    const { example, id, label } = shown;
    try {
      const all = await allExamples(id);
      const at = Math.max(0, all.findIndex((one) => one.id === example));
      const others = labels().filter((other) => other !== label);
      if (all.length > 0) enlarge({ id, examples: all, at, label, labels: others, changed, closed: () => byId("nearest").focus() });
    } catch (problem) {
      say(byId("look-error"), problem.message);
    }
  });
}
