// What the last results took, and how many there were a second.

const WINDOW = 2; // seconds over which the rate is counted, or the last five results
const KEPT = 40; // results over which the steps' medians are taken

export function makeMeter() {
  let times = []; // when the last results were shown
  let steps = []; // milliseconds of each step, by name, for each of the last results
  let results = 0;
  return {
    clear() {
      times = [];
      steps = [];
      results = 0;
    },
    add(took) {
      results += 1;
      steps = [...steps.slice(1 - KEPT), took];
      const now = performance.now();
      const recent = (time, i) => now - time < WINDOW * 1000 || i >= times.length - 4;
      times = [...times.filter(recent), now];
    },
    get results() {
      return results;
    },
    /** Distinct results a second, from the time between them; null before there are three of them. */
    get rate() {
      return times.length < 3 ? null : (1000 * (times.length - 1)) / (times.at(-1) - times[0]);
    },
    /** The median of a step in milliseconds; null before there is a result. */
    median(name) {
      const values = steps.map((took) => took[name]).filter((value) => value !== undefined);
      values.sort((a, b) => a - b);
      return values.length ? values[Math.floor(values.length / 2)] : null;
    },
  };
}
