"""Looking at clips, from file to file: side by side, and with the keypoints that a model sees in them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from motionkit import media, trust
from motionkit.config import AnimateOptions
from motionkit.drawing import collage as layout
from motionkit.drawing import overlays
from motionkit.errors import InputError
from motionkit.frames import Frame
from motionkit.model import Model, check_model
from motionkit.pipeline.driving import OpenDriving, open_driving
from motionkit.progress import Meter, ProgressLike
from motionkit.structures import Keypoints
from motionkit.wholefile import write_text

__all__ = ["collage_files", "keypoint_files"]


def collage_files(
    panels: Sequence[tuple[str, str | Path]], output: str | Path, *, height: int | None = None, moments: int = 6
) -> None:
    """Lay clips and pictures side by side; a panel that says it was generated makes the whole say so.

    Args:
        panels: (caption, path), left to right. Pictures stand still; the shortest clip decides the length, the first
            clip the rate and the audio.
        output: A clip, or a contact sheet of ``moments`` moments where the name is a picture's.
        height: Of the panels in pixels; None is the tallest's.
        moments: Of a contact sheet.
    """
    target = Path(output)
    media.check_target(target, *(Path(path) for _, path in panels))
    clips = [media.open_clip(path) for _, path in panels]
    moving = [clip for clip in clips if clip.info.frames != 1] or clips[:1]
    length = min((clip.info.frames for clip in moving if clip.info.frames is not None), default=None)
    height = max(clip.info.height for clip in clips) if height is None else height
    stills = [None if clip in moving else layout.scale_to_height(next(iter(clip)), height) for clip in clips]
    captions = [caption for caption, _ in panels]
    paths = [Path(path) for _, path in panels]
    metadata, seal = _label(any(_is_generated(path) for path in paths), [("panel", path) for path in paths])

    def rows() -> Iterator[Frame]:
        for frames in zip(*moving, strict=False):
            left = iter(frames)
            pictures = [next(left) if still is None else still for still in stills]
            shown = [layout.Panel(caption, picture) for caption, picture in zip(captions, pictures, strict=True)]
            yield layout.lay_out(shown, height=height)

    if target.suffix.lower() in media.IMAGE_SUFFIXES:
        sheet = layout.ContactSheet(length, moments)
        for index, row in enumerate(rows()):
            sheet.add(index, row)
        picture = sheet.picture(fps=float(moving[0].info.fps))
        media.write_image(target, trust.mark_frame(picture) if metadata else picture, metadata=metadata, seal=seal)
        return
    audio = next((clip for clip in moving if clip.info.has_audio), None)
    with media.VideoWriter(target, fps=moving[0].info.fps, audio=audio, metadata=metadata, seal=seal) as writer:
        for row in rows():
            writer.write(row)


def keypoint_files(
    driving: str | Path | media.Clip | OpenDriving,
    output: str | Path,
    *,
    model: Model,
    options: AnimateOptions | None = None,
    table: str | Path | None = None,
    progress: ProgressLike = True,
) -> int:
    """Draw a model's keypoints on a clip, cropped as the model sees it; returns the number of frames.

    A clip that says it was generated makes what is drawn on it say so.

    Args:
        driving: A clip or picture: its path, or opened with ``media.open_clip``.
        output: The clip to write.
        model: Whose keypoints.
        options: For the crop.
        table: Also write frame, keypoint, x, y, j11, j12, j21, j22 as CSV; x and y in [-1, 1] of the crop.
        progress: As for ``animate_file``.
    """
    options = AnimateOptions.given(options)
    check_model(model)
    opened = open_driving(driving)
    if Path(output).suffix.lower() in media.IMAGE_SUFFIXES:
        raise InputError(
            "A clip cannot be written as a picture", got=str(output), expected=" ".join(media.VIDEO_SUFFIXES)
        )
    targets = [Path(p) for p in (output, table) if p is not None]
    for i, target in enumerate(targets):
        inputs = [] if opened.path is None else [opened.path]
        media.check_target(target, *inputs, *targets[:i], any_suffix=target == Path(table or ""))
    drive = opened.seen(model, options)
    if drive.box is None:
        raise InputError("A motion template has no pictures to draw on", expected="a clip or a picture")
    names = model.config.keypoint_names
    metadata, seal = _label(opened.path is not None and _is_generated(opened.path), [("driving", opened.path)])
    rows: list[list[object]] = []
    with (
        media.VideoWriter(output, fps=opened.fps, audio=opened.audio, metadata=metadata, seal=seal) as writer,
        Meter(opened.length, progress, what="Drawing") as meter,
    ):
        for detected in drive.batches(model, options.batch_size or model.usual_batch()):
            points = detected.keypoints
            for i, frame in enumerate(detected.frames or []):
                writer.write(overlays.draw_keypoints(frame, points[i : i + 1]))
                if table is not None:
                    rows += _rows(meter.done, points[i : i + 1], names)
                meter.step()
    if table is not None:
        _write_table(Path(table), rows)
    return meter.done


def _label(generated: bool, inputs: trust.Inputs) -> tuple[dict[str, str] | None, trust.Seal | None]:
    """Metadata and what signs, for what is made of generated files; nothing for anything else."""
    return (trust.container_metadata(), trust.make_seal(inputs)) if generated else (None, None)


def _is_generated(path: Path) -> bool:
    return os.path.isfile(path) and trust.SOURCE_TYPE in media.read_metadata(path).get("comment", "")


def _rows(frame: int, keypoints: Keypoints, names: tuple[str, ...]) -> list[list[object]]:
    jacobians = None if keypoints.jacobian is None else keypoints.jacobian[0].flatten(1).tolist()
    return [
        [frame, names[k] if names else k, *(round(v, 6) for v in (*point, *(jacobians[k] if jacobians else ())))]
        for k, point in enumerate(keypoints.value[0].tolist())
    ]


def _write_table(path: Path, rows: list[list[object]]) -> None:
    header = ["frame", "keypoint", "x", "y", "j11", "j12", "j21", "j22"]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header[: len(rows[0])], *rows])
    write_text(path, text.getvalue())
