// The webcam's banner: what went wrong, found by the page or by the kernel; the latest stands.

import { makeBanner } from "../shared/banner.js";

/** @param {() => boolean} isLost Whether the kernel has ended. */
export function makeNotice(model, isLost) {
  let fromKernel = false; // whether what is shown, or was last, is the kernel's
  let silent = false; // whether the kernel's silence is shown
  const banner = makeBanner(clear);

  /** Take the banner away, in the kernel as well. */
  function clear() {
    banner.clear();
    fromKernel = false;
    if (model.get("notice").text && !isLost()) model.send({ kind: "dismiss" });
  }

  return {
    element: banner.element,
    clear,
    /** Show an error that the page has found. */
    fail: (text) => banner.show(text),
    /** Show what the kernel has found; it is kept there, so that a page that comes later shows it too. */
    showKernels() {
      const { text } = model.get("notice");
      if (text) banner.show(text);
      else if (fromKernel) banner.clear(); // what the page itself has found stays
      fromKernel = Boolean(text);
    },
    /** Show for how many seconds the kernel has not answered; null as soon as it has. */
    showSilence(seconds) {
      if (seconds !== null) banner.show(silenceText(seconds));
      else if (silent) banner.clear();
      silent = seconds !== null;
    },
  };
}

function silenceText(seconds) {
  const advice =
    seconds < 15
      ? "It may be busy with a cell; the picture goes on when that is done."
      : "If a cell is running, wait or interrupt it; if the kernel was restarted, run the cells again.";
  return `No answer from the kernel for ${Math.floor(seconds)} s. ${advice}`;
}
