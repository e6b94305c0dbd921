// Examples are moved to another class or removed, however many, as changes that are undone at once.

import { moveExamples, removeExamples } from "./api.js";
import { button, make } from "./dom.js";
import { t } from "./text.js";

const BATCH = 1000; // examples of one call

/** A call for each part of the examples; resolves to the ids of the changes. */
async function inParts(ids, call) {
  const changes = [];
  for (let i = 0; i < ids.length; i += BATCH) changes.push((await call(ids.slice(i, i + BATCH))).change);
  return changes;
}

/** Moves examples to a class, "none of these" without a label; resolves to what was done. */
export async function moveTo(ids, label) {
  const changes = await inParts(ids, (part) => moveExamples(part, label));
  return { what: t("images.moved", { n: ids.length, label: label || t("images.none") }), changes };
}

/** Removes examples of a class; resolves to what was done. */
export async function takeOut(ids, label) {
  const changes = await inParts(ids, removeExamples);
  return { what: t("images.removed", { n: ids.length, label }), changes };
}

/** A form that asks for one of the classes; `done(label)` is called with it, or with null. */
export function moveForm(labels, about, done) {
  const select = make("select", "field");
  select.setAttribute("aria-label", t("images.moveTo", { image: about }));
  select.append(...labels.map((label) => new Option(label, label)), new Option(t("images.none"), ""));
  const submit = button(t("images.move"), t("images.moveNow", { image: about }), () => form.requestSubmit());
  submit.classList.add("primary");
  const cancel = button(t("list.cancel"), t("images.stay", { image: about }), () => done(null));
  const form = make("form", "rename", select, submit, cancel);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    done(select.value);
  });
  form.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the keys belong to the form, not to the images around it
    if (event.key !== "Escape") return;
    event.preventDefault();
    done(null);
  });
  return form;
}
