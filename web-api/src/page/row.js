// A class in the list: its name, how many images it has and whether they are enough, some of them, and a menu.

import { examples, remove } from "./api.js";
import { enough } from "./advice.js";
import { confirmed } from "./confirm.js";
import { make, name, say, show } from "./dom.js";
import { Images } from "./images.js";
import { definition } from "./meaning.js";
import { toggleMenu } from "./menu.js";
import { meaningForm, nameForm } from "./rowforms.js";
import { t } from "./text.js";
import { thumbnail } from "./thumbnails.js";

const MOST = 12; // images of a strip
const REST_MS = 120; // a row that is scrolled past loads nothing

export class Row {
  element = make("li", "class");
  item = null;
  #page; // what the list shares with its rows
  #title = make("p", "class-name");
  #count = make("p", "class-count");
  #gloss = make("p", "class-gloss");
  #more = make("button", "more", "⋯");
  #strip = make("button", "strip");
  #card = make("p", "word-card");
  #error = make("p", "error");
  #images = null; // all of them, once the row was opened
  #isOpen = false;
  #form = null;
  #found = null; // the examples of the strip: { revision, ids }
  #rest = null;
  #isNear = false;
  #drawn = "";

  constructor(page) {
    this.#page = page;
    for (const element of [this.#more, this.#strip]) element.type = "button";
    this.#more.setAttribute("aria-haspopup", "menu");
    this.#more.setAttribute("aria-expanded", "false");
    this.#more.addEventListener("click", () => this.#menu());
    this.#strip.addEventListener("click", () => this.toggle());
    this.#error.setAttribute("role", "alert");
    show(this.#error, false);
    this.element.append(make("div", "class-head", this.#title, this.#count, this.#gloss), this.#more, this.#error);
  }

  /** Shows this state of the class; what is open stays. */
  update(item) {
    const { names, locked, revision, report, width } = this.#page;
    const found = report?.classes.get(item.id);
    const drawn = JSON.stringify([item, names, found?.verdict, found?.examples, locked]);
    const changed = drawn !== this.#drawn;
    this.item = item;
    this.#drawn = drawn;
    if (changed) this.#draw(found);
    // Others may have changed which images they are.
    if (changed || this.#found?.revision !== revision || this.#found.width !== width) this.#follow();
  }

  #draw(found) {
    const { id, label, examples: n, meaning } = this.item;
    this.element.dataset.id = id;
    this.#title.replaceChildren(name(label));
    const { state, words } = enough(this.item, found);
    this.#count.replaceChildren(...(n > 0 ? [t("list.images", { n }), " · "] : []), this.#hint(state, words));
    this.#count.dataset.state = state;
    say(this.#gloss, this.#page.names && meaning ? t("list.gloss", { gloss: definition(meaning.gloss) }) : "");
    this.#gloss.title = this.#gloss.textContent;
    this.#more.setAttribute("aria-label", t("list.actions", { label }));
    if (n === 0) this.#open(false);
    const shown = n > 0 ? this.#strip : this.#card;
    (n > 0 ? this.#card : this.#strip).remove();
    if (!shown.isConnected) this.#more.after(shown);
    this.#card.replaceChildren(make("span", "", "Aa"), t("list.wordCard"));
    this.#caption();
  }

  /** Whether the images are enough; where images are wanted, a button that asks for them. */
  #hint(state, words) {
    if (state !== "add" || this.#page.locked) return make("span", "enough", words);
    const more = make("button", "link enough", words);
    more.type = "button";
    more.addEventListener("click", () => this.#page.choose(this.item));
    return more;
  }

  #caption() {
    this.#strip.setAttribute("aria-expanded", String(this.#isOpen));
    this.#strip.setAttribute("aria-label", t("images.of", { label: this.item.label }));
  }

  /** Reads the images again, if they are seen. */
  #follow() {
    if (this.#isOpen) {
      this.#images.show(this.item);
      this.#images.refresh();
    } else if (this.#isNear) this.#fill();
  }

  /** Whether the row is near what is seen: only then it has images. */
  near(isNear) {
    clearTimeout(this.#rest);
    this.#isNear = isNear;
    if (isNear) this.#rest = setTimeout(() => this.#fill(), REST_MS);
    else if (!this.#isOpen) this.#strip.replaceChildren();
  }

  async #fill() {
    const { revision, width } = this.#page;
    const { id, examples: n } = this.item;
    if (n === 0 || this.#isOpen) return;
    if (this.#found?.revision !== revision || revision === null || this.#found.n !== n) {
      const ids = await examples(id, MOST).then((found) => found.examples.map((one) => one.id), () => null);
      if (ids === null) return; // the list shows that the service is gone
      this.#found = { revision, ids, n };
    }
    this.#found.width = width;
    if (this.#isNear && !this.#isOpen) this.#show(this.#found.ids);
  }

  #show(ids) {
    const { examples: n } = this.item;
    const fit = Math.max(2, Math.min(MOST, this.#page.width));
    const shown = n <= fit ? ids : ids.slice(0, fit - 1);
    const known = new Map([...this.#strip.children].map((cell) => [cell.dataset.of, cell]));
    const cells = shown.map((id) => known.get(id) ?? cell(id));
    if (n > shown.length) cells.push(make("span", "rest", `+${n - shown.length}`));
    this.#strip.replaceChildren(...cells);
  }

  #menu() {
    const { names, locked } = this.#page;
    const { examples: n } = this.item;
    const items = [
      { name: "add", text: t("list.add"), run: () => this.#page.choose(this.item), disabled: locked },
      { name: "rename", text: t("list.rename"), run: () => this.#ask(nameForm(this.item, this.#closed)) },
      names && { name: "meaning", text: t("list.meaning"), run: () => this.askMeaning() },
      n > 0 && { name: "images", text: this.#isOpen ? t("list.hide") : t("list.show"), run: () => this.toggle() },
      { name: "delete", text: t("list.delete"), run: () => this.#delete() },
    ];
    toggleMenu(this.#more, items.filter(Boolean));
  }

  /** Opens or closes the row. */
  toggle() {
    this.#open(!this.#isOpen);
    if (this.#isOpen) this.#strip.focus();
  }

  #open(isOpen) {
    if (isOpen === this.#isOpen) return;
    this.#isOpen = isOpen;
    this.element.classList.toggle("open", isOpen);
    this.#caption();
    if (isOpen) {
      this.#images ??= new Images(this.#page, () => { this.#open(false); this.#strip.focus(); });
      this.#strip.replaceChildren(make("span", "", t("list.hide")));
      this.element.append(this.#images.element);
      this.#images.show(this.item);
      this.#images.refresh();
    } else {
      this.#images.element.remove();
      this.#strip.replaceChildren();
      this.#fill();
    }
  }

  /** What the check found about the images. */
  suspects() {
    if (this.#isOpen) this.#images.show(this.item);
  }

  async askMeaning() {
    try {
      this.#ask(await meaningForm(this.item, this.#closed));
    } catch (problem) {
      say(this.#error, problem.message);
    }
  }

  #ask({ form, focus }) {
    this.#form?.remove();
    this.#form = form;
    say(this.#error, "");
    this.element.classList.add("asks");
    this.element.prepend(form);
    focus();
  }

  #closed = async (done) => {
    this.#form.remove();
    this.#form = null;
    this.element.classList.remove("asks");
    this.#more.focus();
    if (!done) return;
    await this.#page.changed(done);
    this.#more.focus();
  };

  async #delete() {
    const { id, label, examples: n } = this.item;
    const text = t("list.deleteText", { n });
    if (!(await confirmed(t("list.deleteTitle", { label }), text, t("list.delete")))) return this.#more.focus();
    try {
      const { change } = await remove(id);
      return await this.#page.changed({ what: t("list.deleted", { label }), changes: [change] });
    } catch (problem) {
      return say(this.#error, t("list.notDeleted", { label, why: problem.message }));
    }
  }

  /** Gives the focus to the row. */
  focus() {
    this.#more.focus();
  }
}

function cell(id) {
  const element = make("span", "", thumbnail(id));
  element.dataset.of = id;
  return element;
}
