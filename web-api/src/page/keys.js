// The key of the service: asked for when a call needs one, and kept for this browser session only. It stands in
// no address, in no element of the page and in no storage that outlives the tab.

import { byId, say, show } from "./dom.js";
import { t } from "./text.js";

const STORED = `handful-key ${import.meta.url}`; // several services may share one origin
const FORM = /^[\x21-\x7e]{1,256}$/; // what a header can carry

let key = stored();
let asking = null; // while the dialog is open; resolves to whether there is a key
let declined = false; // the user closed the dialog: only the button opens it again

/** The key that is used; null without one. */
export const current = () => key;

/** Resolves when the dialog is closed: a call that is sent meanwhile would be refused. */
export const settled = () => asking;

/**
 * Asks for a key in place of `refused`, which is null if none was sent. All calls that were refused share one
 * dialog. `check(key)` resolves to why the service refuses a key, or to an empty text. Resolves to whether there
 * is another key.
 */
export function another(refused, check) {
  if (!asking && key !== null && key !== refused) return Promise.resolve(true);
  if (!asking && declined) return Promise.resolve(false);
  asking ??= ask(refused, check).finally(() => { asking = null; });
  return asking;
}

/** Forgets the key and all that the page shows. */
function forget() {
  keep(null);
  location.reload();
}

/** Shows the button that asks for a key. */
export function offer() {
  declined = true;
  draw();
}

/** The next call that needs a key asks for it again. */
export function askAgain() {
  declined = false;
  draw();
}

async function ask(refused, check) {
  keep(null);
  const dialog = byId("key");
  say(byId("key-error"), refused === null ? "" : t("keys.refused"));
  show(byId("key-plain"), !window.isSecureContext);
  const closed = new Promise((resolve) => { dialog.onclose = resolve; });
  byId("key-form").onsubmit = (event) => {
    event.preventDefault();
    submit(dialog, check);
  };
  hide();
  dialog.showModal();
  byId("key-field").focus();
  await closed;
  take();
  declined = key === null;
  draw();
  return !declined;
}

/** Uses what was typed, if the service accepts it. */
async function submit(dialog, check) {
  if (byId("key-use").disabled) return;
  const typed = take();
  byId("key-use").disabled = true;
  say(byId("key-error"), "");
  const wrong = FORM.test(typed) ? await check(typed) : t("keys.no-key");
  byId("key-use").disabled = false;
  if (!dialog.open) return;
  if (wrong) {
    say(byId("key-error"), wrong);
    byId("key-field").focus();
    return;
  }
  keep(typed);
  dialog.close();
}

/** What was typed; the field has it no more. */
function take() {
  const typed = byId("key-field").value.trim();
  byId("key-field").value = "";
  hide();
  return typed;
}

const hide = () => reveal(false);

function reveal(visible) {
  byId("key-field").type = visible ? "text" : "password";
  byId("key-show").textContent = t(visible ? "keys.hide" : "keys.show");
  byId("key-show").setAttribute("aria-pressed", String(visible));
}

function draw() {
  show(byId("key-forget"), key !== null);
  show(byId("key-note"), declined);
}

// A browser may refuse storage; then the key lasts as long as the page.
function stored() {
  try {
    return sessionStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function keep(given) {
  key = given;
  try {
    if (given === null) sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, given);
  } catch {
    // See above.
  }
}

byId("key-show").addEventListener("click", () => reveal(byId("key-field").type === "password"));
byId("key-cancel").addEventListener("click", () => byId("key").close());
byId("key-forget").addEventListener("click", forget);
draw();
