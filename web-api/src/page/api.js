// Calls to the service. Every failure becomes a Problem with one clear sentence for the person at the screen.

const GALLERY = "/v1/galleries/default";

export class Problem extends Error {
  constructor(status, code, detail, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

// Told about each answer or silence, so that the page can show whether the service is there.
let report = () => {};
export function onReachable(listener) {
  report = listener;
}

export const version = () => call("GET", "/version");
export const classes = () => call("GET", `${GALLERY}/classes`);
export const classify = (image) => call("POST", `${GALLERY}/classify?top=5&explain=true`, image, type(image));
export const senses = (noun) => call("GET", `/v1/lexicon?q=${encodeURIComponent(noun)}`);
/** Says what a class means, and makes it: `{}` for what its label says, `{ synset }` or `{ images_only: true }`, and `{ attributes }` for what it has. */
export const define = (idOrLabel, definition) =>
  call("PUT", classUrl(idOrLabel), JSON.stringify(definition), "application/json");
/** The same unless there is such a class already. */
export const begin = (label, definition) =>
  call("PUT", classUrl(label), JSON.stringify(definition), "application/json", { "if-none-match": "*" });
export const rename = (id, label) => call("PATCH", classUrl(id), JSON.stringify({ label }), "application/json");
export const remove = (id) => call("DELETE", classUrl(id));
export const enroll = (label, image) =>
  call("POST", `${classUrl(label)}/examples?create=true`, image, type(image));

function classUrl(idOrLabel) {
  return `${GALLERY}/classes/${encodeURIComponent(idOrLabel)}`;
}

// The service looks at the bytes; a browser that knows no type for a file still may send it.
function type(image) {
  return image.type.startsWith("image/") ? image.type : "application/octet-stream";
}

async function call(method, path, body, contentType, conditions = {}) {
  const headers = contentType ? { "content-type": contentType, ...conditions } : conditions;
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
  const detail = answer?.detail ?? answer?.title ?? `The service answered ${response.status}.`;
  const wait = Number(response.headers.get("retry-after")) || 0;
  return new Problem(response.status, answer?.code ?? "unknown", detail, wait);
}
