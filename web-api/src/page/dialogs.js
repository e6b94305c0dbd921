// The dialogs that a button or a key opens: galleries, settings and help. One is open at a time.

import { byId } from "./dom.js";

/** Opens a dialog, unless one is open already. */
export function open(id) {
  if (!document.querySelector("dialog[open]")) byId(id).showModal();
}

/** Closes a dialog and puts the focus, which returns to where it was, on another element. */
export function leave(id, next) {
  byId(id).close();
  next.focus();
}

for (const id of ["galleries", "settings", "help"]) {
  byId(`${id}-open`).addEventListener("click", () => open(id));
  byId(id).querySelector("[data-close]").addEventListener("click", () => byId(id).close());
}
