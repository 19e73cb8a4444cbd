"""What a process works with that reads sources and writes results: no model, so that it starts at once."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from motionkit import media, trust
from motionkit.config import ModelConfig
from motionkit.data.multiplication.making import Made
from motionkit.data.multiplication.options import MultiplyOptions
from motionkit.data.multiplication.plan import Job, Plan
from motionkit.data.multiplication.rows import FAILED, OK, REJECTED, Row, as_json
from motionkit.data.multiplication.sources import Failure, SourceSquare, read_square
from motionkit.data.multiplication.spool import read_spooled
from motionkit.data.multiplication.storage import writing
from motionkit.frames import Frame

__all__ = ["MediaWork"]

CLIP = ".mp4"


@dataclass(frozen=True)
class MediaWork:
    """Reads sources, and turns what was made into files and rows.

    Attributes:
        plan: What is made.
        options: What is asked for.
        config: The model's.
        cache: Folder of what was fetched from addresses.
    """

    plan: Plan
    options: MultiplyOptions
    config: ModelConfig
    cache: Path

    def read(self, source: int, variation: int) -> SourceSquare | Failure:
        """A source as the model is to see it; see ``read_square``."""
        return read_square(self.plan, self.options, self.config, self.cache, of=(source, variation))

    def failed(self, job: Job, failure: Failure) -> list[Row]:
        """The one row of a result that there is not."""
        return [self._row(job, job.key, status=FAILED, reason=failure.reason)]

    def finish(self, made: Made, stage: Path) -> list[Row]:
        """Write what was made into a folder, with watermark, metadata and labels; the spool is gone afterwards.

        Args:
            made: A result.
            stage: The folder; made if it is not there.

        Returns:
            A row for the clip or for each picture. ``file`` and ``labels`` are names in the folder.

        Raises:
            MediaError: The files cannot be written.
        """
        try:
            with writing(stage):
                stage.mkdir(parents=True, exist_ok=True)
                if self.options.frames is None:
                    return [self._clip(made, stage)]
                return [self._picture(made, at, stage) for at in range(len(made.frames))]
        finally:
            shutil.rmtree(made.folder, ignore_errors=True)

    def _clip(self, made: Made, stage: Path) -> Row:
        images = read_spooled(made.folder, made.shapes, "image")
        row = self._made_row(made, slice(None), made.job.key, images).with_(fps=made.fps)
        if row.status != OK:
            return row
        file = stage / f"{row.key}{CLIP}"
        with media.VideoWriter(file, fps=Fraction(made.fps), metadata=trust.container_metadata()) as writer:
            for image in images:
                writer.write(trust.mark_frame(_frame(image)))
        return self._written(row, made, slice(None), file)

    def _picture(self, made: Made, at: int, stage: Path) -> Row:
        number, part = int(made.frames[at]), slice(at, at + 1)
        images = read_spooled(made.folder, made.shapes, "image")[part]
        row = self._made_row(made, part, f"{made.job.key}-{number:06d}", images, made.verdicts[at])
        row = row.with_(frame=number)
        if row.status != OK:
            return row
        file = stage / f"{row.key}.{self.options.picture}"
        media.write_image(file, trust.mark_frame(_frame(images[0])), metadata=trust.container_metadata())
        return self._written(row, made, part, file)

    def _made_row(self, made: Made, part: slice, key: str, images: Any, verdict: Any = None) -> Row:
        verdict = verdict or made.verdicts[0]
        height, width = images.shape[1:3]
        boxes = _boxes(made.keypoints[part], width, height)
        around = (*boxes[:, :2].min(axis=0).tolist(), *boxes[:, 2:].max(axis=0).tolist())
        return self._row(
            made.job,
            key,
            status=OK if verdict.reason is None else REJECTED,
            reason=verdict.reason,
            width=width,
            height=height,
            frames=len(images),
            box=tuple(round(edge, 2) for edge in around),
            source_box=tuple(float(edge) for edge in made.source.box.edges),
            follow_error=verdict.error,
            keypoints=made.keypoints[part].reshape(len(images), -1),
            parameters=as_json({**made.source.draw.told(), **made.motion.told(), "background": self._behind(made)}),
            note=made.note,
        )

    def _behind(self, made: Made) -> str | None:
        number = made.source.draw.background
        return None if number is None else self.plan.backgrounds[number].name

    def _written(self, row: Row, made: Made, part: slice, file: Path) -> Row:
        """The row of a result whose file is there; writes its labels."""
        row = row.with_(file=file.name, sha256=_sha256(file), bytes=file.stat().st_size)
        if self.options.labels:
            labels = file.with_suffix(".npz")
            np.savez_compressed(labels, allow_pickle=False, **self._labels(made, part, row))
            row = row.with_(labels=labels.name)
        if self.options.format == "webdataset":
            file.with_suffix(".json").write_text(as_json(row.told()), encoding="utf-8")
        return row

    def _labels(self, made: Made, part: slice, row: Row) -> dict[str, np.ndarray]:
        """Arrays of T frames each: see docs/multiply.md."""
        wanted = self.options.labels
        arrays: dict[str, np.ndarray] = {"frame": made.frames[part].astype(np.int32)}
        if "keypoints" in wanted:
            arrays["keypoints"] = made.keypoints[part].astype(np.float32)
            if made.jacobian is not None:
                arrays["jacobian"] = made.jacobian[part].astype(np.float32)
        if "box" in wanted:
            assert row.width is not None
            assert row.height is not None
            arrays["box"] = _boxes(made.keypoints[part], row.width, row.height).astype(np.float32)
        for name in ("flow", "occlusion"):
            if name in made.shapes:
                arrays[name] = read_spooled(made.folder, made.shapes, name)[part]
        return arrays

    def _row(self, job: Job, key: str, **values: Any) -> Row:
        source, driving = self.plan.sources[job.source], self.plan.drivings[job.driving]
        return Row(
            key=key,
            source=source.name,
            driving=driving.name,
            variation=job.variation,
            label=source.label,
            licence=source.licence or self.options.licence,
            **values,
        )


def _frame(image: Any) -> Frame:
    frame: Frame = np.asarray(image)
    return frame


def _boxes(keypoints: np.ndarray, width: int, height: int) -> np.ndarray:
    """T 4: left, top, right, bottom in pixels around T K 2 keypoints, inside the picture."""
    last = np.array([width - 1, height - 1])
    places = np.clip((keypoints + 1) / 2 * last, 0, last)
    return np.concatenate([places.min(axis=1), places.max(axis=1) + 1], axis=1)


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()
