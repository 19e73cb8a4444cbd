// The webcam's buttons, and the row for its clip.

import { makePathField, makeToggle } from "../shared/controls.js";
import { makeButton, makeElement } from "../shared/elements.js";

/** @param {object} on Called when a button is pressed: `start`, `calibrate`, `freeze`, `record`, `mirror(value)`. */
export function makeActions(on) {
  const start = makeButton("Start", on.start, { kind: "mk-primary mk-live-start" });
  const calibrate = makeButton("Calibrate", on.calibrate, {
    title: "Take the pose that you hold now as the neutral one",
  });
  const freeze = makeButton("Freeze", on.freeze, { title: "Hold the result; the sliders still act on it" });
  const record = makeButton("Record", on.record, { title: "Write the results into a clip" });
  const mirror = makeToggle("Mirror", "mirror", on.mirror);
  const element = makeElement(
    "div",
    { class: "mk-row mk-live-actions" },
    start,
    calibrate,
    freeze,
    record,
    mirror.element,
  );
  return {
    element,
    setMirror: mirror.set,
    refresh({ starting, running, frozen, recording, lost }) {
      start.textContent = running ? "Stop" : starting ? "Cancel" : "Start";
      start.disabled = lost;
      calibrate.disabled = !running;
      freeze.disabled = !running;
      freeze.textContent = frozen ? "Go on" : "Freeze";
      record.disabled = lost || !(running || recording);
      record.textContent = recording ? "Stop recording" : "Record";
    },
  };
}

/** @param {() => void} onUse Called when the clip of this path is to be played. */
export function makeClipRow(onUse) {
  const label = "Path of a clip or motion template";
  const path = makePathField({
    label,
    placeholder: `${label}; empty is the sample clip`,
    action: "Use clip",
    onUse,
  });
  const hint =
    "A clip plays in real time in place of the camera. To record yourself first and animate the recording " +
    "afterwards, frame by frame, use mk.panel(model).";
  const element = makeElement(
    "div",
    { class: "mk-live-clip", hidden: true },
    path.element,
    makeElement("p", { class: "mk-muted", text: hint }),
  );
  return { element, field: path.field };
}
