// The panel's preview: requests for frames, whether the kernel still answers, and the pictures with the scrubber.

const PREVIEW_OVERTAKE = 300; // ms after which a newer request is sent though an older one is not answered
const KERNEL_SILENCE = 20_000; // ms without any message after which the page says so
const MAIN_PANELS = ["source", "driving", "result"];

/** Notices that the kernel is silent though something was asked of it. */
class KernelWatch {
  /** @param {() => void} ping Called halfway: a kernel that only takes long, and is not stuck, answers that at once. */
  constructor(ping, onSilence) {
    this.ping = ping;
    this.onSilence = onSilence;
    this.timer = null;
  }

  /** Something was asked. */
  expect() {
    this.timer ??= setTimeout(() => {
      this.ping();
      this.timer = setTimeout(() => {
        this.timer = null;
        this.onSilence();
      }, KERNEL_SILENCE / 2);
    }, KERNEL_SILENCE / 2);
  }

  /** Something came; `more` tells whether an answer is still to come. */
  heard(more) {
    this.stop();
    if (more) this.expect();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
  }
}

/** One request at a time, the newest next; a slow one is overtaken, and kept however long its answer takes. */
class PreviewLoop {
  constructor(send) {
    this.send = send;
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
    this.flight = null;
  }

  #go() {
    clearTimeout(this.overtake);
    this.count += 1;
    this.flight = { id: `${this.prefix}-${this.count}`, time: this.wanted.time, sent: performance.now() };
    this.wanted = null;
    this.send(this.flight.id);
    this.overtake = setTimeout(() => this.wanted && this.#go(), PREVIEW_OVERTAKE);
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
