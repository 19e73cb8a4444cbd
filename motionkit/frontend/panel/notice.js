// The panel's banner: what the page itself has found stands instead of what the kernel has.

import { makeBanner } from "../shared/banner.js";

/**
 * @param {() => void} onError Called whenever an error is shown.
 * @param {() => void} onDismiss Called when the reader has taken the banner away.
 */
export function makeNotice(model, { onError, onDismiss }) {
  let own = null;
  const banner = makeBanner(() => {
    own = null;
    onDismiss();
  });

  function refresh() {
    const { level, text } = own ?? model.get("notice");
    if (level === "error") onError();
    if (text) banner.show(text, level);
    else banner.clear();
  }

  return {
    element: banner.element,
    refresh,
    /** Show what the kernel has found. */
    showKernels() {
      own = null;
      refresh();
    },
    /** Show an error that the page has found; one that is `lasting` goes only when the reader takes it away. */
    fail(text, { lasting = false } = {}) {
      if (own?.text === text) return; // not read out again at every move of a slider
      own = { level: "error", text, lasting, at: performance.now() };
      refresh();
    },
    /** Whether the page has found this, and shows it. */
    shows(text) {
      return own?.text === text;
    },
    /** Take away what the page has found, if it is older than `time`. */
    forget(time = Infinity) {
      if (!own || own.lasting || own.at > time) return;
      own = null;
      refresh();
    },
  };
}
