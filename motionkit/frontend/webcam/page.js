// The page of the webcam widget: its elements, no behaviour beyond their own.

const LIVE_STEPS = [
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

const LIVE_SVG = "http://www.w3.org/2000/svg";

/** Everything that the widget shows, by name; `on` are the handlers of what is clicked and moved. */
function buildLivePage(setup, on) {
  const page = { on };
  page.camera = makeElement("button", { type: "button", text: "Camera", onclick: () => on.driving("camera") });
  page.clip = makeElement("button", { type: "button", text: "Clip", onclick: () => on.driving("clip") });
  page.rate = makeElement("span", { class: "mk-live-rate", text: "–" });
  page.round = makeElement("span", { class: "mk-live-round", text: "–" });
  page.banner = makeElement("div", { class: "mk-banner", role: "status", hidden: true });
  const head = makeElement(
    "div", { class: "mk-live-head" },
    makeElement("div", { class: "mk-choice", role: "group", "aria-label": "What drives the picture" }, page.camera, page.clip),
    makeElement(
      "div", { class: "mk-live-figures" },
      page.rate, makeElement("span", { class: "mk-muted", text: "frames a second" }),
      page.round, makeElement("span", { class: "mk-muted", text: "ms round trip" }),
    ),
  );
  page.root = makeElement(
    "div", { class: "mk-widget mk-live" },
    head,
    page.banner,
    makeElement(
      "div", { class: "mk-live-body" },
      makeElement("div", { class: "mk-live-main" }, liveStage(page), liveActions(page), liveClipRow(page)),
      makeElement("div", { class: "mk-live-side" }, liveSourceCard(page), liveMotionCard(page, setup)),
    ),
    liveRecordedCard(page),
    liveLatency(page),
  );
  return page;
}

function liveStage(page) {
  page.feed = makeElement("div", { class: "mk-live-feed" });
  page.driving = makeElement("canvas", { class: "mk-live-driving", hidden: true });
  page.guide = liveGuide();
  page.hint = makeElement("p", { class: "mk-live-hint" });
  page.result = makeElement("canvas", { class: "mk-live-result", width: 256, height: 256, "aria-label": "Result" });
  page.state = makeElement("span", { class: "mk-live-state", hidden: true });
  page.drivingCaption = makeElement("figcaption", { class: "mk-muted", text: "Camera" });
  return makeElement(
    "div", { class: "mk-live-stage" },
    makeElement(
      "figure", {},
      makeElement("div", { class: "mk-live-square" }, page.feed, page.driving, page.guide, page.hint),
      page.drivingCaption,
    ),
    makeElement(
      "figure", {},
      makeElement("div", { class: "mk-live-square" }, page.result, page.state),
      makeElement("figcaption", { class: "mk-muted", text: "Result" }),
    ),
  );
}

/** Where head and shoulders belong: an oval, and a line that the shoulders follow. */
function liveGuide() {
  const svg = document.createElementNS(LIVE_SVG, "svg");
  svg.setAttribute("viewBox", "0 0 100 100");
  svg.setAttribute("class", "mk-live-guide");
  svg.setAttribute("aria-hidden", "true");
  const head = document.createElementNS(LIVE_SVG, "ellipse");
  for (const [name, value] of Object.entries({ cx: 50, cy: 44, rx: 21, ry: 28 })) head.setAttribute(name, value);
  const shoulders = document.createElementNS(LIVE_SVG, "path");
  shoulders.setAttribute("d", "M 8 100 C 10 86 24 81 36 78 M 64 78 C 76 81 90 86 92 100");
  svg.append(head, shoulders);
  return svg;
}

function liveActions(page) {
  const { on } = page;
  const button = (text, title, onclick, kind = "") =>
    makeElement("button", { type: "button", class: `mk-button ${kind}`, text, title, onclick });
  page.start = button("Start", "", on.start, "mk-primary mk-live-start");
  page.calibrate = button("Calibrate", "Take the pose that you hold now as the neutral one", on.calibrate);
  page.freeze = button("Freeze", "Hold the result; the sliders still act on it", on.freeze);
  page.record = button("Record", "Write the results into a clip", on.record);
  page.mirror = makeElement("input", { type: "checkbox", onchange: () => on.mirror(page.mirror.checked) });
  return makeElement(
    "div", { class: "mk-row mk-live-actions" },
    page.start, page.calibrate, page.freeze, page.record,
    makeElement("label", { class: "mk-toggle" }, page.mirror, "Mirror"),
  );
}

function liveClipRow(page) {
  const use = () => page.on.clip(page.clipPath.value);
  page.clipPath = makeElement("input", {
    class: "mk-input", type: "text", placeholder: "Path of a clip or motion template; empty is the sample clip",
    "aria-label": "Path of a clip or motion template", onkeydown: (event) => event.key === "Enter" && use(),
  });
  page.clipRow = makeElement(
    "div", { class: "mk-live-clip", hidden: true },
    makeElement(
      "div", { class: "mk-live-path" }, page.clipPath,
      makeElement("button", { type: "button", class: "mk-button", text: "Use clip", onclick: use }),
    ),
    makeElement("p", {
      class: "mk-muted",
      text: "A clip plays in real time in place of the camera. To record yourself first and animate the recording " +
        "afterwards, frame by frame, use mk.panel(model).",
    }),
  );
  return page.clipRow;
}

function liveSourceCard(page) {
  const { on } = page;
  const use = () => on.source(page.sourcePath.value);
  page.sourcePicture = makeElement("img", { class: "mk-live-thumbnail", alt: "" });
  page.sourceName = makeElement("span", { class: "mk-live-name" });
  page.sourceNote = makeElement("p", { class: "mk-muted", hidden: true });
  page.file = makeElement("input", {
    type: "file", accept: "image/*", hidden: true,
    onchange: () => {
      if (page.file.files.length) on.upload(page.file.files[0]);
      page.file.value = ""; // the same file may be chosen again
    },
  });
  page.sourcePath = makeElement("input", {
    class: "mk-input", type: "text", placeholder: "Path of a picture", "aria-label": "Path of a picture",
    onkeydown: (event) => event.key === "Enter" && use(),
  });
  const button = (text, onclick) => makeElement("button", { type: "button", class: "mk-button", text, onclick });
  return makeElement(
    "section", { class: "mk-card mk-live-source" },
    page.sourcePicture,
    makeElement(
      "div", { class: "mk-live-choose" },
      makeElement("h3", { text: "Source" }),
      page.sourceName,
      makeElement("div", { class: "mk-row" }, button("Upload", () => page.file.click()), button("Sample", () => on.source("")), page.file),
    ),
    makeElement("div", { class: "mk-live-path" }, page.sourcePath, button("Use", use)),
    page.sourceNote,
  );
}

function liveMotionCard(page, setup) {
  const reset = makeElement("button", { type: "button", class: "mk-button mk-quiet", text: "Reset", onclick: page.on.reset });
  const slider = (name, range, onInput) => makeSlider({ label: wordOf(name), range, step: 0.05, name, onInput });
  page.sliders = {
    strength: slider("strength", setup.strength, (value) => page.on.slider("strength", value)),
    smoothing: slider("smoothing", setup.smoothing, (value) => page.on.slider("smoothing", value)),
  };
  page.gains = {};
  for (const group of setup.groups) page.gains[group] = slider(group, setup.gain, (value) => page.on.gain(group, value));
  const gains = Object.values(page.gains).map(({ element }) => element);
  return makeElement(
    "section", { class: "mk-card" },
    makeElement("div", { class: "mk-live-title" }, makeElement("h3", { text: "Motion" }), reset),
    page.sliders.strength.element,
    page.sliders.smoothing.element,
    gains.length ? makeElement("p", { class: "mk-muted mk-live-sub", text: "Gain of each part" }) : null,
    ...gains,
  );
}

function liveRecordedCard(page) {
  page.recordedVideo = makeElement("video", { controls: true, loop: true, playsinline: true });
  page.recordedText = makeElement("p", { class: "mk-muted" });
  page.download = makeElement("a", { class: "mk-button mk-primary", text: "Download" });
  page.recorded = makeElement(
    "section", { class: "mk-card mk-live-recorded", hidden: true },
    page.recordedVideo,
    makeElement("div", {}, makeElement("h3", { text: "Recorded clip" }), page.recordedText, page.download),
  );
  return page.recorded;
}

function liveLatency(page) {
  page.cells = {};
  const rows = LIVE_STEPS.map(([key, name, what]) => {
    page.cells[key] = makeElement("td", { text: "–" });
    const kind = key === "round" ? { class: "mk-live-total" } : {};
    return makeElement("tr", kind, makeElement("th", { scope: "row", text: name }), page.cells[key], makeElement("td", { text: what }));
  });
  return makeElement(
    "details", { class: "mk-live-latency" },
    makeElement("summary", { text: "Latency" }),
    makeElement(
      "table", {},
      makeElement("caption", { class: "mk-muted", text: "Median of the last results, in milliseconds" }),
      makeElement("tbody", {}, ...rows),
    ),
  );
}

/** Text across the page's top: what is wrong, or worth knowing, and what to do. Empty text hides it. */
function showLiveBanner(page, text, { bad = true } = {}) {
  page.banner.hidden = !text;
  page.banner.classList.toggle("mk-error", bad);
  page.banner.replaceChildren(
    makeElement("span", { text: text ?? "" }),
    makeElement("button", {
      type: "button", class: "mk-button mk-quiet", text: "Dismiss", onclick: page.on.dismiss,
    }),
  );
}

function showLiveFigures(page, meter) {
  const { rate } = meter;
  const round = meter.median("round");
  page.rate.textContent = rate === null ? "–" : rate.toFixed(1);
  page.round.textContent = round === null ? "–" : round.toFixed(0);
  page.root.dataset.results = meter.results;
  for (const [key, cell] of Object.entries(page.cells)) {
    const value = meter.median(key);
    cell.textContent = value === null ? "–" : value.toFixed(1);
  }
}
