// The panel's sliders and switches. Names, defaults and ranges come from the kernel (`choices`).

import { makeChoice, makeSlider, makeToggle } from "../shared/controls.js";
import { makeButton, makeElement, makeHeading } from "../shared/elements.js";
import { labelOf } from "../shared/words.js";
import { makeGains } from "./gains.js";

/** All controls; `settings` holds their values and takes changes. */
export function makeControls(choices, settings) {
  const { defaults } = choices;
  const reset = makeButton(
    "Reset all",
    () => {
      const { source_box, driving_box } = settings.values;
      settings.change({ ...defaults, source_box, driving_box });
    },
    { kind: "mk-quiet", title: "Motion, gains, options and overlays as they are by default; the crops stay" },
  );
  const motion = makeMotion(choices, settings);
  const gains = makeGains(choices, settings);
  const options = makeOptions(choices, settings, reset);
  const element = makeElement(
    "div",
    { class: "mk-columns" },
    motion.element,
    gains.element,
    options.element,
    gains.details,
  );
  const refresh = () => {
    for (const part of [motion, gains, options]) part.refresh(settings.values);
  };
  return { element, refresh };
}

/** How far and how the source moves. */
function makeMotion({ defaults, ranges }, settings) {
  const slider = (label, name, title, toggle = null) =>
    makeSlider({
      label,
      name,
      step: 0.05,
      title,
      toggle,
      range: ranges[name],
      onInput: (value) => settings.change({ [name]: value }),
      onReset: () => settings.change({ [name]: defaults[name] }),
    });
  const strength = slider("Strength", "strength", "How far the source moves: 0 not at all, 1 as the driving does");
  const smoothing = slider("Smoothing", "smoothing", "Steadies jitter over time; 0 is off");
  let lastLimit = defaults.motion_limit ?? ranges.motion_limit[1];
  const limited = makeToggle("Limit motion", "limited", (on) =>
    settings.change({ motion_limit: on ? lastLimit : null }),
  );
  const limit = slider(
    "Motion limit",
    "motion_limit",
    "Largest movement, in sizes of the face or body; keeps wild poses from tearing the picture",
    limited.element,
  );
  const transfer = makeChoice({ relative: "Relative", absolute: "Absolute" }, "Transfer", (key) =>
    settings.change({ relative: key === "relative" }),
  );
  const reference = makeChoice({ first: "First", best: "Best", this: "This frame" }, "Reference frame", (key) =>
    settings.change({ reference: key === "this" ? settings.index : key }),
  );
  const named = (label, part) =>
    makeElement("div", { class: "mk-named" }, makeElement("span", { text: label }), part.element);
  const element = makeElement(
    "section",
    { class: "mk-controls" },
    makeHeading("Motion"),
    strength.element,
    smoothing.element,
    limit.element,
    named("Transfer", transfer),
    named("Reference", reference),
  );
  const refresh = (values) => {
    strength.set(values.strength, { changed: values.strength !== defaults.strength });
    smoothing.set(values.smoothing, { changed: values.smoothing !== defaults.smoothing });
    if (values.motion_limit !== null) lastLimit = values.motion_limit;
    const [least, most] = ranges.motion_limit;
    limit.set(lastLimit, {
      range: [Math.min(least, lastLimit), Math.max(most, lastLimit)],
      changed: values.motion_limit !== defaults.motion_limit,
      off: values.motion_limit === null || !values.relative,
    });
    limited.set(values.motion_limit !== null && values.relative, !values.relative);
    transfer.set(values.relative ? "relative" : "absolute");
    const numbered = Number.isInteger(values.reference);
    reference.set(numbered ? "this" : values.reference, !values.relative);
    reference.rename("this", numbered ? `Frame ${values.reference + 1}` : "This frame");
  };
  return { element, refresh };
}

/** What else is done, and what is drawn beside the result; `reset` stands in its heading. */
function makeOptions(choices, settings, reset) {
  const flag = (label, name, title) => makeToggle(label, name, (on) => settings.change({ [name]: on }), title);
  const adapt = flag("Adapt scale", "adapt_scale", "Fit the movement to the source's size");
  const paste = flag("Paste back", "paste_back", "Put the result back into the whole picture");
  let sound = "auto"; // whose, while there is any
  const audio = makeToggle(
    "Keep audio",
    "audio",
    (on) => settings.change({ audio: on ? sound : "none" }),
    "The result gets the driving clip's sound, or else the source's, unless options name other sound",
  );
  const finder = makeChoice(
    Object.fromEntries(choices.finders.map((name) => [name, labelOf(name)])),
    "Face finder",
    (name) => settings.change({ finder: name }),
  );
  const overlays = new Map(
    choices.overlays.map((name) => [
      name,
      makeToggle(labelOf(name), `overlay-${name}`, (on) => {
        const shown = settings.values.overlays;
        settings.change({
          overlays: choices.overlays.filter((other) => (other === name ? on : shown.includes(other))),
        });
      }),
    ]),
  );
  const flags = (...toggles) => makeElement("div", { class: "mk-flags" }, ...toggles.map((toggle) => toggle.element));
  const element = makeElement(
    "section",
    { class: "mk-controls mk-options" },
    makeHeading("Options", reset),
    flags(adapt, paste, audio),
    makeElement("div", { class: "mk-named" }, makeElement("span", { text: "Faces" }), finder.element),
    makeHeading("Show as well"),
    flags(...overlays.values()),
  );
  const refresh = (values) => {
    adapt.set(values.adapt_scale && values.relative, !values.relative);
    paste.set(values.paste_back);
    if (values.audio !== "none") sound = values.audio;
    audio.set(values.audio !== "none");
    finder.set(values.finder);
    for (const [name, toggle] of overlays) toggle.set(values.overlays.includes(name));
  };
  return { element, refresh };
}
