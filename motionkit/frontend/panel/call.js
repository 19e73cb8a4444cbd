// The Python call that does the same, with a button that copies it.

import { makeButton, makeElement, makeHeading } from "../shared/elements.js";

export function makeCall() {
  const code = makeElement("code");
  const copy = makeButton(
    "Copy",
    async () => {
      copy.textContent = (await copyText(code.textContent)) ? "Copied" : "Select and copy by hand";
      setTimeout(() => {
        copy.textContent = "Copy";
      }, 2000);
    },
    { kind: "mk-quiet" },
  );
  const element = makeElement(
    "section",
    { class: "mk-call" },
    makeHeading("The same in Python", copy),
    makeElement("pre", { tabindex: "0" }, code),
  );
  const set = (text) => {
    code.textContent = text;
  };
  return { element, set };
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // No permission, or a page without https: the old way needs none.
    const area = makeElement("textarea", { style: "position:fixed;opacity:0" });
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand("copy");
    area.remove();
    return copied;
  }
}
