// Small images of examples: each is loaded when it is seen, a few at a time, and kept for a while.

import { smallImage } from "./api.js";
import { make } from "./dom.js";
import { t } from "./text.js";

const AT_ONCE = 4;
const KEPT = 500;
const NOT_KEPT = ""; // in place of the address of an image that the service does not have

const addresses = new Map(); // of the images by example, the one that was used last at the end
const waiting = []; // the next one at the end: what was seen last is wanted first
let loading = 0;

/** The image of an example. Without a text it stands in something that has one. */
export function thumbnail(id, alt = "") {
  const image = make("img");
  image.alt = alt;
  image.draggable = false;
  image.decoding = "async";
  image.dataset.example = id;
  const address = addresses.get(id);
  if (address === NOT_KEPT) return placeholder(alt, t("images.notKept"));
  if (address) use(image, address);
  else inView.observe(image);
  return image;
}

// An element cannot send the key, and does not try again when the service is busy: the images are fetched.
const inView = new IntersectionObserver((changes) => {
  const seen = changes.filter(({ isIntersecting }) => isIntersecting).map(({ target }) => target);
  for (const image of seen) inView.unobserve(image);
  waiting.push(...seen.reverse());
  next();
}, { rootMargin: "200px" });

function next() {
  while (loading < AT_ONCE && waiting.length > 0) {
    const image = waiting.pop();
    if (image.isConnected) load(image);
  }
}

async function load(image) {
  loading++;
  const id = image.dataset.example;
  try {
    const address = addresses.get(id) ?? URL.createObjectURL((await smallImage(id)).blob);
    use(image, address);
  } catch (problem) {
    const isGone = problem.status === 404;
    if (isGone) keep(id, NOT_KEPT);
    image.replaceWith(placeholder(image.alt, isGone ? t("images.notKept") : t("images.notLoaded")));
  }
  loading--;
  next();
}

function use(image, address) {
  keep(image.dataset.example, address);
  if (address) image.src = address;
}

function keep(id, address) {
  addresses.delete(id);
  addresses.set(id, address);
  if (addresses.size <= KEPT) return;
  const [oldest, old] = addresses.entries().next().value;
  addresses.delete(oldest);
  if (old) URL.revokeObjectURL(old);
}

/** What stands for an image, and why. */
function placeholder(alt, why) {
  const element = make("span", "no-image", why);
  if (!alt) return element;
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", t("images.without", { image: alt, why }));
  return element;
}
