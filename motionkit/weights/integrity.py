"""Whether what a weight file holds is what was written: checksums, sizes, finite numbers."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path

import torch

__all__ = ["MAX_HEADER", "as_numbers", "check_data", "check_header", "check_plain", "check_zip", "data_checksum"]

MAX_HEADER = 1 << 22  # bytes of a safetensors header; a model of ours has some 30 thousand
PIECE = 1 << 20


def check_zip(archive: zipfile.ZipFile, size: int) -> None:
    """Check every entry of PyTorch's container against its checksum, which PyTorch itself does not look at.

    Args:
        archive: The opened file.
        size: Its size in bytes.

    Raises:
        ValueError: Entries are packed or overlap, which PyTorch never writes and which could become very large.
        zipfile.BadZipFile: An entry is not what was written.
    """
    entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("its entries are packed")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("its entries overlap")
    if (name := archive.testzip()) is not None:
        raise zipfile.BadZipFile(f"the checksum of {name} is wrong")


def check_header(path: Path) -> int:
    """Check that a safetensors header is of a usual length, before anything reads it.

    Args:
        path: The file.

    Returns:
        Where its data begins.

    Raises:
        ValueError: The header is longer than the file or than any model's.
    """
    with path.open("rb") as file:
        start = file.read(8)
    length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
    if not 2 <= length <= min(MAX_HEADER, path.stat().st_size - 8):
        raise ValueError(f"a header of {length} bytes")
    return 8 + int(length)


def data_checksum(content: bytes) -> str:
    """The CRC-32 of the data of a safetensors file, in hex; it does not depend on the metadata.

    Args:
        content: The whole file.
    """
    (length,) = struct.unpack("<Q", content[:8])
    return f"{zlib.crc32(memoryview(content)[8 + length :]):08x}"


def check_data(path: Path, begin: int, checksum: str) -> None:
    """Check the data of a safetensors file against a checksum.

    Args:
        path: The file.
        begin: Where the data begins.
        checksum: From ``data_checksum``, as the file's metadata stores it.

    Raises:
        ValueError: They differ.
    """
    found = 0
    with path.open("rb") as file:
        file.seek(begin)
        while piece := file.read(PIECE):
            found = zlib.crc32(piece, found)
    if f"{found:08x}" != checksum:
        raise ValueError("the checksum of its data is wrong")


def check_plain(value: torch.Tensor) -> None:
    """Check that a tensor is what it seems, before it is computed with.

    Args:
        value: As read.

    Raises:
        ValueError: It is sparse, complex, quantised, or one number seen as many, which could fill the memory.
    """
    if value.layout != torch.strided or value.is_complex() or value.is_quantized or value.device.type != "cpu":
        raise ValueError("is no plain tensor")
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise ValueError(f"claims {value.numel()} numbers that are not there")


def as_numbers(name: str, value: torch.Tensor) -> torch.Tensor:
    """A tensor in the type that networks compute with: float32, a batch norm's counter int64.

    Args:
        name: The tensor's; a ``running_var`` must not be below 0.
        value: As read.

    Raises:
        ValueError: It holds whole numbers where fractions belong, one that is not finite, or a variance below 0.
    """
    if name.endswith("num_batches_tracked"):
        return value.long()
    if not value.is_floating_point():
        raise ValueError(f"holds whole numbers ({value.dtype}) where fractions belong")
    value = value.float()
    if not value.numel():
        return value
    low, high = value.aminmax()  # both are NaN where any number is
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise ValueError("holds NaN or infinity")
    if name.endswith("running_var") and low < 0:
        raise ValueError("holds a variance below 0")
    return value
