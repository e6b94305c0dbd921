// "Settings": colors, language and keys of the page, and what is known of the device. What is kept of images is
// keep.js, the key of the service keys.js.

import { version } from "./api.js";
import { leave } from "./dialogs.js";
import { byId, make, reveal, show } from "./dom.js";
import { list as listKeys, allowSingle, single } from "./shortcuts.js";
import { keep, kept } from "./storage.js";
import { chooseLanguage, chosenLanguage, hasText, LANGUAGES, t } from "./text.js";

const POLL_MS = 2000;
const RUNNING = ["untried", "building", "verifying"]; // states of an engine that is not there yet

const REASONS = [
  [/no ONNX Runtime library/, "settings.reason-library"],
  [/not built|built without|not part of this build/, "settings.reason-built"],
  [/has no .* backbone/, "settings.reason-file"],
  [/times as long/, "settings.reason-slow"],
];

export class Settings {
  #timer = null;

  /** `first()` shows the first steps. */
  constructor(first) {
    this.#theme();
    this.#language();
    const keys = byId("settings-keys");
    keys.checked = single();
    keys.addEventListener("change", () => { allowSingle(keys.checked); listKeys(); });
    byId("settings-rate").addEventListener("click", () => {
      const slider = byId("rate-slider");
      leave("settings", slider);
      reveal(byId("rate"));
      // A browser draws no focus after a click elsewhere.
      byId("rate").classList.add("pointed");
      slider.addEventListener("blur", () => byId("rate").classList.remove("pointed"), { once: true });
    });
    for (const id of ["settings", "help"]) {
      byId(`${id}-first`).addEventListener("click", () => { byId(id).close(); first(); });
    }
    listKeys();
  }

  /** What the service says of itself. */
  about({ version: number, bundle, engine }) {
    byId("about-bundle").textContent = bundle.name;
    byId("about-names").textContent = t(bundle.names ? "settings.names-on" : "settings.names-off");
    byId("about-version").textContent = number;
    show(byId("about"), true);
    this.#engine(engine);
  }

  /** What the gallery does with unknown images. */
  show({ rejects_unknown }) {
    byId("about-unknown").textContent = t(rejects_unknown ? "settings.rejected" : "settings.accepted");
    show(byId("settings-rate"), !byId("rate").hidden);
  }

  #engine({ provider, precision, rejected = [], candidates = [] }) {
    byId("about-engine").textContent = precision ? `${provider}, ${precision}` : provider;
    // A newer service says more of each engine than why it was refused.
    byId("about-engines").replaceChildren(...candidates.map(candidate));
    show(byId("about-engines"), candidates.length > 0);
    const refused = candidates.length > 0 ? [] : rejected;
    byId("about-rejected").replaceChildren(...refused.map(({ provider: name, reason }) => make("li", "", `${name}: ${inWords(reason)}`)));
    show(byId("about-why"), refused.length > 0);
    clearTimeout(this.#timer);
    const busy = candidates.some(({ state }) => RUNNING.includes(state));
    if (busy) this.#timer = setTimeout(() => this.#again(), POLL_MS);
  }

  /** Follows an engine that is being built, while the settings are open. */
  async #again() {
    const isOpen = byId("settings").open && !document.hidden;
    const answer = isOpen ? await version().catch(() => null) : null;
    if (answer) this.#engine(answer.engine);
    else this.#timer = setTimeout(() => this.#again(), POLL_MS);
  }

  #theme() {
    const select = byId("settings-theme");
    select.value = kept("theme") ?? "";
    select.addEventListener("change", () => {
      keep("theme", select.value || null);
      if (select.value) document.documentElement.dataset.theme = select.value;
      else delete document.documentElement.dataset.theme;
    });
  }

  #language() {
    const select = byId("settings-language");
    for (const [code, words] of Object.entries(LANGUAGES)) {
      const option = make("option", "", words);
      option.value = code;
      option.lang = code;
      select.append(option);
    }
    select.value = chosenLanguage() ?? "";
    select.addEventListener("change", () => chooseLanguage(select.value || null));
  }
}

/** Why an engine is not used: the known kinds in the page's language, with the engine's own words. */
function inWords(reason) {
  const key = REASONS.find(([pattern]) => pattern.test(reason))?.[1] ?? "settings.reason";
  return t(key, { reason });
}

/** How far an engine is, in words. */
function candidate({ provider, precision, state, stage, since, reason, ms }) {
  const key = `settings.engine-${state}`;
  const words = [hasText(key) ? t(key) : state];
  if (stage) words.push(hasText(`settings.stage-${stage}`) ? t(`settings.stage-${stage}`) : stage);
  if (state === "building" && since) words.push(t("settings.since", { n: seconds(since) }));
  if (typeof ms === "number") words.push(t("settings.ms", { ms: ms.toFixed(ms < 10 ? 1 : 0) }));
  if (reason) words.push(inWords(reason));
  const item = make("li", "", make("strong", "", precision ? `${provider}, ${precision}` : provider), ` ${words.join(" · ")}`);
  item.dataset.state = state;
  return item;
}

/** Since a time, as text or in seconds of the epoch. */
const seconds = (since) => Math.max(0, Math.round((Date.now() - new Date(since).getTime()) / 1000));
