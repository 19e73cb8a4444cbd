// The kernel as the panel sees it: what is said to it, and whether it still answers.

import { KERNEL_GONE, makeConnection } from "../shared/connection.js";

const KERNEL_SILENCE = 20_000; // ms without any message after which the page says so
const KERNEL_SILENT =
  "The kernel does not answer. If a cell is running, the panel goes on when that is done; if the kernel was restarted, " +
  "run the notebook's cells again.";

/** @param {() => void} onLost Called when the kernel has ended, and with it all that it was doing. */
export function makeKernel(model, notice, onLost) {
  let timer = null;
  const connection = makeConnection(model, () => {
    stopWatching();
    onLost();
    notice.fail(KERNEL_GONE, { lasting: true });
  });

  function stopWatching() {
    clearTimeout(timer);
    timer = null;
  }

  /** Something was asked. Halfway a ping is sent: a kernel that only takes long, and is not stuck, answers that at once. */
  function watch() {
    timer ??= setTimeout(() => {
      model.send({ kind: "ping" });
      timer = setTimeout(() => {
        timer = null;
        notice.fail(KERNEL_SILENT);
      }, KERNEL_SILENCE / 2);
    }, KERNEL_SILENCE / 2);
  }

  /** Whether the kernel that made the panel is there; if it is not, that is shown. */
  function connected() {
    if (connection.lost) notice.fail(KERNEL_GONE, { lasting: true });
    return !connection.lost;
  }

  return {
    connected,
    get lost() {
      return connection.lost;
    },
    /** Send the kernel a message; its silence does not go unnoticed. */
    send(content) {
      if (!connected()) return;
      model.send(content);
      watch();
    },
    /** Something came; `more` tells whether an answer is still to come. */
    heard(more) {
      stopWatching();
      if (more) watch();
      if (notice.shows(KERNEL_SILENT)) notice.forget();
    },
    close() {
      stopWatching();
      connection.close();
    },
  };
}
