// Which gallery of this device the page shows. Galleries are created, renamed, deleted and restored here.

import {
  createGallery,
  deletedGalleries,
  deleteGallery,
  galleries,
  renameGallery,
  restoreGallery,
  select,
  selected,
} from "./api.js";
import { confirmed } from "./confirm.js";
import { button, byId, make, say, show } from "./dom.js";
import { galleryName, language, t } from "./text.js";

const DEFAULT = "default";

export class Galleries {
  #changed;
  #drawn = ""; // the deleted galleries that the list shows; an unchanged list is not redrawn
  #mayRestore = true; // whether the key may list deleted galleries
  #purpose = null; // what the form is open for: "new" or "rename"

  /** `changed(done)` is called when another gallery is shown; `done` can be taken back. */
  constructor(changed) {
    this.#changed = changed;
    byId("gallery").addEventListener("change", () => this.#show(byId("gallery").value));
    for (const purpose of ["new", "rename"]) {
      const toggle = () => this.#ask(purpose === this.#purpose ? null : purpose);
      byId(`gallery-${purpose}`).addEventListener("click", toggle);
    }
    byId("gallery-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(byId("gallery-name").value.trim());
    });
    byId("gallery-delete").addEventListener("click", () => this.#delete());
  }

  /**
   * Shows the names. If the gallery of the page is gone, `default` is shown; a key that is limited to another
   * gallery has only that one.
   */
  async refresh() {
    const found = await galleries();
    const names = found.map(({ gallery }) => gallery);
    if (!names.includes(selected())) select(names.includes(DEFAULT) ? DEFAULT : names[0] ?? DEFAULT);
    if (document.activeElement !== byId("gallery")) {
      byId("gallery").replaceChildren(...names.map((name) => new Option(galleryName(name), name)));
    }
    byId("gallery").value = selected();
    const focused = byId("gallery-list").contains(document.activeElement);
    byId("gallery-list").replaceChildren(...found.map((one) => this.#choice(one)));
    if (focused) byId("gallery-list").querySelector("[aria-current]")?.focus();
    show(byId("gallery-rename"), selected() !== DEFAULT);
    show(byId("gallery-delete"), selected() !== DEFAULT);
    if (this.#mayRestore) await this.#refreshDeleted();
  }

  /** A gallery that can be shown, with what it has. */
  #choice({ gallery, classes, examples }) {
    const count = t("galleries.count", { classes: t("list.classes", { n: classes }), images: t("list.images", { n: examples }) });
    const choose = make("button", "gallery-choice", make("bdi", "", galleryName(gallery)), make("span", "fine", count));
    choose.type = "button";
    if (gallery === selected()) choose.setAttribute("aria-current", "true");
    choose.addEventListener("click", () => this.#show(gallery));
    return make("li", "", choose);
  }

  async #refreshDeleted() {
    try {
      this.#list(await deletedGalleries());
    } catch (problem) {
      // Only a key that may restore them sees them.
      if (problem.code !== "forbidden") throw problem;
      this.#mayRestore = false;
      show(byId("gallery-deleted"), false);
    }
  }

  /** Lists the deleted galleries, if there are any. */
  #list({ galleries: deleted, next }) {
    show(byId("gallery-deleted"), deleted.length > 0);
    const drawn = JSON.stringify([deleted, next]);
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    say(byId("gallery-deleted-more"), next === null ? "" : t("galleries.more", { n: deleted.length }));
    byId("gallery-deleted-list").replaceChildren(...deleted.map((one) => this.#row(one)));
  }

  #row({ gallery, id, deleted_at, kept_until }) {
    const [deleted, kept] = [deleted_at, kept_until].map((at) => new Date(at).toLocaleDateString(language));
    const about = make("span", "fine", t("galleries.kept", { deleted, kept }));
    const restore = button(t("galleries.restore"), t("galleries.restore-label", { gallery, deleted }), () => this.#restore(id));
    return make("li", "", make("bdi", "", gallery), about, restore);
  }

  async #show(name, done) {
    select(name);
    // A new name is for the gallery that was shown when the form was opened.
    this.#ask(null);
    say(byId("gallery-error"), "");
    await this.#changed(done);
  }

  /** The same after something was done in the dialog. */
  async #leave(name, done) {
    byId("galleries").close();
    await this.#show(name, done);
  }

  /** Opens the form to name a "new" gallery, or to "rename" the one that is shown; null closes it. */
  #ask(purpose) {
    this.#purpose = purpose;
    show(byId("gallery-form"), purpose !== null);
    for (const one of ["new", "rename"]) {
      byId(`gallery-${one}`).setAttribute("aria-expanded", String(one === purpose));
    }
    if (purpose === null) return;
    const isNew = purpose === "new";
    byId("gallery-submit").textContent = t(isNew ? "galleries.create" : "galleries.rename-short");
    byId("gallery-name").value = isNew ? "" : selected();
    byId("gallery-name").focus();
  }

  async #submit(name) {
    const purpose = this.#purpose;
    if (!name || purpose === null) return;
    await this.#try(async () => {
      const { gallery } = purpose === "new" ? await createGallery(name) : await renameGallery(selected(), name);
      await this.#leave(gallery);
    });
  }

  async #delete() {
    const name = selected();
    if (!(await confirmed(t("galleries.delete-title"), t("galleries.delete-text", { name }), t("frame.delete")))) return;
    await this.#try(async () => {
      await deleteGallery(name);
      const back = async () => {
        await this.#show((await restoreGallery(name)).gallery);
        return t("galleries.is-back", { name });
      };
      await this.#leave(DEFAULT, { what: t("galleries.was-deleted", { name }), back });
    });
  }

  /** Restores the gallery with this name or id. */
  async #restore(deleted) {
    await this.#try(async () => {
      const { gallery } = await restoreGallery(deleted);
      await this.#leave(gallery);
    });
  }

  async #try(step) {
    try {
      await step();
    } catch (problem) {
      say(byId("gallery-error"), problem.message);
    }
  }
}
