"""In which floating-point type pictures are made: asked for, or chosen by device and proven on the first frame.

Keypoints and motion are always float32: a place that is rounded is a place that is wrong.
"""

from __future__ import annotations

import torch
from torch import Tensor

from motionkit.config import PRECISIONS, Precision
from motionkit.errors import InputError
from motionkit.fast import int8
from motionkit.frames import decibels

__all__ = ["LEAST_PSNR", "is_faithful", "native_dtype", "pick_dtype", "psnr"]

# Between the first frame in a short type and in float32, in dB; trained weights in bfloat16 reach more than 40.
LEAST_PSNR = 35.0


def pick_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The type asked for, or the device's own for "auto" and for what "int8" leaves.

    Args:
        precision: One of ``PRECISIONS``.
        device: Where to compute.

    Raises:
        InputError: The name is unknown, or the device has no units for "int8".
    """
    if precision not in PRECISIONS:
        raise InputError("Unknown precision", got=repr(precision), expected=f"one of {', '.join(PRECISIONS)}")
    if precision == "int8" and not (device.type == "cpu" and int8.works()):
        raise InputError(
            "This device does not compute in 8-bit integers",
            got=str(device),
            expected="a processor with AVX-512 VNNI or AMX",
            todo='Use precision="auto"',
        )
    if precision in ("auto", "int8"):
        return native_dtype(device)
    dtype: torch.dtype = getattr(torch, precision)
    return dtype


def native_dtype(device: torch.device) -> torch.dtype:
    """The type in which a device multiplies matrices fastest, of those that pictures survive.

    GPUs with bfloat16 units (compute capability 8) take it, older ones with float16 units (7) that; processors with
    AMX or AVX-512 BF16 take bfloat16, which elsewhere is emulated and slower than float32.

    Args:
        device: Where to compute.
    """
    if device.type == "cuda":
        capability = torch.cuda.get_device_capability(device)
        return torch.bfloat16 if capability >= (8, 0) else torch.float16 if capability >= (7, 0) else torch.float32
    if device.type == "cpu":
        # Not public yet: a PyTorch without these functions computes in float32.
        units = (getattr(torch.cpu, name, None) for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"))
        return torch.bfloat16 if any(supported() for supported in units if supported) else torch.float32
    return torch.float32


def psnr(picture: Tensor, exact: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pictures in [0, 1]; infinite for equal ones, NaN if one is not finite.

    Args:
        picture: Any shape.
        exact: The same shape.
    """
    return decibels((picture.float() - exact.float()).square().mean().item())


def is_faithful(picture: Tensor, exact: Tensor) -> bool:
    """Whether a picture made in a short type is finite and near enough to the one made in float32.

    Args:
        picture: Made in the short type.
        exact: Made in float32.
    """
    return psnr(picture, exact) >= LEAST_PSNR  # NaN is not
