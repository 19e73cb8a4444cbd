// Samples as small pictures, one of which may be chosen: radio buttons, so that arrow keys and screen readers know them.

import { keepKeys, makeElement } from "../shared/elements.js";
import { labelOf } from "../shared/words.js";

/**
 * @param {string} role `source` or `driving`.
 * @param {{name: string, title: string, origin: string, moments: number}[]} samples
 * @param {(name: string) => void} onOpen Called with the sample that was chosen.
 */
export function makeGallery(role, samples, onOpen) {
  const group = `mk-${Math.random().toString(36).slice(2)}`; // two views of a panel must not share one
  const tiles = new Map(samples.map((sample) => [sample.name, makeTile(sample, group, onOpen)]));
  const element = makeElement(
    "div",
    { class: "mk-samples" },
    makeElement(
      "div",
      {
        class: "mk-gallery",
        role: "radiogroup",
        "data-lm-suppress-shortcuts": "true", // else JupyterLab takes the arrow keys for cells
        "aria-label": `${labelOf(role)}: samples`,
        style: `--mk-columns: ${samples.length % 4 ? 3 : 4}`, // full rows
      },
      ...[...tiles.values()].map((tile) => tile.element),
    ),
    makeElement("p", { class: "mk-muted", text: originText(samples) }),
  );
  let urls = [];
  keepKeys(element);
  return {
    element,
    /** Mark the sample that is open; none, while another file is. */
    show(name) {
      for (const [other, tile] of tiles) tile.radio.checked = other === name;
    },
    /** Their small pictures as JPEG; a clip's moments side by side. */
    setPictures(names, files) {
      for (const url of urls) URL.revokeObjectURL(url);
      urls = files.map((bytes) => URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" })));
      for (const [i, name] of names.entries()) {
        if (tiles.has(name)) tiles.get(name).picture.style.backgroundImage = `url(${urls[i]})`;
      }
    },
    close() {
      for (const url of urls) URL.revokeObjectURL(url);
    },
  };
}

function makeTile({ name, title, moments }, group, onOpen) {
  const radio = makeElement("input", { type: "radio", name: group, value: name, onchange: () => onOpen(name) });
  const picture = makeElement("span", { class: "mk-tile-picture", "aria-hidden": "true" });
  if (moments > 1) {
    picture.classList.add("mk-moving");
    picture.style.setProperty("--mk-moments", moments);
  }
  const text = makeElement("span", { class: "mk-tile-title", text: title });
  return { element: makeElement("label", { class: "mk-tile", title }, radio, picture, text), radio, picture };
}

/** Where samples come from: "Astronaut: a photograph. Others: rendered." */
function originText(samples) {
  const origins = [...new Set(samples.map((sample) => sample.origin))];
  if (origins.length === 1) return `All ${origins[0]}.`;
  const of = (origin) => samples.filter((sample) => sample.origin === origin).map((sample) => sample.title);
  const most = origins.reduce((best, origin) => (of(origin).length > of(best).length ? origin : best));
  const others = origins.filter((origin) => origin !== most);
  const named = others.map((origin) => `${of(origin).join(", ")}: ${origin}.`);
  return `${named.join(" ")} The others: ${most}.`;
}
