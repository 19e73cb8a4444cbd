"""A model ready for use, and how to get one."""

from __future__ import annotations

import threading
import warnings
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from motionkit import weights
from motionkit.config import ModelConfig, Precision
from motionkit.config.checks import shown
from motionkit.errors import DeviceError, InputError, MotionkitWarning
from motionkit.fast import EncodedSource, FastModel
from motionkit.fast.memory import Memory
from motionkit.fast.precision import is_faithful, pick_dtype
from motionkit.modules.first_order import FirstOrderModel, check_images, match_batches
from motionkit.motion.rig import Rig, load_rig
from motionkit.showing import described
from motionkit.structures import Generated, Keypoints
from motionkit.tensors import to_device

__all__ = [
    "EncodedSource",
    "FirstOrderModel",
    "Model",
    "Precision",
    "check_model",
    "devices",
    "load_model",
    "pick_device",
]


class Model:
    """A First Order Motion Model on a device, in its fast form; what ``load_model`` gives.

    Args:
        reference: The trained form; its weights may still be filled in until the first use.
        device: Where to compute.
        precision: Of the picture-making part; keypoints and motion are always float32. "auto" takes what the device
            is fast in and compares the first frame with one in float32: if it differs, float32 is used from then on.
            "int8", on processors with units for it, is tested in the same way. Models without a decoder, such as
            "heads", are float32 whatever is asked for.
        fingerprint: Hash of the weights, by which motion templates know their model.
        origin: What ``load_model`` was given, None for a model that was made otherwise.

    Attributes:
        config: The configuration.
        device: Where it computes.
        precision: In use; "auto" is settled.
        asked_precision: As it was given.
        dtype: Of the picture-making part, but for what is in 8-bit integers.
        reference: The trained form, on the same device, in eval mode.
        fingerprint: Hash of the weights, by which motion templates know their model.
        origin: What ``load_model`` was given, None for a model that was made otherwise.

    Raises:
        DeviceError: The device is not there.
        InputError: The precision is unknown, or the device has no units for "int8".
    """

    def __init__(
        self,
        reference: FirstOrderModel,
        *,
        device: torch.device | str | None = None,
        precision: Precision = "auto",
        fingerprint: str = "",
        origin: str | Path | None = None,
    ) -> None:
        self.device = pick_device(device)
        self.dtype = pick_dtype(precision, self.device)
        self.asked_precision = precision
        if reference.config.decoder == "none":  # only a decoder computes in anything else
            self.dtype, precision = torch.float32, "float32"
        self.precision: Precision = _name(self.dtype) if precision == "auto" else precision
        self._unproven = precision in ("auto", "int8") and self.precision != "float32"
        self.reference = reference.eval().to(self.device)
        self.config = reference.config
        self.fingerprint, self.origin = fingerprint, origin
        self._memory = Memory(self.device)
        # One at a time: the inference form is completed, and a short type tested, at the first use. A second thread
        # would gain nothing, for one call takes the whole device.
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        size, keypoints, device = self.config.size, self.config.num_kp, str(self.device)
        return described(
            "Model", self.config.name, size=size, keypoints=keypoints, device=device, precision=self.precision
        )

    @cached_property
    def rig(self) -> Rig:
        """How expressions move this model's keypoints.

        Raises:
            InputError: They do not know them, as those of models that are not "heads".
        """
        return load_rig(weights.embedded_file("rig.safetensors"), self.config.keypoint_names)

    @cached_property
    def fast(self) -> FastModel:
        """The inference form, built from the reference at first use; the tests hold it to the reference."""
        return FastModel(self.reference, self.dtype, int8=self.precision == "int8")

    def picture_side(self, size: int | None = None) -> int:
        """Side in pixels of the square that comes out; see ``ModelConfig.picture_side``.

        Args:
            size: The side that is wanted; None is the model's own.
        """
        return self.config.picture_side(size)

    def usual_batch(self, size: int | None = None) -> int:
        """Frames at once that suit the device; on a CUDA device one frame is made to measure its memory.

        Args:
            size: Side of the result in pixels; None is the model's own.
        """
        return self._memory.usual_batch(self.config.size, lambda: self._memory_of_one(self.picture_side(size)))

    @torch.inference_mode()
    def detect(self, images: Tensor) -> Keypoints:
        """Find the keypoints of pictures.

        Args:
            images: B 3 H W in [0, 1]; H and W multiples of ``config.size_multiple``.

        Returns:
            Keypoints of batch B.

        Raises:
            ConfigError: The pictures have another shape.
            OutOfMemoryError: They do not fit into the device's memory.
        """
        check_images(images, self.config)
        with self._lock, _exact(self.device), self._memory.explained(f"a batch of {len(images)} frames"):
            return self.fast.detect(images.to(self.device))

    @torch.inference_mode()
    def encode(self, source: Tensor) -> EncodedSource:
        """Compute what depends on the source alone; pass it to ``generate`` in place of the source, as often as needed.

        Args:
            source: B 3 H W in [0, 1]; any size for models with ``blend_warped``, else as for ``detect``.

        Raises:
            ConfigError: The pictures have another shape.
            OutOfMemoryError: They do not fit into the device's memory.
        """
        check_images(source, self.config, any_size=self.config.blend_warped)
        with self._lock, _exact(self.device), self._memory.explained(f"a batch of {len(source)} frames"):
            return self.fast.encode(source.to(self.device))

    @torch.inference_mode()
    def generate(
        self, source: Tensor | EncodedSource, source_keypoints: Keypoints, driving_keypoints: Keypoints
    ) -> Generated:
        """Make pictures of the source in the driving pose; where memory is short, in half batches.

        Args:
            source: 1 or B pictures 3 H W in [0, 1], or what ``encode`` made of them.
            source_keypoints: 1 or B sets, the source's own.
            driving_keypoints: B sets, as ``motion.transfer`` gives them.

        Returns:
            B pictures, in [0, 1], with the occlusion, flow and masks that they were made with.

        Raises:
            ConfigError: Batches do not fit together, or the source has another shape.
            OutOfMemoryError: Half a batch does not fit either.
        """
        encoded = source if isinstance(source, EncodedSource) else self.encode(source)

        def make(part: slice) -> Generated:
            # A source of one serves every part.
            return self._generate(
                encoded if len(encoded) == 1 else encoded[part],
                source_keypoints if len(source_keypoints) == 1 else source_keypoints[part],
                driving_keypoints[part],
            )

        return self._memory.in_parts(len(driving_keypoints), encoded.picture.shape[-1], make, Generated.cat)

    @torch.inference_mode()
    def _generate(self, encoded: EncodedSource, source_keypoints: Keypoints, driving_keypoints: Keypoints) -> Generated:
        """The whole batch at once."""
        batch = len(driving_keypoints)
        _, source_keypoints = match_batches(encoded.picture, self._here(source_keypoints), batch)
        driving_keypoints = self._here(driving_keypoints)
        with self._lock, _exact(self.device):
            if self._unproven:
                self._prove(encoded[:1], source_keypoints[:1], driving_keypoints[:1])
            if (encoded.features.dtype, encoded.steps is None) != (self.dtype, self.precision != "int8"):
                # It was encoded before the test on the first frame went back to float32.
                encoded = self.fast.encode(encoded.picture)
            return self.fast.generate(encoded.expand(batch), source_keypoints, driving_keypoints)

    @torch.inference_mode()
    def _memory_of_one(self, side: int) -> int:
        """Bytes that a CUDA device needs at most while it makes one frame of ``side`` pixels."""
        seen = torch.zeros(1, 3, self.config.size, self.config.size, device=self.device)
        picture = torch.zeros(1, 3, side, side, device=self.device)
        with self._memory.explained("one frame"):
            keypoints = self.detect(seen)
            source = self.encode(picture)
            before = torch.cuda.memory_allocated(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
            self.detect(seen)
            self.fast.generate(source, keypoints, keypoints)
            return torch.cuda.max_memory_allocated(self.device) - before

    def _here(self, keypoints: Keypoints) -> Keypoints:
        jacobian = keypoints.jacobian
        return Keypoints(
            to_device(keypoints.value, self.device), None if jacobian is None else to_device(jacobian, self.device)
        )

    def _prove(self, source: EncodedSource, source_keypoints: Keypoints, driving_keypoints: Keypoints) -> None:
        """Make one frame in both types; stay with the short one only if it is finite and looks the same."""
        self._unproven = False
        plain = FastModel(self.reference)
        exact = plain.generate(plain.encode(source.picture), source_keypoints, driving_keypoints)
        if is_faithful(self.fast.generate(source, source_keypoints, driving_keypoints).image, exact.image):
            return
        warnings.warn(
            f"In {self.precision} the first frame came out wrong on {self.device}; float32 is used. "
            'precision="float32" skips this test.',
            MotionkitWarning,
            stacklevel=3,
        )
        self.fast, self.dtype, self.precision = plain, torch.float32, "float32"


def _exact(device: torch.device) -> AbstractContextManager[None]:
    """On CUDA, convolve float32 in float32: PyTorch's default there, TF32, keeps ten bits, too few for places."""
    if device.type != "cuda":
        return nullcontext()
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled, benchmark=cudnn.benchmark, deterministic=cudnn.deterministic, allow_tf32=False
    )


