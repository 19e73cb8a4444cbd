"""The two procedures that are compared, from driving frames to result frames, and where their time goes.

Both do the same work and differ only in how: the same pictures come out.

Legend: B batch, H W picture size.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from motionkit.bench.machine import synchronise
from motionkit.config import AnimateOptions, Precision
from motionkit.model import Model
from motionkit.modules.first_order import FirstOrderModel
from motionkit.motion.mover import Mover
from motionkit.structures import Keypoints
from motionkit.tensors import resize, to_frames, to_tensor

__all__ = ["Fast", "Plain", "Procedure", "Stopwatch"]

# Stages in the order of their work; "warp" is what remains of the generator: warping, hiding, blending.
STAGES = (
    *("to tensors", "detector", "motion transfer", "source encoder", "dense motion"),
    *("warp", "decoder", "generator", "to frames"),
)


class Stopwatch:
    """Seconds by stage, while ``running``; costs nothing else.

    Waiting for the device at each stage's end takes time of its own, so stages are timed apart from the whole.

    Args:
        device: On which the stages compute.

    Attributes:
        running: Whether it measures.
        seconds: Stage to seconds.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.running = False
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Time what happens inside as ``stage``."""
        begun = self._now()
        yield
        self._add(stage, begun)

    @contextmanager
    def watching(self, spans: Mapping[str, tuple[nn.Module, nn.Module]]) -> Iterator[None]:
        """Run inside; time from each span's first module to its last as a stage of the generator.

        Args:
            spans: Stage to its first and its last module.
        """
        self.seconds, self.running = {}, True
        with ExitStack() as hooks:
            for stage, (first, last) in spans.items():
                begun: list[float] = []
                before = first.register_forward_pre_hook(lambda *_, begun=begun: begun.append(self._now()))
                after = last.register_forward_hook(lambda *_, begun=begun, stage=stage: self._add(stage, begun.pop()))
                hooks.callback(before.remove)
                hooks.callback(after.remove)
            try:
                yield
            finally:
                self.running = False
        self._divide(spans)

    def _divide(self, spans: Mapping[str, Any]) -> None:
        """What the generator's own stages leave of it is the warp; unseen stages leave it whole."""
        inside = [self.seconds[stage] for stage in spans if stage in self.seconds]
        if inside:
            self.seconds["warp"] = max(self.seconds.pop("generator") - sum(inside), 0.0)
        self.seconds = {stage: self.seconds[stage] for stage in STAGES if stage in self.seconds}

    def _now(self) -> float:
        if not self.running:
            return 0.0
        synchronise(self.device)
        return time.perf_counter()

    def _add(self, stage: str, begun: float) -> None:
        if self.running:
            self.seconds[stage] = self.seconds.get(stage, 0.0) + self._now() - begun


class Procedure(ABC):
    """A way to animate: ``begin`` with a source, then ``step`` with the driving frames, batch after batch.

    Args:
        reference: The model in its trained form.
        side: Of the results, in pixels.
        device: Where to compute.
        precision: Of the picture-making part; "auto" is settled by the first frame.
        batch: Frames at once.

    Attributes:
        kind: "plain" or "fast".
        config: The model's.
        side: As given.
        asked: The precision as it was asked for.
        batch: As given.
        device: As given.
        stopwatch: Times the stages of ``step`` while it runs.
    """

    kind: str

    def __init__(self, reference: FirstOrderModel, side: int, device: torch.device, precision: str, batch: int) -> None:
        self.config, self.side = reference.config, side
        self.device, self.asked, self.batch = device, precision, batch
        self.stopwatch = Stopwatch(device)

    @property
    def name(self) -> str:
        """Its name in the order of the measurements."""
        return self.kind if self.kind == "plain" else f"{self.kind} {self.asked} x{self.batch}"

    @property
    def precision(self) -> str:
        """The precision in which pictures are made."""
        return "float32"

    @property
    def dtype(self) -> torch.dtype:
        """The same as torch's type; in 8-bit models, that of the rest."""
        return torch.float32

    def begin(self, source: np.ndarray, first: np.ndarray) -> None:
        """Do what is done once for a clip.

        Args:
            source: The picture to animate, square, H W 3 uint8.
            first: The driving's first frame, the reference of relative motion, likewise.
        """
        self.prepare(to_tensor([source], size=self.side, device=self.device))
        self.source_keypoints, self.first_keypoints = (
            self.detect(to_tensor([frame], size=self.config.size, device=self.device)).to("cpu")
            for frame in (source, first)
        )
        self.mover = Mover(self.config, AnimateOptions(), references={0: self.first_keypoints})

    def step(self, frames: Sequence[np.ndarray]) -> tuple[Tensor, np.ndarray]:
        """Animate B driving frames, square, H W 3 uint8.

        Returns:
            B 3 H W float32 in [0, 1] on the device, and the same as B H W 3 uint8.
        """
        stage = self.stopwatch
        with stage("to tensors"):
            images = to_tensor(frames, size=self.config.size, device=self.device)
        with stage("detector"):
            detected = self.detect(images).to("cpu")
        with stage("motion transfer"):
            keypoints = self.mover.move(self.source_keypoints, detected)
        with stage("generator"):
            image = self.generate(keypoints)
        with stage("to frames"):
            pictures = to_frames(image)
        return image, pictures

    @abstractmethod
    def prepare(self, source: Tensor) -> None:
        """Take the source, 1 3 H W on the device."""

    @abstractmethod
    def detect(self, images: Tensor) -> Keypoints:
        """Find the keypoints of B 3 H W pictures in [0, 1]."""

    @abstractmethod
    def generate(self, keypoints: Keypoints) -> Tensor:
        """Make B 3 H W pictures, in [0, 1], of the source with these keypoints."""

    @abstractmethod
    def spans(self) -> dict[str, tuple[nn.Module, nn.Module]]:
        """Name the stages inside ``generate``: the first and the last module of each."""


