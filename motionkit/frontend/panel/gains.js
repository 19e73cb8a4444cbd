// The panel's gains: sliders for parts of the face or body.

import { makeSlider } from "../shared/controls.js";
import { makeElement, makeHeading } from "../shared/elements.js";
import { labelOf } from "../shared/words.js";

/** One slider for each group, and unfolded (`details`) one for each keypoint. */
export function makeGains({ groups, keypoints, ranges }, settings) {
  const put = (name, value) => {
    const gains = { ...settings.values.gains };
    if (value === null) delete gains[name];
    else gains[name] = value;
    settings.change({ gains });
  };
  const makeGain = (name, onInput) =>
    makeSlider({
      label: labelOf(name),
      range: ranges.gain,
      step: 0.05,
      name: `gain-${name}`,
      onInput,
      onReset: () => put(name, null),
    });
  // A group at 1 says nothing; a keypoint at 1 overrides its group.
  const ofGroups = new Map(
    Object.keys(groups).map((name) => [name, makeGain(name, (value) => put(name, value === 1 ? null : value))]),
  );
  const ofPoints = new Map(keypoints.map((name) => [name, makeGain(name, (value) => put(name, value))]));
  const hint = "Follows its group until it is moved; double click a name to follow again.";
  const elementsOf = (sliders) => [...sliders.values()].map((slider) => slider.element);
  const details = makeElement(
    "details",
    { class: "mk-details" },
    makeElement("summary", {}, makeElement("span", { text: "Each keypoint" })),
    makeElement("p", { class: "mk-muted", text: hint }),
    makeElement("div", { class: "mk-points" }, ...elementsOf(ofPoints)),
  );
  const element = makeElement("section", { class: "mk-controls" }, makeHeading("Gain"), ...elementsOf(ofGroups));
  element.hidden = ofGroups.size === 0;
  const refresh = ({ gains }) => {
    for (const [name, slider] of ofGroups) slider.set(gains[name] ?? 1, { changed: name in gains });
    for (const [name, slider] of ofPoints) {
      const own = gains[name] ?? gains[String(keypoints.indexOf(name))];
      // As in the library: a smaller group counts more than a larger one.
      const around = Object.keys(groups).filter((group) => group in gains && groups[group].includes(name));
      around.sort((a, b) => groups[a].length - groups[b].length);
      slider.set(own ?? gains[around[0]] ?? 1, { changed: own !== undefined });
    }
  };
  return { element, details, refresh };
}
