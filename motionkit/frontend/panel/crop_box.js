// A picture with the square of it that the model sees: drag it, pull its corners, use the arrow keys, or the sliders.

import { makeSlider } from "../shared/controls.js";
import { makeButton, makeElement } from "../shared/elements.js";

const LEAST = 16; // pixels of the picture

/**
 * @param {string} name What the picture is.
 * @param {(box: number[], done: boolean) => void} onChange Called with left, top, right, bottom in the picture's pixels,
 *     and the degrees by which a turned one is turned, while the square is moved, and once more, done, when it is let go.
 * @param {() => void} onAuto Called when the square is to be found again by itself.
 */
export function makeCropBox(name, onChange, onAuto) {
  const image = makeElement("img", { alt: name, draggable: "false" });
  const frame = makeFrame(name);
  const stage = makeElement("div", { class: "mk-crop" }, image, frame);
  const auto = makeButton("Auto", onAuto, { kind: "mk-quiet" });
  const picture = { width: 1, height: 1 };
  let box = null;

  const sliders = ["Left", "Top", "Size"].map((label, part) =>
    makeSlider({
      label,
      range: [0, 1],
      step: 1,
      name: `${name}-crop-${label.toLowerCase()}`,
      onInput: (value, done) => {
        const [left, top, right] = box;
        const changed = [left, top, right - left];
        changed[part] = value;
        move(...changed, done);
      },
    }),
  );
  const details = makeElement(
    "details",
    { class: "mk-details" },
    makeElement("summary", {}, makeElement("span", { text: "Crop" }), auto),
    ...sliders.map((slider) => slider.element),
  );
  auto.addEventListener("click", (event) => event.preventDefault()); // the summary stays as it is
  moveByPointer(frame, {
    begin: () => ({ box, picture, scale: picture.width / stage.clientWidth }),
    move,
  });
  moveByKeys(frame, (dx, dy, grown) => {
    const [left, top, right] = box;
    const step = Math.max(1, Math.round(picture.width / 100));
    move(left + dx * step, top + dy * step, right - left + grown * step, true);
  });

  /** Move the square to where it was asked to be, or as near as the picture allows. */
  function move(left, top, side, done) {
    const most = Math.min(picture.width, picture.height);
    const size = Math.round(Math.min(Math.max(side, Math.min(LEAST, most)), most));
    const x = Math.round(Math.min(Math.max(left, 0), picture.width - size));
    const y = Math.round(Math.min(Math.max(top, 0), picture.height - size));
    draw([x, y, x + size, y + size, ...box.slice(4)]);
    onChange(box, done);
  }

  function draw(to) {
    box = to;
    frame.hidden = !box;
    details.hidden = !box;
    if (!box) return;
    const { width, height } = picture;
    const [left, top, right, bottom, roll = 0] = box;
    const side = right - left;
    frame.style.transform = roll ? `rotate(${roll}deg)` : "";
    frame.style.left = `${(left / width) * 100}%`;
    frame.style.top = `${(top / height) * 100}%`;
    frame.style.width = `${(side / width) * 100}%`;
    frame.style.height = `${((bottom - top) / height) * 100}%`;
    sliders[0].set(left, { range: [Math.min(0, left), Math.max(width - side, left)] });
    sliders[1].set(top, { range: [Math.min(0, top), Math.max(height - side, top)] });
    sliders[2].set(side, { range: [LEAST, Math.max(Math.min(width, height), side)] });
  }

  return {
    stage,
    details,
    /** Show a picture of which `url` is a smaller copy. */
    show(url, width, height) {
      image.src = url;
      picture.width = width;
      picture.height = height;
      stage.style.aspectRatio = `${width} / ${height}`;
      stage.style.setProperty("--mk-ratio", width / height);
    },
    /** Show the square, null for none; `manual` tells whether it was set by hand. */
    setBox(to, manual) {
      draw(to);
      auto.hidden = !manual;
    },
  };
}

/** The square, which can be focused, and its four corners. */
function makeFrame(name) {
  const corners = ["nw", "ne", "sw", "se"].map((corner) =>
    makeElement("span", { class: `mk-crop-corner mk-crop-${corner}`, "data-corner": corner }),
  );
  const label = `Crop of the ${name}: arrow keys move it, plus and minus resize it`;
  return makeElement("div", { class: "mk-crop-box", tabindex: "0", role: "group", "aria-label": label }, ...corners);
}

/**
 * Drag the square, or one of its corners.
 * @param {() => {box: number[], picture: {width: number, height: number}, scale: number}} begin Called where a drag
 *     begins: the square, the picture's size, and its pixels to one on the page.
 */
function moveByPointer(frame, { begin, move }) {
  frame.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    frame.focus();
    frame.setPointerCapture(event.pointerId);
    const { corner } = event.target.dataset;
    const { box, picture, scale } = begin();
    const follow = (now, done) => {
      const dx = (now.clientX - event.clientX) * scale;
      const dy = (now.clientY - event.clientY) * scale;
      const square = corner ? pulled(box, corner, dx, dy, picture) : [box[0] + dx, box[1] + dy, box[2] - box[0]];
      move(...square, done);
    };
    const onMove = (now) => follow(now, false);
    const onEnd = (now) => {
      frame.removeEventListener("pointermove", onMove);
      if (now.clientX !== event.clientX || now.clientY !== event.clientY) follow(now, true);
    };
    frame.addEventListener("pointermove", onMove);
    frame.addEventListener("pointerup", onEnd, { once: true });
    frame.addEventListener("pointercancel", onEnd, { once: true });
  });
}

/** Left, top and side of a square of which a corner was pulled; the opposite corner stays where it is. */
function pulled([left, top, right, bottom], corner, dx, dy, { width, height }) {
  const west = corner.includes("w");
  const north = corner.includes("n");
  const grown = ((west ? -dx : dx) + (north ? -dy : dy)) / 2;
  const room = Math.min(west ? right : width - left, north ? bottom : height - top);
  const side = Math.min(Math.max(right - left + grown, LEAST), room);
  return [west ? right - side : left, north ? bottom - side : top, side];
}

/** @param {(dx: number, dy: number, grown: number) => void} onStep Called with steps by which it moves and grows. */
function moveByKeys(frame, onStep) {
  const steps = {
    ArrowLeft: [-1, 0, 0],
    ArrowRight: [1, 0, 0],
    ArrowUp: [0, -1, 0],
    ArrowDown: [0, 1, 0],
    "+": [-1, -1, 2],
    "-": [1, 1, -2],
  };
  frame.addEventListener("keydown", (event) => {
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    onStep(...step);
  });
}
