// The gallery in one file: a link that saves it, and a field that imports one. A link can neither send the key nor
// name the file, so the file is fetched and then saved. It is also imported by dropping it anywhere on the page.

import { exportFile, exportUrl, importFile, selected } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, fileInput, hasGallery, say, show } from "./dom.js";
import { save } from "./save.js";
import { galleryName, language, t } from "./text.js";

export class Carry {
  #changed;
  #tell;
  #exporting = false;

  /** `changed(done)` is called after an import; `tell(text)` says what cannot be taken back. */
  constructor(changed, tell) {
    this.#changed = changed;
    this.#tell = tell;
    fileInput(byId("import-file"), (files) => this.#import(files));
    window.addEventListener("drop", (event) => {
      if (hasGallery(event.dataTransfer)) this.#import([...event.dataTransfer.files]);
    });
    byId("export").addEventListener("click", (event) => {
      event.preventDefault();
      this.#export();
    });
  }

  /** The link is that of the gallery that is shown. */
  show() {
    byId("export").href = exportUrl();
    byId("export").textContent = t("carry.export", { gallery: galleryName(selected()) });
  }

  async #export() {
    if (this.#exporting) return;
    this.#exporting = true;
    const gallery = selected();
    say(byId("import-error"), "");
    byId("import-status").textContent = t("carry.exporting", { gallery: galleryName(gallery) });
    show(byId("export-progress"), true);
    try {
      const file = await exportFile((bytes) => { byId("export-size").textContent = megabytes(bytes); });
      save({ blob: file.blob }, fileName(gallery));
      const saved = t("carry.exported", { file: fileName(gallery), size: megabytes(file.blob.size) });
      byId("import-status").textContent = saved;
    } catch (problem) {
      byId("import-status").textContent = "";
      say(byId("import-error"), problem.message);
    }
    show(byId("export-progress"), false);
    byId("export-size").textContent = "";
    this.#exporting = false;
  }

  async #import([file, ...others]) {
    if (!file) return;
    say(byId("import-error"), "");
    if (others.length > 0) return say(byId("import-error"), t("carry.one"));
    const text = t("carry.import-text", { file: file.name, gallery: galleryName(selected()) });
    if (!(await confirmed(t("carry.import-title"), text, t("carry.import")))) return undefined;
    this.#say(t("carry.importing", { file: file.name }));
    let done;
    try {
      const imported = await importFile(file);
      const what = result(imported);
      // Without them it is many changes, which the history lists.
      if (imported.devices.length > 0) done = { what, changes: [{ devices: imported.devices }] };
      this.#say(done ? "" : what); // what can be taken back stands in the bar
    } catch (problem) {
      this.#say("");
      if (byId("galleries").open) say(byId("import-error"), problem.message);
      else this.#tell(problem.message);
    }
    await this.#changed(done);
    return undefined;
  }

  /** Says it once: in the dialog if that is open, else in the bar. */
  #say(text) {
    const isOpen = byId("galleries").open;
    byId("import-status").textContent = isOpen ? text : "";
    if (text && !isOpen) this.#tell(text);
  }
}

const fileName = (gallery) => `${galleryName(gallery)}.handful`;
const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString(language, { maximumFractionDigits: 1 })} MB`;

function result({ changes, new: taken, ahead, purged, examples, images }) {
  const parts = taken === 0
    ? [t("carry.nothing", { n: changes - ahead })]
    : [t("carry.imported", { n: examples, images }), purged > 0 ? t("carry.purged", { n: purged }) : ""];
  if (ahead > 0) parts.push(t("carry.ahead", { n: ahead }));
  return parts.filter(Boolean).join(" ");
}