def check_model(model: object) -> None:
    """Raise unless a caller gave a model, and not, say, its name.

    Args:
        model: What was given.

    Raises:
        InputError: It is something else.
    """
    if not isinstance(model, Model):
        todo = f"Load it first: model=load_model({str(model)!r})" if isinstance(model, (str, Path)) else None
        raise InputError("This is no model", got=shown(model), expected="what load_model gives", todo=todo)


def _name(dtype: torch.dtype) -> Precision:
    return cast(Precision, str(dtype).removeprefix("torch."))


def load_model(
    name_or_path: str | Path = "heads",
    *,
    config: ModelConfig | None = None,
    device: torch.device | str | None = None,
    precision: Precision = "auto",
    align_corners: bool | None = None,
    allow_unverified: bool = False,
    progress: weights.FetchProgress = True,
) -> Model:
    """Load a model by name or from a file.

    Args:
        name_or_path: "heads" (embedded), a published name such as "vox" (fetched on first use), or a path to a
            ``.safetensors`` or published-format ``.pth.tar`` file.
        config: Its configuration; None takes the file's own, or recognises it from the shapes.
        device: "cpu", "cuda", "cuda:1", "mps"; None takes the best that is there.
        precision: Of the picture-making part: "float32", "bfloat16", "float16", "int8" (processors only), or "auto"
            by device; the last two with a test on the first frame (see ``Model``).
        align_corners: Overrides the configuration's; False gives what the published code gives on a current PyTorch.
        allow_unverified: Fetch published weights for which no hash is known; theirs is then remembered.
        progress: Show a progress bar while fetching; or a function called with the bytes that are there and those in
            all (None if unknown).

    Returns:
        The model, on the device, ready for use.

    Raises:
        WeightsError: Unknown name, damaged or unsafe file, a file of another network.
        DownloadError: The weights could not be fetched.
        DeviceError: The device is not there.
        InputError: The precision is unknown, or the device has no units for "int8".
    """
    device = pick_device(device)  # before any download
    pick_dtype(precision, device)
    checkpoint = weights.load(name_or_path, config=config, allow_unverified=allow_unverified, progress=progress)
    assert checkpoint.config is not None, "weights.load finds one"
    config = checkpoint.config
    if align_corners is not None:
        config = config.replace(align_corners=align_corners)
    with torch.device("meta"):  # no time spent on random numbers that the file overwrites
        reference = FirstOrderModel(config)
    reference.generator.load_state_dict(checkpoint.generator, assign=True)
    reference.kp_detector.load_state_dict(checkpoint.kp_detector, assign=True)
    return Model(reference, device=device, precision=precision, fingerprint=checkpoint.sha256, origin=name_or_path)


def devices() -> list[str]:
    """Names of the devices that are there: "cpu", "cuda:0", …, "mps"."""
    cuda = [f"cuda:{i}" for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def pick_device(device: torch.device | str | None = None) -> torch.device:
    """Choose the device to compute on.

    Args:
        device: As for ``load_model``; None or "auto" takes the best that is there.

    Raises:
        DeviceError: The device is not there.
    """
    available = devices()
    if device is None or device == "auto":
        return torch.device("mps" if "mps" in available else available[1] if len(available) > 1 else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError:
        picked = None
    name = "" if picked is None else f"cuda:{picked.index or 0}" if picked.type == "cuda" else picked.type
    if picked is None or name not in available:
        raise DeviceError(
            "This device is not here",
            got=repr(str(device)),
            expected=f"one of {', '.join(available)}",
            todo="Leave the device out to take the best one",
        )
    return picked
