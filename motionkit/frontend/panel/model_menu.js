// Which model animates, and where: names, own files, devices. Another one is loaded while the panel goes on.

import { makeFilePicker, makePathField } from "../shared/controls.js";
import { keepKeys, makeButton, makeElement } from "../shared/elements.js";

const OWN = "\u0000own"; // no model is called so

/** @param {{current: string, names: {name: string, title: string}[], device: string, devices: string[]}} offered */
export function makeModelMenu({ offered, kernel, notice, files }) {
  const { current, names, device, devices } = offered;
  const name = makeMenu("Model", [...names, { name: OWN, title: "Own file…" }], current, (value) => {
    own.hidden = value !== OWN;
    if (value !== OWN) ask(value);
  });
  const place = makeMenu(
    "Device",
    devices.map((one) => ({ name: one, title: one })),
    device,
    () => ask(current),
  );
  const status = makeElement("span", { class: "mk-muted mk-loading", role: "status" });
  const cancel = makeButton("Stop", () => kernel.send({ kind: "model-cancel" }), {
    kind: "mk-quiet",
    "aria-label": "Stop loading the model",
    hidden: true,
  });
  const path = makePathField({
    label: "Model file: path",
    placeholder: "model.safetensors",
    action: "Load",
    onUse: (text) => ask(text),
  });
  const picker = makeFilePicker("Upload…", ".safetensors,.tar,.pth", send);
  const own = makeElement("div", { class: "mk-form mk-own", hidden: true }, path.element, ...picker);
  const element = makeElement(
    "div",
    { class: "mk-row mk-models", "data-lm-suppress-shortcuts": "true" },
    name.element,
    place.element,
    status,
    cancel,
    own,
  );

  function ask(value) {
    notice.forget();
    kernel.send({ kind: "model", name: value, device: place.select.value });
  }

  async function send(blob) {
    if (!kernel.connected()) return;
    notice.forget();
    setBusy("Uploading…");
    try {
      await files.upload(blob, blob.name, "model", (share) => setBusy(`Uploading ${Math.round(share * 100)} %`));
    } catch (error) {
      notice.fail(error.message);
      setBusy("");
    }
  }

  function setBusy(text) {
    status.textContent = text;
    cancel.hidden = !text;
  }

  return {
    element,
    /** What the kernel says that it is loading; "" once it is done. */
    refresh(text) {
      setBusy(text);
      if (text) return;
      name.select.value = own.hidden ? current : OWN;
      place.select.value = device;
    },
  };
}

function makeMenu(label, options, value, onChoose) {
  const select = makeElement(
    "select",
    { class: "mk-select", onchange: () => onChoose(select.value) },
    ...options.map((option) => makeElement("option", { value: option.name, text: option.title })),
  );
  select.value = value;
  keepKeys(select);
  return {
    element: makeElement(
      "label",
      { class: "mk-menu" },
      makeElement("span", { class: "mk-muted", text: label }),
      select,
    ),
    select,
  };
}
