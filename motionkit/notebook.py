"""What notebooks show beside what the verbs make: crops and clips."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import InputError

if TYPE_CHECKING:
    from motionkit.config import AnimateOptions
    from motionkit.data.clips import Clips
    from motionkit.frames import Frame
    from motionkit.model import Model
    from motionkit.structures import Box

__all__ = ["clip_sheet", "crop_sheet", "sample_clips"]

BOX_COLOUR = "#ff8c1a"


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
