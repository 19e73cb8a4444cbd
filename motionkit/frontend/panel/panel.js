// The panel: its parts, and what the kernel says to each. motionkit/widgets/panel.py is the other side.

import { listenTo } from "../shared/connection.js";
import { makeElement } from "../shared/elements.js";
import { markTheme } from "../shared/theme.js";
import { makeFileExchange } from "../shared/uploads.js";
import { makeCall } from "./call.js";
import { makeControls } from "./controls.js";
import { makeInput } from "./inputs.js";
import { makeKernel } from "./kernel.js";
import { makeNotice } from "./notice.js";
import { makePreview } from "./preview.js";
import { makePreviewLoop } from "./preview_loop.js";
import { makeResult } from "./result.js";
import { makeSettings } from "./settings.js";
import { makeWays } from "./ways.js";

function makePanel(model) {
  const choices = model.get("choices");
  const files = makeFileExchange(model);
  const notice = makeNotice(model, {
    onError: () => {
      for (const input of Object.values(inputs)) input.settle();
    },
    onDismiss: () => {
      if (!kernel.lost) kernel.send({ kind: "dismiss" });
    },
  });
  const kernel = makeKernel(model, notice, () => {
    loop.stop();
    preview.halt();
    ways.halt();
    preview.setReady(0, 0);
    if (model.get("job").state === "running") result.refresh({});
  });
  const settings = makeSettings(model, {
    onChange: () => {
      refresh();
      if (ways.posing) ways.settingsChanged();
      else loop.ask();
    },
    onScrub: () => {
      preview.seat();
      loop.ask();
    },
  });
  const loop = makePreviewLoop((id) => {
    kernel.send({ kind: "preview", id, index: settings.index, settings: settings.values });
  });
  const makeRole = (role) => {
    // Another crop of the clip means new keypoints; that waits until the square is let go.
    const onCrop = (box, done) => {
      if (done || role === "source") settings.change({ [`${role}_box`]: box });
    };
    return makeInput({ role, samples: choices.samples[role], kernel, notice, files, onCrop });
  };
  const inputs = { source: makeRole("source"), driving: makeRole("driving") };
  const preview = makePreview(settings);
  const controls = makeControls(choices, settings);
  const result = makeResult({ kernel, notice, files, settings, folder: choices.drive });
  const call = makeCall();
  const parts = [inputs.driving.element, preview.element, controls.element];
  const onDriving = () => loop.ask();
  const ways = makeWays({ model, choices: choices.pose, kernel, notice, files, settings, parts, onDriving });
  const element = makeElement(
    "div",
    { class: "mk-widget mk-panel" },
    notice.element,
    ways.head,
    makeElement("div", { class: "mk-inputs" }, inputs.source.element, inputs.driving.element),
    preview.element,
    controls.element,
    ways.element,
    result.element,
    call.element,
  );

  function refresh() {
    controls.refresh();
    for (const input of Object.values(inputs)) input.refresh(settings.values);
  }

  const take = { ...ways.take, ...makeMessages({ inputs, preview, loop, notice, refresh, ways }) };
  const heard = () => kernel.heard(loop.waiting || ways.waiting);
  const stopListening = listenTo(model, {
    "msg:custom"(content, buffers) {
      if (!files.handle(content, buffers)) take[content.kind]?.(content, buffers);
      heard();
    },
    "change:call": () => call.set(model.get("call")),
    "change:job"() {
      result.refresh(model.get("job"));
      heard();
    },
    "change:notice"() {
      notice.showKernels();
      heard();
    },
  });
  call.set(model.get("call"));
  result.refresh(model.get("job"));
  refresh();
  notice.refresh();
  kernel.send({ kind: "hello" });

  const close = () => {
    stopListening();
    preview.halt();
    for (const part of [loop.stop, kernel.close, settings.close, files.close, result.close, ways.close]) part();
    for (const input of Object.values(inputs)) input.close();
  };
  return { element, close };
}

/** What is done with each kind of message from the kernel. */
function makeMessages({ inputs, preview, loop, notice, refresh, ways }) {
  return {
    input(content, [picture]) {
      notice.forget();
      inputs[content.role].show(content, picture);
      if (content.role === "driving") preview.setClip(content.frames, content.fps);
      refresh();
      if (content.role === "source") ways.sourceOpened();
      if (!ways.posing && inputs.source.there && inputs.driving.there) loop.ask();
    },
    preview(content, buffers) {
      const time = loop.answered(content.id);
      if (time === null) return;
      notice.forget(time);
      loop.next();
      preview.draw(content.captions, buffers, time);
    },
    "preview-failed"(content) {
      const time = loop.answered(content.id);
      if (time === null) return;
      // What superseded it, an input, say, may not open; so it is asked for again.
      if (content.superseded) loop.ask(time);
      else loop.next();
    },
    detected({ ready, total }) {
      if (!total || ready >= total) preview.setTotal(ready);
      preview.setReady(ready, total);
    },
  };
}

function render({ model, el }) {
  const panel = makePanel(model);
  el.append(panel.element);
  const stopMarking = markTheme(panel.element);
  return () => {
    panel.close();
    stopMarking();
  };
}

export default { render };
