// Which gallery of this device the page shows. Others are created, deleted and restored here.

import { createGallery, deleteGallery, galleries, restoreGallery, select, selected } from "/page/api.js";
import { confirmed } from "/page/confirm.js";
import { byId, make, say, show } from "/page/dom.js";

const DEFAULT = "default";

export class Galleries {
  #changed;
  #deleted = null; // the name of the gallery that was deleted last

  /** `changed()` is called when another gallery is shown. */
  constructor(changed) {
    this.#changed = changed;
    byId("gallery").addEventListener("change", () => this.#show(byId("gallery").value));
    byId("gallery-new").addEventListener("click", () => this.#ask(byId("gallery-form").hidden));
    byId("gallery-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#create(byId("gallery-name").value.trim());
    });
    byId("gallery-delete").addEventListener("click", () => this.#delete());
    byId("gallery-restore").addEventListener("click", () => this.#restore());
  }

  /** Shows the names; the page goes back to `default` if its gallery is gone. */
  async refresh() {
    const names = (await galleries()).map(({ gallery }) => gallery);
    if (!names.includes(selected())) select(DEFAULT);
    if (document.activeElement !== byId("gallery")) {
      byId("gallery").replaceChildren(...names.map((name) => make("option", "", name)));
    }
    byId("gallery").value = selected();
    show(byId("gallery-delete"), selected() !== DEFAULT);
  }

  async #show(name) {
    select(name);
    say(byId("gallery-error"), "");
    await this.#changed();
  }

  #ask(open) {
    show(byId("gallery-form"), open);
    byId("gallery-new").setAttribute("aria-expanded", String(open));
    if (open) byId("gallery-name").focus();
  }

  async #create(name) {
    if (!name) return;
    await this.#try(async () => {
      const { gallery } = await createGallery(name);
      byId("gallery-name").value = "";
      this.#ask(false);
      byId("gallery-new").focus();
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

  async #restore() {
    const name = this.#deleted;
    await this.#try(async () => {
      await restoreGallery(name);
      this.#offer(null);
      await this.#show(name);
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
