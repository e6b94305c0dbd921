// Functions that build the page. Text is set as textContent, so a class name cannot become markup.

import { dropped } from "./folders.js";
import { t } from "./text.js";

const MOST_ERRORS = 5; // that are shown
const HIDDEN = 100; // pixels of the window that may be covered at its end

export const byId = (id) => document.getElementById(id);

export function show(element, visible) {
  element.hidden = !visible;
}

/** Scrolls as little as it takes to see an element; its beginning, if it is higher than the window. */
export function reveal(element) {
  const { height } = element.getBoundingClientRect();
  element.scrollIntoView({ behavior: calm(), block: height < innerHeight - HIDDEN ? "nearest" : "start" });
}

/** How the page scrolls by itself. */
export const calm = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? "instant" : "smooth");

/** Whether a part of an element is in the window. */
export function isSeen(element) {
  const { top, bottom, height } = element.getBoundingClientRect();
  return height > 0 && bottom > 0 && top < innerHeight;
}

/** Puts a message into an element and shows it; an empty message hides it. */
export function say(element, message) {
  element.textContent = message ?? "";
  show(element, Boolean(message));
}

/** Shows the first of many errors in a list, and how many others there are; an empty list is hidden. */
export function showErrors(list, errors) {
  const others = errors.length - MOST_ERRORS;
  const shown = errors.slice(0, MOST_ERRORS).map((text) => make("li", "", text));
  list.replaceChildren(...shown, ...(others > 0 ? [make("li", "", t("teach.more-errors", { n: others }))] : []));
  show(list, errors.length > 0);
}

/** An element with a class and children; strings become text. */
export function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

/** A class name, isolated so that right-to-left text does not affect the text around it. */
export function name(text, className = "") {
  const element = make("bdi", className, text);
  element.title = text;
  return element;
}

export function button(text, label, onClick) {
  const element = make("button", "button small", text);
  element.type = "button";
  element.setAttribute("aria-label", label);
  element.addEventListener("click", onClick);
  return element;
}

/** A small button that is called what it says. */
export function plain(text, onClick) {
  const element = make("button", "button small", text);
  element.type = "button";
  element.addEventListener("click", onClick);
  return element;
}

export const plural = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;

/** Whether an exported gallery is among what was dropped. */
export const hasGallery = ({ files }) => [...files].some(({ name: file }) => file.endsWith(".handful"));

/**
 * Passes files dropped on `zone` to `take`, and how folders group them (see `dropped`); the zone is highlighted
 * while files are dragged over it.
 */
export function dropZone(zone, take) {
  let depth = 0;
  const hover = (change) => {
    depth = Math.max(0, depth + change);
    zone.classList.toggle("over", depth > 0);
  };
  zone.addEventListener("dragenter", (event) => { event.preventDefault(); hover(1); });
  zone.addEventListener("dragleave", () => hover(-1));
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    hover(-depth);
    if (hasGallery(event.dataTransfer)) return; // it is imported, wherever it is dropped
    const groups = await dropped(event.dataTransfer);
    take(groups.flatMap(({ files }) => files), groups);
  });
}

/** Passes chosen files to `take` and empties the input, so that the same file can be chosen again. */
export function fileInput(input, take) {
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = "";
    if (files.length > 0) take(files);
  });
}
