// A menu below a button: arrows, first letters, Home, End and Escape; the focus returns to the button.

import { make } from "./dom.js";

const GAP = 4;

let open = null; // { menu, opener }

/** Opens a menu of `items`, `{ text, name, run, disabled }`; the button that has one open closes it. */
export function toggleMenu(opener, items) {
  const isOpen = open?.opener === opener;
  close();
  if (isOpen) return;
  const menu = make("div", "menu", ...items.map(item));
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", opener.getAttribute("aria-label"));
  menu.addEventListener("keydown", key);
  menu.addEventListener("focusout", (event) => {
    if (!menu.contains(event.relatedTarget) && event.relatedTarget !== opener) close();
  });
  opener.setAttribute("aria-expanded", "true");
  open = { menu, opener };
  (opener.closest("main") ?? document.body).append(menu);
  place(menu, opener);
  entries()[0]?.focus({ preventScroll: true });
}

function item({ text, name, run, disabled = false }) {
  const element = make("button", "menu-item", text);
  element.type = "button";
  element.tabIndex = -1;
  element.dataset.do = name;
  element.setAttribute("role", "menuitem");
  if (disabled) element.setAttribute("aria-disabled", "true");
  element.addEventListener("click", () => {
    if (disabled) return;
    close(true);
    run();
  });
  return element;
}

const entries = () => [...open.menu.children];

/** At the end of the button, below it or above, in the part of the page that is seen. */
function place(menu, opener) {
  const at = opener.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = menu;
  const below = at.bottom + GAP + height <= innerHeight || at.top < height;
  const top = below ? at.bottom + GAP : at.top - GAP - height;
  const left = Math.min(Math.max(GAP, at.right - width), document.documentElement.clientWidth - width - GAP);
  menu.style.top = `${top + scrollY}px`;
  menu.style.left = `${left + scrollX}px`;
}

function close(returns = false) {
  if (!open) return;
  const { menu, opener } = open;
  open = null; // removing it moves the focus, which would close it again
  menu.remove();
  opener.setAttribute("aria-expanded", "false");
  if (returns) opener.focus();
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const all = entries();
  const at = all.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === "Tab") return close(true); // and on from the button
  if (event.key === "Escape") close(true);
  else if (to !== undefined) all.at(to % all.length).focus();
  else if (event.key.length === 1 && event.key !== " ") byLetter(all, at, event.key.toLowerCase());
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** The next item that begins with a letter. */
function byLetter(all, at, letter) {
  const following = [...all.slice(at + 1), ...all.slice(0, at + 1)];
  following.find((one) => one.textContent.toLowerCase().startsWith(letter))?.focus();
}

document.addEventListener("pointerdown", (event) => {
  if (open && !open.menu.contains(event.target) && !open.opener.contains(event.target)) close();
});
