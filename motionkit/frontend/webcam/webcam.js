// The webcam widget: camera or clip in, the moving source out. motionkit/live/widget.py is the other side.

const LIVE_GONE =
  "The kernel was restarted or has stopped. Run the notebook's cells again from the top; this view is no longer connected.";

class LiveView {
  constructor(model, el) {
    this.model = model;
    this.setup = model.get("setup");
    this.before = Boolean(model.get("driving").kind); // it has run: the page was loaded again, or shows a second view
    this.meter = new LiveMeter();
    this.files = new FileTransfer(model);
    this.mode = model.get("driving").kind && model.get("driving").kind !== "camera" ? "clip" : "camera";
    this.page = buildLivePage(this.setup, this.#handlers());
    this.loop = new LiveLoop(model, {
      result: (shown) => this.#show(shown),
      failed: (message) => this.#halt(message),
      silent: (seconds) => this.#silent(seconds),
    });
    this.page.clipPath.value = model.get("driving").path ?? "";
    el.append(this.page.root);
    this.unwatch = markTheme(this.page.root);
    this.#listen();
    this.#showSettings();
    this.#showSource();
    this.#showMode();
    this.#showClip();
    this.#showNotice();
  }

  close() {
    this.#stop();
    this.loop.close();
    this.files.close();
    this.unwatch();
    for (const [name, callback] of this.listening) this.model.off(name, callback);
    URL.revokeObjectURL(this.page.download.href);
  }

  #listen() {
    this.listening = [
      ["msg:custom", (content, buffers) => this.#take(content, buffers ?? [])],
      ["change:strength change:smoothing change:gains change:mirror change:driving", () => this.#showSettings()],
      ["change:source change:source_picture", () => this.#showSource()],
      ["change:clip", () => this.#showClip()],
      ["change:recording", () => this.#showRunning()],
      ["change:notice", () => this.#showNotice()],
      ["comm_live_update", () => this.#gone()],
    ];
    for (const [name, callback] of this.listening) this.model.on(name, callback);
  }

  #handlers() {
    return {
      dismiss: () => this.#clearBanner(),
      start: () => (this.running || this.starting ? this.#stop() : this.#begin()),
      calibrate: () => {
        this.model.send({ kind: "calibrate" });
        if (this.frozen) this.loop.redraw();
      },
      freeze: () => this.#freeze(!this.frozen),
      record: () => this.#send(this.model.get("recording") ? "record-stop" : "record"),
      mirror: (value) => this.#set({ mirror: value }),
      slider: (name, value) => this.#set({ [name]: value }),
      gain: (group, value) => this.#set({ gains: { ...this.model.get("gains"), [group]: value } }),
      reset: () => this.#set(this.setup.start),
      source: (path) => this.#send("source", { path }),
      upload: (file) => this.#upload(file),
      driving: (mode) => {
        if (mode === this.mode) return;
        this.#stop();
        this.mode = mode;
        this.#showMode();
      },
      clip: () => {
        this.#stop();
        this.#begin();
      },
    };
  }

  #set(changes) {
    for (const [name, value] of Object.entries(changes)) this.model.set(name, value);
    this.model.save_changes();
    if (this.frozen) this.loop.redraw();
  }

  #send(kind, content = {}) {
    this.#clearBanner();
    this.model.send({ kind, ...content });
  }

  async #upload(file) {
    this.#clearBanner();
    try {
      await this.files.upload(file, file.name, "source", (share) => {
        this.page.sourceName.textContent = `Uploading, ${Math.round(100 * share)} %`;
      });
    } catch (error) {
      showLiveBanner(this.page, error.message);
    }
    this.#showSource();
  }

  async #begin() {
    if (this.running || this.starting || this.disconnected) return;
    this.starting = true;
    this.#clearBanner();
    this.#showRunning();
    const camera = this.mode === "camera";
    try {
      if (camera) await this.#openCamera();
      if (!this.starting) return;
      this.loop.open({ kind: "driving", camera, path: this.page.clipPath.value });
    } catch (error) {
      this.#halt(error.message);
    }
  }

  /** The kernel is ready for frames. */
  #opened() {
    if (!this.starting) return; // given up since
    this.starting = false;
    this.running = true;
    this.before = false;
    this.meter.clear();
    this.loop.start(this.camera ? new CameraFeed(this.camera.video, this.setup.side) : null);
    this.#showMode();
  }

  async #openCamera() {
    const camera = await openCamera({ width: 640, height: 480 });
    if (!this.starting || !this.page.root.isConnected) {
      camera.stop(); // given up while the browser asked
      return;
    }
    this.camera = camera;
    for (const track of camera.stream.getVideoTracks()) {
      track.addEventListener("ended", () => this.#halt(
        "The camera was taken away: it was unplugged, or its permission withdrawn. Connect or allow it, then press Start.",
      ));
    }
    this.page.feed.replaceChildren(camera.video);
  }

