// Small helpers for building a widget's page; no more than the widgets use.

/** An element with attributes (`onclick`… are listeners, `text` its text) and children. */
function makeElement(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else if (typeof value === "boolean") element.toggleAttribute(name, value);
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Mark a widget's root as dark where what lies behind it is dark. Returns a function that stops watching. */
function markTheme(root) {
  const look = () => {
    let node = root.parentElement;
    let parts = null;
    while (node && !parts) {
      const colour = getComputedStyle(node).backgroundColor.match(/[\d.]+/g)?.map(Number);
      if (colour && (colour.length < 4 || colour[3] > 0.5)) parts = colour;
      node = node.parentElement;
    }
    const light = parts ? (0.3 * parts[0] + 0.59 * parts[1] + 0.11 * parts[2]) / 255 : null;
    const dark = light === null ? matchMedia("(prefers-color-scheme: dark)").matches : light < 0.5;
    root.classList.toggle("mk-dark", dark);
  };
  look();
  requestAnimationFrame(look); // in the document by then
  const watch = new MutationObserver(look);
  watch.observe(document.body, { attributes: true });
  watch.observe(document.documentElement, { attributes: true });
  return () => watch.disconnect();
}

/** Seconds in words: "0.06 s", "12 s", "2:05". */
function tellSeconds(seconds) {
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * A label, a slider and a number. `onInput(value, done)`: done when it is let go. `onReset` on a double click. `toggle`,
 * a switch for what the slider sets, stands instead of the label.
 */
function makeSlider({ label, range, step, name, title, onInput, onReset = null, toggle = null }) {
  const id = `mk-${Math.random().toString(36).slice(2)}`;
  const text = toggle ?? makeElement("label", { for: id, text: label });
  text.title = title ?? label;
  const slider = makeElement("input", { type: "range", id, step, "data-name": name, "aria-label": toggle && label });
  const number = makeElement("input", { type: "number", class: "mk-input", step, "aria-label": label });
  let last = range[0];
  const show = (value) => { number.value = Math.round(value * 1000) / 1000; };
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
  for (const input of [slider, number]) input.addEventListener("keydown", (event) => event.stopPropagation());
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

/** "lip_top" as "Lip top"; a number as "Keypoint 3". */
function wordOf(name) {
  if (/^\d+$/.test(name)) return `Keypoint ${name}`;
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}
