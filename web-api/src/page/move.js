// Examples are moved to another class or removed, however many, as changes that are undone at once.

import { classNamed, moveExamples, removeExamples } from "./api.js";
import { button, make, say, show } from "./dom.js";
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
  const before = await size(label);
  const changes = await inParts(ids, (part) => moveExamples(part, label));
  const had = before === null ? 0 : ids.length - ((await size(label)) - before);
  const moved = ids.length - had;
  const parts = moved > 0 ? [t("images.moved", { n: moved, label: label || t("images.none") })] : [];
  if (had > 0) parts.push(t("images.had", { n: had, label }));
  return { what: parts.join(" "), changes };
}

/** How many images a class has, to see which of those that are moved it had; null for none of the classes. */
const size = async (label) => (label ? (await classNamed(label).catch(() => null))?.class.examples ?? null : null);

/** Removes examples of a class; resolves to what was done. */
export async function takeOut(ids, label) {
  const changes = await inParts(ids, removeExamples);
  return { what: t("images.removed", { n: ids.length, label }), changes };
}

/** A form that asks for one of the classes; `done(label)` is called with it, or with null. */
export function moveForm(labels, about, done) {
  const select = make("select", "field");
  select.setAttribute("aria-label", t("images.moveTo", { image: about }));
  const first = new Option(t("images.choose"), "?", true, true);
  first.disabled = true; // a class that nobody chose must not be taken
  select.append(first, ...labels.map((label) => new Option(label, `=${label}`)), new Option(t("images.none"), "="));
  const submit = button(t("images.move"), t("images.moveNow", { image: about }), () => form.requestSubmit());
  submit.classList.add("primary");
  const cancel = button(t("list.cancel"), t("images.stay", { image: about }), () => done(null));
  const error = make("p", "error");
  error.setAttribute("role", "alert");
  show(error, false);
  const form = make("form", "rename", make("p", "field-label", t("images.where")), select, submit, cancel, error);
  select.addEventListener("change", () => {
    say(error, "");
    select.removeAttribute("aria-invalid");
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (select.selectedIndex > 0) return done(select.value.slice(1));
    say(error, t("images.chooseFirst"));
    select.setAttribute("aria-invalid", "true");
    return select.focus();
  });
  form.addEventListener("keydown", (event) => {
    event.stopPropagation(); // the keys belong to the form, not to the images around it
    if (event.key !== "Escape") return;
    event.preventDefault();
    done(null);
  });
  return form;
}
