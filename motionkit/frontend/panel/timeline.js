// The timeline of Pose: a time, keys on it, and what is done with them.

import { keepKeys, makeButton, makeElement, makeHeading } from "../shared/elements.js";
import { keyAt } from "./pose_state.js";

const STEP = 0.05; // seconds
const LONGEST = 60; // seconds; motionkit/widgets/pose.py refuses more
const HINT = "Move the sliders, press Add key, and so on; Animate makes the clip";
const THUMB = 16; // pixels: a range's handle does not go over its ends

/**
 * @param {(time: number) => void} onSeek Called with a time that is to be shown.
 * @param {() => void} onPlay Called when Play, or what then stands there, is pressed.
 * @param {() => object} pose The expression that a key gets; what is played stops at it.
 */
export function makeTimeline({ state, pose, onSeek, onPlay }) {
  const play = makeButton("▶", onPlay, { kind: "mk-play", "aria-label": "Play the timeline" });
  const place = makeElement("span", { class: "mk-place" });
  const range = makeElement("input", {
    type: "range",
    min: 0,
    step: STEP,
    "aria-label": "Time",
    "data-name": "pose-time",
  });
  const marks = makeElement("div", { class: "mk-keys", role: "group", "aria-label": "Keys" });
  const time = makeElement("input", {
    type: "number",
    class: "mk-input",
    min: 0,
    max: LONGEST,
    step: STEP,
    "aria-label": "Time of the key, in seconds",
  });
  const add = makeButton("Add key", () => addKey(state, pose(), say));
  const remove = makeButton("Remove key", () => pose() && removeKey(state, say));
  const back = makeButton("Back to your keys", () => takeBack(state, onSeek), { kind: "mk-quiet" });
  const told = makeElement("span", { class: "mk-muted", role: "status" });
  const say = (text) => {
    told.textContent = text;
  };
  range.addEventListener("input", () => onSeek(range.valueAsNumber));
  time.addEventListener("change", () => {
    // It says where the key goes that is to be added: what the sliders show stays.
    const to = time.valueAsNumber;
    state.change({ time: Number.isFinite(to) ? Math.min(Math.max(to, 0), LONGEST) : state.values.time });
  });
  for (const input of [range, time]) keepKeys(input);
  const element = makeElement(
    "section",
    { class: "mk-timeline" },
    makeHeading("Timeline", makeElement("span", { class: "mk-muted mk-hint", text: HINT }), back),
    makeElement("div", { class: "mk-scrub" }, play, makeElement("div", { class: "mk-track" }, marks, range), place),
    makeElement(
      "div",
      { class: "mk-row" },
      makeElement(
        "div",
        { class: "mk-at" },
        makeElement("span", { text: "At" }),
        time,
        makeElement("span", { text: "s" }),
      ),
      add,
      remove,
      told,
    ),
  );
  const drawMarks = makeMarks({ state, marks, range, onSeek, onRemove: () => removeKey(state, say) });

  return {
    element,
    /** Show where it is, the keys, and whether it plays. */
    refresh({ at = state.values.time, playing = false } = {}) {
      const { keys, motion, aside } = state.values;
      const span = spanOf(state);
      range.max = span;
      range.value = at;
      range.setAttribute("aria-valuetext", `${at.toFixed(2)} seconds`);
      place.textContent = keys.length > 1 ? `${at.toFixed(1)} of ${state.length.toFixed(1)} s` : `${at.toFixed(1)} s`;
      if (document.activeElement !== time) time.value = Math.round(at * 100) / 100;
      const here = keyAt(keys, at);
      add.textContent = here ? "Set key" : "Add key";
      remove.disabled = !here || keys.length < 2;
      back.hidden = !aside;
      if (playing) say("");
      play.textContent = playing ? "❚❚" : "▶";
      play.setAttribute("aria-label", playing ? "Stop" : "Play the timeline");
      play.disabled = keys.length < 2;
      element.dataset.motion = motion;
      drawMarks(span, here);
    },
  };
}

