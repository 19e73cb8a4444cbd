"""``motionkit models``, ``fetch`` and ``convert``."""

from __future__ import annotations

import argparse
from pathlib import Path

from motionkit.cli.shared import AddCommand

__all__ = ["add_commands"]


def add_commands(command: AddCommand) -> None:
    """Add ``models``, ``fetch`` and ``convert``."""
    command("models", "list the models: size, hash, licence, where they are", _models)
    fetch = command("fetch", "download published weights into the cache", _fetch)
    fetch.add_argument("name", help="a name that `motionkit models` lists")
    fetch.add_argument("--allow-unverified", action="store_true", help="accept weights without a published hash")
    convert = command("convert", "turn a published checkpoint into a small .safetensors file", _convert)
    convert.add_argument("source", help="a .pth.tar or .safetensors file")
    convert.add_argument("target", help="the .safetensors file to write")


def _models(given: argparse.Namespace) -> None:
    from motionkit import weights

    rows = [("name", "domain", "size", "hash", "licence", "where")]
    for status in weights.status():
        size = "?" if status.bytes is None else f"{status.bytes / 1e6:.0f} MB"
        where = str(status.path) if status.path else "not fetched"
        rows.append((status.name, status.domain, size, status.hash, status.licence, where))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _fetch(given: argparse.Namespace) -> None:
    from motionkit import weights

    print(weights.fetch(given.name, allow_unverified=given.allow_unverified))


def _convert(given: argparse.Namespace) -> None:
    from motionkit import weights

    print(weights.convert(Path(given.source), Path(given.target)))
