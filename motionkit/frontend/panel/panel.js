// The panel: its parts, and what the kernel says to each. motionkit/widgets/panel.py is the other side.

import { listenTo } from "../shared/connection.js";
import { makeElement } from "../shared/elements.js";
import { markTheme } from "../shared/theme.js";
import { makeFileExchange } from "../shared/uploads.js";
import { makeCall } from "./call.js";
import { makeControls } from "./controls.js";
import { makeInput } from "./inputs.js";
import { makeKernel } from "./kernel.js";
import { makeModelMenu } from "./model_menu.js";
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
    result.halt();
    if (model.get("job").state === "running") refreshResult({});
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
  const menu = makeModelMenu({ offered: choices.models, kernel, notice, files });
  const parts = [inputs.driving.element, preview.element, controls.element];
  const onDriving = () => loop.ask();
  const ways = makeWays({ model, choices: choices.pose, kernel, notice, files, settings, parts, onDriving });
  const element = makeElement(
    "div",
    { class: "mk-widget mk-panel" },
    notice.element,
    makeElement("div", { class: "mk-row mk-head" }, ways.head, menu.element),
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

  function refreshResult(job = model.get("job")) {
    result.refresh(job, model.get("call"));
  }

  const onFirst = makeThumbnailRequest(kernel);
  const take = {
    ...ways.take,
    ...result.take,
    ...makeMessages({ inputs, preview, loop, notice, refresh, ways, onFirst }),
  };
  const heard = () => kernel.heard(loop.waiting || ways.waiting);
  const stopListening = listenTo(model, {
    "msg:custom"(content, buffers) {
      if (!files.handle(content, buffers)) take[content.kind]?.(content, buffers);
      heard();
    },
    "change:call"() {
      call.set(model.get("call"));
      refreshResult();
    },
    "change:loading": () => menu.refresh(model.get("loading")),
    "change:job"() {
      refreshResult();
      heard();
    },
    "change:notice"() {
      notice.showKernels();
      heard();
    },
  });
  call.set(model.get("call"));
  menu.refresh(model.get("loading"));
  refreshResult();
  refresh();
  notice.refresh();
  kernel.send({ kind: "hello" });

  const close = () => {
    stopListening();
    preview.halt();
    loop.stop();
    for (const part of [kernel, settings, files, result, ways, onFirst]) part.close();
    for (const input of Object.values(inputs)) input.close();
  };
  return { element, close };
}

/** What is done with each kind of message from the kernel. */
function makeMessages({ inputs, preview, loop, notice, refresh, ways, onFirst }) {
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
      onFirst.ask();
    },
    "preview-failed"(content) {
      const time = loop.answered(content.id);
      if (time === null) return;
      // What superseded it, an input, say, may not open; so it is asked for again.
      if (content.superseded) loop.ask(time);
      else loop.next();
    },
    thumbnails({ role, names }, buffers) {
      inputs[role].setPictures(names, buffers);
    },
    detected({ ready, total }) {
      if (!total || ready >= total) preview.setTotal(ready);
      preview.setReady(ready, total);
    },
  };
}

/** Small pictures of the samples are asked for once: after the first frame, which must not wait for them, or soon. */
function makeThumbnailRequest(kernel) {
  let asked = false;
  const ask = () => {
    if (asked) return;
    asked = true;
    kernel.send({ kind: "thumbnails" });
  };
  const timer = setTimeout(ask, 4000);
  return { ask, close: () => clearTimeout(timer) };
}

function render({ model, el }) {
  let close = () => {};
  /** Make the panel; anew with another model, which has other controls. */
  const make = () => {
    const chosen = el.contains(document.activeElement) && document.activeElement.closest(".mk-models");
    close();
    const panel = makePanel(model);
    el.replaceChildren(panel.element);
    if (chosen) panel.element.querySelector(".mk-models select").focus();
    const stopMarking = markTheme(panel.element);
    close = () => {
      panel.close();
      stopMarking();
    };
  };
  make();
  const stopListening = listenTo(model, { "change:choices": make });
  return () => {
    stopListening();
    close();
  };
}

export default { render };