  #stop() {
    if (this.running && this.model.get("recording") && !this.disconnected) this.model.send({ kind: "record-stop" });
    this.running = false;
    this.starting = false;
    this.frozen = false;
    this.loop.stop();
    this.camera?.stop();
    this.camera = null;
    this.page.feed.replaceChildren();
    this.#showRunning();
  }

  /** Stop, and say why. */
  #halt(message) {
    this.#stop();
    showLiveBanner(this.page, message);
  }

  #gone() {
    if (this.disconnected) return;
    this.disconnected = true;
    this.#halt(LIVE_GONE);
    for (const button of [this.page.start, this.page.camera, this.page.clip]) button.disabled = true;
  }

  #freeze(frozen) {
    this.frozen = frozen;
    this.loop.hold(frozen);
    this.#showRunning();
  }

  #silent(seconds) {
    if (seconds === null) {
      if (this.told) showLiveBanner(this.page, null);
      this.told = false;
      return;
    }
    this.told = true;
    const busy = `No answer from the kernel for ${Math.floor(seconds)} s. `;
    showLiveBanner(this.page, busy + (seconds < 15
      ? "It may be busy with a cell; the picture goes on when that is done."
      : "If a cell is running, wait or interrupt it; if the kernel was restarted, run the cells again."));
  }

  #take(content, buffers) {
    if (this.loop.handle(content, buffers) || this.files.handle(content, buffers)) return;
    if (content.kind === "opened") {
      this.#opened();
    }
  }

  /** What the kernel says went wrong; it is kept there, so that a page that comes later shows it too. */
  #showNotice() {
    const { text, about } = this.model.get("notice");
    if (text && this.starting && about === "driving") this.#halt(text);
    else if (text) showLiveBanner(this.page, text);
    else if (this.noticed) showLiveBanner(this.page, null); // what the page itself says stays
    this.noticed = Boolean(text);
  }

  #clearBanner() {
    showLiveBanner(this.page, null);
    this.noticed = false;
    if (this.model.get("notice").text && !this.disconnected) this.model.send({ kind: "dismiss" });
  }

  #show({ picture, driving, done }) {
    drawWhole(this.page.result, picture);
    if (driving) {
      drawWhole(this.page.driving, driving);
      this.page.hint.hidden = true;
    }
    this.meter.add(done());
    showLiveFigures(this.page, this.meter);
    this.#showState();
  }

  #showState() {
    const { state } = this.page;
    const recording = this.model.get("recording");
    if (!recording) this.recordingSince = null;
    else this.recordingSince ??= performance.now();
    const seconds = recording ? Math.floor((performance.now() - this.recordingSince) / 1000) : 0;
    const clock = this.running ? ` ${tellClock(seconds)}` : ""; // of a page that saw none of it, it would stand still
    const words = [recording ? `Recording${clock}` : "", this.frozen ? "Frozen" : ""];
    state.textContent = words.filter(Boolean).join(", ");
    state.hidden = !state.textContent;
    state.classList.toggle("mk-live-on", recording);
  }

  #showRunning() {
    const { page, model, running } = this;
    page.root.dataset.state = running ? (this.frozen ? "frozen" : "running") : "stopped";
    const recording = model.get("recording");
    page.start.textContent = running ? "Stop" : this.starting ? "Cancel" : "Start";
    for (const button of [page.calibrate, page.freeze]) button.disabled = !running;
    page.record.disabled = (!running && !recording) || Boolean(this.disconnected);
    page.freeze.textContent = this.frozen ? "Go on" : "Freeze";
    page.record.textContent = recording ? "Stop recording" : "Record";
    page.hint.hidden = Boolean(running && this.camera);
    page.guide.toggleAttribute("hidden", this.mode !== "camera");
    this.#showState();
  }

  #showMode() {
    const { page } = this;
    const camera = this.mode === "camera";
    page.camera.setAttribute("aria-pressed", camera);
    page.clip.setAttribute("aria-pressed", !camera);
    page.clipRow.hidden = camera;
    page.driving.hidden = camera;
    page.drivingCaption.textContent = camera ? "Camera" : "Clip";
    page.hint.textContent = camera
      ? this.before
        ? "The camera is off, since this page was loaded anew. Press Start to go on with the settings as they are."
        : "Press Start and allow the camera. Its frames go to this notebook's kernel, nowhere else."
      : "Press Start to play the clip.";
    this.#showRunning();
  }

  #showSettings() {
    const { page, model } = this;
    page.sliders.strength.set(model.get("strength"));
    page.sliders.smoothing.set(model.get("smoothing"));
    for (const [group, slider] of Object.entries(page.gains)) slider.set(model.get("gains")[group] ?? 1);
    page.mirror.checked = model.get("mirror");
    const template = model.get("driving").kind === "template"; // keypoints are not flipped
    page.mirror.disabled = template;
    page.root.classList.toggle("mk-live-mirrored", page.mirror.checked && !template);
  }

  #showSource() {
    const { page, model } = this;
    const { name, note } = model.get("source");
    page.sourceName.textContent = name ?? "Loading …";
    page.sourceNote.textContent = note ?? "";
    page.sourceNote.hidden = !note;
    const bytes = model.get("source_picture");
    if (!bytes?.byteLength) return;
    URL.revokeObjectURL(page.sourcePicture.src);
    page.sourcePicture.src = URL.createObjectURL(new Blob([bytes], { type: "image/jpeg" }));
    if (!this.meter.results) page.sourcePicture.decode().then(() => drawWhole(page.result, page.sourcePicture), () => {});
    if (this.frozen) this.loop.redraw();
  }

  async #showClip() {
    const { page, model } = this;
    const clip = model.get("clip");
    if (!clip.name) return;
    page.recorded.hidden = false;
    page.recordedText.textContent = `${clip.results} results in ${tellSeconds(clip.seconds)}, kept as ${clip.path}`;
    try {
      const blob = await this.files.download(clip.name, "video/mp4");
      URL.revokeObjectURL(page.download.href);
      page.download.href = URL.createObjectURL(blob);
      page.download.download = clip.name;
      page.recordedVideo.src = page.download.href;
    } catch (error) {
      showLiveBanner(page, error.message);
    }
  }
}

function tellClock(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function drawWhole(canvas, picture) {
  const [width, height] = [picture.naturalWidth || picture.width, picture.naturalHeight || picture.height];
  if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

export default {
  render({ model, el }) {
    const view = new LiveView(model, el);
    return () => view.close();
  },
};
