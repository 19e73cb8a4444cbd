// The ready motions as small pictures of the source; a click plays one.

import { makeElement, makeHeading } from "../shared/elements.js";
import { labelOf, secondsText } from "../shared/words.js";

/** @param {(motion: object) => void} onChoose */
export function makeMotions(motions, onChoose) {
  const urls = new Map(); // by name
  const buttons = new Map(motions.map((motion) => [motion.name, makeOne(motion, () => onChoose(motion))]));
  const element = makeElement(
    "section",
    { class: "mk-motions" },
    makeHeading("Motions", makeElement("span", { class: "mk-muted", text: "A click plays one on your picture" })),
    makeElement("div", { class: "mk-motions-list" }, ...buttons.values()),
  );
  return {
    element,
    /** The small picture of one has come. */
    show(name, picture) {
      const url = URL.createObjectURL(new Blob([picture], { type: "image/jpeg" }));
      if (urls.has(name)) URL.revokeObjectURL(urls.get(name));
      urls.set(name, url);
      buttons.get(name).querySelector("img").src = url;
    },
    /** Which one the timeline is. */
    mark(chosen) {
      for (const [name, button] of buttons) button.setAttribute("aria-pressed", name === chosen);
    },
    close() {
      for (const url of urls.values()) URL.revokeObjectURL(url);
    },
  };
}

function makeOne({ name, about, keys }, onclick) {
  const text = labelOf(name.replaceAll("-", "_"));
  return makeElement(
    "button",
    {
      type: "button",
      class: "mk-motion",
      onclick,
      "data-motion": name,
      "aria-label": `${text}: ${about}`,
      title: `${about}; ${secondsText(keys.at(-1).time)}`,
    },
    makeElement("span", { class: "mk-motion-picture" }, makeElement("img", { alt: "" })),
    makeElement("span", { text }),
  );
}
