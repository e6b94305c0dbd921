// What the browser keeps for the page between visits. A browser may refuse it; then the page forgets.

/** What was kept under a name; null without. */
export function kept(name) {
  try {
    return localStorage.getItem(`handful-${name}`);
  } catch {
    return null;
  }
}

/** Keeps a text; null forgets it. */
export function keep(name, text) {
  try {
    if (text === null) localStorage.removeItem(`handful-${name}`);
    else localStorage.setItem(`handful-${name}`, text);
  } catch {
    // See above.
  }
}
