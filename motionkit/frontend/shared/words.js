// Names and times as a reader sees them.

/** "lip_top" as "Lip top"; a number as "Keypoint 3". */
export function labelOf(name) {
  if (/^\d+$/.test(name)) return `Keypoint ${name}`;
  const words = name.replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** Seconds in words: "0.06 s", "12 s", "2:05". */
export function secondsText(seconds) {
  if (seconds < 10) return `${seconds.toFixed(seconds < 1 ? 2 : 1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return clockText(Math.round(seconds));
}

/** Whole seconds as minutes and seconds: "2:05". */
export function clockText(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
