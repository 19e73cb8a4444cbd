// Pose's picture; dragging on it turns the head.

import { decodePictures, drawWhole, makeElement } from "../shared/elements.js";

const SWEEP = 60; // degrees that a drag across the whole picture turns the head

/**
 * @param {() => Record<string, number>} values The expression as it is.
 * @param {Record<string, number[]>} limits Of yaw, pitch and roll.
 * @param {(turn: Record<string, number>) => void} onTurn
 */
export function makeStage({ values, limits, onTurn }) {
  const canvas = makeElement("canvas", {
    class: "mk-pose-canvas",
    role: "img",
    "aria-label": "The source in this pose",
  });
  const seconds = makeElement("span", { class: "mk-answered", title: "From the change to its picture" });
  const element = makeElement(
    "figure",
    { class: "mk-pose-stage" },
    canvas,
    makeElement(
      "figcaption",
      {},
      makeElement("span", { text: "Drag on the picture to turn the head; with Shift, to tilt it" }),
      seconds,
    ),
  );
  let from = null; // where the drag began, and the turn there

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    const { yaw = 0, pitch = 0, roll = 0 } = values();
    from = { x: event.clientX, y: event.clientY, yaw, pitch, roll };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const degrees = SWEEP / canvas.getBoundingClientRect().width;
    const [right, up] = [(event.clientX - from.x) * degrees, (from.y - event.clientY) * degrees];
    onTurn(
      event.shiftKey
        ? { roll: held(from.roll + right, limits.roll) }
        : { yaw: held(from.yaw + right, limits.yaw), pitch: held(from.pitch + up, limits.pitch) },
    );
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      from = null;
    });
  }

  return {
    element,
    /** Show an answer to what happened at `time`. */
    async draw(picture, time) {
      const [bitmap] = await decodePictures([picture]);
      drawWhole(canvas, bitmap);
      bitmap.close();
      seconds.textContent = `${((performance.now() - time) / 1000).toFixed(2)} s`;
      element.dataset.answers = Number(element.dataset.answers ?? 0) + 1;
    },
  };
}

const held = (value, [least, most]) => Math.round(Math.min(Math.max(value, least), most));
