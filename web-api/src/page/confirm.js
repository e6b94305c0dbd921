// A question before something is deleted or imported.

import { byId } from "./dom.js";

/** Asks, and resolves to whether the answer is `yes`, the text of the button. */
export function confirmed(title, text, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  return new Promise((resolve) => {
    let answer = false;
    byId("confirm-no").onclick = () => dialog.close();
    byId("confirm-yes").onclick = () => { answer = true; dialog.close(); };
    // The close event of an earlier dialog may arrive after this one was opened.
    dialog.onclose = () => { if (!dialog.open) resolve(answer); };
    dialog.showModal();
    byId("confirm-no").focus();
  });
}
