// The panel: what it holds together. motionkit/widgets/widget.py is the other side.

const KERNEL_SILENT =
  "The kernel does not answer. If a cell is running, the panel goes on when that is done; if the kernel was restarted, " +
  "run the notebook's cells again.";
const KERNEL_GONE =
  "The kernel was restarted or has stopped. Run the notebook's cells again from the top; this panel is no longer connected.";

class PanelPage {
  constructor(model, el) {
    this.model = model;
    this.choices = model.get("choices");
    this.settings = model.get("settings");
    this.index = model.get("index");
    this.fps = 25;
    this.transfer = new FileTransfer(model);
    this.loop = new PreviewLoop((id) => this.say({ kind: "preview", id, index: this.index, settings: this.settings }));
    this.watch = new KernelWatch(() => model.send({ kind: "ping" }), () => this.fail(KERNEL_SILENT));
    this.own = null; // a banner of the page's making, which stands instead of the kernel's
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
    this.#showNotice();
    this.say({ kind: "hello" });
  }

  #listen() {
    this.handlers = {
      "msg:custom": (content, buffers) => {
        this.#take(content, buffers);
        this.#heard();
      },
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
      "change:job": () => {
        this.result.refresh(this.model.get("job"));
        this.#heard();
      },
      "change:notice": () => {
        this.own = null;
        this.#showNotice();
        this.#heard();
      },
      comm_live_update: () => this.#leave(),
    };
    for (const [name, handler] of Object.entries(this.handlers)) this.model.on(name, handler);
    this.code.set(this.model.get("call"));
    this.result.refresh(this.model.get("job"));
  }

  close() {
    for (const [name, handler] of Object.entries(this.handlers)) this.model.off(name, handler);
    this.preview.halt();
    this.loop.stop();
    this.watch.stop();
    this.transfer.close();
    this.result.close();
    Object.values(this.inputs).forEach((input) => input.close());
    this.unwatch();
  }

  /** Whether the kernel that made the panel is there; if it is not, that is said. */
  connected() {
    if (this.gone) this.fail(KERNEL_GONE);
    return !this.gone;
  }

  /** Send the kernel a message; its silence does not go unnoticed. */
  say(content) {
    if (!this.connected()) return;
    this.model.send(content);
    this.watch.expect();
  }

  /** The kernel lives. */
  #heard() {
    this.watch.heard(Boolean(this.loop.flight));
    if (this.own?.text === KERNEL_SILENT) this.forget();
  }

  /** The kernel has ended, and with it all that it was doing. */
  #leave() {
    if (this.gone) return;
    this.gone = true;
    this.loop.stop();
    this.watch.stop();
    this.preview.halt();
    this.preview.setReady(0, 0);
    if (this.model.get("job").state === "running") this.result.refresh({});
    this.fail(KERNEL_GONE);
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
    this.forget();
    this.say({ kind: "open", role, how, value });
  }

  animate() {
    this.forget();
    this.say({ kind: "animate", settings: this.settings });
  }

  cancel() {
    this.say({ kind: "cancel" });
  }

  save(folder) {
    this.forget();
    this.say({ kind: "save", folder });
  }

  /** Show an error that the page has found. */
  fail(text) {
    if (this.own?.text === text) return; // not read out again at every move of a slider
    this.own = { level: "error", text, at: performance.now() };
    this.#showNotice();
  }

  /** Take the page's own banner away, if it is older than `time`. */
  forget(time = Infinity) {
    if (!this.own || this.own.at > time || this.own.text === KERNEL_GONE) return;
    this.own = null;
    this.#showNotice();
  }

  refresh() {
    this.controls.refresh(this.settings);
    Object.values(this.inputs).forEach((input) => input.refresh(this.settings));
  }

  #showNotice() {
    const notice = this.own ?? this.model.get("notice");
    this.notice.replaceChildren();
    if (notice.level === "error") Object.values(this.inputs).forEach((input) => input.settle());
    if (!notice.text) return;
    const dismiss = () => {
      this.own = null;
      this.notice.replaceChildren();
      if (!this.gone) this.say({ kind: "dismiss" });
    };
    this.notice.append(makeElement("div", { class: `mk-banner mk-${notice.level}`, role: notice.level === "error" ? "alert" : "status" },
      makeElement("span", { text: notice.text }),
      makeElement("button", { class: "mk-button mk-quiet", type: "button", text: "Dismiss", onclick: dismiss })));
  }

  #take(content, buffers) {
    if (this.transfer.handle(content, buffers)) return;
    if (content.kind === "input") this.#takeInput(content, buffers[0]);
    else if (content.kind === "preview") this.#takePreview(content, buffers);
    else if (content.kind === "preview-failed") {
      const time = this.loop.answered(content.id);
      if (time === null) return;
      if (content.superseded) this.loop.ask(time); // by an input, say, which may not open
      else this.loop.next();
    } else if (content.kind === "detected") {
      if (!content.total || content.ready >= content.total) this.preview.setTotal(content.ready);
      this.preview.setReady(content.ready, content.total);
    }
  }

  #takeInput(content, picture) {
    this.forget();
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
    this.forget(time);
    this.loop.next();
    await this.preview.draw(content.captions, buffers, time);
  }
}

function render({ model, el }) {
  const page = new PanelPage(model, el);
  return () => page.close();
}

export default { render };
