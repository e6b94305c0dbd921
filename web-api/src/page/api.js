// The calls of the service. Each names the role that it needs: what a key may not do is shown in its words.

import { addressOf, call, file } from "./call.js";

let name = "default"; // of the gallery that the page shows
const urlOf = (gallery) => `v1/galleries/${encodeURIComponent(gallery)}`;
const here = () => urlOf(name);

const reading = (...request) => call("read", ...request);
const enrolling = (...request) => call("enroll", ...request);
const undoing = (...request) => call("undo", ...request);
const managing = (...request) => call("admin", ...request);

/** The gallery that all calls mean from now on. */
export function select(gallery) {
  name = gallery;
}
export const selected = () => name;
/** All galleries, however many: `default`, then the others by name. */
export const galleries = () => all("v1/galleries", "galleries");
export const createGallery = (gallery) => managing("PUT", urlOf(gallery));
export const renameGallery = (gallery, newName) => managing("PATCH", urlOf(gallery), { name: newName });
export const deleteGallery = (gallery) => managing("DELETE", urlOf(gallery));
/**
 * Deleted galleries that can be restored, at most 100, the one that was deleted last first; `next` is null
 * if these are all.
 */
export const deletedGalleries = () => managing("GET", "v1/deleted-galleries");
/** Restores the gallery with this id, or the one of this name that was deleted last. */
export const restoreGallery = (gallery) => managing("POST", `${urlOf(gallery)}/undelete`);

export const version = () => reading("GET", "version");
export const gallery = () => reading("GET", here());
/**
 * Changes settings of the gallery: `{ rate, threshold, expected_unknown_share, keep_images, retention_days }`,
 * all optional; null resets one.
 */
export const set = (settings) => managing("PATCH", here(), settings);
export const calibrate = () => reading("POST", `${here()}/calibrate`);
/** What a check of the gallery finds, with at most 1000 classes. */
export const doctor = () => reading("GET", `${here()}/doctor?limit=1000`);
/** All classes, sorted by label. */
export const classes = () => all(`${here()}/classes`, "classes");
/** Of `classify`, `enroll` and `enrollBackground`, `part` is the part of the image that is used: "x,y,w,h", or null. */
export const classify = (image, part = null) => reading("POST", classifyPath(part), image, type(image));
export const classifyPath = (part) => `${here()}/classify?top=5&explain=true${part ? `&crop=${part}` : ""}`;
export const classNamed = (label) => reading("GET", classUrl(label));
export const senses = (noun) => reading("GET", `v1/lexicon?q=${encodeURIComponent(noun)}`);
/**
 * Creates a class or replaces its overrides: `{}` for none, `{ synset }` or `{ images_only: true }` for
 * the sense, `{ attributes }` for the attributes.
 */
export const define = (idOrLabel, definition) =>
  enrolling("PUT", classUrl(idOrLabel), definition);
/** The same; fails if the class exists. */
export const create = (label, definition) =>
  enrolling("PUT", classUrl(label), definition, undefined, { "if-none-match": "*" });
export const rename = (id, label) => enrolling("PATCH", classUrl(id), { label });
export const remove = (id) => enrolling("DELETE", classUrl(id));
export const enroll = (label, image, part = null) => enrolling("POST", enrollPath(label, part), image, type(image));
export const enrollPath = (label, part) => `${classUrl(label)}/examples?create=true${part ? `&crop=${part}` : ""}`;
/** The same for several files in one call: if one cannot be used, none is added. */
export const enrollAll = (label, images) => {
  const form = new FormData();
  for (const image of images) form.append("image", image, image.name);
  return enrolling("POST", `${classUrl(label)}/examples?create=true`, form);
};
/** All background examples, in the order of enrollment. */
export const background = () => all(`${here()}/background/examples`, "examples");
export const enrollBackground = (image, part = null) =>
  enrolling("POST", `${here()}/background/examples${part ? `?crop=${part}` : ""}`, image, type(image));
