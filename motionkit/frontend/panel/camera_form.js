// The camera as an input: its picture, and a button that takes a picture of it or begins and ends a clip.

import { openCamera, recordClip, snapshotBlob } from "../shared/camera.js";
import { makeButton, makeElement } from "../shared/elements.js";

/**
 * @param {boolean} still Whether a picture is taken, not a clip.
 * @param {(blob: Blob, name: string) => Promise<void>} onTaken
 */
export function makeCameraForm({ still, notice, onTaken }) {
  const view = makeElement("div", { class: "mk-camera" });
  const button = makeButton("Open the camera", act);
  const element = makeElement("div", { class: "mk-form mk-camera-form" }, view, button);
  let camera = null;
  let recording = null;
  let turn = 0; // another one from each `stop` on

  async function act() {
    const mine = turn;
    button.disabled = true;
    notice.forget();
    try {
      if (!camera) await open();
      else if (still) await take(await snapshotBlob(camera.video), "snapshot.jpg");
      else if (recording) await finish();
      else record();
    } catch (error) {
      if (mine === turn) {
        stop();
        notice.fail(error.message);
      }
    } finally {
      button.disabled = false;
    }
  }

  async function open() {
    const mine = turn;
    const opened = await openCamera({ width: 640, height: 480 });
    if (mine !== turn || !element.isConnected) {
      opened.stop(); // given up while the browser asked
      return;
    }
    camera = opened;
    view.replaceChildren(camera.video);
    button.textContent = still ? "Take the picture" : "Record";
  }

  function record() {
    recording = recordClip(camera.stream);
    button.textContent = "Stop and use";
    element.classList.add("mk-recording");
  }

  async function finish() {
    const blob = await recording.stop();
    await take(blob, `recording.${blob.type.includes("mp4") ? "mp4" : "webm"}`);
  }

  async function take(blob, name) {
    stop();
    await onTaken(blob, name);
  }

  /** Give the camera back, and what was being recorded up. */
  function stop() {
    turn += 1;
    camera?.stop();
    camera = null;
    recording = null;
    view.replaceChildren();
    element.classList.remove("mk-recording");
    button.textContent = "Open the camera";
  }

  return { element, stop };
}
