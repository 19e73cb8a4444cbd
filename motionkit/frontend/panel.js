// The panel: what it holds together, and the preview. motionkit/widgets/widget.py is the other side.

const PREVIEW_OVERTAKE = 300; // ms after which a newer request is sent though an older one is not answered
const PREVIEW_SILENCE = 20_000; // ms without any answer after which the kernel counts as gone
const MAIN_PANELS = ["source", "driving", "result"];
const SILENT_KERNEL = "The kernel does not answer. It may be busy with another cell, or restarted: then run the cell again.";

/** One request at a time, the newest next; a slow one is overtaken. */
class PreviewLoop {
  constructor(send, onSilence) {
    this.send = send;
    this.onSilence = onSilence;
    this.flight = null;
    this.wanted = null;
    this.count = 0;
    this.prefix = Math.random().toString(36).slice(2);
  }

  /** Ask for a preview because of what happened at `time`. */
  ask(time = performance.now()) {
    this.wanted = { time: this.wanted?.time ?? time };
    if (!this.flight || performance.now() - this.flight.sent > PREVIEW_OVERTAKE) this.#go();
  }

  /** Take an answer; gives the time of the event behind it, or null for one that nobody waits for. */
  answered(id) {
    if (this.flight?.id !== id) return null;
    const { time } = this.flight;
    this.stop();
    return time;
  }

  next() {
    if (this.wanted && !this.flight) this.#go();
  }

  stop() {
    clearTimeout(this.overtake);
    clearTimeout(this.silence);
    this.flight = null;
  }

  #go() {
    clearTimeout(this.overtake);
    clearTimeout(this.silence);
    this.count += 1;
    this.flight = { id: `${this.prefix}-${this.count}`, time: this.wanted.time, sent: performance.now() };
    this.wanted = null;
    this.send(this.flight.id);
    this.overtake = setTimeout(() => this.wanted && this.#go(), PREVIEW_OVERTAKE);
    this.silence = setTimeout(() => {
      this.flight = null;
      this.onSilence();
    }, PREVIEW_SILENCE);
  }
}

/** Source, driving, overlays, result, and the scrubber below. */
function makePreview(page) {
  const frames = makeElement("div", { class: "mk-frames" });
  const seconds = makeElement("span", { class: "mk-seconds", title: "From the change to its picture" });
  const status = makeElement("span", { class: "mk-muted mk-status" });
  const scrubber = makeElement("input", { type: "range", min: 0, max: 0, step: 1, value: 0, "aria-label": "Frame", "data-name": "frame" });
  const ready = makeElement("div", { class: "mk-ready" });
  const place = makeElement("span", { class: "mk-place" });
  const play = makeElement("button", { class: "mk-button mk-play", type: "button", "aria-label": "Play", text: "▶" });
  const state = { total: 1, playing: null };
  scrubber.addEventListener("input", () => {
    halt();
    page.scrub(scrubber.valueAsNumber);
  });
  scrubber.addEventListener("keydown", (event) => event.stopPropagation());
  play.addEventListener("click", () => {
    if (state.playing) return halt();
    state.playing = { begun: performance.now(), from: page.index };
    play.textContent = "❚❚";
    return advance();
  });

  function halt() {
    state.playing = null;
    play.textContent = "▶";
  }

  function advance() {
    if (!state.playing) return;
    const passed = Math.max(1, Math.round(((performance.now() - state.playing.begun) / 1000) * page.fps));
    page.scrub((state.playing.from + passed) % state.total);
  }

  function seat() {
    scrubber.max = state.total - 1;
    scrubber.value = page.index;
    place.textContent = `Frame ${page.index + 1} of ${state.total}`;
  }

  const element = makeElement("section", { class: "mk-preview" }, frames,
    makeElement("div", { class: "mk-scrub" }, play, makeElement("div", { class: "mk-track" }, ready, scrubber), place, seconds),
    status);
  return {
    element,
    seat,
    halt,
    setTotal(total) {
      state.total = Math.max(total ?? 1, 1);
      seat();
    },
    setReady(done, total) {
      const share = total ? Math.min(done / total, 1) : 0;
      ready.style.width = `${share * 100}%`;
      status.textContent = total && share < 1 ? `Detecting keypoints: ${done} of ${total} frames` : "";
    },
    async draw(captions, pictures, time) {
      const bitmaps = await Promise.all(pictures.map((part) => createImageBitmap(new Blob([part], { type: "image/jpeg" }))));
      while (frames.children.length > captions.length) frames.lastChild.remove();
      while (frames.children.length < captions.length) {
        frames.append(makeElement("figure", {}, makeElement("canvas"), makeElement("figcaption")));
      }
      // Source, driving and result keep their places; overlays come below them.
      const order = captions.map((_, i) => i).sort((a, b) => MAIN_PANELS.includes(captions[b]) - MAIN_PANELS.includes(captions[a]));
      bitmaps.forEach((bitmap, i) => {
        const figure = frames.children[order.indexOf(i)];
        const [canvas, caption] = figure.children;
        if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
          [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
        }
        canvas.getContext("2d").drawImage(bitmap, 0, 0);
        bitmap.close();
        caption.textContent = wordOf(captions[i]);
        figure.dataset.caption = captions[i];
      });
      const took = (performance.now() - time) / 1000;
      seconds.textContent = `${took.toFixed(2)} s`;
      element.dataset.answers = Number(element.dataset.answers ?? 0) + 1;
      setTimeout(advance, 0);
    },
  };
}

