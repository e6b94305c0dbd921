// Which camera is used: a choice where there are several, and a button for the one of the other side. Also how its
// image is shown: that of a front camera as in a mirror, with a frame around what the network surely sees.

import { byId, make, show } from "./dom.js";
import { t } from "./text.js";

export class Lens {
  #camera;
  #failed;
  #choice = byId("camera-choice");
  #videos = [byId("video"), byId("teach-video")];

  /** `failed(message)` is called if another camera does not start. */
  constructor(camera, failed) {
    this.#camera = camera;
    this.#failed = failed;
    this.#choice.addEventListener("change", () => this.#use(camera.use({ deviceId: { exact: this.#choice.value } })));
    for (const id of ["camera-flip", "teach-flip"]) {
      byId(id).addEventListener("click", () => this.#use(camera.flip()));
    }
    for (const video of this.#videos) {
      // Also when a phone is turned.
      video.addEventListener("resize", () => frame(video));
      video.addEventListener("loadedmetadata", () => frame(video));
    }
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.show());
  }

  /** Shows the cameras of a camera that runs. */
  async show() {
    const { settings, running } = this.#camera;
    for (const video of this.#videos) video.classList.toggle("mirrored", settings.facingMode === "user");
    const devices = running ? await this.#camera.devices() : [];
    const options = devices.map(({ deviceId, label }, i) => {
      const option = make("option", "", label || t("camera.nth", { n: i + 1 }));
      option.value = deviceId;
      return option;
    });
    this.#choice.replaceChildren(...options);
    this.#choice.value = settings.deviceId ?? "";
    const several = devices.length > 1;
    show(byId("camera-bar"), several);
    show(byId("teach-flip"), several);
  }

  async #use(started) {
    try {
      await started;
      await this.show();
    } catch (error) {
      this.#failed(error.message);
    }
  }
}

/** Fits the frame to the image that is shown. */
function frame(video) {
  if (video.videoWidth) video.parentElement.style.setProperty("--ratio", video.videoWidth / video.videoHeight);
}
