// Building a widget's page; no more than the widgets use.

/** An element with attributes (`onclick`… are listeners, `text` its text) and children. */
export function makeElement(tag, attributes = {}, ...children) {
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

/** @param {string} kind Further classes, such as `mk-primary`. */
export function makeButton(text, onclick, { kind = "", ...attributes } = {}) {
  return makeElement("button", { class: `mk-button ${kind}`.trim(), type: "button", text, onclick, ...attributes });
}

/** A heading, with something at the line's other end. */
export function makeHeading(text, ...rest) {
  return makeElement("div", { class: "mk-heading" }, makeElement("h3", { text }), ...rest);
}

/** Keys pressed in this element are not the notebook's. */
export function keepKeys(element) {
  element.addEventListener("keydown", (event) => event.stopPropagation());
}

/** Draw a picture into a canvas, which takes its size. */
export function drawWhole(canvas, picture) {
  const [width, height] = [picture.naturalWidth || picture.width, picture.naturalHeight || picture.height];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

/** The bytes of JPEG files as pictures that a canvas can draw. */
export function decodePictures(files) {
  return Promise.all(files.map((bytes) => createImageBitmap(new Blob([bytes], { type: "image/jpeg" }))));
}
