// Sends requests to the service, with the key if there is one. Every failure becomes a Problem whose message can
// be shown to the user.

import { another, current, offer, settled } from "./keys.js";

/** The path of the service: behind a proxy it may be a folder of another site. */
const ROOT = new URL("..", import.meta.url).pathname;

const RETRIES = 3; // of a call that a busy service refused
const UNREACHABLE = "The service does not answer. Is it still running?";
const TORN = "The file did not arrive whole. Try again.";

// In words for a person in front of a device; the texts of the service are for programs.
const MEANINGS = {
  busy: "The device is busy with other requests. Nothing was changed. Try again in a moment.",
  deadline: "The device is busy and did not answer in time. Try again: an image is never added twice.",
  unauthorized: "This device asks for a key. Press “Enter key” at the top of the page.",
};

const LIMITED = "This key is for one gallery only. Choose that gallery, or ask for a key to all of them.";

/** What a key may not do, by the role that the call needs. */
const MAY_NOT = {
  read: LIMITED,
  enroll: "This key may only look and classify. Ask for a key with the role enroll.",
  undo: "This key may not undo this. Ask for a key with the role enroll, or admin for changes that others made.",
  admin: "This key may not do this. Ask for a key with the role admin.",
};

export class Problem extends Error {
  constructor(status, code, detail, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** Whether the key is why: a similar call would be refused too. */
  get isAboutKey() {
    return ["unauthorized", "forbidden", "too_many_attempts"].includes(this.code);
  }
}

// Called after each request with whether the service answered.
let report = () => {};
export function onReachable(listener) {
  report = listener;
}

/** The address of a path of the service. */
export const addressOf = (path) => `${ROOT}${path}`;

/** Sends a request that needs a `role` and returns the JSON of its answer. A body without a type is sent as JSON, but a form as it is. */
export async function call(role, method, path, body, type, conditions = {}) {
  // The history shows who made a change.
  const headers = { "handful-client": "page", ...conditions };
  const form = body instanceof FormData; // the browser writes its type
  if (body !== undefined && !form) headers["content-type"] = type ?? "application/json";
  const sent = body !== undefined && type === undefined && !form ? JSON.stringify(body) : body;
  const response = await respond(role, path, { method, headers, body: sent, cache: "no-store" });
  const answer = await response.json().catch(() => null);
  if (answer) return answer;
  throw new Problem(response.status, "unknown", `The service answered ${response.status}.`);
}

/** A file of the service: `{ blob, name }`; `got(bytes)` is called while it arrives. */
export async function file(role, path, got = () => {}) {
  const response = await respond(role, path, { headers: { "handful-client": "page" }, cache: "no-store" });
  let bytes = 0;
  const counted = response.body.pipeThrough(new TransformStream({
    transform(part, out) {
      bytes += part.length;
      got(bytes);
      out.enqueue(part);
    },
  }));
  const { headers } = response;
  const type = { "content-type": headers.get("content-type") ?? "" };
  try {
    const blob = await new Response(counted, { headers: type }).blob();
    return { blob, name: nameIn(headers.get("content-disposition") ?? "") };
  } catch {
    throw new Problem(0, "torn", TORN);
  }
}

/** The file name that the service gives; null without one. */
function nameIn(disposition) {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1];
  return encoded ? decodeURIComponent(encoded) : null;
}

// A busy service has done nothing, so every call can be sent again.
async function respond(role, path, options) {
  for (let attempt = 0; ; attempt++) {
    const response = await send(path, options);
    if (response.ok) return response;
    const refused = await problem(role, response);
    if (refused.code === "too_many_attempts") offer();
    if (refused.code !== "busy" || attempt === RETRIES) throw refused;
    await new Promise((done) => setTimeout(done, Math.max(1, refused.retryAfter) * 1000));
  }
}

/** The response to a request; a key is asked for if the service wants one. */
async function send(path, options) {
  for (;;) {
    await settled();
    const key = current();
    const response = await sendWith(key, path, options);
    if (response.status !== 401 || !(await another(key, whyRefused))) return response;
  }
}

async function sendWith(key, path, options) {
  const headers = key === null ? options.headers : { ...options.headers, authorization: `Bearer ${key}` };
  try {
    const response = await fetch(addressOf(path), { ...options, headers });
    report(true);
    return response;
  } catch {
    report(false);
    throw new Problem(0, "unreachable", UNREACHABLE);
  }
}

/** Why the service refuses a key; empty if it accepts it. One call, as wrong keys are counted. */
async function whyRefused(key) {
  try {
    const response = await sendWith(key, "version", { cache: "no-store" });
    if (response.ok || response.status === 403) return "";
    if (response.status === 401) return "The device does not know this key. Copy it whole, then try again.";
    return (await problem("read", response)).message;
  } catch (unreachable) {
    return unreachable.message;
  }
}

async function problem(role, response) {
  const answer = await response.json().catch(() => null);
  const wait = Number(response.headers.get("retry-after")) || 0;
  const detail = meaning(role, answer, wait) ?? answer?.detail ?? answer?.title ?? `The service answered ${response.status}.`;
  return new Problem(response.status, answer?.code ?? "unknown", detail, wait);
}

/** A problem in plain words; undefined if the text of the service says it best. */
function meaning(role, answer, wait) {
  if (answer?.code === "too_many_attempts") {
    const when = wait > 0 ? `Wait ${wait} ${wait === 1 ? "second" : "seconds"}` : "Wait a minute";
    return `Too many wrong keys came from this address. ${when}, then try again.`;
  }
  return answer?.code === "forbidden" ? whyForbidden(role, answer.detail) : MEANINGS[answer?.code];
}

/** Why a key is refused; undefined if it is not about the key: a host name or an origin can be forbidden too. */
function whyForbidden(role, detail) {
  if (!/\bkeys?\b/i.test(detail)) return undefined;
  return /\bfor the gallery\b/.test(detail) ? LIMITED : MAY_NOT[role];
}
