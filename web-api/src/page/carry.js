// The gallery in one file: a link that saves it, and a field that imports one. A link cannot send the key, so
// with one the file is fetched and then saved.

import { exportFile, exportUrl, importFile, selected } from "./api.js";
import { confirmed } from "./confirm.js";
import { byId, dropZone, fileInput, plural, say, show } from "./dom.js";
import { current } from "./keys.js";
import { save } from "./save.js";

export class Carry {
  #changed;
  #exporting = false;

  /** `changed(done)` is called after an import. */
  constructor(changed) {
    this.#changed = changed;
    fileInput(byId("import-file"), (files) => this.#import(files));
    dropZone(byId("carry"), (files) => this.#import(files));
    byId("export").addEventListener("click", (event) => {
      if (current() === null) return;
      event.preventDefault();
      this.#export();
    });
  }

  /** The link is that of the gallery that is shown. */
  show() {
    byId("export").href = exportUrl();
  }

  async #export() {
    if (this.#exporting) return;
    this.#exporting = true;
    const gallery = selected();
    say(byId("import-error"), "");
    byId("import-status").textContent = `Exporting “${gallery}”…`;
    show(byId("export-progress"), true);
    try {
      const file = await exportFile((bytes) => { byId("export-size").textContent = megabytes(bytes); });
      save(file, `${gallery}.handful`);
      byId("import-status").textContent = `Exported “${gallery}”, ${megabytes(file.blob.size)}.`;
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
    if (others.length > 0) return say(byId("import-error"), "Import one file at a time.");
    const text = `“${file.name}” is joined with the gallery “${selected()}”: it has the classes of both then.`;
    if (!(await confirmed("Import this file?", text, "Import"))) return byId("import-file").focus();
    byId("import-status").textContent = `Importing ${file.name}…`;
    let done;
    try {
      const imported = await importFile(file);
      byId("import-status").textContent = result(imported);
      // Without them it is many changes, which the history lists.
      if (imported.devices.length > 0) done = { what: "Imported.", changes: [{ devices: imported.devices }] };
    } catch (problem) {
      byId("import-status").textContent = "";
      say(byId("import-error"), problem.message);
    }
    await this.#changed(done);
    return undefined;
  }
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

function result({ changes, new: taken, ahead, purged, examples, images }) {
  const waiting = ahead > 0
    ? ` ${plural(ahead, "change")} are left out: their time is more than 24 hours ahead of this device's clock.`
    : "";
  if (taken === 0) return `Nothing new: the gallery has all ${plural(changes - ahead, "change")} already.${waiting}`;
  const forgotten = purged > 0 ? ` It purged ${plural(purged, "example")} of this gallery for good.` : "";
  return `Imported ${plural(examples, "example")} with ${plural(images, "image")}.${forgotten}${waiting}`;
}
