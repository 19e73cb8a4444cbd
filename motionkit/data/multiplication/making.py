"""One result from pair to pixels: the same code on one machine and in a cluster's actors.

Legend: T frames, K keypoints, S side of the result, h w size of the flow.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
import torch.nn.functional as F

from motionkit.animation.moments import choose_references
from motionkit.config import AnimateOptions
from motionkit.data.multiplication.gate import DRIVING_LOST, Gate, Verdict
from motionkit.data.multiplication.motions import Motions
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.plan import Job
from motionkit.data.multiplication.sources import Failure, SourceSquare
from motionkit.data.multiplication.spool import Shapes, Spool
from motionkit.data.multiplication.variation import MotionDraw, draw_motion
from motionkit.errors import InputError
from motionkit.model import EncodedSource, Model
from motionkit.motion.mover import Mover
from motionkit.motion.templates import MotionTemplate
from motionkit.structures import Generated, Keypoints
from motionkit.tensors import resize, to_frames, to_tensor

__all__ = ["Made", "Maker"]

CHUNK = 512  # frames of a driving whose keypoints are moved at once


@dataclass(frozen=True)
class Made:
    """A result's frames and labels, spooled, on their way to the files.

    Attributes:
        job: Which result.
        source: The source as the model saw it, without its pixels.
        motion: What was drawn.
        fps: Of the driving.
        frames: T numbers of driving frames.
        keypoints: T K 2, as asked for.
        jacobian: T K 2 2, or None.
        verdicts: Of each picture; of a clip one.
        folder: Of the spool.
        shapes: Of the spool: "image" T S S 3 uint8, and "flow" T h w 2 float16, "occlusion" T h w uint8 as
            far as wanted.
        note: What was warned of.
    """

    job: Job
    source: SourceSquare
    motion: MotionDraw
    fps: str
    frames: np.ndarray
    keypoints: np.ndarray
    jacobian: np.ndarray | None
    verdicts: list[Verdict]
    folder: Path
    shapes: Shapes
    note: str | None


@dataclass(frozen=True)
class _Encoded:
    """A source ready to be animated; its keypoints are on the CPU."""

    of: tuple[int, int]
    square: SourceSquare
    encoded: EncodedSource
    keypoints: Keypoints


class Maker:
    """Makes results; keeps the last source encoded, since the plan's next results are of the same one.

    Args:
        model: Animates.
        options: What is asked for.
        motions: The drivings' motion.
        squares: Reads a source, by its number and the variation's.
    """

    def __init__(
        self,
        model: Model,
        options: MultiplyOptions,
        motions: Motions,
        squares: Callable[[int, int], SourceSquare | Failure],
    ) -> None:
        self._model, self._options, self._motions, self._squares = model, options, motions, squares
        self._last: _Encoded | tuple[tuple[int, int], Failure] | None = None

    def make(self, job: Job, spool: Path, *, most: int | None = None) -> Made | Failure:
        """Make a result, or say why there is none.

        Args:
            job: Which.
            spool: Folder for its arrays, made anew.
            most: Make so many frames of it at most.

        Raises:
            OSError: The disk is full.
        """
        source = self._source(job)
        if isinstance(source, Failure):
            return source
        template = self._motions.get(job.driving)
        if isinstance(template, Failure):
            return template
        draw = draw_motion(self._options, job)
        options = self._options.animate.replace(strength=draw.strength, gains=draw.gains)
        try:
            moved, missing = self._moved(source.keypoints, template, options)
        except InputError as error:  # such as a reference frame that the driving does not have
            return Failure(str(error))
        chosen = _chosen(draw, missing)[:most]
        if not len(chosen):
            return Failure(DRIVING_LOST)
        wanted = moved[torch.from_numpy(chosen)]
        with Spool(spool) as arrays:
            verdicts = self._generate(source, wanted, arrays)
        if self._options.frames is None and self._options.gate and float(np.mean(missing)) > 0.5:
            verdicts = [Verdict(verdicts[0].error, DRIVING_LOST)]
        notes = [source.square.note, self._motions.notes.get(job.driving)]
        return Made(
            job=job,
            source=source.square,
            motion=draw,
            fps=str(template.fps),
            frames=chosen,
            keypoints=wanted.value.numpy(),
            jacobian=None if wanted.jacobian is None else wanted.jacobian.numpy(),
            verdicts=verdicts,
            folder=spool,
            shapes=arrays.shapes,
            note=" ".join(filter(None, notes)) or None,
        )

    def _moved(
        self, source: Keypoints, template: MotionTemplate, options: AnimateOptions
    ) -> tuple[Keypoints, list[bool]]:
        """The source's keypoints in every frame of the driving, and which frames show nothing that the model knows."""
        mover = Mover(self._model.config, options, fps=float(template.fps))
        if options.relative and options.reference not in ("first", 0):
            batches = template.batches(self._model, CHUNK)
            wanted, sized_by = cast('Literal["best"] | int', options.reference), self._model.config.sized_by
            mover.references.update(choose_references(wanted, source, batches, sized_by=sized_by))
        parts: list[Keypoints] = []
        missing: list[bool] = []
        for detected in template.batches(self._model, CHUNK):
            missing += mover.lost(source, detected.keypoints)
            parts.append(mover.move(source, detected.keypoints, detected.scenes))
        return Keypoints.cat(parts), missing

    def _generate(self, source: _Encoded, wanted: Keypoints, arrays: Spool) -> list[Verdict]:
        options = self._options
        batch = options.animate.batch_size or self._model.usual_batch(options.animate.size)
        gate = Gate(self._model, options, source.keypoints)
        looked = set(range(len(wanted)))
        if options.frames is None:
            looked = set(
                np.linspace(0, len(wanted) - 1, min(options.gate_frames, len(wanted))).round().astype(int).tolist()
            )
        for first in range(0, len(wanted), batch):
            part = wanted[first : first + batch]
            generated = self._model.generate(source.encoded, source.keypoints, part)
            frames = to_frames(generated.image)
            arrays.add("image", frames)
            self._add_labels(generated, arrays)
            at = [i for i in range(len(part)) if first + i in looked] if options.gate else []
            if at:
                gate.look([frames[i] for i in at], part[torch.tensor(at)])
        if options.frames is None:
            return [gate.of_all()]
        return gate.of_each() if options.gate else [Verdict()] * len(wanted)

    def _add_labels(self, generated: Generated, arrays: Spool) -> None:
        if "flow" in self._options.labels:
            arrays.add("flow", generated.flow.to(torch.float16).cpu().numpy())
        if "occlusion" in self._options.labels and generated.occlusion is not None:
            occlusion = (generated.occlusion[:, 0].float() * 255).round().to(torch.uint8)
            arrays.add("occlusion", occlusion.cpu().numpy())

    def _source(self, job: Job) -> _Encoded | Failure:
        wanted = (job.source, job.variation)
        last = self._last
        if isinstance(last, _Encoded) and last.of == wanted:
            return last
        if isinstance(last, tuple) and last[0] == wanted:
            return last[1]
        self._last = None  # its memory is needed for the next
        square = self._squares(*wanted)
        if isinstance(square, Failure):
            self._last = (wanted, square)
            return square
        picture = to_tensor([square.frame], device=self._model.device)
        encoded, keypoints = self._encode(picture)
        if square.background is not None:
            behind = to_tensor([square.background], device=self._model.device)
            encoded, keypoints = self._encode(self._before(behind, picture, encoded, keypoints))
        self._last = _Encoded(wanted, _without_pixels(square), encoded, keypoints)
        return self._last

    def _encode(self, picture: torch.Tensor) -> tuple[EncodedSource, Keypoints]:
        keypoints = self._model.detect(resize(picture, self._model.config.size)).to("cpu")
        return self._model.encode(picture), keypoints

    def _before(
        self, behind: torch.Tensor, picture: torch.Tensor, encoded: EncodedSource, keypoints: Keypoints
    ) -> torch.Tensor:
        """The source before another background.

        What moves with the background, by the model's own mask of motions (arXiv 2003.00196, section 3.2), is it.
        """
        still = self._model.generate(encoded, keypoints, Keypoints(keypoints.value, keypoints.jacobian))
        mask = F.interpolate(still.mask[:, :1].float(), size=picture.shape[-2:], mode="bilinear", align_corners=False)
        return torch.lerp(picture, behind, mask)


def _chosen(draw: MotionDraw, missing: list[bool]) -> np.ndarray:
    """Numbers of the driving's frames that are made: all, or at the drawn moments, of those that show something."""
    if not draw.moments:
        return np.arange(len(missing))
    shown = np.flatnonzero(~np.asarray(missing))
    count = min(len(draw.moments), len(shown))
    edges = np.arange(count + 1) * len(shown) // max(count, 1)
    numbers: np.ndarray = shown[edges[:-1] + (np.asarray(draw.moments[:count]) * np.diff(edges)).astype(int)]
    return numbers


def _without_pixels(square: SourceSquare) -> SourceSquare:
    return SourceSquare(square.frame[:0], square.box, square.draw, None, square.note)
