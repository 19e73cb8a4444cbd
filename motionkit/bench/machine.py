"""The machine that measures: what it is, when its work is done, how much memory was used."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from motionkit.fast.precision import native_dtype
from motionkit.versions import installed

__all__ = ["Machine", "describe", "device_peak", "native_precisions", "process_peak", "synchronise"]

# Of all that a processor says it can, what decides how fast it convolves.
FLAGS = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16"),
    *("amx_tile", "amx_int8", "amx_bf16", "amx_fp16"),
    *("asimd", "asimdhp", "bf16", "i8mm", "sve", "sve2"),
)
PACKAGES = ("motionkit", "torch", "numpy", "av")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Hardware and versions, by which figures of two runs can be compared, or not.

    Attributes:
        processor: Its name.
        flags: Those instruction sets of ``FLAGS`` that it has.
        capability: The widest of them that torch uses.
        cores: Logical processors of this machine.
        threads: With how many torch computes.
        memory: Bytes, None where unknown.
        load: Processes that wanted to run in the minute before, on average; near 0 on a quiet machine.
        device: Where the models computed.
        gpu: Its name, memory and compute capability, None where the device is no GPU.
        system: Operating system.
        versions: Of Python and the packages that matter.
    """

    processor: str
    flags: tuple[str, ...]
    capability: str
    cores: int
    threads: int
    memory: int | None
    load: float | None
    device: str
    gpu: str | None
    system: str
    versions: dict[str, str]


def describe(device: torch.device) -> Machine:
    """Describe this machine as it is now, and ``device``, on which models compute."""
    name, flags = _processor()
    return Machine(
        processor=name,
        flags=tuple(flag for flag in FLAGS if flag in flags),
        capability=torch.backends.cpu.get_cpu_capability(),
        cores=os.cpu_count() or 1,
        threads=torch.get_num_threads(),
        memory=_memory(),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        device=str(device),
        gpu=_gpu(device),
        system=platform.platform(terse=True),
        versions=_versions(),
    )


def native_precisions(device: torch.device) -> tuple[Any, ...]:
    """List float32, and the half precision that the device computes in natively, if there is one."""
    native = native_dtype(device)
    return ("float32",) if native == torch.float32 else ("float32", str(native).removeprefix("torch."))


def synchronise(device: torch.device) -> None:
    """Wait until the device has done what it was asked for; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def process_peak() -> int | None:
    """Most bytes that this process has had in memory at once, None where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists():  # not ru_maxrss, which a child inherits from the process that started it
        line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), None)
        return None if line is None else int(line.split()[1]) * 1024
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def device_peak(device: torch.device) -> int | None:
    """Most bytes of a GPU's memory that this process has held for tensors; None on other devices."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None


def _processor() -> tuple[str, set[str]]:
    """Name and flags."""
    file = Path("/proc/cpuinfo")
    if file.exists():
        pairs = (line.partition(":") for line in file.read_text().splitlines())
        facts = {key.strip().lower(): value.strip() for key, _, value in pairs}
        flags = set((facts.get("flags") or facts.get("features") or "").split())
        return facts.get("model name") or platform.machine(), flags
    if sys.platform == "darwin":
        asked = ["sysctl", "-n", "machdep.cpu.brand_string"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
        return answer or platform.machine(), set()
    return platform.processor() or platform.machine(), set()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _gpu(device: torch.device) -> str | None:
    if device.type == "cuda":
        facts = torch.cuda.get_device_properties(device)
        return f"{facts.name}, {facts.total_memory / 2**30:.0f} GiB, compute capability {facts.major}.{facts.minor}"
    return "Apple GPU (Metal)" if device.type == "mps" else None


def _versions() -> dict[str, str]:
    found = installed(PACKAGES)
    if torch.version.cuda:
        found["cuda"] = torch.version.cuda
    if torch.backends.cudnn.is_available():
        found["cudnn"] = str(torch.backends.cudnn.version())
    return found
