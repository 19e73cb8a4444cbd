// The panel's pictures: source, driving, overlays, result, and the scrubber below.

import { decodePictures, drawWhole, keepKeys, makeButton, makeElement } from "../shared/elements.js";
import { labelOf } from "../shared/words.js";

const MAIN_PANELS = ["source", "driving", "result"];
const USUAL_FPS = 25; // of a clip that does not say

/** `settings` holds the frame that is shown (`index`) and goes to another one (`scrub`). */
export function makePreview(settings) {
  const frames = makeElement("div", { class: "mk-frames" });
  const seconds = makeElement("span", { class: "mk-seconds", title: "From the change to its picture" });
  const status = makeElement("span", { class: "mk-muted mk-status" });
  const scrubber = makeElement("input", {
    type: "range",
    min: 0,
    max: 0,
    step: 1,
    value: 0,
    "aria-label": "Frame",
    "data-name": "frame",
    oninput: () => {
      halt();
      settings.scrub(scrubber.valueAsNumber);
    },
  });
  keepKeys(scrubber);
  const ready = makeElement("div", { class: "mk-ready" });
  const place = makeElement("span", { class: "mk-place" });
  const play = makeButton("▶", () => (playing ? halt() : begin()), { kind: "mk-play", "aria-label": "Play" });
  const track = makeElement("div", { class: "mk-track" }, ready, scrubber);
  const element = makeElement(
    "section",
    { class: "mk-preview" },
    frames,
    makeElement("div", { class: "mk-scrub" }, play, track, place, seconds),
    status,
  );
  let fps = USUAL_FPS;
  let total = 1;
  let playing = null; // when it began, and at which frame

  function begin() {
    playing = { begun: performance.now(), from: settings.index };
    play.textContent = "❚❚";
    advance();
  }

  function halt() {
    playing = null;
    play.textContent = "▶";
  }

  function advance() {
    if (!playing) return;
    const passed = Math.max(1, Math.round(((performance.now() - playing.begun) / 1000) * fps));
    settings.scrub((playing.from + passed) % total);
  }

  /** Put the scrubber where the frame is. */
  function seat() {
    scrubber.max = total - 1;
    scrubber.value = settings.index;
    place.textContent = `Frame ${settings.index + 1} of ${total}`;
  }

  function setTotal(count) {
    total = Math.max(count ?? 1, 1);
    seat();
  }

  return {
    element,
    seat,
    halt,
    setTotal,
    /** The clip that drives; both are null where its file does not say. */
    setClip(count, rate) {
      fps = rate ?? USUAL_FPS;
      setTotal(count);
    },
    /** How far the clip's keypoints are detected. */
    setReady(done, of) {
      const share = of ? Math.min(done / of, 1) : 0;
      ready.style.width = `${share * 100}%`;
      status.textContent = of && share < 1 ? `Detecting keypoints: ${done} of ${of} frames` : "";
    },
    /** Show an answer to what happened at `time`. */
    async draw(captions, pictures, time) {
      const bitmaps = await decodePictures(pictures);
      while (frames.children.length > captions.length) frames.lastChild.remove();
      while (frames.children.length < captions.length) {
        frames.append(makeElement("figure", {}, makeElement("canvas"), makeElement("figcaption")));
      }
      // Source, driving and result keep their places; overlays come below them.
      const isMain = (i) => MAIN_PANELS.includes(captions[i]);
      const order = captions.map((_, i) => i).sort((a, b) => isMain(b) - isMain(a));
      for (const [i, bitmap] of bitmaps.entries()) {
        const figure = frames.children[order.indexOf(i)];
        const [canvas, caption] = figure.children;
        drawWhole(canvas, bitmap);
        bitmap.close();
        caption.textContent = labelOf(captions[i]);
        figure.dataset.caption = captions[i];
      }
      seconds.textContent = `${((performance.now() - time) / 1000).toFixed(2)} s`;
      element.dataset.answers = Number(element.dataset.answers ?? 0) + 1;
      setTimeout(advance, 0);
    },
  };
}
