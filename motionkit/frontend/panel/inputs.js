// The panel's two inputs: where each comes from, its thumbnail, its crop.

const WAYS = {
  source: { sample: "Sample", path: "Path", upload: "Upload", drive: "Drive", camera: "Camera" },
  driving: { sample: "Sample", path: "Path", upload: "Upload", drive: "Drive", camera: "Record" },
};
const INPUT_HINTS = {
  source: { path: "face.jpg", accept: "image/*,video/*,.heic" },
  driving: { path: "clip.mp4 or talk.motion", accept: "video/*,image/gif,.motion,.mkv" },
};
const DRIVE_HINT = "Share link, or /content/drive/MyDrive/…";

/** One input. `page` sends (`open`), uploads (`transfer`), tells errors (`fail`) and whether it is `connected`. */
function makeInput(role, samples, page) {
  const hints = INPUT_HINTS[role];
  const title = role === "source" ? "Source" : "Driving";
  const about = makeElement("p", { class: "mk-muted mk-about", text: "Opening…" });
  const crop = makeCropBox(role,
    (box, done) => page.crop(role, box, done),
    () => page.crop(role, null, true));
  const state = { auto: null, url: null };

  const enter = (placeholder, word) => {
    const field = makeElement("input", { class: "mk-input", type: "text", placeholder, "aria-label": `${title}: ${word}`, spellcheck: "false" });
    const form = makeElement("form", { class: "mk-form" }, field,
      makeElement("button", { class: "mk-button", type: "submit", text: "Open" }));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      open("path", field.value);
    });
    field.addEventListener("keydown", (event) => event.stopPropagation());
    return form;
  };
  const file = makeElement("input", { type: "file", accept: hints.accept, hidden: true });
  file.addEventListener("change", () => {
    if (file.files.length) send(file.files[0], file.files[0].name);
    file.value = "";
  });
  const openSample = makeElement("button", {
    class: "mk-button", type: "button", text: "Open", onclick: () => open("sample", select.value),
  });
  const select = makeElement("select", {
    class: "mk-select", "aria-label": `${title}: sample`, onchange: () => chooseSample(select.value),
  }, makeElement("option", { value: "", hidden: true }), // while another file is open
  ...samples.map((name) => makeElement("option", { value: name, text: name })));
  const forms = {
    sample: makeElement("div", { class: "mk-form" }, select, openSample),
    path: enter(hints.path, "path"),
    upload: makeElement("div", { class: "mk-form" }, file,
      makeElement("button", { class: "mk-button", type: "button", text: "Choose a file…", onclick: () => file.click() })),
    drive: enter(DRIVE_HINT, "Drive"),
    camera: makeCameraForm(role, send, page),
  };
  const ways = makeChoice(WAYS[role], `${title} from`, choose);
  const element = makeElement("section", { class: "mk-card mk-input-card", "data-role": role },
    makeElement("div", { class: "mk-heading" }, makeElement("h3", { text: title }), about),
    makeElement("div", { class: "mk-thumbnail" }, crop.stage),
    makeElement("div", { class: "mk-input-side" }, ways.element, ...Object.values(forms), crop.details));
  choose("sample");
  chooseSample("");
  crop.setBox(null, false);

  function choose(key) {
    if (key !== "camera") forms.camera.stop();
    ways.set(key);
    for (const [name, form] of Object.entries(forms)) form.hidden = name !== key;
  }

  function chooseSample(name) {
    select.value = name;
    openSample.disabled = !name;
  }

  function open(how, value) {
    busy("Opening…");
    page.open(role, how, value);
  }

  async function send(blob, name) {
    if (!page.connected()) return;
    page.forget();
    busy("Uploading…");
    try {
      await page.transfer.upload(blob, name, role, (share) => busy(`Uploading ${Math.round(share * 100)} %`));
      busy("Opening…");
    } catch (error) {
      page.fail(error.message);
    }
  }

  function busy(text) {
    about.textContent = text;
    element.classList.add("mk-busy");
  }

  /** Back to what is known of the input that is open. */
  function settle() {
    element.classList.remove("mk-busy");
    about.textContent = state.about ?? "None yet";
    about.title = state.path ?? "";
  }

  return {
    element,
    settle,
    /** Whether an input is open. */
    get there() {
      return state.path !== undefined;
    },
    /** What the kernel tells of the input. */
    show(content, picture) {
      if (state.url) URL.revokeObjectURL(state.url);
      state.url = URL.createObjectURL(new Blob([picture], { type: "image/jpeg" }));
      state.auto = content.boxes[0] ?? null;
      state.path = content.path;
      chooseSample(content.sample ?? "");
      const length = content.frames > 1 && content.fps ? `, ${tellSeconds(content.frames / content.fps)}` : "";
      const size = content.boxes.length ? `, ${content.width}×${content.height}` : ", motion template";
      state.about = `${content.name}${size}${length}`;
      crop.show(state.url, content.width, content.height);
      settle();
    },
    refresh(settings) {
      const manual = settings[`${role}_box`];
      crop.setBox(state.auto && (manual ?? state.auto), Boolean(manual));
    },
    close() {
      forms.camera.stop();
      if (state.url) URL.revokeObjectURL(state.url);
    },
  };
}

/** A camera picture, and a button that takes it (source) or begins and ends a clip (driving). */
function makeCameraForm(role, send, page) {
  let camera = null;
  let recording = null;
  let turn = 0; // another one from each `stop` on
  const still = role === "source";
  const view = makeElement("div", { class: "mk-camera" });
  const button = makeElement("button", { class: "mk-button", type: "button", text: "Open the camera", onclick: act });
  const form = makeElement("div", { class: "mk-form mk-camera-form" }, view, button);

  async function act() {
    const mine = turn;
    button.disabled = true;
    page.forget();
    try {
      if (!camera) await begin();
      else if (still) await take(await snapshotBlob(camera.video), "snapshot.jpg");
      else if (!recording) record();
      else await finish();
    } catch (error) {
      if (mine === turn) {
        form.stop();
        page.fail(error.message);
      }
    } finally {
      button.disabled = false;
    }
  }

  async function begin() {
    const mine = turn;
    const opened = await openCamera({ width: 640, height: 480 });
    if (mine !== turn || !form.isConnected) {
      opened.stop(); // given up while the browser asked
      return;
    }
    camera = opened;
    view.replaceChildren(camera.video);
    button.textContent = still ? "Take the picture" : "Record";
  }

  function record() {
    recording = recordClip(camera.stream);
    button.textContent = "Stop and use";
    form.classList.add("mk-recording");
  }

  async function finish() {
    const blob = await recording.stop();
    await take(blob, `recording.${blob.type.includes("mp4") ? "mp4" : "webm"}`);
  }

  async function take(blob, name) {
    form.stop();
    await send(blob, name);
  }

  form.stop = () => {
    turn += 1;
    camera?.stop();
    camera = null;
    recording = null;
    view.replaceChildren();
    form.classList.remove("mk-recording");
    button.textContent = "Open the camera";
  };
  return form;
}
