// The live loop: the newest camera frame goes to the kernel as soon as an earlier answer has come, and never twice.

const LIVE_JPEG_QUALITY = 0.85;
const LIVE_SILENCE = 3; // seconds without an answer after which the page says so
const LIVE_WINDOW = 2; // seconds over which the rate is counted, or the last five results
const LIVE_KEPT = 40; // results over which the steps' medians are taken
const LIVE_AHEAD = 2; // requests under way at most: one is computed while the next is on its way
const LIVE_MARGIN = 10; // ms by which the next request should come before the kernel is free

/** The camera as a row of small square frames. */
class CameraFeed {
  /** @param {number} side Of the frames, in pixels: what the model sees. */
  constructor(video, side) {
    this.video = video;
    this.canvas = document.createElement("canvas");
    this.canvas.width = side;
    this.canvas.height = side;
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.context.imageSmoothingQuality = "high";
    this.shown = 0; // frames that the video has shown
    this.taken = 0;
    this.cancelled = false;
    this.#watch();
  }

  /** Resolves once the video shows a frame that has not been taken, to true; or after `cancel`, to false. */
  async fresh() {
    while (!this.cancelled && this.shown === this.taken) {
      await new Promise((resolve) => {
        this.wake = resolve;
      });
    }
    return !this.cancelled;
  }

  cancel() {
    this.cancelled = true;
    this.wake?.();
  }

  #watch() {
    const next = (_, frame) => {
      if (this.cancelled) return;
      if (frame) this.shown = frame.presentedFrames;
      else if (this.video.readyState >= 2) this.shown = this.video.currentTime;
      if (this.shown !== this.taken) this.wake?.();
      if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
      else setTimeout(next, 8); // an older browser
    };
    if (this.video.requestVideoFrameCallback) this.video.requestVideoFrameCallback(next);
    else next();
  }

  /** The centred square of the current frame as a JPEG, and the milliseconds that taking and encoding it took. */
  take() {
    const { video, canvas } = this;
    const begun = performance.now();
    this.taken = this.shown;
    const side = Math.min(video.videoWidth, video.videoHeight);
    const [left, top] = [(video.videoWidth - side) / 2, (video.videoHeight - side) / 2];
    this.context.drawImage(video, left, top, side, side, 0, 0, canvas.width, canvas.height);
    const grabbed = performance.now();
    const bytes = encodeCanvas(canvas);
    return { bytes, begun, grab: grabbed - begun, encode: performance.now() - grabbed };
  }
}

/** At once, on this thread: toBlob waits for an idle moment, which costs far more than so small a picture. */
function encodeCanvas(canvas) {
  const text = atob(canvas.toDataURL("image/jpeg", LIVE_JPEG_QUALITY).split(",")[1]);
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
}

/** What the last results took, and how many there were a second. */
class LiveMeter {
  constructor() {
    this.clear();
  }

  clear() {
    this.shown = [];
    this.steps = [];
    this.results = 0;
  }

  add(steps) {
    this.results += 1;
    this.steps = [...this.steps.slice(1 - LIVE_KEPT), steps];
    const now = performance.now();
    const recent = (time, i) => now - time < LIVE_WINDOW * 1000 || i >= this.shown.length - 4;
    this.shown = [...this.shown.filter(recent), now];
  }

  /** Distinct results a second, from the time between them; null before there are three of them. */
  get rate() {
    const { shown } = this;
    if (shown.length < 3) return null;
    return (1000 * (shown.length - 1)) / (shown.at(-1) - shown[0]);
  }

  /** The median of a step in milliseconds. */
  median(name) {
    const sorted = this.steps.map((steps) => steps[name]).filter((value) => value !== undefined).sort((a, b) => a - b);
    return sorted.length ? sorted[Math.floor(sorted.length / 2)] : null;
  }
}

/**
 * Asks the kernel for results and hands on what comes. The next request is sent when it will just about find the kernel
 * free: later, and the kernel would idle while messages travel; earlier, and the frame would grow old in the queue.
 */
