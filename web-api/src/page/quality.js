// Warnings about images that were just added: each with its thumbnail, in plain words with what to do.

import { make, show } from "./dom.js";

// The other codes name a class: their detail is shown.
const WORDS = {
  small: "Too few pixels. Go nearer, or use a larger image.",
  dark: "Too dark. Use more light.",
  bright: "Too bright. Use less light.",
  flat: "No shapes can be seen. Let the object fill the image.",
  blurred: "Blurred. Hold the camera still and focus it.",
  near_duplicate: "Nearly the same as another image. Show another side, or use other light.",
  outlier: "Unlike the other images of this class. Check that it shows the class.",
};

const MOST = 24; // warnings that are shown

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** The warnings about a file, from the answer to its enrollment: `{ file, words }`. */
export const findings = (file, { examples: [example] }) =>
  example.quality.map(({ code, detail }) => ({ file, words: WORDS[code] ?? sentence(detail) }));

/** Shows the first warnings in a list, and how many others there are; an empty list is hidden. */
export function showFindings(list, found) {
  const others = found.length - MOST;
  const more = others > 0 ? [make("li", "", make("p", "", `And ${others} more.`))] : [];
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
  const name = make("bdi", "", file.name || "Image");
  return make("li", "", image, make("p", "", name, `: ${words}`));
}
