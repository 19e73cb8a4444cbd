// What moves the source: a clip, or Pose. One of them is seen.

import { makeChoice } from "../shared/controls.js";
import { makeElement } from "../shared/elements.js";
import { makePose } from "./pose.js";
import { makePoseState } from "./pose_state.js";

const WORDS = { driving: "Driving", pose: "Pose" };
const SETTLES = 600; // ms after which a changed crop is taken as meant: the motions' pictures are made anew

/**
 * @param {object} choices The kernel's choices for Pose; `off` is why there is none.
 * @param {Element[]} parts What is seen only where a clip drives.
 * @param {() => void} onDriving Called when the clip drives again.
 */
export function makeWays({ model, choices, kernel, notice, files, settings, parts, onDriving }) {
  let way = choices.off ? "driving" : model.get("pose").way;
  let there = false; // whether a source is open
  let timer = null;
  const state = makePoseState(model, (told) => {
    if (!pose) return;
    if (state.values.way !== way) turn(state.values.way);
    else if (told) pose.adopt();
    pose.refresh();
  });
  const pose = choices.off ? null : makePose({ state, choices, kernel, notice, files, settings });
  const choice = makeChoice(WORDS, "What moves the source", (key) => state.change({ way: key }));
  const head = makeElement(
    "div",
    { class: "mk-row mk-ways" },
    makeElement("span", { class: "mk-muted", text: "Moved by" }),
    choice.element,
    makeElement("span", { class: "mk-muted", text: choices.off ?? "" }),
  );

  function show() {
    choice.set(way);
    choice.element.querySelector("[data-key=pose]").disabled = Boolean(choices.off);
    for (const part of parts) part.hidden = way === "pose";
    if (pose) pose.element.hidden = way !== "pose";
  }

  function turn(to) {
    pose.halt();
    way = to;
    show();
    if (way === "pose") begin();
    else onDriving();
  }

  function begin() {
    if (!there) return;
    pose.ask();
    pose.askMotions();
  }

  show();
  return {
    head,
    show,
    element: pose?.element ?? "",
    take: pose?.take ?? {},
    get posing() {
      return way === "pose";
    },
    get waiting() {
      return pose?.waiting ?? false;
    },
    halt: () => pose?.stop(),
    /** Another source is open. */
    sourceOpened() {
      there = true;
      if (way === "pose") begin();
    },
    /** The source is cut out otherwise. */
    settingsChanged() {
      if (!there) return;
      pose.ask();
      clearTimeout(timer);
      timer = setTimeout(pose.askMotions, SETTLES);
    },
    close() {
      clearTimeout(timer);
      state.close();
      pose?.close();
    },
  };
}
