// The browser's camera: opening it, a picture of it, a clip of it. Errors say in plain words what to do.

const CAMERA_TROUBLE = {
  NotAllowedError:
    "The browser may not use the camera. Allow it for this page (the camera or padlock sign beside the address), " +
    "then try again.",
  SecurityError: "This page may not use the camera. Open the notebook in a browser, or use a clip instead.",
  NotFoundError: "No camera was found. Connect one and try again, or use a clip instead.",
  OverconstrainedError: "The camera does not offer a picture of this size. Try another camera, or use a clip instead.",
  NotReadableError: "The camera is in use by another program. Close that program, then try again.",
  AbortError: "The camera could not be started. Close other programs that may use it, then try again.",
};

const NO_CAMERA_HERE =
  "This page offers no camera: it is not on https or localhost, or an editor such as VS Code shows it. " +
  "Open the notebook in a browser, or use a clip instead.";

/**
 * Open the camera. Only the caller's click may lead here: it asks for permission.
 * @returns {Promise<{video: HTMLVideoElement, stream: MediaStream, stop: () => void}>} The video plays, muted, in no document.
 * @throws {Error} In plain words; `cause` is the browser's own.
 */
export async function openCamera({ width = 640, height = 480 } = {}) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Error(NO_CAMERA_HERE);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { width: { ideal: width }, height: { ideal: height }, facingMode: "user" },
    });
  } catch (error) {
    // A denial by the embedding page carries the same name as one by the user, but asking again cannot help.
    const denied = error.name === "NotAllowedError" && barredHere();
    throw new Error(denied ? NO_CAMERA_HERE : troubleText(error), { cause: error });
  }
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.srcObject = stream;
  const stop = () => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  try {
    await video.play();
  } catch (error) {
    stop();
    throw new Error(troubleText(error), { cause: error });
  }
  return { video, stream, stop };
}

function troubleText(error) {
  return CAMERA_TROUBLE[error.name] ?? `The camera could not be opened (${error.message || error.name}). Try again.`;
}

function barredHere() {
  const policy = document.permissionsPolicy ?? document.featurePolicy;
  return policy ? !policy.allowsFeature("camera") : false;
}

/** What the video shows now, as a JPEG of its own size. */
export async function snapshotBlob(video, { quality = 0.92 } = {}) {
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  return await canvasBlob(canvas, "image/jpeg", quality);
}

function canvasBlob(canvas, type, quality) {
  return new Promise((resolve, reject) => {
    const done = (blob) => (blob ? resolve(blob) : reject(new Error("The browser could not make a picture.")));
    canvas.toBlob(done, type, quality);
  });
}

/**
 * Record the stream until stop() is called. The clip is what the browser writes: WebM in Chromium and Firefox, MP4 in
 * Safari; `blob.type` says which.
 * @returns {{stop: () => Promise<Blob>}}
 */
export function recordClip(stream) {
  if (typeof MediaRecorder === "undefined") {
    throw new Error(
      "This browser cannot record clips. Use a current Chrome, Edge, Firefox or Safari, or upload a clip.",
    );
  }
  const type = ["video/webm;codecs=vp8", "video/webm", "video/mp4"].find((name) => MediaRecorder.isTypeSupported(name));
  const recorder = new MediaRecorder(stream, type ? { mimeType: type, videoBitsPerSecond: 4_000_000 } : {});
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => event.data.size && parts.push(event.data));
  const finished = new Promise((resolve, reject) => {
    recorder.addEventListener("stop", () => {
      if (parts.length) resolve(new Blob(parts, { type: recorder.mimeType.split(";")[0] }));
      else reject(new Error("Nothing was recorded. Record for at least a second."));
    });
    recorder.addEventListener("error", (event) => {
      reject(new Error(`Recording failed (${event.error?.message ?? "unknown cause"}). Try again.`));
    });
  });
  finished.catch(() => {}); // whoever calls stop() hears of it
  recorder.start(1000);
  return {
    stop() {
      if (recorder.state !== "inactive") recorder.stop(); // the camera taken away has stopped it already
      return finished;
    },
  };
}
