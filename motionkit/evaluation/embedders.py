"""What tells people apart: embedders of faces, by which the identity of results is compared."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from motionkit.errors import DownloadError, InputError, MissingPackageError, WeightsError
from motionkit.frames import Frame
from motionkit.tensors import to_tensor

__all__ = ["EMBEDDERS", "Embed", "Embedder", "pick_embedder"]

EMBEDDERS = ("auto", "facenet", "none")
FACENET = "20180402-114759-vggface2.pt"  # facenet-pytorch's name of the file
FACENET_SIDE = 160

Embed = Callable[[Frame], "np.ndarray | None"]
"""From the square around a face, H W 3 uint8, to a vector; None where it sees no face."""


@dataclass(frozen=True)
class Embedder:
    """An embedder and its name in reports.

    Attributes:
        name: What it is called.
        embed: The function.
    """

    name: str
    embed: Embed


def pick_embedder(asked: str | Path | Embed, *, device: torch.device | str = "cpu") -> tuple[Embedder | None, str]:
    """Find what tells people apart.

    Args:
        asked: "facenet" is facenet-pytorch's network, trained on VGGFace2, downloaded if need be; any other text and
            any Path is the file of its weights; "auto" takes it where package and weights are at hand; "none" is none.
            A function from picture to vector is used as it is.
        device: Where facenet computes.

    Returns:
        The embedder, or None and why there is none.

    Raises:
        MissingPackageError: facenet-pytorch is missing.
        InputError: There is no such file.
        WeightsError: The file does not hold facenet's weights.
        DownloadError: They cannot be downloaded.
    """
    if callable(asked):
        return Embedder(getattr(asked, "__name__", type(asked).__name__), asked), ""
    if str(asked) == "none":
        return None, "no embedder is wanted"
    if str(asked) == "auto":
        file = Path(torch.hub.get_dir()).parent / "checkpoints" / FACENET  # where facenet-pytorch looks
        if not file.is_file() or importlib.util.find_spec("facenet_pytorch") is None:
            return None, "no embedder is at hand: give one, or facenet (pip install --no-deps facenet-pytorch; 0.1 GB)"
        asked = file
    return _facenet(None if str(asked) == "facenet" else Path(asked), device), ""


def _facenet(file: Path | None, device: torch.device | str) -> Embedder:
    if file is not None and not file.is_file():
        raise InputError("There is no such file of weights", got=str(file), expected=f"facenet, or its file {FACENET}")
    try:
        from facenet_pytorch import InceptionResnetV1
    except ImportError:
        raise MissingPackageError(
            "The embedder facenet needs another package", todo="Run: pip install --no-deps facenet-pytorch"
        ) from None
    if file is None:
        try:
            network = InceptionResnetV1(pretrained="vggface2")
        except (OSError, RuntimeError) as error:
            raise DownloadError(
                "The weights of facenet cannot be downloaded", got=str(error), todo=f"Give the path of {FACENET}"
            ) from error
    else:
        network = InceptionResnetV1()
        _load(network, file)
    network.eval().to(device)

    @torch.inference_mode()
    def embed(frame: Frame) -> np.ndarray:
        picture = to_tensor([frame], size=FACENET_SIDE, device=device)
        vector: np.ndarray = network(picture * (255 / 128) - 127.5 / 128)[0].cpu().numpy()
        return vector

    return Embedder("facenet, VGGFace2", embed)


def _load(network: Any, file: Path) -> None:
    try:
        states = torch.load(file, map_location="cpu", weights_only=True)
        network.load_state_dict({name: value for name, value in states.items() if not name.startswith("logits.")})
    except Exception as error:  # torch raises whatever the bytes make it
        raise WeightsError("These are no weights of facenet", got=f"{file} ({str(error)[:120]})") from error
