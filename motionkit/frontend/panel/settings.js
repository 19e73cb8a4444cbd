// The panel's settings and the frame that it shows, as page and kernel share them.

import { listenTo } from "../shared/connection.js";

/**
 * @param {() => void} onChange Called when settings have changed, here or in the kernel.
 * @param {() => void} onScrub Called when another frame is to be shown.
 */
export function makeSettings(model, { onChange, onScrub }) {
  let values = model.get("settings");
  let index = model.get("index");
  const close = listenTo(model, {
    "change:settings"() {
      const sent = model.get("settings");
      if (JSON.stringify(sent) === JSON.stringify(values)) return;
      values = sent;
      onChange();
    },
    "change:index"() {
      if (model.get("index") === index) return;
      index = model.get("index");
      onScrub();
    },
  });
  return {
    get values() {
      return values;
    },
    get index() {
      return index;
    },
    /** A control was moved: keep its value. */
    change(part) {
      values = { ...values, ...part };
      model.set("settings", values);
      model.save_changes();
      onChange();
    },
    /** Go to a frame. */
    scrub(to) {
      index = to;
      model.set("index", index);
      model.save_changes();
      onScrub();
    },
    close,
  };
}
