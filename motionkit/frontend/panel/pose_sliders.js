// Pose's sliders: a few that move several actions together, and each action by itself.

import { makeSlider } from "../shared/controls.js";
import { makeElement } from "../shared/elements.js";

/**
 * @param {object} choices The kernel's: groups of sliders, and actions.
 * @param {(change: Record<string, number>) => void} onChange Called with actions and their new values.
 */
export function makePoseSliders({ groups, actions }, onChange) {
  const sliders = groups.flatMap((group) => group.sliders.map((spec) => makeOne(spec, onChange)));
  const parts = groups.map((group) => makeGroup(group, sliders));
  const each = makeEachAction(actions, onChange);
  return {
    element: makeElement("div", { class: "mk-pose-sliders" }, ...parts),
    details: each.details,
    /** Show an expression. */
    show(values) {
      for (const slider of sliders) slider.show(values);
      each.show(values);
    },
  };
}

/** Sliders below a heading; what the model cannot show is off, and why is said once. */
function makeGroup({ title, sliders: specs }, sliders) {
  const reasons = [...new Set(specs.map((spec) => spec.off).filter(Boolean))];
  const own = sliders.filter((slider) => specs.includes(slider.spec));
  return makeElement(
    "fieldset",
    { class: "mk-pose-group" },
    makeElement("legend", { text: title }),
    ...own.map((slider) => slider.element),
    ...reasons.map((text) => makeElement("p", { class: "mk-muted", text })),
  );
}

function makeOne(spec, onChange) {
  const { up, down, range, off } = spec;
  const isTurn = range[0] < 0 && Object.keys(down).length === 0; // one value with a sign
  const slider = makeSlider({
    label: spec.label,
    name: `pose-${spec.name}`,
    step: isTurn ? 1 : 0.05,
    title: off || spec.title,
    range,
    onInput: (value) => onChange(isTurn ? scaled(up, value) : sided(value)),
    onReset: off ? null : () => onChange(sided(0)),
  });

  function sided(value) {
    return { ...scaled(down, Math.max(-value, 0)), ...scaled(up, isTurn ? value : Math.max(value, 0)) };
  }

  const show = (values) => {
    const exact = shareOf(up, values) - shareOf(down, values);
    const value = (isTurn ? Math.round(exact * 10) / 10 : Math.round(exact * 100) / 100) || 0; // no -0
    slider.set(value, { range, changed: Math.abs(value) > 1e-6, off: Boolean(off) });
  };
  return { spec, element: slider.element, show };
}

const scaled = (shares, value) =>
  Object.fromEntries(Object.entries(shares).map(([name, share]) => [name, share * value]));

/** How far actions are there, by those of the largest share. */
function shareOf(shares, values) {
  const leading = Object.keys(shares).filter((name) => shares[name] === 1);
  const sum = leading.reduce((total, name) => total + (values[name] ?? 0), 0);
  return leading.length ? sum / leading.length : 0;
}

/** All actions, made when they are first looked for: they are many. */
function makeEachAction(actions, onChange) {
  const list = makeElement("div", { class: "mk-points" });
  const details = makeElement(
    "details",
    { class: "mk-details" },
    makeElement("summary", { text: "Each action" }),
    list,
  );
  let sliders = null;
  let shown = {};
  const show = (values) => {
    shown = values;
    for (const [name, slider] of sliders ?? []) {
      slider.set(Math.round((values[name] ?? 0) * 100) / 100, { changed: Boolean(values[name]) });
    }
  };
  details.addEventListener("toggle", () => {
    if (sliders) return;
    sliders = new Map(actions.map((name) => [name, makeAction(name, onChange)]));
    list.append(...[...sliders.values()].map((slider) => slider.element));
    show(shown);
  });
  return { details, show };
}

function makeAction(name, onChange) {
  return makeSlider({
    label: actionText(name),
    name: `pose-${name}`,
    step: 0.05,
    range: [0, 1],
    onInput: (value) => onChange({ [name]: value }),
    onReset: () => onChange({ [name]: 0 }),
  });
}

/** "eyeBlinkLeft" as "Eye blink left". */
function actionText(name) {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words[0].toUpperCase() + words.slice(1);
}
