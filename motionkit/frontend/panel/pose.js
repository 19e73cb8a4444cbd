// Pose: the source does what sliders say; keys of it become a clip. motionkit/widgets/poser.py is the other side.

import { makeButton, makeElement } from "../shared/elements.js";
import { makeMotions } from "./motions.js";
import { makePoseSliders } from "./pose_sliders.js";
import { makeStage } from "./pose_stage.js";
import { keyAt } from "./pose_state.js";
import { makePreviewLoop } from "./preview_loop.js";
import { makeTimeline } from "./timeline.js";

/** @param {object} choices The kernel's choices for Pose. */
export function makePose({ state, choices, kernel, notice, files, settings }) {
  const shown = makeShown({ state, kernel, settings, onChange: refresh });
  const change = (part) => {
    const values = Object.fromEntries(
      Object.entries({ ...shown.values, ...part }).filter(([, value]) => Math.abs(value) > 1e-6),
    );
    shown.pose(values);
  };
  const sliders = makePoseSliders(choices, change);
  const limits = Object.fromEntries(
    choices.groups.flatMap((group) => group.sliders).map((spec) => [spec.name, spec.range]),
  );
  const stage = makeStage({ values: () => shown.values, limits, onTurn: change });
  const timeline = makeTimeline({ state, pose: shown.held, onSeek: shown.seek, onPlay: shown.toggle });
  const motions = makeMotions(choices.motions, (motion) => {
    const { keys, motion: before, aside } = state.values;
    state.change({ keys: motion.keys, motion: motion.name, aside: before || keys.length < 2 ? aside : keys, time: 0 });
    shown.play();
  });
  const buttons = makeButtons({ kernel, notice, settings, shown });
  const element = makeElement(
    "section",
    { class: "mk-pose" },
    makeElement(
      "div",
      { class: "mk-pose-main" },
      makeElement("div", { class: "mk-pose-left" }, stage.element, buttons),
      sliders.element,
    ),
    sliders.details,
    motions.element,
    timeline.element,
  );

  function refresh() {
    sliders.show(shown.values);
    motions.mark(state.values.motion);
    timeline.refresh({ at: shown.at, playing: shown.playing });
  }

  refresh();
  return {
    element,
    refresh,
    take: makePoseMessages({ stage, motions, shown, notice, files, kernel }),
    ask: shown.ask,
    halt: shown.halt,
    stop: shown.stop,
    adopt: shown.adopt,
    get waiting() {
      return shown.loop.waiting;
    },
    /** Small pictures of the motions are wanted, of the source as it is now. */
    askMotions: () => kernel.send({ kind: "motions", settings: settings.values }),
    close() {
      shown.loop.stop();
      motions.close();
    },
  };
}

/** What the picture shows: the sliders' expression, or the timeline at a time, played or not. */
function makeShown({ state, kernel, settings, onChange }) {
  let values = state.values.values; // what the sliders show
  let at = null; // the time whose picture is under way; null is the sliders'
  let playing = null; // when it began, and at which time
  const loop = makePreviewLoop((id) => {
    const { keys, motion } = state.values;
    const wanted = at === null ? { values } : { at, keys, motion };
    kernel.send({ kind: "pose", id, settings: settings.values, ...wanted });
  });

  function play() {
    if (state.values.keys.length < 2) return;
    playing = { begun: performance.now(), from: state.values.time < state.length ? state.values.time : 0 };
    at = playing.from;
    loop.ask();
    onChange();
  }

  function advance() {
    if (!playing) return;
    at = (playing.from + (performance.now() - playing.begun) / 1000) % Math.max(state.length, 0.1);
    loop.ask();
  }

  /** From now on, what the sliders show; at the time where the timeline is. */
  function pose(to) {
    const time = playing ? Math.round(at * 100) / 100 : state.values.time;
    playing = null;
    at = null;
    values = to;
    state.change({ values, time });
    loop.ask();
  }

  return {
    loop,
    play,
    pose,
    get values() {
      return values;
    },
    get at() {
      return playing ? at : state.values.time;
    },
    get playing() {
      return playing !== null;
    },
    ask: loop.ask,
    /** Play no further; what is shown stays. */
    stop() {
      playing = null;
      at = null;
      onChange();
    },
    halt: () => playing && pose(values),
    /** The expression; what is played stops at it. */
    held() {
      if (playing) pose(values);
      return values;
    },
    toggle: () => (playing ? pose(values) : play()),
    /** The timeline at a time; a key's own expression to the letter, which no frame of the clip may have. */
    seek(time) {
      const { keys } = state.values;
      const here = keyAt(keys, time);
      playing = null;
      at = here || keys.length < 2 ? null : time; // one key alone says nothing of other times
      values = here?.values ?? values;
      state.change({ time, values });
      loop.ask();
    },
    /** Another view of the panel, or the kernel, has changed the expression. */
    adopt() {
      if (playing || at !== null || JSON.stringify(values) === JSON.stringify(state.values.values)) return;
      values = state.values.values;
      loop.ask();
    },
    /** A picture has come, with the expression of its time if it is one of the timeline. */
    came(told) {
      if (told && at !== null) {
        values = told;
        if (!playing && !loop.waiting) {
          at = null;
          state.change({ values });
        }
      }
      onChange();
      setTimeout(advance, 0);
    },
  };
}

function makeButtons({ kernel, notice, settings, shown }) {
  const save = () => {
    shown.halt();
    notice.forget();
    kernel.send({ kind: "keep-picture", settings: settings.values, values: shown.values });
  };
  const saved = "The whole picture as PNG, at the source’s size, labelled like every result";
  return makeElement(
    "div",
    { class: "mk-row" },
    makeButton("Save picture", save, { title: saved }),
    makeButton("Reset", () => shown.pose({}), { title: "The face as it is in the source; keys stay" }),
  );
}

/** What is done with each kind of message from the kernel. */
function makePoseMessages({ stage, motions, shown, notice, files, kernel }) {
  return {
    pose(content, [picture]) {
      const time = shown.loop.answered(content.id);
      if (time === null) return;
      notice.forget(time);
      shown.loop.next();
      stage.draw(picture, time);
      shown.came(content.values);
    },
    "pose-failed"(content) {
      const time = shown.loop.answered(content.id);
      if (time === null) return;
      if (content.superseded) {
        shown.loop.ask(time);
      } else {
        shown.loop.next();
        shown.stop();
      }
    },
    motion(content, [picture]) {
      motions.show(content.name, picture);
    },
    async "picture-kept"(content) {
      if (!kernel.connected()) return;
      try {
        const blob = await files.download("picture", "image/png");
        const link = URL.createObjectURL(blob);
        makeElement("a", { href: link, download: content.name }).click();
        setTimeout(() => URL.revokeObjectURL(link), 60_000);
      } catch (error) {
        notice.fail(error.message);
      }
    },
  };
}
