// The camera: start, stop, use another one, take one still image, or report why there is none.

import { t } from "./text.js";

const LONGEST_SIDE = 640;
const JPEG_QUALITY = 0.9;
const STORED = "handful-camera";

const REASONS = { NotAllowedError: "camera.blocked", NotFoundError: "camera.none", NotReadableError: "camera.in-use" };

/** Why the camera cannot be used here at all, or null when it can be tried. */
export function whyNoCamera() {
  if (navigator.mediaDevices?.getUserMedia) return null;
  return t(window.isSecureContext ? "camera.unsupported" : "camera.insecure");
}

export class Camera {
  #video;
  #preview;
  #stream = null;
  #onEnded = null;
  #round = 0; // grows with each start and stop; a camera that opens later is closed again
  #wanted = remembered(); // { deviceId } or { facingMode }, as the browser takes them
  #canvas = document.createElement("canvas");

  /** `video` shows the camera; `preview` shows it again where images are taken on a narrow screen. */
  constructor(video, preview) {
    this.#video = video;
    this.#preview = preview;
  }

  get running() {
    return this.#stream !== null;
  }

  /** What the browser knows about the camera in use: `{ deviceId, facingMode }`, both optional. */
  get settings() {
    return this.#stream?.getVideoTracks()[0].getSettings() ?? {};
  }

  /** Resolves when the camera delivers images; rejects with an Error whose message can be shown. */
  async start(onEnded) {
    this.#onEnded = onEnded;
    try {
      await this.#open();
    } catch (error) {
      this.stop();
      throw new Error(t(REASONS[error.name] ?? "camera.failed", { name: error.name }));
    }
  }

  stop() {
    this.#round++;
    this.#closeTracks();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#video.hidden = true;
    this.#preview.srcObject = null;
  }

  /** Uses another camera from now on, `{ deviceId }` or `{ facingMode }`; rejects as `start` does. */
  async use(wanted) {
    this.#wanted = wanted;
    remember(wanted);
    if (!this.running) return;
    this.#closeTracks(); // a phone opens one camera at a time
    await this.start(this.#onEnded);
  }

  /** Uses the camera of the other side, or the next one. */
  async flip() {
    const { deviceId, facingMode } = this.settings;
    if (facingMode) return this.use({ facingMode: { ideal: facingMode === "user" ? "environment" : "user" } });
    const all = await this.devices();
    const next = all[(all.findIndex((device) => device.deviceId === deviceId) + 1) % all.length];
    return next && this.use({ deviceId: { exact: next.deviceId } });
  }

  /** The cameras of this device; the browser names them after it gave one. */
  async devices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter(({ kind }) => kind === "videoinput");
  }

  /** The current image as a JPEG blob; null before the first image. */
  still() {
    const { videoWidth, videoHeight } = this.#video;
    if (!this.running || !videoWidth) return Promise.resolve(null);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(videoWidth, videoHeight));
    this.#canvas.width = Math.round(videoWidth * scale);
    this.#canvas.height = Math.round(videoHeight * scale);
    this.#canvas.getContext("2d").drawImage(this.#video, 0, 0, this.#canvas.width, this.#canvas.height);
    return new Promise((resolve) => this.#canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));
  }

  async #open() {
    const round = ++this.#round;
    const stream = await this.#given();
    if (round !== this.#round) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => { if (stream === this.#stream) this.#onEnded(); });
    this.#video.srcObject = stream;
    this.#video.hidden = false; // some browsers play no hidden video
    await this.#video.play();
    this.#preview.srcObject = stream;
    this.#preview.play().catch(() => {}); // images are taken from the other one
  }

  async #given() {
    const ask = (wanted) =>
      navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, ...wanted }, audio: false });
    const usual = { facingMode: { ideal: "environment" } };
    try {
      return await ask(this.#wanted ?? usual);
    } catch (error) {
      // The chosen camera was unplugged.
      if (error.name !== "OverconstrainedError" || !this.#wanted) throw error;
      this.#wanted = null;
      return ask(usual);
    }
  }

  #closeTracks() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
  }
}

// A browser may refuse to store anything.
function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED));
  } catch {
    return null;
  }
}

function remember(wanted) {
  try {
    sessionStorage.setItem(STORED, JSON.stringify(wanted));
  } catch {
    // It is used until the page is left.
  }
}
