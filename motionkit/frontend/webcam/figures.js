// How fast the webcam is: two figures at its head, and a table of where the time goes.

import { makeElement } from "../shared/elements.js";

const STEPS = [
  ["camera", "Camera", "browser: until there is a new frame; before the round trip begins"],
  ["grab", "Grab", "browser: the camera frame, cropped and reduced"],
  ["encode", "Encode", "browser: JPEG"],
  ["comm", "Messages", "both ways between browser and kernel"],
  ["wait", "Wait", "kernel: until the frame before is done"],
  ["read", "Read", "kernel: JPEG, or the clip's next frame"],
  ["detect", "Detect", "keypoints"],
  ["transfer", "Transfer", "motion transfer, limit and smoothing"],
  ["generate", "Generate", "the picture"],
  ["finish", "Finish", "label, and recording if it is on"],
  ["jpeg", "Encode", "kernel: JPEG"],
  ["paint", "Decode", "browser: JPEG, and drawing"],
  ["round", "Round trip", "from the camera frame to the result on the page"],
];

/** Results a second and the round trip. */
export function makeFigures() {
  const rate = makeElement("span", { class: "mk-live-rate", text: "–" });
  const round = makeElement("span", { class: "mk-live-round", text: "–" });
  const element = makeElement(
    "div",
    { class: "mk-live-figures" },
    rate,
    makeElement("span", { class: "mk-muted", text: "frames a second" }),
    round,
    makeElement("span", { class: "mk-muted", text: "ms round trip" }),
  );
  const refresh = (meter) => {
    rate.textContent = figureText(meter.rate, 1);
    round.textContent = figureText(meter.median("round"), 0);
  };
  return { element, refresh };
}

/** Each step's median. */
export function makeLatency() {
  const cells = new Map();
  const rows = STEPS.map(([key, name, what]) => {
    const cell = makeElement("td", { text: "–" });
    cells.set(key, cell);
    return makeElement(
      "tr",
      { class: key === "round" ? "mk-live-total" : null },
      makeElement("th", { scope: "row", text: name }),
      cell,
      makeElement("td", { text: what }),
    );
  });
  const element = makeElement(
    "details",
    { class: "mk-live-latency" },
    makeElement("summary", { text: "Latency" }),
    makeElement(
      "table",
      {},
      makeElement("caption", { class: "mk-muted", text: "Median of the last results, in milliseconds" }),
      makeElement("tbody", {}, ...rows),
    ),
  );
  const refresh = (meter) => {
    for (const [key, cell] of cells) cell.textContent = figureText(meter.median(key), 1);
  };
  return { element, refresh };
}

function figureText(value, digits) {
  return value === null ? "–" : value.toFixed(digits);
}
