"""The panel's Pose: a picture for each move of a slider, ready motions small, and a picture that is kept.

What takes time is done in the panel's worker; ``frontend/panel/pose.js`` is the other side.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.frames import Frame
from motionkit.media.jpeg import encode_jpeg
from motionkit.motion.expressions import Take
from motionkit.motion.ready import MOTIONS, motion
from motionkit.pipeline.posing import pose_file
from motionkit.widgets.kept import Kept
from motionkit.widgets.pose import expression_of, peak, posing_options, take_of, values_at
from motionkit.widgets.preview import Preview
from motionkit.widgets.uploads import Send
from motionkit.widgets.worker import Superseded, Task, view_of

__all__ = ["Poser"]

STAGE, THUMBNAIL = 720, 192  # pixels, the longer side: of the picture on the page, of a motion's
Content = dict[str, Any]


class Poser:
    """Pose, for one panel.

    Args:
        preview: With the source; used in the worker's thread alone.
        send: The widget's ``send(content, buffers)``.
        ask: As ``Worker.ask``.
        tell: Called with what went wrong and what it is about, or with None once that is mended.
        options: What the browser's settings stand for.
        folder: Where pictures are kept.

    Attributes:
        handlers: What is done with each kind of message.
    """

    def __init__(
        self,
        preview: Preview,
        *,
        send: Send,
        ask: Callable[[str, Task], None],
        tell: Callable[[Exception | None, str], None],
        options: Callable[[Mapping[str, Any]], AnimateOptions],
        folder: Path,
    ) -> None:
        self._preview, self._folder = preview, folder
        self._send: Send = send
        self._tell = tell
        self._given = options
        self._take = Kept[Take]()
        self._motions: list[str] = []  # whose thumbnails are still to be made
        self._motion_options = AnimateOptions()
        self._picture: Path | None = None
        self.handlers: Mapping[str, Callable[[Content], None]] = {
            "pose": lambda content: ask(f"pose {view_of(content)}", lambda: self._show(content)),
            "motions": lambda content: ask("motions", lambda: self._begin_motions(content)),
            "keep-picture": lambda content: ask("keep-picture", lambda: self._keep(content)),
        }

    def advance(self) -> bool:
        """Make the next motion's thumbnail; False when none is left."""
        if not self._motions or self._preview.source is None:
            return False
        name, *rest = self._motions
        take, self._motions = motion(name), []
        try:
            picture = self._preview.posed(take, peak(take), self._motion_options)
        except Superseded:
            self._motions = [name, *rest]
            return True
        self._send({"kind": "motion", "name": name}, [encode_jpeg(_small(picture, THUMBNAIL))])
        self._motions = rest
        return bool(rest)

    def file(self, name: str) -> Path | None:
        """The "picture" that was kept last."""
        return self._picture if name == "picture" else None

    def _options(self, content: Content) -> AnimateOptions:
        return posing_options(self._given(content["settings"]))

    def _show(self, content: Content) -> None:
        """One picture: of the sliders, or of the timeline at a time."""
        started, key = time.monotonic(), content["id"]
        answer = {"kind": "pose", "id": key}
        try:
            options = self._options(content)
            if content.get("at") is None:
                take, index = Take([expression_of(content["values"])]), 0
            else:
                take = self._take.get(repr((content["motion"], content["keys"])), make=lambda: take_of(content))
                index, answer["values"] = values_at(take, float(content["at"]))
            picture = self._preview.posed(take, index, options)
        except Superseded:
            self._send({**answer, "kind": "pose-failed", "superseded": True})
            return
        except Exception as error:  # sent in words; the page must not wait for this picture
            self._send({"kind": "pose-failed", "id": key})
            self._tell(error, "pose")
            return
        answer["seconds"] = time.monotonic() - started
        self._send(answer, [encode_jpeg(_small(picture, STAGE))])
        self._tell(None, "pose")

    def _begin_motions(self, content: Content) -> None:
        """The source has changed, or a page has opened: small pictures of all motions, in the worker's idle time."""
        self._motion_options = self._options(content).replace(paste_back=False)
        self._motions = list(MOTIONS)

    def _keep(self, content: Content) -> None:
        """Write the picture, at the source's size, and let the page download it."""
        try:
            source = self._source()
            path = _free(self._folder / f"{source.stem}-pose.png")
            options = self._options(content).replace(paste_back=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            pose_file(source, expression_of(content["values"]), path, model=self._preview.model, options=options)
        except Exception as error:  # sent in words, with what it is about
            self._tell(error, "picture")
            return
        self._picture = path
        self._send({"kind": "picture-kept", "name": path.name, "path": str(path)})

    def _source(self) -> Path:
        if self._preview.source is None:
            raise InputError("There is no source yet", todo="Choose a picture")
        return self._preview.source


def _small(frame: Frame, side: int) -> Frame:
    """A frame whose longer side has at most so many pixels."""
    from PIL import Image

    if max(frame.shape[:2]) <= side:
        return frame
    picture = Image.fromarray(frame)
    picture.thumbnail((side, side))
    return np.asarray(picture)


def _free(path: Path) -> Path:
    """This path, or one beside it with a number, where nothing is yet."""
    numbers = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(2))
    return next(one for one in itertools.chain([path], numbers) if not one.exists())
