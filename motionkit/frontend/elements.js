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
