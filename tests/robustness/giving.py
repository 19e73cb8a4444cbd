"""Ways in which people give things to motionkit, and how what comes of them is looked at."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from motionkit import media
from motionkit.cli import main as cli
from motionkit.errors import MotionkitError
from motionkit.structures import VideoInfo
from motionkit.weights import checkpoints
from tests.robustness.fault import Call, Place, UsageError, Works
from tests.support.clips import number
from tests.support.networks import tiny_config, tiny_model

__all__ = [
    "OF_NUMBERS",
    "Said",
    "Seen",
    "command",
    "pictured",
    "played",
    "portrait",
    "read",
    "run_command",
    "shows",
    "tiny",
]

RESULT = "r.mp4"
# Numbered frames share little, and random weights know one and not the next.
OF_NUMBERS = (r"cuts to another scene at", r"The driving.* shows nothing")


@dataclass(frozen=True)
class Seen:
    """What was seen of a clip or picture, and of the animation that came of it."""

    info: VideoInfo
    frames: list[np.ndarray]
    warnings: list[str] = field(default_factory=list)
    result: Seen | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of all frames."""
        sizes = {frame.shape[1::-1] for frame in self.frames}
        assert len(sizes) == 1, sizes
        return sizes.pop()


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    out: str
    warnings: list[str]


def read(path: str | Path, **cut: Any) -> Seen:
    """All frames of a clip."""
    clip = media.open_clip(path, **cut)
    return Seen(clip.info, list(clip))


def run_command(*words: object) -> Said:
    """Run ``motionkit`` with these words in this process; raises the error that it told the user of."""
    raised: list[MotionkitError] = []

    def noted(run: Callable[[Any], None]) -> Callable[[Any], None]:
        def noting(given: Any) -> None:
            try:
                run(given)
            except MotionkitError as error:
                raised.append(error)
                raise

        return noting

    def parse(words: Sequence[str] | None = None) -> Any:
        given = make().parse_args(words)
        given.run = given.run and noted(given.run)
        return given

    make, parser = cli.make_parser, mock.Mock(parse_args=parse)
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(cli, "make_parser", return_value=parser),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        status = cli.main([str(word) for word in words])
    # A bar of progress writes over its own line.
    lines = [line.split("\r")[-1] for line in err.getvalue().split("\n")]
    said = [line.removeprefix("motionkit: ") for line in lines if line.startswith("motionkit: ")]
    assert "Traceback" not in err.getvalue(), err.getvalue()
    if status == 0:
        return Said(out.getvalue(), said)
    assert status == 1 and said, f"status {status}: {err.getvalue()[-500:]}"
    error = raised[0] if raised else UsageError(said[-1].removesuffix("."))
    assert not raised or said[-1] == str(error), f"{said[-1]} is not {error}"
    raise error


def command(*words: object) -> Callable[[Place], Call]:
    """A fault whose making is done: these words are given to ``motionkit``."""
    return lambda _: lambda: run_command(*words)


@cache
def _tiny_file() -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        reference = tiny_model().reference
        generator, detector = reference.generator.state_dict(), reference.kp_detector.state_dict()
        path = checkpoints.save(
            Path(folder) / "tiny.safetensors",
            generator=generator, kp_detector=detector, config=tiny_config(), metadata={},
        )  # fmt: skip
        return path.read_bytes()


def tiny(folder: Path) -> Path:
    """A weights file of a network that runs in milliseconds."""
    path = folder / "tiny.safetensors"
    path.write_bytes(_tiny_file())
    return path


