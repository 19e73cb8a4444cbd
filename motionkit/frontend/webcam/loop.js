// The live loop: the newest camera frame goes to the kernel as soon as an earlier answer has come, and never twice.

import { decodePictures } from "../shared/elements.js";

const SILENCE = 3; // seconds without an answer after which the page says so
const AHEAD = 2; // requests under way at most: one is computed while the next is on its way
const MARGIN = 10; // ms by which the next request should come before the kernel is free

/**
 * Asks the kernel for results and hands on what comes. The next request is sent when it will just about find the kernel
 * free: later, and the kernel would idle while messages travel; earlier, and the frame would grow old in the queue.
 * @param {object} on `result({picture, driving, done})`, `failed(message)`, `silent(seconds | null)`.
 */
export function makeLoop(model, on) {
  const requests = makeRequests(model);
  let feed = null; // of the camera; null where the kernel plays a clip
  let running = false;
  let held = false;
  let newest = -1; // index of the result that is shown
  let due = null; // when a second request may go, in the page's time; unknown before the first result
  let again = false; // whether the pose that is there is to be drawn once more
  let filling = false;
  let hurry = () => {};
  const watch = setInterval(() => {
    const seconds = requests.silentFor();
    if (seconds > SILENCE) on.silent(seconds);
  }, 500);

  function stop() {
    running = false;
    feed?.cancel();
    feed = null;
    requests.clear();
    hurry();
    on.silent(null);
  }

  /** The pose that is there, under changed options. */
  function redraw() {
    if (running && held && requests.count === 0) requests.send("redraw", { begun: performance.now() });
    else again = held;
  }

  async function show(request, content, buffers) {
    const arrived = performance.now();
    const { kernel, wait } = content.times;
    const comm = arrived - request.sent - kernel;
    // The next one began when this one was sent: half of the messages' time ago, half of it before it can be reached.
    if (request.grab === undefined) due = arrived;
    else due = arrived + kernel - wait - comm - request.grab - request.encode - MARGIN;
    const [picture, driving] = await decodePictures(buffers);
    if (!running || content.index <= newest || (held && request.kind !== "redraw")) return;
    newest = content.index;
    const steps = { ...content.times, comm, camera: request.camera, grab: request.grab, encode: request.encode };
    const done = () => {
      const now = performance.now();
      return { ...steps, paint: now - arrived, round: now - request.begun };
    };
    on.result({ picture, driving, done });
  }

  /** Keep requests under way. */
  async function pump() {
    if (filling) return;
    filling = true;
    try {
      let more = true;
      while (more && running && !held && requests.count < AHEAD) more = await sendNext();
    } finally {
      filling = false;
    }
  }

  /** Send the next request, or wait until it may go; false where the first result must come before it. */
  async function sendNext() {
    const early = requests.count ? (due ?? Infinity) - performance.now() : 0;
    if (early === Infinity) return false;
    if (early > 0) await pause(early);
    else if (feed) await sendFrame(feed);
    else requests.send("next", { begun: performance.now() });
    return true;
  }

  async function sendFrame(from) {
    const ready = performance.now();
    if (!(await from.fresh()) || !running || held || from !== feed) return;
    const camera = performance.now() - ready;
    const { bytes, ...took } = from.take();
    requests.send("frame", { ...took, camera }, bytes);
  }

  /** So many milliseconds, or until nothing is under way any more. */
  function pause(milliseconds) {
    return new Promise((resolve) => {
      hurry = resolve;
      setTimeout(resolve, milliseconds);
    });
  }

  return {
    stop,
    redraw,
    /** Ask the kernel for what comes before any frame; `start` follows its answer. */
    open: requests.open,
    /** @param from A camera's feed; null where the kernel plays a clip. */
    start(from) {
      requests.clear();
      on.silent(null);
      due = null;
      feed = from;
      running = true;
      held = false;
      pump();
    },
    /** Hold: no more frames are asked for, those under way are not shown. */
    hold(value) {
      held = value;
      if (held) requests.clear();
      else pump();
    },
    close() {
      stop();
      clearInterval(watch);
    },
    /** Take a message from the kernel; false if it is about something else. */
    handle(content, buffers) {
      if (!["result", "dropped", "failed"].includes(content.kind)) return false;
      const request = requests.answered(content);
      if (!request) return true; // another view's, or given up since
      on.silent(null);
      if (content.kind === "failed") on.failed(content.message);
      else if (content.kind === "result") show(request, content, buffers);
      if (requests.count === 0) hurry();
      if (again && requests.count === 0) {
        again = false;
        redraw();
      }
      pump();
      return true;
    },
  };
}

/** The requests of one view that are under way. */
function makeRequests(model) {
  const view = Math.random().toString(36).slice(2);
  const waiting = new Map(); // by id: its kind, when it was sent and begun, what taking the frame took
  let next = 0;
  return {
    get count() {
      return waiting.size;
    },
    /** Send a message that is answered in its own way. */
    open(content) {
      waiting.set("open", { sent: performance.now() });
      model.send(content);
    },
    send(kind, took, bytes) {
      const id = next;
      next += 1;
      waiting.set(id, { kind, sent: performance.now(), ...took });
      model.send({ kind, id, view }, undefined, bytes ? [bytes] : []);
    },
    /** The request that a message answers, or undefined; it is no longer under way, nor are earlier ones. */
    answered(content) {
      const request = content.view === view ? waiting.get(content.id) : undefined;
      if (!request) return undefined;
      // Answers come in order: an earlier request that has none will get none.
      for (const id of [...waiting.keys()].filter((key) => key <= content.id)) waiting.delete(id);
      return request;
    },
    /** Seconds since the oldest was sent; of none, -Infinity. */
    silentFor() {
      const oldest = Math.min(...[...waiting.values()].map((request) => request.sent));
      return (performance.now() - oldest) / 1000;
    },
    clear() {
      waiting.clear();
    },
  };
}