class Plain(Procedure):
    """The published procedure, in the trained form: frame by frame, float32, default memory layout.

    As the published demo does, the source's keypoints are found once, and its features anew for every frame.

    Args:
        reference: The model.
        side: Of the results, in pixels.
        device: Where to compute.
    """

    kind = "plain"

    def __init__(self, reference: FirstOrderModel, side: int, device: torch.device) -> None:
        super().__init__(reference, side, device, "float32", 1)
        self.reference = reference.eval().to(device)

    def prepare(self, source: Tensor) -> None:
        """Keep the source."""
        self.source = source

    @torch.inference_mode()
    def encode(self) -> Tensor:
        """Compute the source's features: needed once, but computed by ``generate`` for every frame."""
        if self.config.decoder == "none":
            return self.source  # there are none
        return self.reference.generator.encode(resize(self.source, self.config.size))

    @torch.inference_mode()
    def detect(self, images: Tensor) -> Keypoints:
        """Find the keypoints of B 3 H W pictures in [0, 1]."""
        return self.reference.detect(images)

    @torch.inference_mode()
    def generate(self, keypoints: Keypoints) -> Tensor:
        """Make B 3 H W pictures, the source's features included."""
        source_keypoints = self.source_keypoints.to(self.device)
        return self.reference.generate(self.source, source_keypoints, keypoints.to(self.device)).image

    def spans(self) -> dict[str, tuple[nn.Module, nn.Module]]:
        """Name the generator's stages; the warp is what they leave."""
        generator = self.reference.generator
        spans: dict[str, tuple[nn.Module, nn.Module]] = {
            "dense motion": (generator.dense_motion_network, generator.dense_motion_network)
        }
        if self.config.decoder == "full":
            encoder = [generator.first, *generator.down_blocks]
            spans["source encoder"] = encoder[0], encoder[-1]
            spans["decoder"] = generator.bottleneck, generator.final
        return spans


class Fast(Procedure):
    """The library's way: ``Model.encode`` once a source, then ``detect`` and ``generate`` for batches.

    Args:
        reference: The model in its trained form.
        side: Of the results, in pixels.
        device: Where to compute.
        precision: Of the picture-making part; "auto" is settled by the first frame.
        batch: Frames at once.
    """

    kind = "fast"

    def __init__(
        self, reference: FirstOrderModel, side: int, device: torch.device, precision: Precision, batch: int = 1
    ) -> None:
        super().__init__(reference, side, device, precision, batch)
        self.model = Model(reference, device=device, precision=precision)

    @property
    def precision(self) -> str:
        """The precision in which pictures are made; known after the first frame."""
        return self.model.precision

    @property
    def dtype(self) -> torch.dtype:
        """The same as torch's type; in 8-bit models, that of the rest."""
        return self.model.dtype

    def prepare(self, source: Tensor) -> None:
        """Compute the source's features."""
        self.encoded = self.model.encode(source)

    def detect(self, images: Tensor) -> Keypoints:
        """Find the keypoints of B 3 H W pictures in [0, 1]."""
        return self.model.detect(images)

    def generate(self, keypoints: Keypoints) -> Tensor:
        """Make B 3 H W pictures from the source's features."""
        return self.model.generate(self.encoded, self.source_keypoints, keypoints).image

    def spans(self) -> dict[str, tuple[nn.Module, nn.Module]]:
        """Name the generator's stages; the source is encoded before."""
        fast = self.model.fast
        spans: dict[str, tuple[nn.Module, nn.Module]] = {"dense motion": (fast.motion, fast.motion)}
        if fast.decoder is not None:
            spans["decoder"] = fast.bottleneck, fast.decoder
        return spans
