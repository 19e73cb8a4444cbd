// The clip that the webcam recorded last.

import { makeElement } from "../shared/elements.js";
import { secondsText } from "../shared/words.js";

export function makeRecordedCard(files, onError) {
  const video = makeElement("video", { controls: true, loop: true, playsinline: true });
  const text = makeElement("p", { class: "mk-muted" });
  const download = makeElement("a", { class: "mk-button mk-primary", text: "Download" });
  const element = makeElement(
    "section",
    { class: "mk-card mk-live-recorded", hidden: true },
    video,
    makeElement("div", {}, makeElement("h3", { text: "Recorded clip" }), text, download),
  );
  const close = () => URL.revokeObjectURL(download.href);
  const show = async (clip) => {
    if (!clip.name) return;
    element.hidden = false;
    text.textContent = `${clip.results} results in ${secondsText(clip.seconds)}, kept as ${clip.path}`;
    try {
      const blob = await files.download(clip.name, "video/mp4");
      close();
      download.href = URL.createObjectURL(blob);
      download.download = clip.name;
      video.src = download.href;
    } catch (error) {
      onError(error.message);
    }
  };
  return { element, show, close };
}
