"""What is told of each result: a row of the manifest."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np

__all__ = ["FAILED", "OK", "REJECTED", "Row", "Status", "as_json"]

Status = Literal["ok", "rejected", "failed"]
OK: Status = "ok"
REJECTED: Status = "rejected"
FAILED: Status = "failed"


@dataclass(frozen=True, slots=True)
class Row:
    """A result, or why there is none. One without a value has None.

    Attributes:
        key: Number of the pair's variation in the plan, and of a picture its frame: unique.
        source: Name of the source.
        driving: Name of the driving.
        variation: Number of the variation, from 0.
        status: "ok"; "rejected" by the quality gate; "failed" where source or driving cannot be used.
        reason: Why it was rejected, or has failed.
        file: The result: relative to the data set's folder, or in a shard the member's name.
        shard: The tar file that holds it, relative to the data set's folder.
        labels: File of its labels, named as ``file`` is.
        sha256: Of the result's file.
        bytes: Of the result's file.
        width: In pixels.
        height: In pixels.
        fps: Of a clip, as a fraction such as 30000/1001.
        frames: In a clip; 1 of a picture.
        frame: Of a picture: which driving frame moved it, from 0.
        box: Around the keypoints of all its frames: left, top, right, bottom in pixels.
        source_box: The source's square: the same in the source's pixels, and the roll of a turned one.
        follow_error: Mean distance of its keypoints from those that were asked for, as the gate measured it.
        keypoints: Of each frame, as asked for: x and y of one keypoint after the other, in [-1, 1].
        parameters: JSON of what was drawn.
        label: Of the source.
        licence: Of the source, else of the data set.
        note: What was warned of.
    """

    key: str
    source: str
    driving: str
    variation: int
    status: Status
    reason: str | None = None
    file: str | None = None
    shard: str | None = None
    labels: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    fps: str | None = None
    frames: int = 0
    frame: int | None = None
    box: tuple[float, ...] | None = None
    source_box: tuple[float, ...] | None = None
    follow_error: float | None = None
    keypoints: np.ndarray | None = None
    parameters: str | None = None
    label: str | None = None
    licence: str | None = None
    note: str | None = None

    def with_(self, **changes: Any) -> Row:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def told(self) -> dict[str, Any]:
        """What a sample's JSON tells: all that is known, without the keypoints, which the labels hold."""
        return {name: value for name, value in asdict(self.with_(keypoints=None)).items() if value is not None}

    def packed(self) -> dict[str, Any]:
        """As JSON holds it in the journal."""
        packed = self.told()
        if self.keypoints is not None:
            data = np.ascontiguousarray(self.keypoints, dtype="<f4")
            packed["keypoints"] = [list(data.shape), base64.b64encode(data.tobytes()).decode()]
        return packed

    @classmethod
    def unpacked(cls, packed: dict[str, Any]) -> Row:
        """The row that ``packed`` gave."""
        values = {field.name: packed[field.name] for field in fields(cls) if field.name in packed}
        if "keypoints" in values:
            shape, text = values["keypoints"]
            values["keypoints"] = np.frombuffer(base64.b64decode(text), dtype="<f4").reshape(shape)
        for name in ("box", "source_box"):
            if name in values:
                values[name] = tuple(values[name])
        return cls(**values)


def as_json(value: Any) -> str:
    """JSON on one line, the same for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
