"""Where training computes: one device or several processes, what they agree on, and signals that stop them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs, broadcast_object_list

from motionkit.errors import ConfigError, MotionkitError
from motionkit.model import pick_device
from motionkit.training.config import TrainConfig

__all__ = ["agree", "make_accelerator", "on_main", "stopping"]

MIXED = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}  # accelerate's words


def make_accelerator(config: TrainConfig, device: str | None = None) -> Accelerator:
    """What accelerate knows of the devices and processes; `device` None leaves the choice to it.

    Raises:
        DeviceError: The device is not there.
        ConfigError: It does not train in the configured precision.
    """
    if device is not None:
        device = str(pick_device(device))
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:  # several processes have a device each
            os.environ["ACCELERATE_TORCH_DEVICE"] = device
    if not torch.distributed.is_initialized():
        # Another run of this process may have had another precision or device.
        AcceleratorState._reset_state(reset_partial_state=True)
    # Only then can a step leave the detector without gradients, which processes must be told to look for.
    unused = not (config.loss.keypoints or config.loss.equivariance_value)
    try:
        accelerator = Accelerator(
            cpu=device == "cpu",
            mixed_precision=MIXED[config.precision],
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=unused)],
        )
    except ValueError as error:
        raise ConfigError(
            "The device cannot train in this precision", got=f"{config.precision} ({error})", todo="Choose another"
        ) from error
    finally:
        os.environ.pop("ACCELERATE_TORCH_DEVICE", None)
    if config.precision == "float16" and accelerator.device.type == "cpu":
        raise ConfigError("A CPU cannot train in float16", expected="float32 or bfloat16")
    return accelerator


def on_main(accelerator: Accelerator, action: Callable[[], Any]) -> None:
    """Do something in the main process while the others wait; a user's error is raised in all of them."""
    box: list[Any] = [None]
    if accelerator.is_main_process:
        try:
            action()
        except MotionkitError as error:
            box = [error]
    if accelerator.num_processes > 1:
        if box[0] is not None:  # exceptions with a constructor of their own do not survive pickling
            box = [(type(box[0]), box[0].what, {name: str(v) for name, v in _details(box[0]).items()})]
        broadcast_object_list(box)
        if box[0] is not None:
            kind, what, details = box[0]
            box = [kind(what, **details)]
    if box[0] is not None:
        raise box[0]


def _details(error: MotionkitError) -> dict[str, Any]:
    details = {"got": error.got, "expected": error.expected, "todo": error.todo}
    return {name: value for name, value in details.items() if value is not None}


def agree(accelerator: Accelerator, *flags: bool) -> list[bool]:
    """For each flag, whether any process has set it."""
    if accelerator.num_processes == 1:
        return list(flags)
    sums = accelerator.reduce(torch.tensor(flags, dtype=torch.float32, device=accelerator.device))
    return (sums > 0).tolist()


@contextmanager
def stopping() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list instead of being ended by them; a second SIGINT interrupts at once.

    Only in the main thread; elsewhere Python gives no say over signals, and the list stays empty.
    """
    received: list[int] = []

    def remember(number: int, _: Any) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
