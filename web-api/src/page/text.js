// The words of the page, in the language of the document. Each language is one file of `text/`.

const language = document.documentElement.lang;
const { words } = await import(`./text/${language}.js`);
const plurals = new Intl.PluralRules(language);

/**
 * The text of a key, with `{name}` replaced by `values.name`. A text that depends on a number is an object with
 * the plural categories of its language (`one`, `other`), chosen by `values.n`.
 */
export function t(key, values = {}) {
  const found = words[key];
  const text = typeof found === "object" ? (found[plurals.select(values.n)] ?? found.other) : found;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// What an attribute of the page's markup names, and where its text goes.
const PLACES = { "data-t": null, "data-t-label": "aria-label", "data-t-placeholder": "placeholder", "data-t-title": "title", "data-t-alt": "alt" };

/** Fills in the texts of an element and all in it. */
export function translate(root) {
  for (const [from, to] of Object.entries(PLACES)) {
    for (const element of root.querySelectorAll(`[${from}]`)) {
      const text = t(element.getAttribute(from));
      if (to === null) element.textContent = text;
      else element.setAttribute(to, text);
    }
  }
}
