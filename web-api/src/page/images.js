// The images of a class, in its row: thumbnails that are loaded when they are shown; remove, move.

import { examples, imageFile, imageUrl, moveExample, removeExample } from "./api.js";
import { button, make, show } from "./dom.js";
import { current } from "./keys.js";

const PART = 24;
const MOST = 1000; // of one answer

export class Images {
  element;
  #item;
  #labels;
  #changed;
  #limit = PART;
  #drawn = ""; // the examples that are shown; an unchanged strip is not redrawn
  #title = make("summary");
  #list = make("ul", "thumbs");
  #more = button("Show more", "", () => this.#showMore());
  #error = make("p", "error");

  /** `labels()` are the names of all classes; `changed(done)` is called after each change. */
  constructor(labels, changed) {
    this.#labels = labels;
    this.#changed = changed;
    this.#error.setAttribute("role", "alert");
    show(this.#more, false);
    this.element = make("details", "images", this.#title, this.#list, this.#more);
    this.element.addEventListener("toggle", () => this.refresh());
  }

  /** Belongs to this class from now on. */
  show(item) {
    if (item.label !== this.#item?.label) this.#drawn = "";
    this.#item = item;
    this.#title.textContent = "Images";
    this.#title.setAttribute("aria-label", `Images of ${item.label}`);
    this.#more.setAttribute("aria-label", `Show more images of ${item.label}`);
    show(this.element, item.examples > 0);
  }

  /** Reads the examples, if they are shown. */
  async refresh() {
    if (!this.element.open || this.#item.examples === 0) return;
    try {
      this.#draw(await examples(this.#item.id, this.#limit));
      this.#complain("");
    } catch (problem) {
      this.#complain(problem.message);
    }
  }

  #showMore() {
    this.#limit = Math.min(MOST, this.#limit + PART);
    this.refresh();
  }

  #draw({ examples: found, next }) {
    show(this.#more, next !== null && this.#limit < MOST);
    const drawn = found.map((example) => example.id).join();
    // An open form stays; closing it draws the changes made meanwhile.
    if (drawn === this.#drawn || this.#list.querySelector("form")) return;
    this.#drawn = drawn;
    const place = [...this.#list.children].findIndex((thumb) => thumb.contains(document.activeElement));
    this.#list.replaceChildren(...found.map((example, i) => this.#thumb(example.id, i + 1)));
    if (place >= 0) this.#focus(place);
  }

  /** Of what was removed, the next one has the focus. */
  #focus(place) {
    const near = this.#list.children[Math.min(place, this.#list.children.length - 1)];
    (near?.querySelector("button") ?? this.#title).focus();
  }

  #thumb(id, number) {
    const what = `image ${number} of ${this.#item.label}`;
    const image = thumbnail(id, `Image ${number} of ${this.#item.label}`);
    const take = button("Remove", `Remove ${what}`, () => this.#remove(id));
    const move = button("Move to…", `Move ${what}`, () => this.#openMove(thumb, id, what, move));
    const thumb = make("li", "thumb", image, make("div", "thumb-actions", take, move));
    return thumb;
  }

  #remove(id) {
    const { label } = this.#item;
    return this.#do(() => removeExample(id), `Removed 1 image from “${label}”.`);
  }

  /** Opens the form that asks where to. */
  #openMove(thumb, id, what, opener) {
    if (thumb.querySelector("form")) return;
    const select = make("select", "field");
    select.setAttribute("aria-label", `Move ${what} to`);
    const others = this.#labels().filter((label) => label !== this.#item.label);
    select.append(...others.map((label) => new Option(label, label)), new Option("None of these", ""));
    const submit = button("Move", `Move ${what} to the chosen class`, () => form.requestSubmit());
    const cancel = button("Cancel", `Keep ${what}`, () => close());
    const form = make("form", "rename", select, submit, cancel);
    const close = () => {
      form.remove();
      opener.focus();
    };
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      close();
      this.#move(id, select.value);
    });
    form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
    thumb.append(form);
    select.focus();
  }

  /** Moves an example to a class; an empty label is "none of these". */
  #move(id, label) {
    return this.#do(() => moveExample(id, label), `Moved 1 image to “${label || "None of these"}”.`);
  }

  /** Shows why something failed; an empty message removes that. */
  #complain(message) {
    this.#error.remove();
    this.#error.textContent = message;
    if (message) this.element.append(this.#error);
  }

  async #do(call, what) {
    try {
      const { change } = await call();
      this.#complain("");
      await this.#changed({ what, changes: [change] });
    } catch (problem) {
      this.#complain(problem.message);
    }
  }
}

/** The image of an example, loaded when it is shown. */
export function thumbnail(id, alt) {
  const image = make("img");
  image.alt = alt;
  image.addEventListener("error", () => image.replaceWith(placeholder(alt, "not kept")));
  if (current() === null) {
    image.loading = "lazy";
    image.src = imageUrl(id);
  } else {
    // An element cannot send the key, so the image is fetched.
    image.dataset.example = id;
    inView.observe(image);
  }
  return image;
}

const inView = new IntersectionObserver((changes) => {
  for (const { isIntersecting, target } of changes) if (isIntersecting) load(target);
}, { rootMargin: "200px" });

async function load(image) {
  inView.unobserve(image);
  try {
    const { blob } = await imageFile(image.dataset.example);
    const url = URL.createObjectURL(blob);
    for (const end of ["load", "error"]) image.addEventListener(end, () => URL.revokeObjectURL(url));
    image.src = url;
  } catch (problem) {
    image.replaceWith(placeholder(image.alt, problem.status === 404 ? "not kept" : "not loaded"));
  }
}

/** What stands for an image, and why. */
function placeholder(alt, why) {
  const element = make("span", "no-image", why);
  element.setAttribute("role", "img");
  element.setAttribute("aria-label", `${alt}: it is ${why}`);
  return element;
}
