// Camera frames at a model's input size. Sends nothing; the caller decides what to do with the frames.

import { reasonOf } from "../page/reason.js";
import { withoutAlpha } from "./cutouts.js";

/** Messages for the errors of getUserMedia, by error name. @type {Record<string, string>} */
const REFUSALS = {
  NotAllowedError: "The browser was not allowed to use the camera. Its address bar can change that.",
  NotFoundError: "No camera was found.",
  OverconstrainedError: "No camera was found.",
  NotReadableError: "The camera cannot be read; another program may be using it.",
};
const INSECURE = "Browsers allow the camera only on https pages, or on http://localhost on this machine.";

/** A low resolution is enough. On a phone, the rear camera. */
const CONSTRAINTS = {
  audio: false,
  video: { width: { ideal: 320 }, height: { ideal: 240 }, facingMode: "environment" },
};

export class Camera {
  #video = document.createElement("video");
  /** @type {MediaStream | null} */
  #stream = null;
  #frame = 0;
  #turn = 0; // counts starts and stops, so that a stream granted after a stop is closed

  get running() {
    return this.#stream !== null;
  }

  /**
   * Requests the camera and delivers its frames until `stop`.
   * @param {number} side of the frames in pixels: the central square, resized
   * @param {(pixels: Uint8Array) => void} show given [side][side][3] of every new frame
   * @param {() => void} ended called if the camera disconnects
   * @returns {Promise<boolean>} whether it runs; false if it was stopped meanwhile
   * @throws {Error} with a sentence, if there is no camera or it may not be used
   */
  async start(side, show, ended) {
    this.stop();
    const turn = this.#turn;
    if (!navigator.mediaDevices) throw new Error(INSECURE);
    const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS).catch((error) => {
      throw new Error(REFUSALS[error.name] ?? `The camera cannot be used: ${reasonOf(error)}`, { cause: error });
    });
    if (turn !== this.#turn) {
      end(stream);
      return false;
    }
    this.#stream = stream;
    const video = this.#video;
    Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
    for (const track of stream.getTracks()) track.addEventListener("ended", () => turn === this.#turn && ended());
    video.play().catch(() => {}); // rejects if stopped before it began
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true })
    );
    context.imageSmoothingQuality = "high";
    let lastTime = -1;
    const grab = () => {
      this.#frame = requestAnimationFrame(grab);
      const { videoWidth: width, videoHeight: height, currentTime } = video;
      if (!width || currentTime === lastTime) return;
      lastTime = currentTime;
      const square = Math.min(width, height);
      context.drawImage(video, (width - square) / 2, (height - square) / 2, square, square, 0, 0, side, side);
      show(withoutAlpha(context.getImageData(0, 0, side, side).data));
    };
    grab();
    return true;
  }

  /** Stops the camera's tracks at once, so that its light goes out. */
  stop() {
    this.#turn += 1;
    cancelAnimationFrame(this.#frame);
    if (this.#stream) end(this.#stream);
    this.#stream = this.#video.srcObject = null;
  }
}

/** @param {MediaStream} stream */
function end(stream) {
  for (const track of stream.getTracks()) track.stop();
}
