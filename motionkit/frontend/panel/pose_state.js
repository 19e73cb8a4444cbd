// What Pose holds, as page and kernel share it: what moves the source, the expression, the timeline.

import { listenTo } from "../shared/connection.js";

const SAME = 0.02; // seconds: two keys nearer than this are one

/** The key at a time, or undefined. */
export function keyAt(keys, time) {
  return keys.find((key) => Math.abs(key.time - time) < SAME);
}

/** @param {(told: boolean) => void} onChange Called when anything has changed, here or, if `told`, elsewhere. */
export function makePoseState(model, onChange) {
  let values = model.get("pose");
  const close = listenTo(model, {
    "change:pose"() {
      const sent = model.get("pose");
      if (JSON.stringify(sent) === JSON.stringify(values)) return;
      values = sent;
      onChange(true);
    },
  });
  return {
    get values() {
      return values;
    },
    /** The last key's time: how long the clip is. */
    get length() {
      return values.keys.at(-1)?.time ?? 0;
    },
    change(part) {
      values = { ...values, ...part };
      model.set("pose", values);
      model.save_changes();
      onChange(false);
    },
    close,
  };
}
