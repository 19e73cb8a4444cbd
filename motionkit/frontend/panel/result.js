// The panel's end: Animate with progress, the video, and keeping it.

import { makePathField } from "../shared/controls.js";
import { makeButton, makeElement } from "../shared/elements.js";
import { secondsText } from "../shared/words.js";
import { makeDownloads } from "./downloads.js";
import { makePlayer } from "./player.js";

const OLD = "This is an earlier result: inputs or settings have changed since. Animate makes it anew.";

/** @param {string} folder Where results are saved to, unless another folder is named. */
export function makeResult({ kernel, notice, files, settings, folder }) {
  const send = (content) => {
    notice.forget();
    kernel.send(content);
  };
  const animate = makeButton("Animate", () => send({ kind: "animate", settings: settings.values }), {
    kind: "mk-primary",
  });
  const cancel = makeButton("Cancel", () => kernel.send({ kind: "cancel" }), { hidden: true });
  const status = makeElement("span", { class: "mk-muted mk-told", role: "status" });
  const bar = makeElement("div");
  const progress = makeElement("div", { class: "mk-progress", hidden: true }, bar);
  const warnings = makeElement("ul", { class: "mk-warnings", role: "status", hidden: true });
  const output = makeOutput({ kernel, notice, files, folder, onSave: (to) => send({ kind: "save", folder: to }) });
  const label = "Results carry an “AI” label and say so in their metadata.";
  const element = makeElement(
    "section",
    { class: "mk-result" },
    makeElement(
      "div",
      { class: "mk-row" },
      animate,
      cancel,
      status,
      makeElement("span", { class: "mk-muted mk-label-note", text: label }),
    ),
    progress,
    warnings,
    output.element,
  );
  return {
    element,
    take: output.take,
    halt: output.halt,
    /** What the kernel says of the animation, an empty object before the first, and the code of what is set now. */
    refresh(job, call) {
      const running = job.state === "running";
      animate.disabled = running;
      cancel.hidden = !running;
      progress.hidden = !running;
      bar.style.width = running && job.total ? `${(100 * job.done) / job.total}%` : "0";
      status.textContent = jobText(job);
      const texts = running ? [] : (job.warnings ?? []); // of the result that is shown
      warnings.replaceChildren(...texts.map((text) => makeElement("li", { text })));
      warnings.hidden = texts.length === 0;
      if (job.collage) output.show(job); // also an earlier one, where the last was cancelled
      output.setOld(Boolean(job.call) && job.call !== call);
    },
    close: output.close,
  };
}

/** The video, downloads, and the folder to save to. */
function makeOutput({ kernel, notice, files, folder, onSave }) {
  const player = makePlayer();
  const loading = makeElement("p", { class: "mk-muted", role: "status" });
  const downloads = makeDownloads({
    kernel,
    notice,
    files,
    frame: () => player.frame,
    say: (text) => {
      loading.textContent = text;
    },
  });
  const old = makeElement("p", { class: "mk-old-note", role: "status" });
  const save = makePathField({
    label: "Folder to save to",
    placeholder: "/content/drive/MyDrive/motionkit",
    action: "Save to Drive",
    onUse: onSave,
  });
  save.field.value = folder;
  save.element.classList.add("mk-save");
  const element = makeElement(
    "div",
    { class: "mk-output", hidden: true },
    old,
    player.element,
    loading,
    makeElement("div", { class: "mk-row" }, downloads.element, save.element),
  );
  let shown = null; // the job whose video is shown
  let url = null; // the video's

  async function show(job) {
    const key = `${job.collage} ${job.at}`;
    if (shown === key) return;
    shown = key;
    downloads.setPaths({ result: job.result, collage: job.collage });
    element.hidden = false;
    loading.textContent = "Loading the video…";
    const blob = await downloads.fetchFile("collage", "Loading the video:");
    if (shown !== key) return;
    if (!blob) {
      shown = null; // it is tried again when the kernel next says something of it
      return;
    }
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(blob);
    player.play(url, job);
  }

  /** Mark what is shown as made of other inputs than those that are set now, or no longer. */
  function setOld(is) {
    element.classList.toggle("mk-old", is);
    if (Boolean(old.textContent) !== is) old.textContent = is ? OLD : "";
  }

  const close = () => {
    player.close();
    if (url) URL.revokeObjectURL(url);
  };
  return { element, show, setOld, close, take: downloads.take, halt: downloads.halt };
}

function jobText(job) {
  if (job.state === "running") {
    if (!job.done) return "Starting…";
    const of = job.total ? ` of ${job.total}` : "";
    const left = job.remaining ? `, ${secondsText(job.remaining)} left` : "";
    return `Frame ${job.done}${of}, ${job.rate.toFixed(1)} a second${left}`;
  }
  if (job.state === "done") return `${job.frames} frames in ${secondsText(job.seconds)}`;
  if (job.state === "cancelled") return "Cancelled; nothing was written";
  return "";
}