class PanelPage {
  constructor(model, el) {
    this.model = model;
    this.choices = model.get("choices");
    this.settings = model.get("settings");
    this.index = model.get("index");
    this.fps = 25;
    this.transfer = new FileTransfer(model);
    this.loop = new PreviewLoop(
      (id) => model.send({ kind: "preview", id, index: this.index, settings: this.settings }),
      () => this.fail(SILENT_KERNEL),
    );
    this.root = makeElement("div", { class: "mk-widget mk-panel" });
    this.notice = makeElement("div", { class: "mk-notice", "aria-live": "polite" });
    this.inputs = Object.fromEntries(
      ["source", "driving"].map((role) => [role, makeInput(role, this.choices.samples[role], this)]),
    );
    this.preview = makePreview(this);
    this.controls = makeControls(this.choices, this);
    this.result = makeResult(this.choices, this);
    this.code = makeCall();
    this.root.append(this.notice,
      makeElement("div", { class: "mk-inputs" }, ...Object.values(this.inputs).map((input) => input.element)),
      this.preview.element, this.controls.element, this.result.element, this.code.element);
    el.append(this.root);
    this.unwatch = markTheme(this.root);
    this.#listen();
    this.refresh();
    this.showNotice(model.get("notice"));
    model.send({ kind: "hello" });
  }

  #listen() {
    this.handlers = {
      "msg:custom": (content, buffers) => this.#take(content, buffers),
      "change:settings": () => {
        const told = this.model.get("settings");
        if (JSON.stringify(told) === JSON.stringify(this.settings)) return;
        this.settings = told;
        this.refresh();
        this.loop.ask();
      },
      "change:index": () => {
        if (this.model.get("index") !== this.index) this.scrub(this.model.get("index"));
      },
      "change:call": () => this.code.set(this.model.get("call")),
      "change:job": () => this.#tellJob(),
      "change:notice": () => this.showNotice(this.model.get("notice")),
    };
    for (const [name, handler] of Object.entries(this.handlers)) this.model.on(name, handler);
    this.code.set(this.model.get("call"));
    this.#tellJob();
  }

  close() {
    for (const [name, handler] of Object.entries(this.handlers)) this.model.off(name, handler);
    this.preview.halt();
    this.loop.stop();
    this.transfer.close();
    this.result.close();
    Object.values(this.inputs).forEach((input) => input.close());
    this.unwatch();
  }

  /** A control was moved: keep its value, show the frame anew. */
  change(part, { ask = true } = {}) {
    this.settings = { ...this.settings, ...part };
    this.refresh();
    this.model.set("settings", this.settings);
    this.model.save_changes();
    if (ask) this.loop.ask();
  }

  crop(role, box, done) {
    // Another crop of the clip means new keypoints; that waits until the square is let go.
    if (done || role === "source") this.change({ [`${role}_box`]: box });
  }

  scrub(index) {
    this.index = index;
    this.preview.seat();
    this.model.set("index", index);
    this.model.save_changes();
    this.loop.ask();
  }

  open(role, how, value) {
    this.model.send({ kind: "open", role, how, value });
  }

  animate() {
    this.model.send({ kind: "animate", settings: this.settings });
  }

  cancel() {
    this.model.send({ kind: "cancel" });
  }

  save(folder) {
    this.model.send({ kind: "save", folder });
  }

  fail(text) {
    this.showNotice({ level: "error", text });
  }

  refresh() {
    this.controls.refresh(this.settings);
    Object.values(this.inputs).forEach((input) => input.refresh(this.settings));
  }

  showNotice(notice) {
    this.notice.replaceChildren();
    if (notice.level === "error") Object.values(this.inputs).forEach((input) => input.settle());
    if (!notice.text) return;
    const dismiss = () => {
      this.notice.replaceChildren();
      this.model.send({ kind: "dismiss" });
    };
    this.notice.append(makeElement("div", { class: `mk-banner mk-${notice.level}`, role: notice.level === "error" ? "alert" : "status" },
      makeElement("span", { text: notice.text }),
      makeElement("button", { class: "mk-button mk-quiet", type: "button", text: "Dismiss", onclick: dismiss })));
  }

  #tellJob() {
    const job = this.model.get("job");
    this.result.refresh(job);
    if (job.state === "failed") this.fail(job.error);
  }

  #take(content, buffers) {
    if (this.transfer.handle(content, buffers)) return;
    if (content.kind === "input") this.#takeInput(content, buffers[0]);
    else if (content.kind === "preview") this.#takePreview(content, buffers);
    else if (content.kind === "preview-failed") {
      if (this.loop.answered(content.id) !== null) this.loop.next();
    } else if (content.kind === "detected") {
      if (!content.total || content.ready >= content.total) this.preview.setTotal(content.ready);
      this.preview.setReady(content.ready, content.total);
    }
  }

  #takeInput(content, picture) {
    this.inputs[content.role].show(content, picture);
    if (content.role === "driving") {
      this.fps = content.fps ?? 25;
      this.preview.setTotal(content.frames);
    }
    this.refresh();
    if (this.inputs.source.there && this.inputs.driving.there) this.loop.ask();
  }

  async #takePreview(content, buffers) {
    const time = this.loop.answered(content.id);
    if (time === null) return;
    this.loop.next();
    await this.preview.draw(content.captions, buffers, time);
  }
}

function render({ model, el }) {
  const page = new PanelPage(model, el);
  return () => page.close();
}

export default { render };
