// What was dropped or chosen, folders too: the images, by the class that their folder names.

const MOST = 2000; // images that are taken
const DEEPEST = 8; // folders in folders
const IMAGE = /\.(jpe?g|png|webp|bmp|tiff?|gif)$/i;

const byName = new Intl.Collator(undefined, { numeric: true });
const isImage = (name) => IMAGE.test(name);
const isHidden = (name) => name.startsWith(".") || name === "__MACOSX";

const paths = new WeakMap();

/** The path of a file in the folders that were dropped; its name without any. */
export const pathOf = (file) => paths.get(file) ?? file.name;

/**
 * What a drop holds: `[{ label, files }]`, the files without a folder first (`label` is null), then those of each
 * folder, which names its class. In a folder of folders each one with images is a class. Of folders only the images
 * are taken, in the order of their names, at most 2000 in all; the array's `leftOut` is the number of the other
 * files. Files that were dropped themselves are taken as they are: the service says what is wrong with one.
 * To be called during the event: the browser forgets what was dropped after it.
 */
export function dropped(transfer) {
  const items = [...transfer.items].filter(({ kind }) => kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files];
  const some = entries.some((entry) => entry.isDirectory);
  return some ? read(entries) : Promise.resolve(grouped(files.map((file) => ({ path: [file.name], file })), 0));
}

/** The same for the files of a folder picker: their paths begin with the chosen folder. */
export function picked(files) {
  const all = [...files].map((file) => ({ path: file.webkitRelativePath.split("/"), file }));
  const shown = all.filter(({ path }) => !path.slice(1).some(isHidden)); // but what was chosen
  shown.sort((a, b) => byName.compare(a.path.join("/"), b.path.join("/")));
  const found = shown.filter(({ file }) => isImage(file.name)).slice(0, MOST);
  return grouped(found, shown.length - found.length);
}

async function read(entries) {
  const walk = { found: [], leftOut: 0 };
  await visit(entries, [], walk);
  return grouped(walk.found, walk.leftOut);
}

async function visit(entries, parents, walk) {
  for (const entry of entries) {
    const path = [...parents, entry.name];
    if (parents.length > 0 && isHidden(entry.name)) continue;
    if (entry.isFile && !(await take(entry, path, walk))) walk.leftOut++;
    if (entry.isDirectory && parents.length < DEEPEST) await visit(await listed(entry), path, walk);
  }
}

/** Takes a file if it is wanted and can be read: one may have been removed meanwhile. */
async function take(entry, path, walk) {
  const wanted = walk.found.length < MOST && (path.length === 1 || isImage(entry.name));
  const file = wanted && (await new Promise((resolve) => entry.file(resolve, () => resolve(null))));
  if (file) walk.found.push({ path, file });
  return Boolean(file);
}

/** What a folder holds, in the order of names. The browser gives it in parts, the last one empty. */
async function listed(folder) {
  const reader = folder.createReader();
  const all = [];
  let part;
  do {
    part = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    all.push(...part);
  } while (part.length > 0);
  return all.sort((a, b) => byName.compare(a.name, b.name));
}

/** The files by their last folder. */
function grouped(found, leftOut) {
  const groups = new Map([[null, []]]);
  for (const { path, file } of found) {
    paths.set(file, path.join("/"));
    // A file system may write an umlaut as two characters.
    const label = path.length > 1 ? path.at(-2).normalize() : null;
    if (!groups.has(label)) groups.set(label, []);
    groups.get(label).push(file);
  }
  const full = [...groups].filter(([, files]) => files.length > 0);
  return Object.assign(full.map(([label, files]) => ({ label, files })), { leftOut });
}
