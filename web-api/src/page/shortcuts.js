// The keys of the page, in one table: what they do, and what the help says of them. Keys without Ctrl work only
// where nothing is typed, and can be switched off.

import { byId, make } from "./dom.js";
import { keep, kept } from "./storage.js";
import { t } from "./text.js";

// What takes letters, and what has a meaning of its own for the space bar and the arrow keys.
const FIELDS = "input:not([type=file], [type=range], [type=checkbox], [type=radio]), textarea, select, [contenteditable]";
const OFF = "off";

/** Keys and the end of the key of their text. Those without an action are handled where they matter. */
const TABLE = [
  { keys: ["?"], text: "help" },
  { keys: ["n"], text: "name" },
  { keys: ["/"], text: "search" },
  { keys: ["c"], text: "camera" },
  { keys: ["Space"], text: "burst" },
  { keys: ["g"], text: "galleries" },
  { keys: ["s"], text: "settings" },
  { keys: ["u"], also: ["Ctrl", "Z"], text: "undo" },
  { keys: ["Ctrl", "Y"], text: "redo", always: true },
  { keys: ["1", "…", "9"], text: "assign" },
  { keys: ["Ctrl", "A"], text: "all", always: true },
  { keys: ["Esc"], text: "close", always: true },
];

/** Whether keys without Ctrl do something. */
export const single = () => kept("keys") !== OFF;

export const allowSingle = (allowed) => keep("keys", allowed ? null : OFF);

/** Whether a key belongs to what is typed, to a dialog or to the browser. */
export const isTaken = (event) =>
  event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || !single()
  || document.querySelector("dialog[open]") !== null || Boolean(event.target.closest?.(FIELDS));

/** Listens; `actions` has a function for each text of the table that this module handles. */
export function listen(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.repeat || isTaken(event)) return;
    const found = TABLE.find(({ keys, text }) => keys.length === 1 && keys[0] === event.key && Object.hasOwn(actions, text));
    if (!found) return;
    event.preventDefault();
    actions[found.text]();
  });
}

/** Lists the keys in the help. */
export function list() {
  const rows = TABLE.map(({ keys, also, text, always }) => {
    const caps = make("dt", "", ...combined(keys), ...(also ? [` ${t("keyboard.or")} `, ...combined(also)] : []));
    const row = make("div", single() || always || also ? "" : "off", caps, make("dd", "", t(`keyboard.${text}`)));
    return row;
  });
  byId("help-keys").replaceChildren(...rows);
  byId("help-off").hidden = single();
}

/** Keys that are pressed together. */
export const caps = (keys) => combined(keys);

const combined = (keys) => keys.flatMap((key, i) => [i > 0 && key !== "…" && keys[i - 1] !== "…" ? " + " : " ", cap(key)]);

const isMac = /Mac|iP(hone|ad)/.test(navigator.platform);

function cap(key) {
  if (key === "…") return key;
  if (key === "Ctrl") return make("kbd", "", isMac ? "⌘" : t("keyboard.ctrl"));
  return make("kbd", "", key === "Space" ? t("keyboard.space") : key);
}
