"""The only crossing between frames (H W 3 uint8 RGB) and tensors (B 3 H W float32 in [0, 1])."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from motionkit.frames import Frame, check_frame

__all__ = ["resize", "to_cpu_later", "to_device", "to_frames", "to_frames_later", "to_tensor"]


def to_tensor(
    frames: Sequence[Frame] | Frame, *, size: int | None = None, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Frames of one size to a tensor.

    Args:
        frames: B frames, H W 3 uint8 RGB, all of one size.
        size: Side in pixels of the square to resize to (bilinear, anti-aliased); None keeps H and W.
        device: Where the tensor goes.

    Returns:
        B 3 H W float32 in [0, 1].

    Raises:
        InputError: An item is not a frame.
    """
    batch = to_device(torch.from_numpy(np.stack([check_frame(frame) for frame in frames])), device)  # B H W 3
    tensor = batch.permute(0, 3, 1, 2).float() / 255  # B 3 H W
    return tensor if size is None else resize(tensor, size)


def resize(images: torch.Tensor, size: int) -> torch.Tensor:
    """Resize pictures to a square, bilinear and anti-aliased.

    Args:
        images: B C H W.
        size: Side of the square in pixels.

    Returns:
        B C size size; the same tensor if it has this size.
    """
    if tuple(images.shape[-2:]) == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def to_frames(images: torch.Tensor) -> Frame:
    """Tensor to frames, rounded; values outside [0, 1] are clipped.

    Args:
        images: B 3 H W in [0, 1].

    Returns:
        B H W 3 uint8.
    """
    return to_frames_later(images)()


def to_frames_later(images: torch.Tensor) -> Callable[[], Frame]:
    """Begin ``to_frames``; a GPU goes on computing and copying in the background.

    Args:
        images: B 3 H W in [0, 1].

    Returns:
        A function that waits for the frames and returns them, B H W 3 uint8.
    """
    scaled = (images.detach().float().clamp(0, 1) * 255).round().to(torch.uint8)
    arriving = to_cpu_later(scaled.permute(0, 2, 3, 1).contiguous())
    return lambda: arriving().numpy()


def to_device(tensor: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """Copy a tensor to a device, without waiting for what a GPU has still to compute."""
    if torch.device(device).type == "cuda" and tensor.device.type == "cpu":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def to_cpu_later(tensor: torch.Tensor) -> Callable[[], torch.Tensor]:
    """Begin to copy a tensor to the CPU; returns a function that waits for the copy and returns it."""
    if tensor.device.type != "cuda":
        there = tensor.cpu()
        return lambda: there
    copy = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor, non_blocking=True)
    sent = torch.cuda.Event()
    sent.record(torch.cuda.current_stream(tensor.device))

    def arrive() -> torch.Tensor:
        sent.synchronize()
        return copy.clone()  # pinned memory is scarce: the caller keeps an ordinary copy

    return arrive
