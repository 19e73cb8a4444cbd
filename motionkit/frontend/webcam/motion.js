// How the webcam's source moves: strength, smoothing and gains.

import { makeSlider } from "../shared/controls.js";
import { makeButton, makeElement, makeHeading } from "../shared/elements.js";
import { labelOf } from "../shared/words.js";

/**
 * @param {object} setup Ranges of `strength`, `smoothing` and `gain`, the `groups` that have a gain, and what `start`
 *     sets them to.
 * @param {(changes: object) => void} onChange Called with the model's values that change.
 */
export function makeMotionCard(model, setup, onChange) {
  const makeControl = (name, range, onInput) => makeSlider({ label: labelOf(name), range, step: 0.05, name, onInput });
  const strength = makeControl("strength", setup.strength, (value) => onChange({ strength: value }));
  const smoothing = makeControl("smoothing", setup.smoothing, (value) => onChange({ smoothing: value }));
  const makeGain = (group) =>
    makeControl(group, setup.gain, (value) => onChange({ gains: { ...model.get("gains"), [group]: value } }));
  const gains = new Map(setup.groups.map((group) => [group, makeGain(group)]));
  const reset = makeButton("Reset", () => onChange(setup.start), { kind: "mk-quiet" });
  const element = makeElement(
    "section",
    { class: "mk-card" },
    makeHeading("Motion", reset),
    strength.element,
    smoothing.element,
    gains.size ? makeElement("p", { class: "mk-muted mk-live-sub", text: "Gain of each part" }) : null,
    ...[...gains.values()].map((slider) => slider.element),
  );
  const refresh = () => {
    strength.set(model.get("strength"));
    smoothing.set(model.get("smoothing"));
    for (const [group, slider] of gains) slider.set(model.get("gains")[group] ?? 1);
  };
  return { element, refresh };
}