/** Seconds from the track's one end to the other: some room after the last key for the next. */
const spanOf = (state) => Math.max(2, Math.ceil(state.length + 0.5), state.values.time);

function addKey(state, values, say) {
  const { keys, time } = state.values;
  const here = keyAt(keys, time);
  const others = keys.filter((key) => key !== here);
  const added = [...others, { time: here?.time ?? time, values }].sort((a, b) => a.time - b.time);
  const isLast = added.at(-1).time <= time + 1e-9;
  // The next pose comes after the last one.
  state.change({ keys: added, motion: "", time: isLast ? Math.min(time + 1, LONGEST) : time });
  say(`${here ? "Key set" : "Key added"} at ${time.toFixed(2)} s`);
}

function removeKey(state, say) {
  const { keys, time } = state.values;
  const here = keyAt(keys, time);
  if (!here || keys.length < 2) return;
  state.change({ keys: keys.filter((key) => key !== here), motion: "" });
  say(`Key removed at ${time.toFixed(2)} s`);
}

/** The keys that a motion took the place of. */
function takeBack(state, onSeek) {
  state.change({ keys: state.values.aside, aside: null, motion: "", time: 0 });
  onSeek(0);
}

/** Keys as buttons on the track: a click goes to one, a drag or the arrow keys move it, Delete removes it. */
function makeMarks({ state, marks, range, onSeek, onRemove }) {
  let span = 1;
  let moved = null; // the key that is dragged: its place among the keys, and whether it has moved

  function move(index, to) {
    const { keys } = state.values;
    const time = Math.round(Math.min(Math.max(to, 0), LONGEST) / STEP) * STEP;
    if (keys.some((key, i) => i !== index && Math.abs(key.time - time) < STEP / 2)) return;
    const [before, after] = [keys[index - 1]?.time ?? -1, keys[index + 1]?.time ?? LONGEST + 1];
    if (time <= before || time >= after) return; // keys do not pass each other
    const changed = keys.map((key, i) => (i === index ? { ...key, time } : key));
    state.change({ keys: changed, motion: "", time });
  }

  function press(event, index) {
    const { keys } = state.values;
    const step = { ArrowLeft: -STEP, ArrowRight: STEP }[event.key];
    if (step) move(index, keys[index].time + step);
    else if (["Delete", "Backspace"].includes(event.key)) onRemove();
    else return;
    event.preventDefault();
  }

  function drag(event) {
    if (!moved) return;
    const box = range.getBoundingClientRect();
    const share = (event.clientX - box.left - THUMB / 2) / (box.width - THUMB);
    if (Math.abs(event.clientX - moved.x) > 3) moved.far = true;
    if (moved.far) move(moved.index, share * span);
  }

  function makeMark(index) {
    const seek = () => onSeek(state.values.keys[index].time);
    const mark = makeElement("button", { type: "button", class: "mk-key", onclick: seek });
    mark.addEventListener("keydown", (event) => press(event, index));
    mark.addEventListener("pointerdown", (event) => {
      mark.setPointerCapture(event.pointerId);
      moved = { index, x: event.clientX, far: false };
    });
    mark.addEventListener("pointermove", drag);
    for (const end of ["pointerup", "pointercancel"]) {
      mark.addEventListener(end, () => {
        moved = null;
      });
    }
    keepKeys(mark);
    return mark;
  }

  return (of, here) => {
    span = moved ? span : of; // under a key that is dragged, the track stays
    const { keys } = state.values;
    while (marks.children.length > keys.length) marks.lastChild.remove();
    while (marks.children.length < keys.length) marks.append(makeMark(marks.children.length));
    for (const [i, key] of keys.entries()) {
      const mark = marks.children[i];
      const share = Math.min(key.time / span, 1);
      mark.style.left = `calc(${THUMB / 2}px + ${share} * (100% - ${THUMB}px))`;
      mark.setAttribute("aria-label", `Key at ${key.time.toFixed(2)} s`);
      mark.title = `Key at ${key.time.toFixed(2)} s: click to go there, drag or arrow keys to move it, Delete to remove it`;
      mark.setAttribute("aria-pressed", key === here);
    }
  };
}
