// Light or dark, as the page is.

/** Mark a widget's root as dark where what lies behind it is dark. Returns a function that stops watching. */
export function markTheme(root) {
  const look = () => {
    const colour = colourBehind(root);
    const light = colour ? (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255 : null;
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

/** Red, green, blue and perhaps opacity of the nearest background that is not see-through; null if there is none. */
function colourBehind(root) {
  for (let node = root.parentElement; node; node = node.parentElement) {
    const colour = getComputedStyle(node)
      .backgroundColor.match(/[\d.]+/g)
      ?.map(Number);
    if (colour && (colour.length < 4 || colour[3] > 0.5)) return colour;
  }
  return null;
}
