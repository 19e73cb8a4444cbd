// The panel's end: Animate with progress, the video, keeping it, and the code that does the same.

/** `page` sends (`animate`, `cancel`, `save`), downloads (`transfer`), tells errors (`fail`) and if it is `connected`. */
function makeResult(choices, page) {
  const animate = makeElement("button", { class: "mk-button mk-primary", type: "button", text: "Animate", onclick: () => page.animate() });
  const cancel = makeElement("button", { class: "mk-button", type: "button", text: "Cancel", hidden: true, onclick: () => page.cancel() });
  const told = makeElement("span", { class: "mk-muted mk-told", role: "status" });
  const bar = makeElement("div");
  const progress = makeElement("div", { class: "mk-progress", hidden: true }, bar);
  const video = makeElement("video", { controls: true, loop: true, playsinline: true, class: "mk-video" });
  video.muted = true; // else browsers do not let it begin by itself
  const loading = makeElement("p", { class: "mk-muted" });
  const folder = makeElement("input", {
    class: "mk-input", type: "text", spellcheck: "false", "aria-label": "Folder to save to", placeholder: "/content/drive/MyDrive/motionkit",
  });
  folder.value = choices.drive;
  folder.addEventListener("keydown", (event) => event.stopPropagation());
  const keep = (name, text) => makeElement("button", { class: "mk-button", type: "button", text, onclick: () => download(name) });
  const save = makeElement("form", { class: "mk-form mk-save" }, folder,
    makeElement("button", { class: "mk-button", type: "submit", text: "Save to Drive" }));
  save.addEventListener("submit", (event) => {
    event.preventDefault();
    page.save(folder.value);
  });
  const output = makeElement("div", { class: "mk-output", hidden: true }, loading, video,
    makeElement("div", { class: "mk-row" }, keep("result", "Download result"), keep("collage", "Download collage"), save));
  const element = makeElement("section", { class: "mk-result" },
    makeElement("div", { class: "mk-row" }, animate, cancel, told,
      makeElement("span", { class: "mk-muted mk-label-note", text: "Results carry an “AI” label and say so in their metadata." })),
    progress, output);
  const state = { shown: null, url: null, paths: {} };

  async function download(name) {
    if (!page.connected()) return;
    page.forget();
    try {
      const blob = await page.transfer.download(name, "video/mp4", (share) => {
        loading.textContent = `Downloading ${Math.round(share * 100)} %`;
      });
      const url = URL.createObjectURL(blob);
      makeElement("a", { href: url, download: state.paths[name].split(/[/\\]/).pop() }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (error) {
      page.fail(error.message);
    }
    loading.textContent = "";
  }

  async function play(job) {
    const key = `${job.collage} ${job.at}`;
    if (state.shown === key) return;
    state.shown = key;
    state.paths = { result: job.result, collage: job.collage };
    output.hidden = false;
    loading.textContent = "Loading the video…";
    try {
      const blob = await page.transfer.download("collage", "video/mp4", (share) => {
        if (share < 1) loading.textContent = `Loading the video: ${Math.round(share * 100)} %`;
      });
      if (state.shown !== key) return;
      if (state.url) URL.revokeObjectURL(state.url);
      state.url = URL.createObjectURL(blob);
      video.src = state.url;
      video.play().catch(() => {}); // the controls are there
    } catch (error) {
      state.shown = null;
      page.fail(error.message);
    }
    loading.textContent = "";
  }

  return {
    element,
    /** What the kernel tells of the animation; an empty object before the first. */
    refresh(job) {
      const running = job.state === "running";
      animate.disabled = running;
      cancel.hidden = !running;
      progress.hidden = !running;
      bar.style.width = running && job.total ? `${(100 * job.done) / job.total}%` : "0";
      told.textContent = tellJob(job);
      if (job.collage) play(job); // also an earlier one, where the last was cancelled
    },
    /** The video, once it is shown. */
    video,
    close() {
      if (state.url) URL.revokeObjectURL(state.url);
    },
  };
}

function tellJob(job) {
  if (job.state === "running") {
    if (!job.done) return "Starting…";
    const of = job.total ? ` of ${job.total}` : "";
    const left = job.remaining ? `, ${tellSeconds(job.remaining)} left` : "";
    return `Frame ${job.done}${of}, ${job.rate.toFixed(1)} a second${left}`;
  }
  if (job.state === "done") return `${job.frames} frames in ${tellSeconds(job.seconds)}`;
  if (job.state === "cancelled") return "Cancelled; nothing was written";
  return "";
}

/** The Python call with a button that copies it. */
function makeCall() {
  const code = makeElement("code");
  const copy = makeElement("button", { class: "mk-button mk-quiet", type: "button", text: "Copy" });
  copy.addEventListener("click", async () => {
    copy.textContent = (await copyText(code.textContent)) ? "Copied" : "Select and copy by hand";
    setTimeout(() => { copy.textContent = "Copy"; }, 2000);
  });
  const element = makeElement("section", { class: "mk-call" },
    makeElement("div", { class: "mk-heading" }, makeElement("h3", { text: "The same in Python" }), copy),
    makeElement("pre", { tabindex: "0" }, code));
  return { element, set: (text) => { code.textContent = text; } };
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
