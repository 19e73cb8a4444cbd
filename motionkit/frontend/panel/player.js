// The result: one video of all panels side by side, whole or as before | after with a divider that is dragged.

import { makeChoice, makeToggle } from "../shared/controls.js";
import { keepKeys, makeButton, makeElement } from "../shared/elements.js";
import { clockText } from "../shared/words.js";

const WHOLE = "whole";
const ALIKE = 0.01; // by which share widths may differ for pictures to be laid over each other

export function makePlayer() {
  const video = makeElement("video", { loop: true, playsinline: true, class: "mk-video" });
  video.muted = true; // else browsers do not let it begin by itself
  const compare = makeCompare(video);
  const stage = makeElement("div", { class: "mk-stage" }, video, compare.element);
  const transport = makeTransport(video, stage);
  const views = makeViews((key) => {
    video.classList.toggle("mk-unseen", key !== WHOLE);
    compare.show(key === WHOLE ? null : key);
  });
  const element = makeElement(
    "div",
    { class: "mk-player", "data-lm-suppress-shortcuts": "true" },
    stage,
    transport.element,
    views.element,
  );
  let fps = 25;
  return {
    element,
    /** The frame that is seen, from 0. */
    get frame() {
      return Math.floor(video.currentTime * fps + 1e-3);
    },
    /** Play a result; `job` says where its panels are. */
    play(url, job) {
      fps = job.fps;
      compare.setPlaces(job.panels ?? []);
      views.offer(compare.names);
      video.src = url;
      video.play().catch(() => {}); // the buttons are there
    },
    close() {
      compare.show(null);
      video.pause();
    },
  };
}

/** Side by side, or one of the pictures that may be laid over the result. */
function makeViews(onChoose) {
  const element = makeElement("div", { class: "mk-row" });
  let chosen = WHOLE;
  return {
    element,
    offer(names) {
      const words = { [WHOLE]: "Side by side" };
      for (const name of names) words[name] = `${name === "source" ? "Source" : "Driving"} | result`;
      if (!(chosen in words)) chosen = WHOLE;
      const choice = makeChoice(words, "How the result is shown", (key) => {
        chosen = key;
        choice.set(key);
        onChoose(key);
      });
      choice.set(chosen);
      element.replaceChildren(choice.element);
      element.hidden = names.length === 0;
      onChoose(chosen);
    },
  };
}

/** A canvas that shows one panel left of the divider and the result right of it. */
function makeCompare(video) {
  const canvas = makeElement("canvas", { "aria-hidden": "true" });
  const divider = makeElement("input", { type: "range", min: 0, max: 100, step: 1, value: 50, class: "mk-divider" });
  const element = makeElement("div", { class: "mk-compare", hidden: true }, canvas, divider);
  let places = new Map();
  let before = null; // the panel's name
  let request = null;
  keepKeys(divider);
  divider.addEventListener("input", draw);
  video.addEventListener("seeked", draw);
  video.addEventListener("loadeddata", draw);

  function draw() {
    if (!before || !places.has(before) || !video.videoWidth) return;
    const [left, width] = places.get("result");
    const height = video.videoHeight;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    const cut = Math.round((divider.valueAsNumber / 100) * width);
    context.drawImage(video, left, 0, width, height, 0, 0, width, height);
    if (cut > 0) context.drawImage(video, places.get(before)[0], 0, cut, height, 0, 0, cut, height);
    element.style.setProperty("--mk-cut", `${divider.valueAsNumber}%`);
    element.style.setProperty("--mk-shape", width / height);
    divider.setAttribute("aria-valuetext", `${divider.value} % ${before}, the rest result`);
  }

  function follow() {
    draw();
    request = requestAnimationFrame(follow);
  }

  return {
    element,
    /** Those that fit over the result. */
    get names() {
      const width = places.get("result")?.[1] ?? 0;
      const fits = ([name, [, other]]) => name !== "result" && Math.abs(other - width) <= ALIKE * width;
      return [...places].filter(fits).map(([name]) => name);
    },
    /** @param {[string, number, number][]} panels Name, left and width in the video's pixels. */
    setPlaces(panels) {
      const shown = panels.filter(([name]) => ["source", "driving", "result"].includes(name));
      places = new Map(shown.map(([name, left, width]) => [name, [left, width]]));
    },
    /** Begin to show a panel beside the result, or with null end it. */
    show(name) {
      before = name;
      element.hidden = !name;
      divider.setAttribute("aria-label", `Divider between ${name} and result`);
      cancelAnimationFrame(request);
      if (name) follow();
    },
  };
}

/** Play and pause, the place in the clip, loop, sound, full screen. */
function makeTransport(video, stage) {
  const play = makeButton("▶", () => (video.paused ? video.play() : video.pause()), {
    kind: "mk-play",
    "aria-label": "Play the result",
  });
  const seek = makeElement("input", {
    type: "range",
    min: 0,
    max: 1,
    step: "any",
    value: 0,
    class: "mk-seek",
    "aria-label": "Place in the result",
    oninput: () => {
      video.currentTime = seek.valueAsNumber;
    },
  });
  const place = makeElement("span", { class: "mk-place" });
  const loop = makeToggle("Loop", "loop", (on) => {
    video.loop = on;
  });
  const sound = makeToggle("Sound", "sound", (on) => {
    video.muted = !on;
  });
  const whole = makeButton("Full screen", () => stage.requestFullscreen?.(), { kind: "mk-quiet" });
  keepKeys(seek);
  loop.set(true);
  const show = () => {
    const seconds = Number.isFinite(video.duration) ? video.duration : 0;
    seek.max = seconds || 1;
    seek.value = video.currentTime;
    const [now, all] = [clockText(Math.floor(video.currentTime)), clockText(Math.round(seconds))];
    seek.setAttribute("aria-valuetext", `${now} of ${all}`);
    place.textContent = `${now} / ${all}`;
    play.textContent = video.paused ? "▶" : "❚❚";
    play.setAttribute("aria-label", video.paused ? "Play the result" : "Pause the result");
  };
  for (const event of ["timeupdate", "seeked", "play", "pause", "ended", "loadedmetadata"]) {
    video.addEventListener(event, show);
  }
  video.addEventListener("click", () => play.click());
  show();
  return {
    element: makeElement(
      "div",
      { class: "mk-transport" },
      play,
      seek,
      place,
      makeElement("div", { class: "mk-row" }, loop.element, sound.element, whole),
    ),
  };
}
