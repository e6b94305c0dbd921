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

const DEFAULT = "default";

export class Galleries {
  #changed;
  #deleted = null; // the name of the gallery that was deleted last
  #drawn = ""; // the deleted galleries that the list shows; an unchanged list is not redrawn
  #mayRestore = true; // whether the key may list deleted galleries
  #purpose = null; // what the form is open for: "new" or "rename"

  /** `changed()` is called when another gallery is shown. */
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
    byId("gallery-restore").addEventListener("click", () => this.#restore(this.#deleted));
  }

  /**
   * Shows the names. If the gallery of the page is gone, `default` is shown; a key that is limited to another
   * gallery has only that one.
   */
  async refresh() {
    const names = (await galleries()).map(({ gallery }) => gallery);
    if (!names.includes(selected())) select(names.includes(DEFAULT) ? DEFAULT : names[0] ?? DEFAULT);
    if (document.activeElement !== byId("gallery")) {
      byId("gallery").replaceChildren(...names.map((name) => make("option", "", name)));
    }
    byId("gallery").value = selected();
    show(byId("gallery-rename"), selected() !== DEFAULT);
    show(byId("gallery-delete"), selected() !== DEFAULT);
    if (this.#mayRestore) await this.#refreshDeleted();
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
    const more = `There are more: only the last ${deleted.length} are listed. Restore others over the HTTP API.`;
    say(byId("gallery-deleted-more"), next === null ? "" : more);
    byId("gallery-deleted-list").replaceChildren(...deleted.map((one) => this.#row(one)));
  }

  #row({ gallery, id, deleted_at, kept_until }) {
    const [deleted, kept] = [deleted_at, kept_until].map((at) => new Date(at).toLocaleDateString());
    const about = make("span", "fine", `deleted ${deleted}, kept until ${kept}`);
    const restore = button("Restore", `Restore ${gallery}, deleted ${deleted}`, () => this.#restore(id));
    return make("li", "", make("bdi", "", gallery), about, restore);
  }

  async #show(name) {
    select(name);
    // A new name is for the gallery that was shown when the form was opened.
    this.#ask(null);
    say(byId("gallery-error"), "");
    await this.#changed();
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
    byId("gallery-submit").textContent = isNew ? "Create" : "Rename";
    byId("gallery-name").value = isNew ? "" : selected();
    byId("gallery-name").focus();
  }

  async #submit(name) {
    const purpose = this.#purpose;
    if (!name || purpose === null) return;
    await this.#try(async () => {
      const { gallery } = purpose === "new" ? await createGallery(name) : await renameGallery(selected(), name);
      byId(`gallery-${purpose}`).focus();
      await this.#show(gallery);
    });
  }

  async #delete() {
    const name = selected();
    const text = `“${name}” is deleted with all its classes and images. It can be restored.`;
    if (!(await confirmed("Delete this gallery?", text, "Delete"))) return;
    await this.#try(async () => {
      await deleteGallery(name);
      this.#offer(name);
      await this.#show(DEFAULT);
    });
  }

  /** Restores the gallery with this name or id. */
  async #restore(deleted) {
    await this.#try(async () => {
      const { gallery } = await restoreGallery(deleted);
      this.#offer(null);
      // The button that was pressed goes away.
      byId("gallery-new").focus();
      await this.#show(gallery);
    });
  }

  /** Offers to restore a gallery; null: none. */
  #offer(name) {
    this.#deleted = name;
    byId("gallery-restore").textContent = name === null ? "" : `Restore “${name}”`;
    show(byId("gallery-restore"), name !== null);
  }

  async #try(step) {
    try {
      await step();
    } catch (problem) {
      say(byId("gallery-error"), problem.message);
    }
  }
}
