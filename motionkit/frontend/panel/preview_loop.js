// When the panel asks for a preview.

const OVERTAKE = 300; // ms after which a newer request is sent though an older one is not answered

/**
 * One request at a time, the newest next; a slow one is overtaken, and kept however long its answer takes.
 * @param {(id: string) => void} send
 */
export function makePreviewLoop(send) {
  const prefix = Math.random().toString(36).slice(2);
  let flight = null; // the request that is under way: its id, when it was sent, the time of the event behind it
  let wanted = null; // the time of the event behind the next one
  let count = 0;
  let overtake;

  function go() {
    clearTimeout(overtake);
    count += 1;
    flight = { id: `${prefix}-${count}`, time: wanted, sent: performance.now() };
    wanted = null;
    send(flight.id);
    overtake = setTimeout(() => wanted !== null && go(), OVERTAKE);
  }

  function stop() {
    clearTimeout(overtake);
    flight = null;
  }

  return {
    stop,
    /** Whether an answer is still to come. */
    get waiting() {
      return flight !== null;
    },
    /** Ask for a preview because of what happened at `time`. */
    ask(time = performance.now()) {
      wanted ??= time;
      if (!flight || performance.now() - flight.sent > OVERTAKE) go();
    },
    /** Take an answer; gives the time of the event behind it, or null for one that nobody waits for. */
    answered(id) {
      if (flight?.id !== id) return null;
      const { time } = flight;
      stop();
      return time;
    },
    /** Ask for what has been wanted meanwhile. */
    next() {
      if (wanted !== null && !flight) go();
    },
  };
}
