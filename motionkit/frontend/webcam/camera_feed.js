// The camera as a row of small square frames.

const JPEG_QUALITY = 0.85;

/** @param {number} side Of the frames, in pixels: what the model sees. */
export function makeCameraFeed(video, side) {
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  let shown = 0; // frames that the video has shown
  let taken = 0;
  let cancelled = false;
  let wake = () => {};

  function watch(_, frame) {
    if (cancelled) return;
    if (frame) shown = frame.presentedFrames;
    else if (video.readyState >= 2) shown = video.currentTime;
    if (shown !== taken) wake();
    watchNext();
  }

  function watchNext() {
    if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(watch);
    else setTimeout(watch, 8); // an older browser
  }

  watchNext();
  return {
    /** Resolves once the video shows a frame that has not been taken, to true; or after `cancel`, to false. */
    async fresh() {
      while (!cancelled && shown === taken) {
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
      return !cancelled;
    },
    cancel() {
      cancelled = true;
      wake();
    },
    /** The centred square of the current frame as a JPEG, and the milliseconds that taking and encoding it took. */
    take() {
      const begun = performance.now();
      taken = shown;
      const from = Math.min(video.videoWidth, video.videoHeight);
      const [left, top] = [(video.videoWidth - from) / 2, (video.videoHeight - from) / 2];
      context.drawImage(video, left, top, from, from, 0, 0, side, side);
      const grabbed = performance.now();
      const bytes = encodeCanvas(canvas);
      return { bytes, begun, grab: grabbed - begun, encode: performance.now() - grabbed };
    },
  };
}

/** At once, on this thread: toBlob waits for an idle moment, which costs far more than so small a picture. */
function encodeCanvas(canvas) {
  const text = atob(canvas.toDataURL("image/jpeg", JPEG_QUALITY).split(",")[1]);
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0)).buffer;
}