def portrait(folder: Path, size: tuple[int, int] = (40, 32)) -> Path:
    """A plain picture to animate."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    picture = np.stack([x * 255 // width, y * 255 // height, (x + y) % 256], axis=-1).astype(np.uint8)
    media.write_image(folder / "photo.png", picture)
    return folder / "photo.png"


def played(name: str | Path, **cut: Any) -> Callable[[Place], Call]:
    """A clip that is read, then animates a picture by the command line; what refuses one refuses the other."""

    def give(place: Place) -> Call:
        model, photo = tiny(place.out.parent), portrait(place.out.parent)
        target = place.out / RESULT
        words = [f"--{key}={value}" for key, value in cut.items()]

        def call() -> Seen:
            animate = ("animate", *words, "-o", target, "--model", model, "--", photo, name)
            try:
                seen = read(name, **{key: Fraction(str(value)) for key, value in cut.items()})
            except MotionkitError as error:
                with contextlib.suppress(type(error)):
                    said = run_command(*animate)
                    raise AssertionError(f"read refuses it ({error}), animate does not: {said}") from error
                raise
            run_command(*animate)
            return Seen(seen.info, seen.frames, result=read(target))

        return call

    return give


def pictured(name: str | Path) -> Callable[[Place], Call]:
    """A picture that is read, then animated by the command line and pasted back; what refuses one refuses the other."""

    def give(place: Place) -> Call:
        model, target = tiny(place.out.parent), place.out / RESULT
        driving = place.out.parent / "driving.mp4"
        with media.VideoWriter(driving, fps=Fraction(25)) as writer:
            for n in range(3):
                writer.write(np.full((32, 32, 3), 60 + 40 * n, np.uint8))

        def call() -> Seen:
            animate = ("animate", "-o", target, "--paste-back", "--model", model, "--", name, driving)
            try:
                picture = media.read_image(name)
            except MotionkitError as error:
                with contextlib.suppress(type(error)):
                    said = run_command(*animate)
                    raise AssertionError(f"read_image refuses it ({error}), animate does not: {said}") from error
                raise
            run_command(*animate)
            return Seen(media.open_clip(name).info, [picture], result=read(target))

        return call

    return give


def shows(
    frames: int | tuple[int, int] | None = None,
    size: tuple[int, int] | None = None,
    *,
    fps: object = None,
    sound: bool | None = None,
    numbers: Sequence[int] | None = None,
    colours: Sequence[Sequence[int]] | None = None,
    within: int = 14,
    warns: Sequence[str] = (),
    leaves: Sequence[str] = (f"out/{RESULT}",),
) -> Works:
    """The outcome of a clip or picture that is seen as it has to be, and so is what was animated with it.

    Args:
        frames: How many, or the fewest and the most.
        size: (width, height).
        fps: Exact rate.
        sound: Whether there is sound, of the clip and of the result.
        numbers: What the frames tell, as ``tests.support.clips.frame`` put it into them.
        colours: RGB of the first frame's quarters, top left, top right, bottom left, bottom right; one is all of them.
        within: How far a colour may be off.
        warns: As for ``Works``.
        leaves: As for ``Works``.
    """

    def check(seen: Seen) -> None:
        count = len(seen.frames)
        if frames is not None:
            low, high = frames if isinstance(frames, tuple) else (frames, frames)
            assert low <= count <= high, f"{count} frames instead of {frames}"
        if size is not None:
            assert seen.size == size == (seen.info.width, seen.info.height), f"{seen.size} instead of {size}"
        if fps is not None:
            assert seen.info.fps == Fraction(str(fps)), f"{seen.info.fps} fps instead of {fps}"
        if sound is not None:
            assert seen.info.has_audio == sound, f"sound: {seen.info.has_audio}"
        if numbers is not None:
            told = [number(frame) for frame in seen.frames]
            assert told == list(numbers), f"frames {told} instead of {list(numbers)}"
        if colours is not None:
            _check_colours(seen.frames[0], colours, within)
        if seen.result is not None and numbers is not None:
            assert len(seen.result.frames) == count, f"{len(seen.result.frames)} frames were made of {count}"
        if seen.result is not None and sound is not None:
            assert seen.result.info.has_audio == sound, f"sound of the result: {seen.result.info.has_audio}"

    return Works(check, tuple(warns), leaves=tuple(leaves))


def _check_colours(frame: np.ndarray, colours: Sequence[Sequence[int]], within: int) -> None:
    height, width = frame.shape[:2]
    middles = [(height // 4, width // 4), (height // 4, width * 3 // 4), (height * 3 // 4, width // 4)]
    middles.append((height * 3 // 4, width * 3 // 4))
    wanted = list(colours) * 4 if len(colours) == 1 else list(colours)
    for (y, x), colour in zip(middles, wanted, strict=True):
        off = np.abs(frame[y, x].astype(int) - colour).max()
        assert off <= within, f"{frame[y, x].tolist()} at {x},{y} instead of {list(colour)}"
