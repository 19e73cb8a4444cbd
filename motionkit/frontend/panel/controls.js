// The panel's sliders and switches. Names, defaults and ranges come from the kernel (`choices`).

const REFERENCES = { first: "First", best: "Best" };

function makeToggle(label, name, onChange, title) {
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
function makeChoice(words, label, onChoose) {
  const buttons = new Map();
  const element = makeElement("div", { class: "mk-choice", role: "group", "aria-label": label });
  for (const [key, text] of Object.entries(words)) {
    const button = makeElement("button", { type: "button", text, "data-key": key, onclick: () => onChoose(key) });
    buttons.set(key, button);
    element.append(button);
  }
  const set = (chosen) => buttons.forEach((button, key) => button.setAttribute("aria-pressed", key === chosen));
  return { element, set, buttons };
}

/** Sliders for parts of the face or body: one for each group, and unfolded one for each keypoint. */
function makeGains(choices, page) {
  const { groups, keypoints } = choices;
  const range = choices.ranges.gain;
  const put = (name, value) => {
    const gains = { ...page.settings.gains };
    if (value === null) delete gains[name];
    else gains[name] = value;
    page.change({ gains });
  };
  // A group at 1 says nothing; a keypoint at 1 overrides its group.
  const groupSliders = Object.keys(groups).map((name) => [
    name,
    makeSlider({
      label: wordOf(name), range, step: 0.05, name: `gain-${name}`,
      onInput: (value) => put(name, value === 1 ? null : value), onReset: () => put(name, null),
    }),
  ]);
  const pointSliders = keypoints.map((name) => [
    name,
    makeSlider({
      label: wordOf(name), range, step: 0.05, name: `gain-${name}`,
      onInput: (value) => put(name, value), onReset: () => put(name, null),
    }),
  ]);
  const details = makeElement("details", { class: "mk-details" },
    makeElement("summary", {}, makeElement("span", { text: "Each keypoint" })),
    makeElement("p", { class: "mk-muted", text: "Follows its group until it is moved; double click a name to follow again." }),
    makeElement("div", { class: "mk-points" }, ...pointSliders.map(([, slider]) => slider.element)));
  const element = makeElement("section", { class: "mk-controls" }, makeHeading("Gain"),
    ...groupSliders.map(([, slider]) => slider.element));
  element.hidden = !groupSliders.length;
  const refresh = ({ gains }) => {
    for (const [name, slider] of groupSliders) slider.set(gains[name] ?? 1, { changed: name in gains });
    for (const [name, slider] of pointSliders) {
      const index = String(keypoints.indexOf(name));
      const own = gains[name] ?? gains[index];
      // As in the library: a smaller group counts more than a larger one.
      const around = Object.keys(groups).filter((group) => group in gains && groups[group].includes(name));
      around.sort((a, b) => groups[a].length - groups[b].length);
      slider.set(own ?? gains[around[0]] ?? 1, { changed: own !== undefined });
    }
  };
  return { element, details, refresh };
}

function makeHeading(text, ...rest) {
  return makeElement("div", { class: "mk-heading" }, makeElement("h3", { text }), ...rest);
}

/** All controls; `page.settings` holds the values, `page.change(part)` takes changes. */
function makeControls(choices, page) {
  const { defaults, ranges } = choices;
  const slider = (label, name, step, title, toggle = null) =>
    makeSlider({
      label, name, step, title, toggle, range: ranges[name],
      onInput: (value) => page.change({ [name]: value }),
      onReset: () => page.change({ [name]: defaults[name] }),
    });
  const strength = slider("Strength", "strength", 0.05, "How far the source moves: 0 not at all, 1 as the driving does");
  const smoothing = slider("Smoothing", "smoothing", 0.05, "Steadies jitter over time; 0 is off");
  let lastLimit = defaults.motion_limit ?? ranges.motion_limit[1];
  const limited = makeToggle("Limit motion", "limited", (on) => page.change({ motion_limit: on ? lastLimit : null }));
  const limit = slider("Motion limit", "motion_limit", 0.05,
    "Largest movement, in sizes of the face or body; keeps wild poses from tearing the picture", limited.element);
  const motion = makeChoice({ relative: "Relative", absolute: "Absolute" }, "Transfer",
    (key) => page.change({ relative: key === "relative" }));
  const reference = makeChoice({ ...REFERENCES, this: "This frame" }, "Reference frame",
    (key) => page.change({ reference: key === "this" ? page.index : key }));
  const flag = (label, name, title) => makeToggle(label, name, (on) => page.change({ [name]: on }), title);
  const adapt = flag("Adapt scale", "adapt_scale", "Fit the movement to the source's size");
  const paste = flag("Paste back", "paste_back", "Put the result back into the whole picture");
  const audio = flag("Keep audio", "audio", "The result gets the driving clip's sound");
  const overlays = choices.overlays.map((name) => [
    name,
    makeToggle(wordOf(name), `overlay-${name}`, (on) => {
      const shown = choices.overlays.filter((other) => (other === name ? on : page.settings.overlays.includes(other)));
      page.change({ overlays: shown });
    }),
  ]);
  const gains = makeGains(choices, page);
  const named = (label, part) => makeElement("div", { class: "mk-named" }, makeElement("span", { text: label }), part);
  const reset = makeElement("button", {
    class: "mk-button mk-quiet", type: "button", text: "Reset all",
    title: "Motion, gains, options and overlays as they are by default; the crops stay",
    onclick: () => page.change({ ...defaults, source_box: page.settings.source_box, driving_box: page.settings.driving_box }),
  });
  const element = makeElement("div", { class: "mk-columns" },
    makeElement("section", { class: "mk-controls" },
      makeHeading("Motion"),
      strength.element, smoothing.element, limit.element,
      named("Transfer", motion.element), named("Reference", reference.element)),
    gains.element,
    makeElement("section", { class: "mk-controls mk-options" }, makeHeading("Options", reset),
      makeElement("div", { class: "mk-flags" }, adapt.element, paste.element, audio.element),
      makeHeading("Show as well"),
      makeElement("div", { class: "mk-flags" }, ...overlays.map(([, toggle]) => toggle.element))),
    gains.details);
  const refresh = (settings) => {
    strength.set(settings.strength, { changed: settings.strength !== defaults.strength });
    smoothing.set(settings.smoothing, { changed: settings.smoothing !== defaults.smoothing });
    if (settings.motion_limit !== null) lastLimit = settings.motion_limit;
    const [least, most] = ranges.motion_limit;
    limit.set(lastLimit, {
      range: [Math.min(least, lastLimit), Math.max(most, lastLimit)],
      changed: settings.motion_limit !== defaults.motion_limit,
      off: settings.motion_limit === null || !settings.relative,
    });
    limited.set(settings.motion_limit !== null && settings.relative, !settings.relative);
    motion.set(settings.relative ? "relative" : "absolute");
    const index = Number.isInteger(settings.reference);
    reference.set(index ? "this" : settings.reference);
    reference.buttons.get("this").textContent = index ? `Frame ${settings.reference + 1}` : "This frame";
    reference.buttons.forEach((button) => { button.disabled = !settings.relative; });
    adapt.set(settings.adapt_scale && settings.relative, !settings.relative);
    paste.set(settings.paste_back);
    audio.set(settings.audio);
    overlays.forEach(([name, toggle]) => toggle.set(settings.overlays.includes(name)));
    gains.refresh(settings);
  };
  return { element, refresh };
}
