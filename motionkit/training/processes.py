"""Where training computes: one device or several processes, what they agree on, and signals that stop them."""

from __future__ import annotations

import os
import re
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

__all__ = ["agree", "every_weight_learns", "last_line", "leave_the_others", "make_accelerator", "on_main", "stopping"]

MIXED = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}  # accelerate's words


def make_accelerator(config: TrainConfig, device: str | None = None) -> Accelerator:
    """Make accelerate's object for the devices and processes of a run.

    Args:
        config: Its ``precision`` is used, and which weights learn.
        device: "cpu", "cuda", "cuda:1", "mps"; None leaves the choice to accelerate.

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
    # Otherwise several processes wait for gradients that never come; to look for them always costs time.
    unused = not every_weight_learns(config)
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


def every_weight_learns(config: TrainConfig) -> bool:
    """Whether each step gives every weight that is not frozen a gradient, with truth in the data and without."""
    loss = config.loss
    # Flow, visibility and the warped source end before the decoder.
    picture = bool(loss.pixel or loss.gan or (loss.network != "none" and any(loss.perceptual)))
    if not picture or config.lr_detector == 0:
        return picture
    # With true keypoints the picture's losses do not reach the detector (see GeneratorObjective).
    jacobians = loss.jacobians or loss.equivariance_jacobian or not config.model.estimate_jacobian
    return bool(not loss.keypoints or jacobians)


def on_main(accelerator: Accelerator, action: Callable[[], Any]) -> Any:
    """Do something in the main process while the others wait.

    Args:
        accelerator: Of all processes, which must all call this.
        action: What to do.

    Returns:
        What the action returned, in every process.

    Raises:
        MotionkitError: The action raised it; every process does.
    """
    value, failure = None, None
    if accelerator.is_main_process:
        try:
            value = action()
        except MotionkitError as error:
            if accelerator.num_processes == 1:
                raise
            # Exceptions with a constructor of their own do not survive pickling.
            failure = (type(error), error.what, {name: str(v) for name, v in _details(error).items()})
    if accelerator.num_processes > 1:
        value, failure = broadcast_object_list([value, failure])
    if failure is not None:
        kind, what, details = failure
        raise kind(what, **details)
    return value


def _details(error: MotionkitError) -> dict[str, Any]:
    details = {"got": error.got, "expected": error.expected, "todo": error.todo}
    return {name: value for name, value in details.items() if value is not None}


def agree(accelerator: Accelerator, *flags: bool) -> list[bool]:
    """Combine flags over all processes, which must all call this.

    Args:
        accelerator: Of the processes.
        *flags: This process's flags.

    Returns:
        For each flag, whether any process has set it.
    """
    if accelerator.num_processes == 1:
        return list(flags)
    sums = accelerator.reduce(torch.tensor(flags, dtype=torch.float32, device=accelerator.device))
    agreed: list[bool] = (sums > 0).tolist()
    return agreed


def leave_the_others() -> None:
    """Leave the group of processes; one that is still there at the interpreter's end aborts it now and then."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


@contextmanager
def stopping() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list instead of being ended by them.

    Only in the main thread; elsewhere Python does not handle signals, and the list stays empty.

    Raises:
        KeyboardInterrupt: SIGINT, after a first signal.
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


def last_line(error: BaseException) -> str:
    """What an error says; a worker's is the last line of its traceback, after the error's name.

    Args:
        error: Of any process.
    """
    text = str(error)
    if " in DataLoader worker process " in text:  # torch makes the same error of the traceback, and ours are one line
        text = text.replace("\\n", "\n")
    line = text.rstrip(" \n.").split("\n")[-1]
    return re.sub(r"^[\w.]+(Error|Exception): ", "", line)
