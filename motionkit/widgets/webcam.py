"""The webcam widget: the browser's camera in, the moving source out.

The page asks and the kernel answers: each ``frame`` or ``next`` message gets one ``result``. Messages are handled at
once and the work is done in a thread, so that the kernel stays free; the page asks for no more than it can show.
``frontend/webcam/webcam.js`` is the other side.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from motionkit import drive, faces, media, samples
from motionkit.config import GAIN_RANGE, SMOOTHING_RANGE, STRENGTH_RANGE, AnimateOptions
from motionkit.drawing import overlays
from motionkit.errors import InputError, MissingPackageError, MotionkitWarning, heard_warnings
from motionkit.frames import Frame
from motionkit.frontend import script, style
from motionkit.live.clip import LiveClip
from motionkit.live.session import LiveSession
from motionkit.media.files import check_file
from motionkit.media.jpeg import decode_jpeg, encode_jpeg
from motionkit.model import Model, check_model
from motionkit.pipeline.clips import Glimpse
from motionkit.widgets.controls import options_of
from motionkit.widgets.failures import explain
from motionkit.widgets.uploads import Transfers
from motionkit.widgets.worker import Worker

try:
    import anywidget
    import traitlets
except ModuleNotFoundError as error:
    raise MissingPackageError(
        "The webcam widget needs a package that is not installed",
        got=error.name,
        todo='pip install "motionkit[notebook]"',
    ) from error

__all__ = ["Webcam", "webcam"]

# Camera frames come this many times larger than the model sees: reduced here, they carry half of JPEG's error into the
# keypoints, for some 3 kB and half a millisecond a frame.
FRAME_SCALE = 1.5
Content = dict[str, Any]
log = logging.getLogger(__name__)


def webcam(
    model: Model,
    source: str | Path | Frame | None = None,
    options: AnimateOptions | None = None,
    *,
    output: str | Path = "output/webcam",
) -> Webcam:
    """A widget in which a picture moves as you do in front of the camera.

    Args:
        model: As ``load_model`` gives it.
        source: A picture: a path, a Google Drive share link, or H W 3 uint8; None is the sample portrait. The widget
            can take another one.
        options: What the widget's sliders start from; None is the defaults.
        output: Folder for recordings, and for what is uploaded.

    Raises:
        InputError: An option has no meaning for live motion.
        MissingPackageError: anywidget is not installed.
    """
    options = AnimateOptions.given(options)
    check_model(model)
    side = model.picture_side(options.size)
    # A grey square until the source is there, so that wrong options are errors of the cell, which returns at once.
    grey = np.full((side, side, 3), 128, np.uint8)
    session = LiveSession(model, grey, options=options, mirror=True)
    return Webcam(session, samples.portrait() if source is None else source, output=output)


class Webcam(anywidget.AnyWidget):
    """The webcam widget; ``webcam`` makes one.

    Args:
        session: What is shown; the widget's sliders start from its options.
        source: Opened in its place soon: a path, a share link, or a picture.
        output: Folder for recordings, and for what is uploaded.

    Attributes:
        clip_path: The last recording, or None.
        notice: What went wrong last, for the page; empty is nothing.
    """

    _esm = script("webcam/webcam")
    _css = style("shared/base", "webcam/webcam")

    setup = traitlets.Dict().tag(sync=True)
    strength = traitlets.Float().tag(sync=True)
    smoothing = traitlets.Float().tag(sync=True)
    gains = traitlets.Dict().tag(sync=True)
    mirror = traitlets.Bool().tag(sync=True)
    source = traitlets.Dict().tag(sync=True)
    source_picture = traitlets.Bytes().tag(sync=True)
    driving = traitlets.Dict().tag(sync=True)
    recording = traitlets.Bool().tag(sync=True)
    clip = traitlets.Dict().tag(sync=True)
    notice = traitlets.Dict().tag(sync=True)

    def __init__(self, session: LiveSession, source: str | Path | Frame, *, output: str | Path) -> None:
        self._session, self._model, self._base = session, session.model, session.options
        options, model = session.options, session.model.config
        self._playing: LiveClip | None = None
        self.clip_path: Path | None = None
        self._output = Path(output)
        self._worker = Worker(lambda: False, self._failed)
        start = {
            "strength": options.strength,
            "smoothing": options.smoothing,
            "gains": {str(name): gain for name, gain in options.gains.items()},
        }
        super().__init__(
            setup={
                "side": round(FRAME_SCALE * model.size),
                "groups": list(model.keypoint_groups),
                "strength": STRENGTH_RANGE,
                "smoothing": SMOOTHING_RANGE,
                "gain": GAIN_RANGE,
                "start": start,
            },
            mirror=session.mirror,
            **start,
        )
        self._transfers = Transfers(
            self.send,
            folder=self._output / "inputs",
            find=self._find,
            received=lambda path, _: self._use_source(path),
        )
        self.on_msg(self._take)
        self.observe(self._set_options, ["strength", "smoothing", "gains"])
        self.observe(self._set_mirror, "mirror")
        self._use_source(source)

    def close(self) -> None:
        """Let go of the thread and of unfinished files."""
        self._worker.stop()
        self._session.close()
        self._transfers.close()
        super().close()

    def _set_options(self, _: Any = None) -> None:
        settings = {"strength": self.strength, "smoothing": self.smoothing, "gains": dict(self.gains)}
        self._session.options = options_of(settings, self._base)

    def _set_mirror(self, change: Any) -> None:
        self._session.mirror = change["new"]

    def _take(self, _: Any, content: Content, buffers: Sequence[Any]) -> None:
        """A message from the page; whatever takes time is left to the worker."""
        received = time.perf_counter()
        kind = str(content.get("kind"))
        if self._transfers.handle(content, buffers):
            return
        if kind in ("frame", "next", "redraw"):
            data = bytes(buffers[0]) if buffers else b""
            # None replaces another: the page itself asks for no more than are wanted, and waits for each.
            self._worker.ask(f"draw {_names(content)}", lambda: self._draw(content, data, received))
        elif kind in JOBS:
            try:
                JOBS[kind](self, content)
            except Exception as error:  # sent in words: what a widget's handler raises, nobody sees
                self._failed(error, about=kind)

    def _draw(self, content: Content, data: bytes, received: float) -> None:
        """Answer one request, whatever happens: the page waits for it."""
        buffers: list[bytes] = []
        try:
            answer, buffers = self._answer(content, data, received)
        except Exception as error:
            answer = {"kind": "failed", "message": explain(error)}
        self.send({**answer, **_names(content)}, buffers)

    def _answer(self, content: Content, data: bytes, received: float) -> tuple[Content, list[bytes]]:
        """One result, with the milliseconds of each step."""
        begun = time.perf_counter()
        driving: Glimpse | None = None
        shown: list[bytes] = []
        if content["kind"] == "frame":
            driving = Glimpse(frame=_camera_frame(data))
        elif content["kind"] == "next":
            if self._playing is None:
                raise InputError("No clip is open", todo="Press Start")
            driving = self._playing.next()
            shown = [encode_jpeg(_picture_of(driving, self._model.config.size))]
        read = time.perf_counter()
        result = self._session.redraw() if driving is None else self._session.see(driving)
        if result is None:
            return {"kind": "dropped"}, []
        stepped = time.perf_counter()
        picture = encode_jpeg(result.frame)
        done = time.perf_counter()
        seconds = {"wait": begun - received, "read": read - begun, **asdict(result.times), "jpeg": done - stepped}
        seconds["kernel"] = done - received
        times = {name: 1000 * value for name, value in seconds.items()}
        return {"kind": "result", "index": result.index, "times": times}, [picture, *shown]

    def _use_source(self, given: str | Path | Frame) -> None:
        self._ask("source", self._opener(given, self._open_source))

    def _ask(self, about: str, task: Callable[[], None]) -> None:
        """Leave ``task`` to the worker; what it raises is shown with what it is about until it succeeds."""

        def attempt() -> None:
            try:
                task()
            except Exception as error:
                self._failed(error, about)
                return
            if self.notice.get("about") == about:
                self.notice = {}

        self._worker.ask(about, attempt)

    def _opener(self, given: str | Path | Frame, use: Callable[[Any], None]) -> Callable[[], None]:
        """What the worker does to open an input. A path is found here: mounting a Drive needs the main thread."""
        if isinstance(given, np.ndarray):
            return lambda: use(given)
        folder = self._output / "inputs"
        if drive.is_link(given):
            return lambda: use(drive.find_input(given, folder))
        path = check_file(drive.find_input(given, folder))
        return lambda: use(path)

    def _open_source(self, source: Path | Frame) -> None:
        if isinstance(source, np.ndarray):
            picture, name = source, "picture"
        else:
            name = "sample portrait" if source == samples.portrait() else source.name
            picture = media.read_image(source)
        options, domain = self._base, self._model.config.domain
        with heard_warnings() as heard:
            box = (
                options.source_box
                or faces.choose_square(
                    picture,
                    crop=options.crop,
                    domain=domain,
                    face=options.face,
                    finder=options.finder,
                    name="the source",
                )[0]
            )
        square = faces.crop(picture, box, size=self._model.picture_side(options.size))
        self._session.set_source(square)
        self.source_picture = encode_jpeg(square)
        self.source = {"name": name, "note": " ".join(heard)}

    def _change_source(self, content: Content) -> None:
        self._use_source(content.get("path") or samples.portrait())

    def _change_driving(self, content: Content) -> None:
        """Take the camera, the sample clip (an empty path), or a clip or template as the driving."""
        if content.get("camera"):
            self._ask("driving", lambda: self._play(None, {"kind": "camera"}))
            return
        text = str(content.get("path") or "")
        self._ask(
            "driving", self._opener(text or samples.driving_clip(), lambda path: self._play(path, {"path": text}))
        )

    def _play(self, path: Path | None, shown: Content) -> None:
        self._session.restart()
        self._playing = None
        if path is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", MotionkitWarning)  # the page shows what is seen of the clip
                self._playing = LiveClip(path, model=self._model, options=self._base)
            shown = {**shown, "kind": "clip" if self._playing.pictures else "template"}
        self.driving = shown
        self.send({"kind": "opened"})

    def _record(self) -> None:
        self._output.mkdir(parents=True, exist_ok=True)
        self._session.record(self._output / time.strftime("webcam-%Y%m%d-%H%M%S.mp4"))
        self.recording = True

    def _stop_recording(self) -> None:
        try:
            clip = self._session.stop_recording()
        finally:
            self.recording = False
        self.clip_path = clip.path
        self.clip = {**asdict(clip), "path": str(clip.path), "name": clip.path.name}

    def _find(self, name: str) -> Path | None:
        return self.clip_path if self.clip_path is not None and self.clip_path.name == name else None

    def _dismiss(self) -> None:
        self.notice = {}

    def _failed(self, error: Exception, about: str = "") -> None:
        """Tell what went wrong. A trait keeps it for a page that is not there yet, or is loaded again."""
        # The time makes the same words news again.
        self.notice = {"text": explain(error), "about": about, "at": time.time()}
        if about == "source" and not self.source:
            self.source = {"name": "None yet", "note": "Upload a picture, enter a path, or take the sample."}


JOBS: dict[str, Callable[[Webcam, Content], None]] = {
    "source": Webcam._change_source,
    "driving": Webcam._change_driving,
    "calibrate": lambda widget, _: widget._ask("calibrate", widget._session.calibrate),
    "record": lambda widget, _: widget._ask("record", widget._record),
    "record-stop": lambda widget, _: widget._ask("record-stop", widget._stop_recording),
    "dismiss": lambda widget, _: widget._dismiss(),
}


def _names(content: Content) -> Content:
    """What the page knows its request by."""
    return {"id": content.get("id"), "view": content.get("view")}


def _picture_of(driving: Glimpse, size: int) -> Frame:
    """What the page shows of a driving: the frame, or the keypoints where there is none."""
    if driving.frame is not None:
        return driving.frame
    assert driving.keypoints is not None
    return overlays.draw_keypoints(np.full((2 * size, 2 * size, 3), 32, np.uint8), driving.keypoints)


def _camera_frame(data: bytes) -> Frame:
    try:
        return decode_jpeg(data)
    except InputError:
        raise InputError("The camera's frame cannot be read", todo="Stop and start the camera") from None
