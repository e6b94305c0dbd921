// The words of the page. Each language is one file of `text/`. The service names one in the page, as the browser
// asked for it; one that was chosen on the page counts more.

import { keep, kept } from "./storage.js";

export const LANGUAGES = { en: "English", de: "Deutsch" };

/** The language that was chosen on the page; null without a choice. */
export function chosenLanguage() {
  const chosen = kept("language");
  return Object.hasOwn(LANGUAGES, chosen) ? chosen : null;
}

/** Chooses a language, null for that of the browser, and shows the page in it. */
export function chooseLanguage(chosen) {
  keep("language", chosen);
  location.reload();
}

export const language = chosenLanguage() ?? document.documentElement.lang;
document.documentElement.lang = language;
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

/** Whether a key, such as one for a code of the service, has a text. */
export const hasText = (key) => Object.hasOwn(words, key);

/** The name of a gallery, as the page shows it: the one that is always there has no name of its own. */
export const galleryName = (gallery) => (gallery === "default" ? t("galleries.default") : gallery);

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
