// The webcam: camera or clip in, the moving source out. motionkit/widgets/webcam.py is the other side.

import { KERNEL_GONE, listenTo, makeConnection } from "../shared/connection.js";
import { makeChoice } from "../shared/controls.js";
import { makeElement } from "../shared/elements.js";
import { markTheme } from "../shared/theme.js";
import { makeFileExchange } from "../shared/uploads.js";
import { makeActions, makeClipRow } from "./actions.js";
import { makeFigures, makeLatency } from "./figures.js";
import { makeMeter } from "./meter.js";
import { makeMotionCard } from "./motion.js";
import { makeNotice } from "./notice.js";
import { makeRecordedCard } from "./recorded.js";
import { makeRun } from "./run.js";
import { makeSourceCard } from "./source.js";
import { makeStage } from "./stage.js";

function makeWebcam(model) {
  const setup = model.get("setup");
  const before = model.get("driving"); // empty unless the page was loaded again, or shows a second view
  let mode = before.kind && before.kind !== "camera" ? "clip" : "camera";
  let ranBefore = Boolean(before.kind);
  const files = makeFileExchange(model);
  const meter = makeMeter();
  const connection = makeConnection(model, () => run.halt(KERNEL_GONE));
  const notice = makeNotice(model, () => connection.lost);
  const stage = makeStage();
  const figures = makeFigures();
  const latency = makeLatency();
  const run = makeRun(model, setup.side, {
    changed: refresh,
    camera: stage.showCamera,
    shown: () => element.isConnected,
    result: showResult,
    failed: notice.fail,
    silent: notice.showSilence,
    stopping: () => state().recording && !connection.lost && model.send({ kind: "record-stop" }),
  });
  const driving = makeChoice({ camera: "Camera", clip: "Clip" }, "What drives the picture", (to) => {
    if (to === mode) return;
    mode = to;
    run.stop();
  });
  const actions = makeActions({
    start: () => (run.state.running || run.state.starting ? run.stop() : begin()),
    calibrate: () => {
      model.send({ kind: "calibrate" });
      run.redraw();
    },
    freeze: () => run.freeze(!run.state.frozen),
    record: () => send({ kind: state().recording ? "record-stop" : "record" }),
    mirror: (mirror) => change({ mirror }),
  });
  const clip = makeClipRow(() => {
    run.stop();
    begin();
  });
  clip.field.value = before.path ?? "";
  const source = makeSourceCard({ model, files, notice, send, onPicture: showPicture });
  const motion = makeMotionCard(model, setup, change);
  const recorded = makeRecordedCard(files, notice.fail);
  const element = layOut({ driving, figures, notice, stage, actions, clip, source, motion, recorded, latency });

  /** All that decides what may be pressed and what is said. */
  function state() {
    return { ...run.state, mode, ranBefore, recording: model.get("recording"), lost: connection.lost };
  }

  function begin() {
    if (connection.lost) return;
    notice.clear();
    run.begin({ mode, path: clip.field.value });
  }

  function change(changes) {
    for (const [name, value] of Object.entries(changes)) model.set(name, value);
    model.save_changes();
    run.redraw();
  }

  function send(content) {
    notice.clear();
    if (connection.lost) notice.fail(KERNEL_GONE);
    else model.send(content);
  }

  function showResult({ picture, driving: frame, done }) {
    stage.showResult(picture, frame);
    meter.add(done());
    figures.refresh(meter);
    latency.refresh(meter);
    element.dataset.results = meter.results;
    stage.showBadge(state());
  }

  function refresh() {
    const now = state();
    element.dataset.state = now.running ? (now.frozen ? "frozen" : "running") : "stopped";
    driving.set(mode, now.lost);
    clip.element.hidden = mode === "camera";
    stage.refresh(now);
    actions.refresh(now);
  }

  function showSettings() {
    motion.refresh();
    const template = model.get("driving").kind === "template"; // keypoints are not flipped
    actions.setMirror(model.get("mirror"), template);
    element.classList.toggle("mk-live-mirrored", model.get("mirror") && !template);
  }

  /** Another source: until there is a result, it stands in its place. */
  function showPicture(picture) {
    const show = () => stage.showResult(picture);
    if (meter.results === 0) picture.decode().then(show, () => {});
    run.redraw();
  }

  const showNotice = () => {
    const { text, about } = model.get("notice");
    if (text && about === "driving" && run.state.starting) run.stop();
    notice.showKernels();
  };
  const showClip = () => recorded.show(model.get("clip"));
  const stopListening = listenTo(model, {
    "msg:custom"(content, buffers = []) {
      if (run.handle(content, buffers) || files.handle(content, buffers)) return;
      if (content.kind === "opened" && run.opened()) {
        ranBefore = false;
        meter.clear();
      }
    },
    "change:strength change:smoothing change:gains change:mirror change:driving": showSettings,
    "change:source change:source_picture": source.refresh,
    "change:clip": showClip,
    "change:recording": refresh,
    "change:notice": showNotice,
  });
  for (const show of [showSettings, source.refresh, refresh, showClip, showNotice]) show();

  const close = () => {
    stopListening();
    for (const part of [run, connection, files, recorded]) part.close();
  };
  return { element, close };
}

/** The widget's root, with each part in its place. */
function layOut({ driving, figures, notice, stage, actions, clip, source, motion, recorded, latency }) {
  return makeElement(
    "div",
    { class: "mk-widget mk-live" },
    makeElement("div", { class: "mk-live-head" }, driving.element, figures.element),
    notice.element,
    makeElement(
      "div",
      { class: "mk-live-body" },
      makeElement("div", { class: "mk-live-main" }, stage.element, actions.element, clip.element),
      makeElement("div", { class: "mk-live-side" }, source.element, motion.element),
    ),
    recorded.element,
    latency.element,
  );
}

function render({ model, el }) {
  const webcam = makeWebcam(model);
  el.append(webcam.element);
  const stopMarking = markTheme(webcam.element);
  return () => {
    webcam.close();
    stopMarking();
  };
}

export default { render };
