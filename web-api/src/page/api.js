// Calls to the service. Every failure becomes a Problem whose message can be shown to the user.

let name = "default"; // of the gallery that the page shows
const urlOf = (gallery) => `/v1/galleries/${encodeURIComponent(gallery)}`;
const here = () => urlOf(name);

const RETRIES = 3; // of a call that a busy service refused

// In words for a person in front of a device; the texts of the service are for programs.
const MEANINGS = {
  busy: "The device is busy with other requests. Nothing was changed. Try again in a moment.",
  deadline: "The device is busy and did not answer in time. Try again: an image is never added twice.",
};

export class Problem extends Error {
  constructor(status, code, detail, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

// Called after each request with whether the service answered.
let report = () => {};
export function onReachable(listener) {
  report = listener;
}

/** The gallery that all calls mean from now on. */
export function select(gallery) {
  name = gallery;
}
export const selected = () => name;
export const galleries = async () => (await call("GET", "/v1/galleries")).galleries;
export const createGallery = (gallery) => call("PUT", urlOf(gallery));
export const renameGallery = (gallery, newName) => callWith("PATCH", urlOf(gallery), { name: newName });
export const deleteGallery = (gallery) => call("DELETE", urlOf(gallery));
/**
 * Deleted galleries that can be restored, at most 100, the one that was deleted last first; `next` is null
 * if these are all.
 */
export const deletedGalleries = () => call("GET", "/v1/deleted-galleries");
/** Restores the gallery with this id, or the one of this name that was deleted last. */
export const restoreGallery = (gallery) => call("POST", `${urlOf(gallery)}/undelete`);

export const version = () => call("GET", "/version");
export const gallery = () => call("GET", here());
/**
 * Changes settings of the gallery: `{ rate, threshold, expected_unknown_share, keep_images, retention_days }`,
 * all optional; null resets one.
 */
export const set = (settings) => callWith("PATCH", here(), settings);
export const calibrate = () => call("POST", `${here()}/calibrate`);
/** What a check of the gallery finds, with at most 1000 classes. */
export const doctor = () => call("GET", `${here()}/doctor?limit=1000`);
/** All classes, sorted by label. */
export const classes = () => all(`${here()}/classes`, "classes");
/** Of `classify`, `enroll` and `enrollBackground`, `part` is the part of the image that is used: "x,y,w,h", or null. */
export const classify = (image, part = null) =>
  call("POST", `${here()}/classify?top=5&explain=true${part ? `&crop=${part}` : ""}`, image, type(image));
export const senses = (noun) => call("GET", `/v1/lexicon?q=${encodeURIComponent(noun)}`);
/**
 * Creates a class or replaces its overrides: `{}` for none, `{ synset }` or `{ images_only: true }` for
 * the sense, `{ attributes }` for the attributes.
 */
export const define = (idOrLabel, definition) =>
  call("PUT", classUrl(idOrLabel), JSON.stringify(definition), "application/json");
/** The same; fails if the class exists. */
export const create = (label, definition) =>
  call("PUT", classUrl(label), JSON.stringify(definition), "application/json", { "if-none-match": "*" });
export const rename = (id, label) => call("PATCH", classUrl(id), JSON.stringify({ label }), "application/json");
export const remove = (id) => call("DELETE", classUrl(id));
export const enroll = (label, image, part = null) =>
  call("POST", `${classUrl(label)}/examples?create=true${part ? `&crop=${part}` : ""}`, image, type(image));
/** All background examples, in the order of enrollment. */
export const background = () => all(`${here()}/background/examples`, "examples");
export const enrollBackground = (image, part = null) =>
  call("POST", `${here()}/background/examples${part ? `?crop=${part}` : ""}`, image, type(image));
export const removeBackground = (id) => call("DELETE", `${here()}/background/examples/${encodeURIComponent(id)}`);
/** The first examples of a class, in the order of enrollment. */
export const examples = (id, limit) => call("GET", `${classUrl(id)}/examples?limit=${limit}`);
/** The address of the image that is kept of an example; without one it answers 404. */
export const imageOf = (id) => `${here()}/examples/${encodeURIComponent(id)}/image`;
export const removeExample = (id) => call("DELETE", `${here()}/examples/${encodeURIComponent(id)}`);
/** Removes at most 1000 examples as one change. */
export const removeExamples = (ids) => callWith("POST", `${here()}/examples/batch`, { ids, delete: true });
/** Moves an example to the class with this label; to "none of these" with an empty one. */
export const moveExample = (id, label) =>
  callWith("POST", `${here()}/examples/${encodeURIComponent(id)}/move`, label ? { to: label } : { to_background: true });
/** The last calls that changed the gallery, newest first. */
export const history = (limit) => call("GET", `${here()}/history?limit=${limit}`);
/**
 * Undoes a change, or the last one without an id; with `{ devices }` in its place all that these devices did.
 * With `through` also the later ones that depend on it.
 */
export const undo = (change, through = false) =>
  callWith("POST", `${here()}/undo`, change ? { ...(change.devices ? change : { change }), through } : {});
/** Takes an undo back, the last one without an id. */
export const redo = (change) => callWith("POST", `${here()}/redo`, change ? { change } : {});

/** How far the images of a gallery of another model are recomputed. */
export const recomputed = () => call("GET", `${here()}/reembed`);
/** Recomputes them, or goes on; `{ swap, leave_out }`, both optional, uses the result. */
export const recompute = (options = {}) => callWith("POST", `${here()}/reembed`, options);
export const forgetRecomputed = () => call("DELETE", `${here()}/reembed`);

/** The address of the whole gallery as a file. */
export const exportUrl = () => `${here()}/export`;
/** Joins the gallery with a file that was exported. */
export const importFile = (file) => call("POST", `${here()}/import`, file, "application/zip");

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
    const part = await call("GET", `${path}?limit=1000${after}`);
    found.push(...part[items]);
    next = part.next;
  } while (next !== null);
  return found;
}

const callWith = (method, path, json) => call(method, path, JSON.stringify(json), "application/json");

// A busy service has done nothing, so every call can be sent again.
async function call(...request) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await callOnce(...request);
    } catch (problem) {
      if (problem.code !== "busy" || attempt === RETRIES) throw problem;
      await new Promise((done) => setTimeout(done, Math.max(1, problem.retryAfter) * 1000));
    }
  }
}

async function callOnce(method, path, body, contentType, conditions = {}) {
  // The history shows who made a change.
  const headers = { "handful-client": "page", ...conditions };
  if (contentType) headers["content-type"] = contentType;
  const response = await send(path, { method, headers, body, cache: "no-store" });
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  throw problem(response, answer);
}

async function send(path, options) {
  try {
    const response = await fetch(path, options);
    report(true);
    return response;
  } catch {
    report(false);
    throw new Problem(0, "unreachable", "The service does not answer. Is it still running?");
  }
}

function problem(response, answer) {
  const detail = MEANINGS[answer?.code] ?? answer?.detail ?? answer?.title ?? `The service answered ${response.status}.`;
  const wait = Number(response.headers.get("retry-after")) || 0;
  return new Problem(response.status, answer?.code ?? "unknown", detail, wait);
}
