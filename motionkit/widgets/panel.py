"""The panel: inputs, sliders, preview, result in one widget. It holds state; the work is done by the library.

Settings that must survive a reload of the page are traits; pictures and requests are messages. Whatever takes time runs
in a thread, newest request first. ``frontend/panel/panel.js`` is the other side.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motionkit import drive, samples
from motionkit.config import AnimateOptions
from motionkit.errors import InputError, MissingPackageError, heard_warnings
from motionkit.frontend import script, style
from motionkit.model import Model, check_model
from motionkit.structures import AnimationResult
from motionkit.widgets.controls import options_of, settings_of
from motionkit.widgets.exports import Exports
from motionkit.widgets.failures import explain
from motionkit.widgets.gallery import ROLES, Gallery
from motionkit.widgets.inputs import described, previewed
from motionkit.widgets.job import Job
from motionkit.widgets.models import ModelMenu
from motionkit.widgets.offers import offers
from motionkit.widgets.plan import Plan
from motionkit.widgets.pose import START
from motionkit.widgets.poser import Poser
from motionkit.widgets.preview import Preview
from motionkit.widgets.uploads import Transfers
from motionkit.widgets.worker import Superseded, Worker, view_of

try:
    import anywidget
    import traitlets
except ModuleNotFoundError as error:
    raise MissingPackageError(
        "The panel needs a package that is not installed", got=error.name, todo='pip install "motionkit[notebook]"'
    ) from error

__all__ = ["SliderPanel", "panel"]

TELL_EVERY = 0.2  # seconds between two reports of how far detection has come
Content = dict[str, Any]
log = logging.getLogger(__name__)


def panel(
    model: Model,
    source: str | Path | None = None,
    driving: str | Path | None = None,
    options: AnimateOptions | None = None,
    *,
    output: str | Path = "output/panel",
) -> SliderPanel:
    """A widget that does the whole job: choose inputs, move sliders and see a frame at once, animate, keep the result.

    Args:
        model: As ``load_model`` gives it.
        source: A picture or clip: a path, or a Google Drive share link; None is the sample portrait.
        driving: A clip or motion template, likewise; None is the sample clip.
        options: Where the controls begin; None is the defaults. Options without a control stay as they are here.
        output: Folder for results, and for what is uploaded.

    Raises:
        InputError: ``model`` is no model, or ``options`` are no AnimateOptions.
        MissingPackageError: anywidget is not installed.
    """
    # Before the widget is there, so that wrong arguments leave none half made.
    check_model(model)
    return SliderPanel(model, source, driving, AnimateOptions.given(options), output=output)


class SliderPanel(anywidget.AnyWidget):
    """The panel; ``panel`` makes one."""

    _esm = script("panel/panel")
    _css = style("shared/base", "panel/inputs", "panel/gallery", "panel/panel", "panel/pose", "panel/result")

    choices = traitlets.Dict().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    pose = traitlets.Dict(dict(START)).tag(sync=True)
    call = traitlets.Unicode().tag(sync=True)
    loading = traitlets.Unicode().tag(sync=True)
    job = traitlets.Dict().tag(sync=True)
    notice = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        model: Model,
        source: str | Path | None,
        driving: str | Path | None,
        options: AnimateOptions,
        *,
        output: str | Path,
    ) -> None:
        self._base, self._model, self._output = options, model, Path(output)
        self._preview = Preview(model, check=self._check)
        self._worker = Worker(self._idle, self._failed, ended=self._preview.close)
        self._poser = Poser(
            self._preview, send=self.send, ask=self._worker.ask, tell=self._failed, folder=self._output,
            options=lambda settings: options_of(settings, self._base),
        )  # fmt: skip
        self._views: dict[str, tuple[Content, bytes]] = {}  # by role: the message about the input, and its thumbnail
        self._told = 0.0
        super().__init__(choices=offers(model), settings=settings_of(self._base))
        self._job = Job(model, report=self._tell_job)
        self._exports = Exports(
            self._job, send=self.send, ask=self._worker.ask, tell=self._failed,
            note=lambda text: self._tell("note", text, about="save"),
        )  # fmt: skip
        self._menu = ModelMenu(
            current=lambda: self._model, report=lambda text: self.set_trait("loading", text), tell=self._failed,
            ready=lambda model: self._worker.ask("model", lambda: self._use(model)), folder=self._output / "inputs",
        )  # fmt: skip
        self._gallery = Gallery(self.send, self._worker.ask)
        self._handlers = {**self._poser.handlers, **self._exports.handlers, **self._menu.handlers}
        self._handlers |= self._gallery.handlers
        self._transfers = Transfers(
            self.send,
            folder=self._output / "inputs",
            find=lambda name: self._poser.file(name) or self._exports.file(name) or self._job.file(name),
            received=lambda path, role: self._menu.load(path) if role == "model" else self._open(role, path),
        )
        self.on_msg(self._take)
        self.observe(self._write_call, ["settings", "pose"])
        self.observe(self._find_again, ["settings"])
        self._open("source", source or samples.portrait())
        self._open("driving", driving or samples.driving_clip())

    @property
    def options(self) -> AnimateOptions:
        """What the controls say. Raises InputError where they say nothing sensible."""
        return options_of(self.settings, self._base)

    @options.setter
    def options(self, options: AnimateOptions) -> None:
        self._base = options
        self.settings = settings_of(options)

    @property
    def source(self) -> Path | None:
        """Path of the source that is open, None before."""
        return self._preview.source

    @property
    def driving(self) -> Path | None:
        """Path of the driving that is open, None before."""
        return self._preview.driving

    @property
    def result(self) -> AnimationResult | None:
        """What the last animation made, or None."""
        return self._job.result

    @property
    def _posing(self) -> bool:
        """Whether the timeline moves the source, not the driving."""
        return self.pose.get("way") == "pose"

    def close(self) -> None:
        """Stop all work and let go of it."""
        self._menu.stop()
        self._worker.stop()
        self._job.cancel()
        self._transfers.close()
        super().close()

    def _take(self, _: Any, content: Content, buffers: Sequence[Any]) -> None:
        """A message from the browser; whatever takes time is left to a thread."""
        if self._transfers.handle(content, buffers):
            return
        kind = str(content.get("kind"))
        handler = getattr(self, f"_on_{kind}", None) or self._handlers.get(kind)
        if handler is None:
            return
        try:
            handler(content)
        except Exception as error:  # sent in words: what a widget's handler raises, nobody sees
            self._failed(error)

    def _on_hello(self, _: Content) -> None:
        """A page has opened, or opened again: it wants to see the inputs."""
        for content, picture in list(self._views.values()):
            self.send(content, [picture])

    def _on_ping(self, _: Content) -> None:
        """The page has long heard nothing: whether anybody is there."""
        self.send({"kind": "pong"})

    def _on_dismiss(self, _: Content) -> None:
        self.notice = {}

    def _on_open(self, content: Content) -> None:
        role, how, value = content["role"], content["how"], str(content["value"]).strip()
        if how == "sample":
            self._open(role, samples.portrait(value) if role == "source" else samples.driving_clip(value))
        elif value:
            self._open(role, value)
        else:
            raise InputError("Nothing was entered", expected="a path or a Google Drive share link")

    def _on_preview(self, content: Content) -> None:
        self._worker.ask(f"preview {view_of(content)}", lambda: self._show_frame(content))

    def _on_animate(self, content: Content) -> None:
        plan = self._plan(options_of(content["settings"], self._base))
        if plan is None:
            raise InputError("Source and driving are not both there yet", todo="Choose them above")
        driving = plan.driving()
        self.notice = {}
        self._job.start(plan.source, driving, *plan.targets, plan.options, call=plan.call(self._model))

    def _on_cancel(self, _: Content) -> None:
        self._job.cancel()

    def _open(self, role: str, given: str | Path) -> None:
        """Open an input in the worker; a path on Drive is copied in before, where Colab can ask for leave."""
        if role not in ROLES:
            raise InputError("Unknown input", got=repr(role), expected=" or ".join(ROLES))
        folder = self._output / "inputs"
        found = given if drive.is_link(given) else drive.find_input(given, folder)

        self._worker.ask(role, lambda: self._try_to_open(role, found))

    def _try_to_open(self, role: str, given: str | Path) -> None:
        try:
            self._open_now(role, given)
        except Exception as error:  # sent with the role, so that the other input's success does not wipe it out
            self._failed(error, role)

    def _open_now(self, role: str, given: str | Path) -> None:
        path, first = drive.find_input(given, self._output / "inputs"), role not in self._views
        # A box drawn on another picture means nothing on this one.
        options = self.options if first else self.options.replace(**{f"{role}_box": None})
        with heard_warnings() as heard:
            open_input = self._preview.open_source if role == "source" else self._preview.open_driving
            view = open_input(path, options)
        if not first:
            settings = {**self.settings, f"{role}_box": None}
            if role == "driving":
                self.index = 0
                settings["reference"] = "first" if isinstance(settings["reference"], int) else settings["reference"]
            self.settings = settings
        self._views[role] = described(role, path, view)
        self.send(self._views[role][0], [self._views[role][1]])
        self._write_call()
        if self.notice.get("about") not in {*ROLES} - {role}:
            self._tell("note", " ".join(heard))

    def _use(self, model: Model) -> None:
        """Go on with another model: what was set by hand stays, as far as it knows it."""
        self._model, offered = model, offers(model)
        self._preview.use(model)
        self._job.use(model)
        known = {*offered["groups"], *offered["keypoints"]}
        gains = {name: gain for name, gain in self.settings["gains"].items() if name in known}
        self.settings = {**self.settings, "gains": gains}
        if "off" in offered["pose"]:
            self.pose = {**self.pose, "way": "driving"}
        self.choices, self.loading = offered, ""
        self._open_again()

    def _open_again(self) -> None:
        """Look anew at what has no square drawn by hand."""
        for role, path in (("source", self.source), ("driving", self.driving)):
            if path is not None and self.settings.get(f"{role}_box") is None:
                self._open(role, path)
        self._write_call()

    def _find_again(self, change: Any) -> None:
        """Another finder sees other faces: what has no square drawn by hand is opened again."""
        if change["old"].get("finder") != change["new"].get("finder"):
            self._open_again()

    def _show_frame(self, content: Content) -> None:
        started, key = time.monotonic(), content["id"]
        try:
            frame = self._preview.frame(int(content["index"]), options_of(content["settings"], self._base))
        except Superseded:
            self.send({"kind": "preview-failed", "id": key, "superseded": True})
            return
        except Exception as error:  # sent in words; the page must not wait for this frame
            self.send({"kind": "preview-failed", "id": key})
            self._failed(error, about="preview")
            return
        self.send(*previewed(frame, key, time.monotonic() - started))
        self._failed(None, "preview")

    def _idle(self) -> bool:
        """Background work: the next small picture of a motion, else the next keypoints of the clip, if it drives."""
        if self._poser.advance():
            return True
        if self._posing:
            return False
        options = self.options
        more = self.source is not None and self._preview.advance(options)
        self._tell_progress(options, final=not more)
        return more

    def _check(self) -> None:
        """While a request waits for keypoints: give way to a newer one, and send how far it is."""
        if self._worker.waits():
            raise Superseded
        self._tell_progress(self.options)

    def _tell_progress(self, options: AnimateOptions, *, final: bool = False) -> None:
        now = time.monotonic()
        if self.driving is not None and (final or now - self._told >= TELL_EVERY):
            self._told = now
            ready, total = self._preview.progress(options)
            self.send({"kind": "detected", "ready": ready, "total": total})

    def _tell_job(self, job: Content) -> None:
        self.job = job
        if job["state"] == "failed":
            self._tell("error", job["error"], about="job")

    def _failed(self, error: Exception | None, about: str = "") -> None:
        """Tell what went wrong with something, None once it is mended; what is no user's mistake is logged as well."""
        if error is not None:
            self._tell("error", explain(error), about)
        elif self.notice.get("level") == "error" and self.notice.get("about") == about:
            self.notice = {}

    def _tell(self, level: str, text: str, about: str = "") -> None:
        """Show a note or an error above the panel; an empty text removes what is there."""
        # The time makes the same words news again.
        self.notice = {"level": level, "text": text, "about": about, "at": time.time()} if text else {}

    def _plan(self, options: AnimateOptions) -> Plan | None:
        """What Animate would make; None as long as an input is missing."""
        if self.source is None or (self.driving is None and not self._posing):
            return None
        return Plan(self.source, None if self._posing else self.driving, self.pose, options, self._output)

    def _write_call(self, _: Any = None) -> None:
        try:
            plan = self._plan(self.options)
        except InputError as error:
            self.call = f"# These settings cannot be used. {error}\n"
            return
        if plan is not None:
            self.call = plan.call(self._model)
