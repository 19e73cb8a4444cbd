// The panel's two inputs: where each comes from, its thumbnail, its crop.

import { makeChoice, makeFilePicker, makePathField } from "../shared/controls.js";
import { makeElement, makeHeading } from "../shared/elements.js";
import { labelOf, secondsText } from "../shared/words.js";
import { makeCameraForm } from "./camera_form.js";
import { makeCropBox } from "./crop_box.js";
import { makeGallery } from "./gallery.js";

const WAYS = {
  source: { sample: "Sample", path: "Path", upload: "Upload", drive: "Drive", camera: "Camera" },
  driving: { sample: "Sample", path: "Path", upload: "Upload", drive: "Drive", camera: "Record" },
};
const HINTS = {
  source: { path: "face.jpg", accept: "image/*,video/*,.heic" },
  driving: { path: "clip.mp4 or talk.motion", accept: "video/*,image/gif,.motion,.mkv" },
};
const DRIVE_HINT = "Share link, or /content/drive/MyDrive/…";

/**
 * One input.
 * @param {string} role `source` or `driving`.
 * @param {object[]} samples Those that may be opened, as `makeGallery` takes them.
 * @param {(box: number[] | null, done: boolean) => void} onCrop Called with the square, null for the one found by itself.
 */
export function makeInput({ role, samples, kernel, notice, files, onCrop }) {
  const about = makeElement("p", { class: "mk-muted mk-about", text: "Opening…" });
  const crop = makeCropBox(role, onCrop, () => onCrop(null, true));
  const ways = makeWays({ role, samples, notice, onOpen: open, onSend: send });
  const element = makeElement(
    "section",
    { class: "mk-card mk-input-card", "data-role": role },
    makeHeading(labelOf(role), about),
    makeElement("div", { class: "mk-thumbnail" }, crop.stage),
    makeElement("div", { class: "mk-input-side" }, ...ways.elements, crop.details),
  );
  let opened = null; // what the kernel says of the input that is open, in words and with the square that it found
  let url = null; // the thumbnail's
  crop.setBox(null, false);

  function open(how, value) {
    if (!kernel.connected()) {
      settle();
      return;
    }
    showBusy("Opening…");
    notice.forget();
    kernel.send({ kind: "open", role, how, value });
  }

  async function send(blob, name) {
    if (!kernel.connected()) return;
    notice.forget();
    showBusy("Uploading…");
    try {
      await files.upload(blob, name, role, (share) => showBusy(`Uploading ${Math.round(share * 100)} %`));
      showBusy("Opening…");
    } catch (error) {
      notice.fail(error.message);
    }
  }

  function showBusy(text) {
    about.textContent = text;
    element.classList.add("mk-busy");
  }

  /** Back to what is known of the input that is open. */
  function settle() {
    ways.gallery.show(opened?.sample);
    element.classList.remove("mk-busy");
    about.textContent = opened?.about ?? "None yet";
    about.title = opened?.path ?? "";
  }

  return {
    element,
    settle,
    setPictures: ways.gallery.setPictures,
    /** Whether an input is open. */
    get there() {
      return opened !== null;
    },
    /** Show the input that the kernel has opened, with its picture. */
    show(content, picture) {
      if (url) URL.revokeObjectURL(url);
      url = URL.createObjectURL(new Blob([picture], { type: "image/jpeg" }));
      opened = { path: content.path, box: content.boxes[0] ?? null, about: aboutText(content), sample: content.sample };
      crop.show(url, content.width, content.height);
      settle();
    },
    refresh(settings) {
      const manual = settings[`${role}_box`];
      crop.setBox(opened?.box ? (manual ?? opened.box) : null, Boolean(manual));
    },
    close() {
      ways.close();
      if (url) URL.revokeObjectURL(url);
    },
  };
}

/** "face.png, 640×480": name, size and length. */
function aboutText({ name, frames, fps, boxes, width, height }) {
  const length = frames > 1 && fps ? `, ${secondsText(frames / fps)}` : "";
  const size = boxes.length ? `, ${width}×${height}` : ", motion template";
  return `${name}${size}${length}`;
}

/** A choice of ways to an input, and a form for each, one of which is seen. */
function makeWays({ role, samples, notice, onOpen, onSend }) {
  const hints = HINTS[role];
  const pathField = (placeholder, word) =>
    makePathField({
      label: `${labelOf(role)}: ${word}`,
      placeholder,
      action: "Open",
      onUse: (text) => onOpen("path", text),
    }).element;
  const gallery = makeGallery(role, samples, (name) => onOpen("sample", name));
  const picker = makeFilePicker("Choose a file…", hints.accept, (file) => onSend(file, file.name));
  const camera = makeCameraForm({ still: role === "source", notice, onTaken: onSend });
  const forms = {
    sample: gallery.element,
    path: pathField(hints.path, "path"),
    upload: makeElement("div", { class: "mk-form" }, ...picker),
    drive: pathField(DRIVE_HINT, "Drive"),
    camera: camera.element,
  };
  const choice = makeChoice(WAYS[role], `${labelOf(role)} from`, choose);
  choose("sample");

  function choose(key) {
    if (key !== "camera") camera.stop();
    choice.set(key);
    for (const [name, form] of Object.entries(forms)) form.hidden = name !== key;
  }

  const close = () => {
    camera.stop();
    gallery.close();
  };
  return { elements: [choice.element, ...Object.values(forms)], gallery, close };
}
