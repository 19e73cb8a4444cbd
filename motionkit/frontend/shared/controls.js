// Sliders, switches, choices and path fields, as all widgets have them. Each gives its element and a way to set it.

import { keepKeys, makeButton, makeElement } from "./elements.js";

/**
 * A label, a slider and a number. `onInput(value, done)`: done when it is let go. `onReset` on a double click. `toggle`,
 * a switch for what the slider sets, stands instead of the label.
 */
export function makeSlider({ label, range, step, name, title, onInput, onReset = null, toggle = null }) {
  const id = `mk-${Math.random().toString(36).slice(2)}`;
  const text = toggle ?? makeElement("label", { for: id, text: label });
  text.title = title ?? label;
  const slider = makeElement("input", { type: "range", id, step, "data-name": name, "aria-label": toggle && label });
  const number = makeElement("input", { type: "number", class: "mk-input", step, "aria-label": label });
  let last = range[0];
  const show = (value) => {
    number.value = Math.round(value * 1000) / 1000;
  };
  const take = (value, done) => {
    if (!Number.isFinite(value)) {
      show(last); // of an emptied field
      return;
    }
    const held = Math.min(Math.max(value, Number(slider.min)), Number(slider.max));
    last = held;
    slider.value = held;
    if (done || document.activeElement !== number) number.value = held;
    onInput(held, done);
  };
  slider.addEventListener("input", () => take(slider.valueAsNumber, false));
  slider.addEventListener("change", () => take(slider.valueAsNumber, true));
  number.addEventListener("change", () => take(number.valueAsNumber, true));
  for (const input of [slider, number]) keepKeys(input);
  const element = makeElement("div", { class: "mk-slider" }, text, slider, number);
  if (onReset) {
    text.title = `${title ?? label} (double click: back to the default)`;
    text.addEventListener("dblclick", onReset);
  }
  const set = (value, { range: limits, changed = false, off = false } = {}) => {
    if (limits) {
      for (const input of [slider, number]) [input.min, input.max] = limits;
    }
    last = value;
    slider.value = value;
    if (document.activeElement !== number) show(value);
    element.classList.toggle("mk-changed", changed);
    slider.disabled = off;
    number.disabled = off;
  };
  set(range[0], { range });
  return { element, set };
}

/** A switch. */
export function makeToggle(label, name, onChange, title) {
  const input = makeElement("input", { type: "checkbox", "data-name": name });
  input.addEventListener("change", () => onChange(input.checked));
  const element = makeElement("label", { class: "mk-toggle", title }, input, makeElement("span", { text: label }));
  const set = (value, off = false) => {
    input.checked = value;
    input.disabled = off;
    element.classList.toggle("mk-off", off);
  };
  return { element, set };
}

/** A few words, one of which is chosen. */
export function makeChoice(words, label, onChoose) {
  const buttons = new Map();
  const element = makeElement("div", { class: "mk-choice", role: "group", "aria-label": label });
  for (const [key, text] of Object.entries(words)) {
    const button = makeElement("button", { type: "button", text, "data-key": key, onclick: () => onChoose(key) });
    buttons.set(key, button);
    element.append(button);
  }
  const set = (chosen, off = false) => {
    for (const [key, button] of buttons) {
      button.setAttribute("aria-pressed", key === chosen);
      button.disabled = off;
    }
  };
  const rename = (key, text) => {
    buttons.get(key).textContent = text;
  };
  return { element, set, rename };
}

/**
 * A line of text and a button that uses it, as Enter does. No form: a page that embeds the notebook may forbid those.
 * @param {string} action The button's text.
 * @param {(text: string) => void} onUse
 */
export function makePathField({ label, placeholder, action, onUse }) {
  const field = makeElement("input", {
    class: "mk-input",
    type: "text",
    placeholder,
    "aria-label": label,
    spellcheck: "false",
    onkeydown: (event) => event.key === "Enter" && onUse(field.value),
  });
  keepKeys(field);
  const button = makeButton(action, () => onUse(field.value));
  return { element: makeElement("div", { class: "mk-form" }, field, button), field };
}

/** A button that lets a file be chosen, and the browser's own field, which is not seen. */
export function makeFilePicker(text, accept, onChosen) {
  const field = makeElement("input", {
    type: "file",
    accept,
    hidden: true,
    onchange: () => {
      if (field.files.length) onChosen(field.files[0]);
      field.value = ""; // the same file may be chosen again
    },
  });
  return [makeButton(text, () => field.click()), field];
}
