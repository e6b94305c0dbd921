// The camera: start, stop, take one still image, or report why there is none.

const LONGEST_SIDE = 640;
const JPEG_QUALITY = 0.9;

const REASONS = {
  NotAllowedError: "The browser blocks the camera. Allow it in the address bar, then try again.",
  NotFoundError: "No camera was found on this device.",
  NotReadableError: "The camera is in use by another program.",
};

/** Why the camera cannot be used here at all, or null when it can be tried. */
export function whyNoCamera() {
  if (navigator.mediaDevices?.getUserMedia) return null;
  if (!window.isSecureContext) {
    return "Browsers allow a live camera only on https or localhost pages, but “Take a photo” works here too.";
  }
  return "This browser has no live camera. Take single photos instead.";
}

export class Camera {
  #video;
  #preview;
  #stream = null;
  #canvas = document.createElement("canvas");

  /** `video` shows the camera; `preview` shows it again where images are taken on a narrow screen. */
  constructor(video, preview) {
    this.#video = video;
    this.#preview = preview;
  }

  get running() {
    return this.#stream !== null;
  }

  /** Resolves when the camera delivers images; rejects with an Error whose message can be shown. */
  async start(onEnded) {
    try {
      const wanted = { video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 } }, audio: false };
      this.#stream = await navigator.mediaDevices.getUserMedia(wanted);
      this.#stream.getVideoTracks()[0].addEventListener("ended", onEnded);
      this.#video.srcObject = this.#stream;
      this.#video.hidden = false; // some browsers play no hidden video
      await this.#video.play();
      this.#preview.srcObject = this.#stream;
      this.#preview.play().catch(() => {}); // images are taken from the other one
    } catch (error) {
      this.stop();
      throw new Error(REASONS[error.name] ?? `The camera did not start (${error.name}).`);
    }
  }

  stop() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
    this.#video.hidden = true;
    this.#preview.srcObject = null;
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
}
