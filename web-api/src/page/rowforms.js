// The forms in a class's row: its name, and the meaning of the name.

import { define, rename } from "./api.js";
import { button, make, say, show } from "./dom.js";
import { AttributeChips, attributesOf, chosen, senseBox, senseSelect } from "./meaning.js";
import { t } from "./text.js";

/**
 * A form whose `save()` resolves to what was done, null if nothing. Then `close(done)` is called, also with null
 * when it is given up.
 */
function rowForm(parts, { saveLabel, cancelLabel, save, close }) {
  const error = make("p", "error");
  error.setAttribute("role", "alert");
  show(error, false);
  const submit = button(t("list.save"), saveLabel, () => form.requestSubmit());
  submit.classList.add("primary");
  const form = make("form", "rename", ...parts, submit, button(t("list.cancel"), cancelLabel, () => close(null)), error);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      close(await save());
    } catch (problem) {
      say(error, problem.message);
      form.querySelector("input, select, button").focus();
    }
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close(null);
  });
  return form;
}

/** The form that renames a class. */
export function nameForm(item, close) {
  const field = make("input", "field");
  field.value = item.label;
  field.maxLength = 128;
  field.dir = "auto";
  field.setAttribute("aria-label", t("list.newName", { label: item.label }));
  const save = async () => {
    const label = field.value.trim();
    if (label === item.label) return null;
    const { change } = await rename(item.id, label);
    return { what: t("list.renamed", { label: item.label, to: label }), changes: [change] };
  };
  const form = rowForm([field], { saveLabel: t("list.saveName"), cancelLabel: t("list.keepName"), save, close });
  return { form, focus: () => { field.select(); field.focus(); } };
}

/** The form for the sense and the attributes of a class. */
export async function meaningForm(item, close) {
  const select = await senseSelect(item.label, item);
  const none = make("p", "fine", t("list.noSenseFound"));
  const has = new AttributeChips(item);
  const before = select?.value;
  select?.addEventListener("change", () => {
    if (select.value === before) has.follow(item.attributes, item.attributes_overridden);
    else has.follow(attributesOf(select), false);
  });
  const save = async () => {
    const { change } = await define(item.id, { ...chosen(select), ...has.chosen() });
    return { what: t("list.senseChanged", { label: item.label }), changes: [change] };
  };
  const labels = { saveLabel: t("list.saveSense"), cancelLabel: t("list.keepSense") };
  const form = rowForm([...(select ? senseBox(select) : [none]), has.element], { ...labels, save, close });
  return { form, focus: () => form.querySelector("select:not([hidden]), button").focus() };
}
