// A camera as pictures of a model's size. They stay here: whoever is given them decides what is done with them.

import { reasonOf } from "../page/reason.js";
import { withoutAlpha } from "./cutouts.js";

/** What a browser's refusal means, by its name. @type {Record<string, string>} */
const REFUSALS = {
  NotAllowedError: "The browser was not allowed to use the camera. Its address bar can change that.",
  NotFoundError: "No camera was found.",
  OverconstrainedError: "No camera was found.",
  NotReadableError: "The camera does not answer; another program may be using it.",
};
const INSECURE =
  "A browser lends its camera only to a page that came by https, or from this machine as http://localhost.";

/** What is asked of the camera: few pixels are enough. On a phone, the one that looks away from the person. */
const WANTED = { audio: false, video: { width: { ideal: 320 }, height: { ideal: 240 }, facingMode: "environment" } };

export class Camera {
  #video = document.createElement("video");
  /** @type {MediaStream | null} */
  #stream = null;
  #frame = 0;
  #turn = 0; // counts starts and stops, so that what was allowed too late is ended

  get running() {
    return this.#stream !== null;
  }

  /**
   * Asks for the camera and gives its pictures until it is stopped.
   * @param {number} side of the pictures in pixels: the middle square of what the camera sees
   * @param {(pixels: Uint8Array) => void} show given [side][side][3] of every new picture
   * @param {() => void} ended called if the camera is taken away
   * @returns {Promise<boolean>} whether it runs; false if it was stopped meanwhile
   * @throws {Error} with a sentence, if there is no camera or it may not be used
   */
  async start(side, show, ended) {
    this.stop();
    const turn = this.#turn;
    if (!navigator.mediaDevices) throw new Error(INSECURE);
    const stream = await navigator.mediaDevices.getUserMedia(WANTED).catch((error) => {
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
    video.play().catch(() => {}); // stopped before it began
    const context = /** @type {OffscreenCanvasRenderingContext2D} */ (
      new OffscreenCanvas(side, side).getContext("2d", { willReadFrequently: true })
    );
    context.imageSmoothingQuality = "high";
    let seen = -1;
    const look = () => {
      this.#frame = requestAnimationFrame(look);
      const { videoWidth: width, videoHeight: height, currentTime } = video;
      if (!width || currentTime === seen) return;
      seen = currentTime;
      const square = Math.min(width, height);
      context.drawImage(video, (width - square) / 2, (height - square) / 2, square, square, 0, 0, side, side);
      show(withoutAlpha(context.getImageData(0, 0, side, side).data));
    };
    look();
    return true;
  }

  /** Ends the tracks at once: the camera's light goes out. */
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
