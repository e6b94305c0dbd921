// One image large: what is known about it, the ones before and after it, move, delete.

import { allExamples, history, imageFile } from "./api.js";
import { byId, make, name, plain, say, show } from "./dom.js";
import { actor } from "./history.js";
import { moveForm, moveTo, takeOut } from "./move.js";
import { t } from "./text.js";

const SEARCHED = 1000; // calls of the history
const SAME_MS = 50; // an example and the call that added it have nearly the same time
const SWIPE_PX = 40; // a shorter one is none
const PAUSE_MS = 700; // after a deletion: a second tap was meant for the same image

const title = make("h2", "", "");
const image = make("img", "enlarged");
const without = make("p", "enlarged no-image");
const facts = make("p", "fine");
const error = make("p", "error");
const before = plain("‹", () => step(-1));
const after = plain("›", () => step(1));
const move = plain(t("images.moveSome"), () => openMove());
const remove = plain(t("images.delete"), () => change(takeOut));
const shut = make("button", "icon", byId("help").querySelector("[data-close] svg").cloneNode(true));
const actions = make("div", "actions", before, after, move, remove);
const stage = make("div", "enlarged-stage", image, without);
const dialog = make("dialog", "dialog enlarge", make("div", "card-head", title, shut), stage, facts, error, actions);

const date = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

let past = null; // the calls of the history
let shown = null; // { id, examples, at, label, labels, changed, closed }
let address = null; // of the image
let removed = -Infinity; // when the last image was deleted or moved
let swiped = null; // where a finger began

title.id = "enlarge-title";
dialog.id = "enlarge";
dialog.setAttribute("aria-labelledby", title.id);
error.setAttribute("role", "alert");
facts.setAttribute("role", "status");
before.setAttribute("aria-label", t("images.before"));
after.setAttribute("aria-label", t("images.after"));
shut.type = "button";
shut.setAttribute("aria-label", t("images.close"));
shut.addEventListener("click", () => dialog.close());
remove.classList.add("risky");
image.draggable = false;
before.classList.add("step");
after.classList.add("step");
document.body.append(dialog);
dialog.addEventListener("close", closed);
dialog.addEventListener("keydown", key);
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
stage.addEventListener("pointerdown", ({ isPrimary, clientX }) => { swiped = isPrimary ? clientX : null; });
stage.addEventListener("pointerup", ({ clientX }) => {
  const by = swiped === null ? 0 : clientX - swiped;
  swiped = null;
  if (Math.abs(by) >= SWIPE_PX) step(by < 0 ? 1 : -1);
});
stage.addEventListener("pointercancel", () => { swiped = null; });

/**
 * Shows one of the `examples` of the class `id`, the one `at` a place. `changed(done)` is called after each change, and
 * `closed(id)` with the one that was shown last.
 */
export function enlarge(request) {
  shown = { ...request, examples: [...request.examples] };
  past = history(SEARCHED).catch(() => ({ history: [] }));
  dialog.showModal();
  // What was done, and its undo, must be seen above the dialog.
  dialog.append(byId("done"));
  draw();
  shut.focus();
}

/** Shows what is there after something was taken back: the image that is back, if there is one. */
export async function renew() {
  if (!shown) return;
  const of = shown;
  const examples = await allExamples(of.id).catch(() => []);
  if (of !== shown || examples.length === 0) return;
  const known = of.examples.map(({ id }) => id);
  const back = examples.findIndex(({ id }) => !known.includes(id));
  const same = examples.findIndex(({ id }) => id === known[of.at]);
  of.examples = examples;
  of.at = back >= 0 ? back : Math.max(0, same);
  draw();
}

function closed() {
  document.body.append(byId("done"));
  forget();
  closeForm();
  const { examples, at, closed: end } = shown;
  shown = null;
  end(examples[at]?.id);
}

function forget() {
  if (address) URL.revokeObjectURL(address);
  address = null;
  image.removeAttribute("src");
}

function step(by) {
  const { examples, at } = shown;
  shown.at = Math.max(0, Math.min(examples.length - 1, at + by));
  if (shown.at !== at) draw();
}

async function draw() {
  const { examples, at, label } = shown;
  const example = examples[at];
  closeForm();
  say(error, "");
  title.replaceChildren(name(label), ` · ${t("images.place", { n: at + 1, all: examples.length })}`);
  // A button that has the focus would lose it when it is disabled.
  before.setAttribute("aria-disabled", String(at === 0));
  after.setAttribute("aria-disabled", String(at === examples.length - 1));
  const when = new Date(example.added_at);
  facts.textContent = t("images.added", { when: date.format(when) });
  who(example.id, when);
  await load(example.id, t("images.one", { n: at + 1, label }));
}

async function load(id, alt) {
  forget();
  image.alt = alt;
  show(image, true);
  show(without, false);
  try {
    const { blob } = await imageFile(id);
    if (!isShown(id)) return;
    address = URL.createObjectURL(blob);
    image.src = address;
  } catch (problem) {
    if (!isShown(id)) return;
    without.textContent = problem.status === 404 ? t("images.notKeptLong") : problem.message;
    show(image, false);
    show(without, true);
  }
}

const isShown = (id) => shown?.examples[shown.at]?.id === id;

/** Adds who added the example, if the history says so. */
async function who(id, when) {
  const call = (await past).history.find(({ at }) => Math.abs(new Date(at) - when) < SAME_MS);
  if (call && call.actor !== "page" && isShown(id)) facts.textContent = t("images.addedBy", { when: date.format(when), who: actor(call) });
}

function key(event) {
  if (event.target.matches("select")) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by) step(by);
  else if (event.key === "Delete") change(takeOut);
  else return;
  event.preventDefault();
}

function openMove() {
  if (dialog.querySelector("form")) return closeForm();
  const about = t("images.one", { n: shown.at + 1, label: shown.label });
  const form = moveForm(shown.labels, about, (label) => {
    closeForm();
    move.focus();
    if (label !== null) change((ids) => moveTo(ids, label));
  });
  actions.before(form);
  return form.querySelector("select").focus();
}

function closeForm() {
  dialog.querySelector("form")?.remove();
}

/** Does something with the image and goes on to the next one. */
async function change(call) {
  const { examples, at, label, changed } = shown;
  if (performance.now() - removed < PAUSE_MS) return undefined;
  removed = performance.now();
  try {
    const done = await call([examples[at].id], label);
    examples.splice(at, 1);
    if (!shown) return changed(done);
    shown.at = Math.max(0, Math.min(at, examples.length - 1));
    if (examples.length > 0) draw();
    else dialog.close();
    return await changed(done);
  } catch (problem) {
    return shown && say(error, problem.message);
  }
}
