// What the webcam does: it stands still, starts, runs or is frozen.

import { openCamera } from "../shared/camera.js";
import { makeCameraFeed } from "./camera_feed.js";
import { makeLoop } from "./loop.js";

const CAMERA_LOST =
  "The camera was taken away: it was unplugged, or its permission withdrawn. Connect or allow it, then press Start.";

/**
 * @param {number} side Of the camera's frames for the model, in pixels.
 * @param {object} on `changed()`, `camera(video | null)`, `result({picture, driving, done})`, `failed(message)` after it
 *     has stopped, `silent(seconds | null)`, `stopping()` while it still runs; `shown()` says whether the page still
 *     has the widget.
 */
export function makeRun(model, side, on) {
  let phase = "stopped"; // "starting" until what drives is open, then "running"
  let frozen = false;
  let camera = null;
  let turn = 0; // another one from each `stop` on
  const loop = makeLoop(model, { result: on.result, failed: halt, silent: on.silent });

  /** Open what drives: the camera, or in the kernel a clip. */
  async function begin({ mode, path }) {
    if (phase !== "stopped") return;
    const mine = turn;
    phase = "starting";
    on.changed();
    try {
      if (mode === "camera") await takeCamera();
      if (mine === turn) loop.open({ kind: "driving", camera: mode === "camera", path });
    } catch (error) {
      if (mine === turn) halt(error.message);
    }
  }

  async function takeCamera() {
    const mine = turn;
    const opened = await openCamera({ width: 640, height: 480 });
    if (mine !== turn || !on.shown()) {
      opened.stop(); // given up while the browser asked
      return;
    }
    camera = opened;
    for (const track of camera.stream.getVideoTracks()) track.addEventListener("ended", () => halt(CAMERA_LOST));
    on.camera(camera.video);
  }

  function stop() {
    if (phase === "running") on.stopping();
    turn += 1;
    phase = "stopped";
    frozen = false;
    loop.stop();
    camera?.stop();
    camera = null;
    on.camera(null);
    on.changed();
  }

  /** Stop, and say why. */
  function halt(message) {
    stop();
    on.failed(message);
  }

  return {
    begin,
    stop,
    halt,
    handle: loop.handle,
    get state() {
      return { starting: phase === "starting", running: phase === "running", frozen };
    },
    /** The kernel is ready for frames; false if that was given up since. */
    opened() {
      if (phase !== "starting") return false;
      phase = "running";
      loop.start(camera ? makeCameraFeed(camera.video, side) : null);
      on.changed();
      return true;
    },
    freeze(value) {
      frozen = value;
      loop.hold(frozen);
      on.changed();
    },
    /** Options have changed; a frozen result is drawn anew. */
    redraw() {
      if (frozen) loop.redraw();
    },
    close() {
      stop();
      loop.close();
    },
  };
}
