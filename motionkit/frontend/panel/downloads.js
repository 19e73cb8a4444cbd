// Files of the result to the reader's own disk: the clips that are there, and forms that are made when asked for.

import { makeButton, makeElement } from "../shared/elements.js";

const TYPES = { result: "video/mp4", collage: "video/mp4", gif: "image/gif", webp: "image/webp", png: "image/png" };

/**
 * @param {() => number} frame The frame that is seen.
 * @param {(text: string) => void} say Shows what is being done; "" is nothing.
 */
export function makeDownloads({ kernel, notice, files, frame, say }) {
  let paths = {};
  const made = new Map(); // takes the kernel's answer, by form

  /** A file that the kernel has; null if it cannot be had, which is then shown. */
  async function fetchFile(name, doing) {
    try {
      return await files.download(name, TYPES[name], (share) => {
        if (share < 1) say(`${doing} ${Math.round(share * 100)} %`);
      });
    } catch (error) {
      notice.fail(error.message);
      return null;
    } finally {
      say("");
    }
  }

  async function keep(name, fileName) {
    const blob = await fetchFile(name, "Downloading");
    if (!blob) return;
    const link = URL.createObjectURL(blob);
    makeElement("a", { href: link, download: fileName }).click();
    setTimeout(() => URL.revokeObjectURL(link), 60_000);
  }

  function keepPath(name) {
    if (!kernel.connected()) return;
    notice.forget();
    return keep(name, paths[name].split(/[/\\]/).pop());
  }

  async function keepForm(form, button) {
    if (!kernel.connected()) return;
    notice.forget();
    button.disabled = true;
    say("Making the file…");
    kernel.send({ kind: "copy", form, index: frame() });
    const name = await new Promise((resolve) => made.set(form, resolve));
    say("");
    button.disabled = false;
    if (name) await keep(form, name);
  }

  const formButton = (text, form, title) => {
    const button = makeButton(text, () => keepForm(form, button), { title });
    return button;
  };
  const element = makeElement(
    "div",
    { class: "mk-row", role: "group", "aria-label": "Downloads" },
    makeButton("Download result", () => keepPath("result"), { title: "The result as MP4" }),
    makeButton("Download collage", () => keepPath("collage"), { title: "All panels side by side, as MP4" }),
    formButton("GIF", "gif", "The result as a moving GIF, at most 512 pixels wide"),
    formButton("WebP", "webp", "The result as a moving WebP, at most 512 pixels wide"),
    formButton("PNG of this frame", "png", "The frame that is seen, at the result's size"),
  );
  const answer = (name) => (content) => {
    made.get(content.form)?.(name(content));
    made.delete(content.form);
  };
  return {
    element,
    fetchFile,
    setPaths(to) {
      paths = to;
    },
    /** What is done with the kernel's messages, by kind. */
    take: { copied: answer((content) => content.name), "copy-failed": answer(() => null) },
    /** The kernel has ended: nothing comes any more. */
    halt() {
      for (const resolve of made.values()) resolve(null);
      made.clear();
    },
  };
}