export const removeBackground = (id) => enrolling("DELETE", `${here()}/background/examples/${encodeURIComponent(id)}`);
/** The first examples of a class, in the order of enrollment. */
export const examples = (id, limit) => reading("GET", `${classUrl(id)}/examples?limit=${limit}`);
/** All examples of a class. */
export const allExamples = (id) => all(`${classUrl(id)}/examples`, "examples");
const imageOf = (id) => `${here()}/examples/${encodeURIComponent(id)}/image`;
/** The image that is kept of an example as a file, `{ blob, name }`; without one it fails with 404. */
export const imageFile = (id) => file("read", imageOf(id));
/** The same, of at most 256 pixels a side. */
export const smallImage = (id) => file("read", `${imageOf(id)}?size=thumb`);
export const removeExample = (id) => enrolling("DELETE", `${here()}/examples/${encodeURIComponent(id)}`);
/** Removes at most 1000 examples as one change. */
export const removeExamples = (ids) => enrolling("POST", `${here()}/examples/batch`, { ids, delete: true });
/** Moves at most 1000 examples as one change to the class with this label; to "none of these" with an empty one. */
export const moveExamples = (ids, label) =>
  enrolling("POST", `${here()}/examples/batch`, label ? { ids, move_to: label } : { ids, move_to_background: true });
/** Moves an example to the class with this label; to "none of these" with an empty one. */
export const moveExample = (id, label) =>
  enrolling("POST", `${here()}/examples/${encodeURIComponent(id)}/move`, label ? { to: label } : { to_background: true });
/** The last calls that changed the gallery, newest first. */
export const history = (limit) => reading("GET", `${here()}/history?limit=${limit}`);
/**
 * Undoes a change, or the last one without an id; with `{ devices }` in its place all that these devices did.
 * With `through` also the later ones that depend on it.
 */
export const undo = (change, through = false) =>
  undoing("POST", `${here()}/undo`, change ? { ...(change.devices ? change : { change }), through } : {});
/** Takes an undo back, the last one without an id. */
export const redo = (change) => undoing("POST", `${here()}/redo`, change ? { change } : {});

/** How far the images of a gallery of another model are recomputed. */
export const recomputed = () => managing("GET", `${here()}/reembed`);
/** Recomputes them, or goes on; `{ swap, leave_out }`, both optional, uses the result. */
export const recompute = (options = {}) => managing("POST", `${here()}/reembed`, options);
export const forgetRecomputed = () => managing("DELETE", `${here()}/reembed`);

/** The address of the whole gallery as a file. */
export const exportUrl = () => addressOf(`${here()}/export`);
/** The whole gallery as a file; `got(bytes)` is called while it arrives. */
export const exportFile = (got) => file("admin", `${here()}/export`, got);
/** A file that describes the service: "metrics" or "openapi.json". */
export const ownFile = (path) => file("read", path);
/** Joins the gallery with a file that was exported. */
export const importFile = (archive) => managing("POST", `${here()}/import`, archive, "application/zip");

/** Whether a text cannot be a class name: in a URL path it would be an id or a parent folder. */
export const isReserved = (label) => /^(\.{1,2}|[ce]_([0-9a-f]{6,16}|[0-9a-f]{32}))$/.test(label);

function classUrl(idOrLabel) {
  return `${here()}/classes/${encodeURIComponent(idOrLabel)}`;
}

// The service detects the format from the bytes, so a file of unknown type can be sent too.
function type(image) {
  return image.type.startsWith("image/") ? image.type : "application/octet-stream";
}

/** Everything in a list that is read in parts. */
async function all(path, items) {
  const found = [];
  let next = null;
  do {
    const after = next === null ? "" : `&after=${encodeURIComponent(next)}`;
    const part = await reading("GET", `${path}?limit=1000${after}`);
    found.push(...part[items]);
    next = part.next;
  } while (next !== null);
  return found;
}
