// The webcam's two squares: what drives, and the result.

import { drawWhole, makeElement } from "../shared/elements.js";
import { clockText } from "../shared/words.js";

const SVG = "http://www.w3.org/2000/svg";

export function makeStage() {
  const feed = makeElement("div", { class: "mk-live-feed" });
  const driving = makeElement("canvas", { class: "mk-live-driving", hidden: true });
  const guide = makeGuide();
  const hint = makeElement("p", { class: "mk-live-hint" });
  const caption = makeElement("figcaption", { class: "mk-muted", text: "Camera" });
  const result = makeElement("canvas", { class: "mk-live-result", width: 256, height: 256, "aria-label": "Result" });
  const badge = makeBadge();
  const element = makeElement(
    "div",
    { class: "mk-live-stage" },
    makeElement("figure", {}, makeElement("div", { class: "mk-live-square" }, feed, driving, guide, hint), caption),
    makeElement(
      "figure",
      {},
      makeElement("div", { class: "mk-live-square" }, result, badge.element),
      makeElement("figcaption", { class: "mk-muted", text: "Result" }),
    ),
  );
  return {
    element,
    /** Show the camera's video; null takes it away. */
    showCamera(video) {
      feed.replaceChildren(...(video ? [video] : []));
    },
    /** Show a result, and the clip's frame that it is of. */
    showResult(picture, frame) {
      drawWhole(result, picture);
      if (frame) drawWhole(driving, frame);
    },
    showBadge: badge.refresh,
    refresh(state) {
      const camera = state.mode === "camera";
      driving.hidden = camera;
      guide.toggleAttribute("hidden", !camera);
      caption.textContent = camera ? "Camera" : "Clip";
      hint.hidden = state.running;
      hint.textContent = hintText(state);
      badge.refresh(state);
    },
  };
}

function hintText({ mode, ranBefore }) {
  if (mode !== "camera") return "Press Start to play the clip.";
  return ranBefore
    ? "The camera is off, since this page was loaded anew. Press Start to go on with the settings as they are."
    : "Press Start and allow the camera. Its frames go to this notebook's kernel, nowhere else.";
}

/** Where head and shoulders belong: an oval, and a line that the shoulders follow. */
function makeGuide() {
  const svg = makeShape("svg", { viewBox: "0 0 100 100", class: "mk-live-guide", "aria-hidden": "true" });
  const head = makeShape("ellipse", { cx: 50, cy: 44, rx: 21, ry: 28 });
  const shoulders = makeShape("path", { d: "M 8 100 C 10 86 24 81 36 78 M 64 78 C 76 81 90 86 92 100" });
  svg.append(head, shoulders);
  return svg;
}

function makeShape(tag, attributes) {
  const shape = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
  return shape;
}

/** Over the result: whether it is recorded, and for how long, and whether it is frozen. */
function makeBadge() {
  const element = makeElement("span", { class: "mk-live-state", hidden: true });
  let since = null; // when the recording was first seen
  const refresh = ({ recording, running, frozen }) => {
    if (!recording) since = null;
    else since ??= performance.now();
    const seconds = recording ? Math.floor((performance.now() - since) / 1000) : 0;
    const clock = running ? ` ${clockText(seconds)}` : ""; // of a page that saw none of it, it would stand still
    const words = [recording ? `Recording${clock}` : "", frozen ? "Frozen" : ""];
    element.textContent = words.filter(Boolean).join(", ");
    element.hidden = !element.textContent;
    element.classList.toggle("mk-live-on", recording);
  };
  return { element, refresh };
}
