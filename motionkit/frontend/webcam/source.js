// The webcam's source: the picture that moves.

import { makeFilePicker, makePathField } from "../shared/controls.js";
import { makeButton, makeElement } from "../shared/elements.js";

/**
 * @param {(content: object) => void} send Sends the kernel a message.
 * @param {(picture: HTMLImageElement) => void} onPicture Called with each source's picture, which may still be loading.
 */
export function makeSourceCard({ model, files, notice, send, onPicture }) {
  const picture = makeElement("img", { class: "mk-live-thumbnail", alt: "" });
  const name = makeElement("span", { class: "mk-live-name" });
  const note = makeElement("p", { class: "mk-muted", hidden: true });
  const path = makePathField({
    label: "Path of a picture",
    placeholder: "Path of a picture",
    action: "Use",
    onUse: open,
  });
  const picker = makeFilePicker("Upload", "image/*", upload);
  const sample = makeButton("Sample", () => open(""));
  const element = makeElement(
    "section",
    { class: "mk-card mk-live-source" },
    picture,
    makeElement(
      "div",
      { class: "mk-live-choose" },
      makeElement("h3", { text: "Source" }),
      name,
      makeElement("div", { class: "mk-row" }, ...picker, sample),
    ),
    path.element,
    note,
  );

  /** @param {string} from The picture's path; empty for the sample. */
  function open(from) {
    send({ kind: "source", path: from });
  }

  async function upload(chosen) {
    notice.clear();
    try {
      await files.upload(chosen, chosen.name, "source", (share) => {
        name.textContent = `Uploading, ${Math.round(100 * share)} %`;
      });
    } catch (error) {
      notice.fail(error.message);
    }
    refresh();
  }

  /** Show the source as the kernel describes it. */
  function refresh() {
    const source = model.get("source");
    name.textContent = source.name ?? "Loading …";
    note.textContent = source.note ?? "";
    note.hidden = !source.note;
    const bytes = model.get("source_picture");
    if (!bytes?.byteLength) return;
    URL.revokeObjectURL(picture.src);
    picture.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    onPicture(picture);
  }

  return { element, refresh };
}
