// Sends requests to the service, with the key if there is one. Every failure becomes a Problem whose message can
// be shown to the user.

import { another, current, offer, settled } from "./keys.js";
import { hasText, t } from "./text.js";

/** The path of the service: behind a proxy it may be a folder of another site. */
const ROOT = new URL("..", import.meta.url).pathname;

const RETRIES = 3; // of a call that a busy service refused

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
  throw new Problem(response.status, "unknown", t("problem.status", { status: response.status }));
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
    throw new Problem(0, "torn", t("problem.torn"));
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
    throw new Problem(0, "unreachable", t("problem.unreachable"));
  }
}

/** Why the service refuses a key; empty if it accepts it. One call, as wrong keys are counted. */
async function whyRefused(key) {
  try {
    const response = await sendWith(key, "version", { cache: "no-store" });
    if (response.ok || response.status === 403) return "";
    if (response.status === 401) return t("keys.unknown");
    return (await problem("read", response)).message;
  } catch (unreachable) {
    return unreachable.message;
  }
}

async function problem(role, response) {
  const answer = await response.json().catch(() => null);
  const wait = Number(response.headers.get("retry-after")) || 0;
  const words = meaning(role, answer, wait) ?? answer?.detail ?? answer?.title ?? t("problem.status", { status: response.status });
  return new Problem(response.status, answer?.code ?? "unknown", words, wait);
}

/**
 * A problem in words for a person in front of a device: the texts of the service are for programs. Undefined if there
 * are none.
 */
function meaning(role, answer, wait) {
  if (answer?.code === "forbidden") return whyForbidden(role, answer.detail);
  const key = `problem.${answer?.code}`;
  return hasText(key) ? t(key, { detail: answer.detail, n: wait > 0 ? wait : 60 }) : undefined;
}

/** Why a key is refused; undefined if it is not about the key: a host name or an origin can be forbidden too. */
function whyForbidden(role, detail) {
  if (!/\bkeys?\b/i.test(detail)) return undefined;
  return t(role === "read" || /\bfor the gallery\b/.test(detail) ? "keys.limited" : `keys.may-not-${role}`);
}
