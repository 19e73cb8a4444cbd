// The text across a widget's top: what is wrong, or worth knowing, and what to do.

import { makeButton, makeElement } from "./elements.js";

/** @param {() => void} onDismiss Called when the reader has taken the banner away. */
export function makeBanner(onDismiss) {
  const element = makeElement("div", { class: "mk-notice", "aria-live": "polite" });
  const dismiss = () => {
    element.replaceChildren();
    onDismiss();
  };
  return {
    element,
    /** @param {string} level `error`, or what is only worth knowing. */
    show(text, level = "error") {
      const role = level === "error" ? "alert" : "status";
      element.replaceChildren(
        makeElement(
          "div",
          { class: `mk-banner mk-${level}`, role },
          makeElement("span", { text }),
          makeButton("Dismiss", dismiss, { kind: "mk-quiet" }),
        ),
      );
    },
    clear() {
      element.replaceChildren();
    },
  };
}
