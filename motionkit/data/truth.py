"""What a renderer knows of a clip, from the file beside it: ``NAME.truth.safetensors``.

It holds, for each of T frames: ``keypoints`` T K 2 and maybe ``jacobians`` T K 2 2 float32; maybe ``flow`` T h w 2
int16, which divided by 16384 is where in the clip's first frame that is which is seen at each of h w places (their
centres span [-1, 1]), and with it ``visibility`` T h w uint8, 255 where the first frame shows it; and the metadatum
``keypoint_names``, a JSON list.

Legend: T frames, K keypoints, h w size of the stored flow.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from motionkit import jsontext
from motionkit.data.batch import Truth
from motionkit.errors import InputError
from motionkit.structures import Keypoints

__all__ = ["FLOW_UNIT", "PARTS", "TruthFile"]

FLOW_UNIT = 16384  # of the stored int16 flow

_SHAPES = {"keypoints": "T K 2", "jacobians": "T K 2 2", "flow": "T h w 2", "visibility": "T h w"}
PARTS = tuple(_SHAPES)
_TYPES = {"keypoints": "F32", "jacobians": "F32", "flow": "I16", "visibility": "U8"}


class TruthFile:
    """The truth of one clip; what is not asked for is not read.

    Args:
        path: The file.
        names: The model's keypoint names; the file's keypoints are put into their order.

    Attributes:
        frames: T.
        parts: Which of ``PARTS`` it has.

    Raises:
        InputError: It is damaged, lacks something, or is about other keypoints.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._path = path
        try:
            with safe_open(str(path), framework="numpy") as file:
                self.parts = self._present(file)
                self.frames = self._check(file)
                self._order = self._reorder(file.metadata(), names)
        except (SafetensorError, OSError) as error:
            raise InputError("The truth of a clip cannot be read", got=f"{path} ({error})") from error

    def read(self, driving: int, parts: Collection[str] = PARTS) -> Truth:
        """Read the truth of the pair that leads from the first frame to another; B is 1.

        Args:
            driving: Number of the other frame, from 0.
            parts: What is asked for beside the keypoints. Flow and visibility go together; where they are not there or
                not asked for, they have one place, with zeros, and ``has_flow`` is False.

        Raises:
            InputError: The file cannot be read any more.
        """
        try:
            with safe_open(str(self._path), framework="numpy") as file:
                jacobians = file.get_slice("jacobians") if "jacobians" in self.parts & set(parts) else None
                values = file.get_slice("keypoints")
                first, last = (
                    Keypoints(self._ordered(values[t]), None if jacobians is None else self._ordered(jacobians[t]))
                    for t in (0, driving)
                )
                known = "flow" in self.parts and not {"flow", "visibility"}.isdisjoint(parts)
                flow, visibility = np.zeros((1, 1, 2), np.float32), np.zeros((1, 1), np.float32)
                if known:
                    flow = file.get_slice("flow")[driving].astype(np.float32) / FLOW_UNIT
                    visibility = file.get_slice("visibility")[driving].astype(np.float32) / 255
        except (SafetensorError, OSError) as error:
            raise InputError("The truth of a clip cannot be read", got=f"{self._path} ({error})") from error
        return Truth(
            first, last, torch.from_numpy(flow)[None], torch.from_numpy(visibility)[None, None], torch.tensor([known])
        )

    def _ordered(self, values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values[self._order])[None]  # 1 K …

    def _present(self, file: Any) -> frozenset[str]:
        present = frozenset(_SHAPES) & set(file.keys())
        needed = {"keypoints"} | ({"flow", "visibility"} if present & {"flow", "visibility"} else set())
        if lacking := sorted(needed - present):
            raise InputError(f"The truth of a clip lacks its {lacking[0]}", got=f"{self._path.name}")
        return present

    def _check(self, file: Any) -> int:
        """T, after a look at what there is."""
        sizes: dict[str, int] = {"2": 2}
        for name, expected in _SHAPES.items():
            if name not in self.parts:
                continue
            part = file.get_slice(name)
            shape = part.get_shape()
            letters = expected.split()
            fits = len(shape) == len(letters) and part.get_dtype() == _TYPES[name]
            # The first tensor to use a letter says what it stands for.
            if not fits or any(sizes.setdefault(a, n) != n for a, n in zip(letters, shape, strict=True)):
                known = ", ".join(f"{letter} {n}" for letter, n in sizes.items() if letter != "2")
                raise InputError(
                    f"The {name} in the truth of a clip have the wrong shape or type",
                    got=f"{part.get_dtype()} {'x'.join(map(str, shape))} in {self._path.name}",
                    expected=f"{_TYPES[name]} {expected}" + (f" with {known}" if fits else ""),
                )
            if _TYPES[name] == "F32" and not np.isfinite(file.get_tensor(name)).all():
                got = f"NaN or infinity in {self._path.name}"
                raise InputError(f"The {name} in the truth of a clip are not all finite", got=got)
        return sizes["T"]

    def _reorder(self, metadata: dict[str, str] | None, names: Sequence[str]) -> list[int]:
        """Where in the file each of the model's keypoints stands."""
        try:
            known = [str(name) for name in jsontext.parse((metadata or {})["keypoint_names"])]
        except (KeyError, ValueError, TypeError):
            raise InputError(
                "The truth of a clip does not name its keypoints",
                got=self._path.name,
                expected="the metadatum keypoint_names, a JSON list",
            ) from None
        if set(known) != set(names):
            few = sorted(set(known) ^ set(names))
            raise InputError(
                "The truth of a clip is about other keypoints than the model's",
                got=f"{len(known)} in {self._path.name}; only one of the two has {', '.join(few[:5])}",
                expected=f"the model's {len(names)}: {', '.join(names) or 'none are named'}",
                todo="Give the model's configuration the same keypoint_names",
            )
        return [known.index(name) for name in names]
