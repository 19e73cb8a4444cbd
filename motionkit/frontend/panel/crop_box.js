// A picture with the square of it that the model sees: drag it, pull its corners, use the arrow keys, or the sliders.

const CROP_LEAST = 16; // pixels of the picture

/**
 * @param {(box: number[], done: boolean) => void} onChange Called with left, top, right, bottom in the picture's pixels
 *     while the square is moved, and once more, done, when it is let go.
 * @param {() => void} onAuto Called when the square is to be found again by itself.
 */
function makeCropBox(name, onChange, onAuto) {
  const image = makeElement("img", { alt: name, draggable: "false" });
  const frame = makeElement("div", {
    class: "mk-crop-box", tabindex: "0", role: "group",
    "aria-label": `Crop of the ${name}: arrow keys move it, plus and minus resize it`,
  });
  for (const corner of ["nw", "ne", "sw", "se"]) {
    frame.append(makeElement("span", { class: `mk-crop-corner mk-crop-${corner}`, "data-corner": corner }));
  }
  const stage = makeElement("div", { class: "mk-crop" }, image, frame);
  const auto = makeElement("button", { class: "mk-button mk-quiet", type: "button", text: "Auto", onclick: onAuto });
  const state = { width: 1, height: 1, box: null };

  const sliders = ["Left", "Top", "Size"].map((label, part) =>
    makeSlider({
      label, range: [0, 1], step: 1, name: `${name}-crop-${label.toLowerCase()}`,
      onInput: (value, done) => {
        const [left, top, right] = state.box;
        const changed = [left, top, right - left];
        changed[part] = value;
        move(...changed, done);
      },
    }),
  );
  const details = makeElement("details", { class: "mk-details" },
    makeElement("summary", {}, makeElement("span", { text: "Crop" }), auto),
    ...sliders.map((slider) => slider.element));
  auto.addEventListener("click", (event) => event.preventDefault()); // the summary stays as it is

  function move(left, top, side, done) {
    const most = Math.min(state.width, state.height);
    const size = Math.round(Math.min(Math.max(side, Math.min(CROP_LEAST, most)), most));
    const x = Math.round(Math.min(Math.max(left, 0), state.width - size));
    const y = Math.round(Math.min(Math.max(top, 0), state.height - size));
    draw([x, y, x + size, y + size]);
    onChange(state.box, done);
  }

  function draw(box) {
    state.box = box;
    frame.hidden = !box;
    details.hidden = !box;
    if (!box) return;
    const [left, top, right, bottom] = box;
    frame.style.left = `${(left / state.width) * 100}%`;
    frame.style.top = `${(top / state.height) * 100}%`;
    frame.style.width = `${((right - left) / state.width) * 100}%`;
    frame.style.height = `${((bottom - top) / state.height) * 100}%`;
    const side = right - left;
    sliders[0].set(left, { range: [Math.min(0, left), Math.max(state.width - side, left)] });
    sliders[1].set(top, { range: [Math.min(0, top), Math.max(state.height - side, top)] });
    sliders[2].set(side, { range: [CROP_LEAST, Math.max(Math.min(state.width, state.height), side)] });
  }

  frame.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    frame.focus();
    frame.setPointerCapture(event.pointerId);
    const scale = state.width / stage.clientWidth;
    const corner = event.target.dataset.corner;
    const [left, top, right, bottom] = state.box;
    const begin = { x: event.clientX, y: event.clientY };
    const follow = (now, done) => {
      const dx = (now.clientX - begin.x) * scale;
      const dy = (now.clientY - begin.y) * scale;
      if (!corner) return move(left + dx, top + dy, right - left, done);
      // The opposite corner stays where it is.
      const west = corner.includes("w");
      const north = corner.includes("n");
      const grown = ((west ? -dx : dx) + (north ? -dy : dy)) / 2;
      const room = Math.min(west ? right : state.width - left, north ? bottom : state.height - top);
      const side = Math.min(Math.max(right - left + grown, CROP_LEAST), room);
      return move(west ? right - side : left, north ? bottom - side : top, side, done);
    };
    const onMove = (now) => follow(now, false);
    const onEnd = (now) => {
      frame.removeEventListener("pointermove", onMove);
      if (now.clientX !== begin.x || now.clientY !== begin.y) follow(now, true);
    };
    frame.addEventListener("pointermove", onMove);
    frame.addEventListener("pointerup", onEnd, { once: true });
    frame.addEventListener("pointercancel", onEnd, { once: true });
  });
  frame.addEventListener("keydown", (event) => {
    const [left, top, right] = state.box;
    const step = Math.max(1, Math.round(state.width / 100));
    const by = {
      ArrowLeft: [-step, 0, 0], ArrowRight: [step, 0, 0], ArrowUp: [0, -step, 0], ArrowDown: [0, step, 0],
      "+": [-step, -step, 2 * step], "-": [step, step, -2 * step],
    }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    move(left + by[0], top + by[1], right - left + by[2], true);
  });

  return {
    stage,
    details,
    /** Show a picture of which `url` is a smaller copy. */
    show(url, width, height) {
      image.src = url;
      state.width = width;
      state.height = height;
      stage.style.aspectRatio = `${width} / ${height}`;
      stage.style.setProperty("--mk-ratio", width / height);
    },
    /** Show the square, null for none; `manual` tells whether it was set by hand. */
    setBox(box, manual) {
      draw(box);
      auto.hidden = !manual;
    },
  };
}
