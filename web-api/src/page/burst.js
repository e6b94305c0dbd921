// Images from the camera: a short press takes one, and holding the button or the space bar takes a series.

import { byId, make, say, show } from "./dom.js";
import { measure } from "./measure.js";
import { isTaken } from "./shortcuts.js";
import { t } from "./text.js";
import { Tray } from "./tray.js";

const IMAGES = 15; // of one series
const SPAN_MS = 4000;
const PAUSE_MS = SPAN_MS / (IMAGES - 1);
const PRESS_MS = 500; // shorter is no series

// Where the space bar has a meaning of its own.
const CONTROLS = "a, button, input, select, summary, textarea, [role=application], [tabindex='0']";

export class Burst {
  #camera;
  #start;
  #teach;
  #tray;
  #button = byId("teach-camera");
  #ring = make("span", "ring");
  #words = make("span");
  #held = false;
  #released = 0; // when it was no longer held
  #taking = null; // the series that is being taken
  #pressed = false; // whether the click that follows was handled as a press

  /** `start()` starts the camera; the images go to `teach`. */
  constructor(camera, start, teach) {
    this.#camera = camera;
    this.#start = start;
    this.#teach = teach;
    this.#tray = new Tray((files) => teach.addTogether(files));
    this.#ring.setAttribute("aria-hidden", "true");
    this.#button.replaceChildren(this.#ring, this.#words);
    this.#listen();
    this.show();
  }

  /** Shows whether the camera runs. */
  show() {
    const { running } = this.#camera;
    if (!running) this.#release();
    show(byId("teach-view"), running);
    for (const id of ["teach-hold", "teach-off"]) show(byId(id), running);
    show(this.#ring, running);
    this.#button.classList.toggle("hold", running);
    if (running) this.#button.setAttribute("aria-describedby", "teach-hold");
    else this.#button.removeAttribute("aria-describedby");
    this.#count(0);
  }

  #count(taken) {
    const count = taken > 0 ? t("teach.taken", { n: taken, of: IMAGES }) : "";
    this.#words.textContent = count || t(this.#camera.running ? "teach.take" : "teach.camera");
    this.#ring.style.setProperty("--share", taken / IMAGES);
    say(byId("teach-count"), count);
  }

  #listen() {
    const button = this.#button;
    button.addEventListener("pointerdown", (event) => {
      this.#pressed = this.#camera.running && event.isPrimary && event.button === 0;
      if (!this.#pressed) return;
      button.setPointerCapture(event.pointerId); // a finger may slip off the button
      this.#press();
    });
    button.addEventListener("pointerup", () => this.#release());
    button.addEventListener("pointercancel", () => {
      this.#pressed = false; // no click follows
      this.#release();
    });
    // A long press has no menu here.
    button.addEventListener("contextmenu", (event) => { if (this.#camera.running) event.preventDefault(); });
    button.addEventListener("click", () => this.#click());
    document.addEventListener("keydown", (event) => this.#down(event));
    document.addEventListener("keyup", (event) => this.#up(event));
    window.addEventListener("blur", () => this.#release());
  }

  #click() {
    const handled = this.#pressed;
    this.#pressed = false;
    if (handled) return;
    if (!this.#camera.running) this.#start();
    else if (!this.#held) { // a click without a pointer, such as by a screen reader
      this.#press();
      this.#release();
    }
  }

  #isHolding(event) {
    const { key, target } = event;
    if (target === this.#button) return key === " " || key === "Enter";
    return key === " " && !target.closest?.(CONTROLS) && !isTaken(event);
  }

  #down(event) {
    if (!this.#camera.running || !this.#isHolding(event)) return;
    event.preventDefault(); // no click, and the page does not scroll
    if (!event.repeat) this.#press();
  }

  #up(event) {
    if (!this.#held || ![" ", "Enter"].includes(event.key)) return;
    event.preventDefault();
    this.#release();
  }

  #press() {
    if (this.#taking || this.#button.disabled) return;
    this.#held = true;
    this.#taking = this.#series().finally(() => { this.#taking = null; });
  }

  #release() {
    if (this.#held) this.#released = performance.now();
    this.#held = false;
  }

  async #series() {
    const shots = [];
    const began = performance.now();
    do {
      const still = await this.#camera.still();
      if (!still) break;
      shots.push(still);
      this.#count(shots.length);
      await this.#until(began + shots.length * PAUSE_MS);
    } while (this.#held && shots.length < IMAGES);
    this.#count(0);
    await this.#took(shots, !this.#held && this.#released - began < PRESS_MS);
  }

  /** Waits, but not longer than the button is held. */
  async #until(time) {
    while (this.#held && performance.now() < time) await new Promise(requestAnimationFrame);
  }

  async #took(shots, isPress) {
    // Of a press one image is added at once: it was looked at while it was taken.
    if (shots.length > 0 && isPress && this.#tray.isEmpty) this.#teach.add(shots.slice(0, 1), null, true);
    else if (shots.length > 0) this.#tray.put(await Promise.all(shots.map(measured)));
  }
}

async function measured(blob, nth) {
  const file = new File([blob], `${t("teach.image", { n: nth + 1 })}.jpg`, { type: blob.type });
  return { file, ...(await measure(blob)) };
}
