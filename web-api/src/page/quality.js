// Warnings about images that were just added: each with its thumbnail, in plain words with what to do.

import { make, show } from "./dom.js";
import { t } from "./text.js";

const MOST = 24; // warnings that are shown

/** The warnings about files, from the answer to their enrollment: `[{ file, words }]`. */
export const findings = (files, { examples }) =>
  examples.flatMap(({ quality }, i) => once(quality).map((finding) => ({ file: files[i], words: inWords(finding) })));

/** Without what follows from another warning: an image of two classes is also close to both. */
function once(quality) {
  const isShared = quality.some(({ code }) => code === "in_other_class");
  return quality.filter(({ code }) => !(isShared && code === "closer_to"));
}

/** A warning in plain words. */
export function inWords({ code, detail }) {
  const label = /"(.+)"/.exec(detail)?.[1]; // the class that some of them are about
  return t(`quality.${code}`, { label });
}

/** Shows the first warnings in a list, and how many others there are; an empty list is hidden. */
export function showFindings(list, found) {
  const others = found.length - MOST;
  const more = others > 0 ? [make("li", "", make("p", "", t("quality.more", { n: others })))] : [];
  list.replaceChildren(...found.slice(0, MOST).map(item), ...more);
  show(list, found.length > 0);
}

function item({ file, words }) {
  const image = make("img");
  image.alt = "";
  image.src = URL.createObjectURL(file);
  const release = () => URL.revokeObjectURL(image.src);
  image.addEventListener("load", release);
  image.addEventListener("error", release);
  const name = make("bdi", "", file.name || t("quality.image"));
  return make("li", "", image, make("p", "", name, `: ${words}`));
}
