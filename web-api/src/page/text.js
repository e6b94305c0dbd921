// The words of the page. Each language is one file of `text/`. The service names one in the page, as the browser
// asked for it; one that was chosen on the page counts more.

export const LANGUAGES = { en: "English", de: "Deutsch" };

const STORED = "handful-language";

/** The chosen language; null without a choice. */
export const chosenLanguage = () => {
  const chosen = localStorage.getItem(STORED);
  return chosen in LANGUAGES ? chosen : null;
};

/** Chooses a language, null for that of the browser, and shows the page in it. */
export function chooseLanguage(language) {
  if (language === null) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, language);
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