class LiveLoop {
  /** @param {object} on `result({picture, driving, done})`, `failed(message)`, `silent(seconds | null)`. */
  constructor(model, on) {
    this.model = model;
    this.on = on;
    this.view = Math.random().toString(36).slice(2);
    this.count = 0;
    this.waiting = new Map();
    this.running = false;
    this.newest = -1;
    this.watch = setInterval(() => this.#listen(), 500);
  }

  /** Ask the kernel for what comes before any frame; `start` follows its answer. */
  open(request) {
    this.waiting.set("open", { sent: performance.now() });
    this.model.send(request);
  }

  /** @param {CameraFeed | null} feed Null where the kernel plays a clip. */
  start(feed) {
    this.waiting.clear();
    this.on.silent(null);
    this.due = null; // when a second request may go, in the page's time; unknown before the first result
    this.feed = feed;
    this.running = true;
    this.held = false;
    this.#pump();
  }

  stop() {
    this.running = false;
    this.feed?.cancel();
    this.feed = null;
    this.waiting.clear();
    this.hurry?.();
    this.on.silent(null);
  }

  /** Hold: no more frames are asked for, those under way are not shown. */
  hold(held) {
    this.held = held;
    if (held) this.waiting.clear();
    else this.#pump();
  }

  /** The pose that is there, under changed options. */
  redraw() {
    if (this.running && this.held && this.waiting.size === 0) this.#send("redraw", { begun: performance.now() });
    else this.again = this.held;
  }

  close() {
    this.stop();
    clearInterval(this.watch);
  }

  /** Take a message from the kernel; false if it is about something else. */
  handle(content, buffers) {
    if (!["result", "dropped", "failed"].includes(content.kind)) return false;
    const request = content.view === this.view ? this.waiting.get(content.id) : undefined;
    if (!request) return true; // another view's, or given up since
    // Answers come in order: an earlier request that has none will get none.
    for (const id of [...this.waiting.keys()].filter((id) => id <= content.id)) this.waiting.delete(id);
    this.on.silent(null);
    if (content.kind === "failed") this.on.failed(content.message);
    else if (content.kind === "result") this.#show(request, content, buffers);
    if (this.waiting.size === 0) this.hurry?.();
    if (this.again && this.waiting.size === 0) {
      this.again = false;
      this.redraw();
    }
    this.#pump();
    return true;
  }

  async #show(request, content, buffers) {
    const arrived = performance.now();
    const { kernel, wait } = content.times;
    const comm = arrived - request.sent - kernel;
    // The next one began when this one was sent: half of the messages' time ago, half of it before it can be reached.
    if (request.grab !== undefined) this.due = arrived + kernel - wait - comm - request.grab - request.encode - LIVE_MARGIN;
    else this.due = arrived;
    const pictures = await Promise.all(
      buffers.map((data) => createImageBitmap(new Blob([data], { type: "image/jpeg" }))),
    );
    if (!this.running || content.index <= this.newest || (this.held && request.kind !== "redraw")) return;
    this.newest = content.index;
    const steps = { ...content.times, comm, camera: request.camera, grab: request.grab, encode: request.encode };
    this.on.result({
      picture: pictures[0],
      driving: pictures[1],
      done: () => {
        const now = performance.now();
        return { ...steps, paint: now - arrived, round: now - request.begun };
      },
    });
  }

  async #pump() {
    if (this.filling) return;
    this.filling = true;
    try {
      while (this.running && !this.held && this.waiting.size < LIVE_AHEAD) {
        const { feed } = this;
        const early = this.waiting.size ? (this.due ?? Infinity) - performance.now() : 0;
        if (early === Infinity) break; // the first result calls again
        if (early > 0) {
          await this.#pause(early);
        } else if (!feed) {
          this.#send("next", { begun: performance.now() });
        } else {
          const ready = performance.now();
          if (!(await feed.fresh()) || !this.running || this.held || feed !== this.feed) continue;
          const camera = performance.now() - ready;
          const { bytes, ...took } = feed.take();
          this.#send("frame", { ...took, camera }, bytes);
        }
      }
    } finally {
      this.filling = false;
    }
  }

  /** So many milliseconds, or until nothing is under way any more. */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      this.hurry = resolve;
      setTimeout(resolve, milliseconds);
    });
  }

  #send(kind, took, bytes) {
    const id = this.count++;
    this.waiting.set(id, { kind, sent: performance.now(), ...took });
    this.model.send({ kind, id, view: this.view }, undefined, bytes ? [bytes] : []);
  }

  #listen() {
    const oldest = Math.min(...[...this.waiting.values()].map((request) => request.sent));
    const seconds = (performance.now() - oldest) / 1000; // of none, -Infinity
    if (seconds > LIVE_SILENCE) this.on.silent(seconds);
  }
}
