"""What notebooks show beside what the verbs make: crops, clips and poses; and what they have said."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from motionkit.config import AnimateOptions
    from motionkit.data.clips import Clips
    from motionkit.frames import Frame
    from motionkit.model import Model
    from motionkit.motion.expressions import Expression
    from motionkit.structures import Box

__all__ = ["babble", "clip_sheet", "crop_sheet", "pose_sheet", "sample_clips", "sample_speech"]

BOX_COLOUR = "#ff8c1a"
SENTENCE = "Hello! This voice is made up, as all of my words are."
RATE = 16_000  # samples a second
PITCH = 125.0  # Hz
FORMANTS = {"a": (750, 1200), "e": (500, 1900), "i": (280, 2200), "o": (480, 850), "u": (310, 800)}  # Hz
UPPER = (2500, 3500)  # Hz, of every vowel
SYLLABLE, PAUSE = 0.24, 0.12  # seconds


def sample_clips(folder: str | Path) -> Path:
    """A folder of training clips made of the sample clips: the last fifth of each is for testing.

    Args:
        folder: Gets ``train`` and ``test``; clips that are there stay.

    Returns:
        The folder.
    """
    from motionkit import media, samples

    for name in ("driving", "nod"):
        path = samples.driving_clip(name)
        cut = (media.open_clip(path).info.duration or 0) * Fraction(4, 5)
        for part, start, end in (("train", None, cut), ("test", cut, None)):
            target = Path(folder) / part / f"{name}#{part}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.exists():
                continue
            clip = media.open_clip(path, start=start, end=end)
            with media.VideoWriter(target, fps=clip.info.fps) as writer:
                for frame in clip:
                    writer.write(frame)
    return Path(folder)


def clip_sheet(clips: Clips, *, count: int = 6, height: int = 160) -> Frame:
    """First frames of some clips, as training sees them: H W 3 uint8.

    Args:
        clips: From ``find_clips``; those that cannot be read are left out.
        count: Of frames at most; a third of them for testing.
        height: In pixels.

    Raises:
        InputError: None of them can be read.
    """
    from motionkit.data.clips import BrokenClipError, ClipFrames
    from motionkit.drawing.collage import Panel, lay_out

    panels = []
    for caption, part, most in (("train", clips.train, count - count // 3), ("test", clips.test, count // 3)):
        for clip in part[:most]:
            try:
                panels.append(Panel(caption, ClipFrames(clip, height).read([0])[0]))
            except BrokenClipError:
                continue
    if not panels:
        raise InputError("No clip can be read", got=str(clips.train[0].path))
    return lay_out(panels)


def crop_sheet(
    source: str | Path, driving: str | Path, *, model: Model, options: AnimateOptions | None = None, height: int = 256
) -> Frame:
    """Source and driving with the squares that the model will see, and the squares themselves: H W 3 uint8.

    Args:
        source: A picture or a clip.
        driving: A clip; of a motion template, which has no pixels, nothing is shown.
        model: Whose domain decides between faces and the middle.
        options: For the crop; None is the defaults.
        height: In pixels.
    """
    from motionkit import faces, pipeline
    from motionkit.config import AnimateOptions
    from motionkit.drawing import collage

    options = AnimateOptions.given(options)
    subject = pipeline.open_source(source, model.config, options.replace(size=None))
    shown = [("source", subject.first_picture(), subject.boxes)]
    opened = pipeline.open_driving(driving, beside=source)
    picture, box = opened.first_picture(), opened.seen(model, options.replace(size=None)).box
    if picture is not None and box is not None:
        shown.append(("driving", picture, [box]))
    panels = []
    for name, frame, boxes in shown:
        panels.append(collage.Panel(name, _framed(collage.scale_to_height(frame, height), boxes, height / len(frame))))
        panels += [collage.Panel("seen by the model", faces.crop(frame, box, size=height)) for box in boxes]
    return collage.lay_out(panels, height=height)


def pose_sheet(
    source: str | Path, expressions: Mapping[str, Expression], *, model: Model, height: int = 256, columns: int = 4
) -> Frame:
    """The source as it does several expressions, each with its name: H W 3 uint8.

    Args:
        source: A picture; of a clip the first frame.
        expressions: Name to expression, at least one.
        model: As ``load_model`` gives it.
        height: Of each, in pixels.
        columns: How many stand in a row.

    Raises:
        InputError: None is given, or expressions do not know the model's keypoints.
    """
    import numpy as np

    from motionkit import pipeline
    from motionkit.animation.moments import moments
    from motionkit.config import AnimateOptions
    from motionkit.drawing import collage
    from motionkit.motion.expressions import Take
    from motionkit.pipeline.outputs import finish

    if not expressions:
        raise InputError("There is nothing to show", got="no expression", expected="at least one")
    options = AnimateOptions()
    subject = pipeline.open_source(source, model.config, options)
    run = moments(subject.squares(subject.boxes[0]), Take(list(expressions.values())), model=model, options=options)
    pairs = zip(expressions, run, strict=True)
    made = [collage.Panel(name, finish(subject, None, (moment,), options)) for name, moment in pairs]
    rows = [collage.lay_out(made[at : at + columns], height=height) for at in range(0, len(made), columns)]
    room = [((0, height // 64), (0, rows[0].shape[1] - row.shape[1]), (0, 0)) for row in rows]
    return np.concatenate([np.pad(*pair, constant_values=255) for pair in zip(rows, room, strict=True)])


def sample_speech(path: str | Path) -> Path:
    """A voice that is nobody's, as a WAV file: a sentence where espeak-ng is installed, else vowels without a word.

    Args:
        path: The file; one that is there stays.
    """
    from scipy.io import wavfile

    from motionkit.wholefile import write_whole

    path = Path(path)
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    program = shutil.which("espeak-ng")
    if program is None:
        write_whole(path, lambda part: wavfile.write(part, RATE, babble()))
    else:
        write_whole(path, lambda part: subprocess.run([program, "-s", "150", "-w", part, SENTENCE], check=True))
    return path


def babble(vowels: str = "aeiou aoa iai", rate: int = RATE) -> np.ndarray:
    """Vowels as a throat makes them: a buzz, and the resonances of the mouth; S int16.

    Args:
        vowels: Of ``FORMANTS``, a syllable each; a space is a pause.
        rate: Samples a second.
    """
    import numpy as np
    from scipy.signal import lfilter

    pieces = []
    for number, vowel in enumerate(vowels):
        if vowel == " ":
            pieces.append(np.zeros(round(2 * PAUSE * rate)))
            continue
        time = np.arange(round(SYLLABLE * rate)) / rate
        turns = np.cumsum(PITCH * (1 + 0.1 * np.sin(number) - 0.2 * time)) / rate
        pulses = np.diff(np.floor(turns), prepend=0.0)  # one for each time that the throat opens
        sound = lfilter([1], [1, -0.9], pulses)  # its sound falls with the frequency
        for hertz in (*FORMANTS[vowel], *UPPER):
            width = 60 + 0.04 * hertz
            radius, angle = np.exp(-np.pi * width / rate), 2 * np.pi * hertz / rate
            poles = [1, -2 * radius * np.cos(angle), radius**2]
            sound = lfilter([sum(poles)], poles, sound)  # 1 at 0 Hz
        loudness = np.sin(np.pi * time / SYLLABLE) ** 0.5
        pieces += [loudness * sound / np.abs(sound).max(), np.zeros(round(PAUSE * rate))]
    samples: np.ndarray = (20_000 * np.concatenate(pieces)).astype(np.int16)
    return samples


def _framed(picture: Frame, boxes: list[Box], scale: float) -> Frame:
    """The picture with the boxes drawn on it; what of them is outside runs along the border."""
    import numpy as np
    from PIL import Image, ImageDraw

    canvas = Image.fromarray(picture)
    right, bottom = canvas.width - 1, canvas.height - 1
    for box in boxes:
        if box.roll:
            corners = [(x * scale, y * scale) for x, y in box.corners]
            ImageDraw.Draw(canvas).polygon(corners, outline=BOX_COLOUR, width=2)
            continue
        near = max(box.left * scale, 0), max(box.top * scale, 0)
        far = min(box.right * scale, right), min(box.bottom * scale, bottom)
        ImageDraw.Draw(canvas).rectangle((*near, *far), outline=BOX_COLOUR, width=2)
    return np.asarray(canvas)
