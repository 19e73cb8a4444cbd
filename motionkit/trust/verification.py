"""What says of a file that it was made with motionkit: a signed manifest, metadata, the watermark."""

from __future__ import annotations

import glob
import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motionkit import media
from motionkit.config.checks import check_path
from motionkit.errors import InputError, MotionkitError
from motionkit.media.suffixes import READ_IMAGE_SUFFIXES, READ_VIDEO_SUFFIXES
from motionkit.showing import described
from motionkit.trust.label import SOURCE_TYPE
from motionkit.trust.manifests import ManifestFinding, check_anchors, read_manifest
from motionkit.trust.watermark import BEYOND_DOUBT, WatermarkDetector, WatermarkFinding

__all__ = ["Verification", "verify"]

# A clip is looked at until its watermark is beyond doubt, and no longer than this; how often, in frames.
MOST_FRAMES = 500
LOOKED_AT = (25, 100, 250, MOST_FRAMES)
MANIFEST_FIELDS = ("present", "valid", "trusted", "issuer", "time", "software", "model")
MEDIA = {*READ_IMAGE_SUFFIXES, *READ_VIDEO_SUFFIXES}


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found in one file.

    Attributes:
        file: The file.
        watermark: What was found of the watermark; None where the file has no picture that can be read.
        metadata: Whether its metadata says that it was made.
        software: What the metadata names, such as "motionkit 0.1.0"; empty where nothing.
        manifest: What was found of a signed manifest; None without the ``provenance`` extra, or for no file.
        problem: Why its picture or metadata could not be read, else empty.
    """

    file: Path
    watermark: WatermarkFinding | None = None
    metadata: bool = False
    software: str = ""
    problem: str = ""
    manifest: ManifestFinding | None = None

    def __repr__(self) -> str:
        return described("Verification", self.file, labelled=self.labelled, meaning=self.meaning)

    @property
    def labelled(self) -> bool:
        """Whether anything says that it was made with motionkit."""
        signed = self.manifest is not None and self.manifest.ours
        return signed or self.metadata or (self.watermark is not None and self.watermark.found)

    @property
    def meaning(self) -> str:
        """What that says, in a sentence or two."""
        signed = "" if self.manifest is None else self.manifest.meaning
        marks = self.problem or self._marks_meaning
        return f"{signed} {marks}" if signed else marks

    @property
    def _marks_meaning(self) -> str:
        marked = self.watermark is not None and self.watermark.found
        if marked and self.metadata:
            return "Made with motionkit, says its metadata, and so does its watermark. Both can be forged."
        if marked:
            return "Made or changed with motionkit, says its watermark; its metadata is gone. Watermarks can be forged."
        if self.metadata:
            return "Made with motionkit, says its metadata, which anyone can write. Its pixels hold no watermark."
        if self.manifest is not None and self.manifest.present:
            return "No other label was found."
        return "No label was found. That proves nothing: labels can be removed, and other tools leave none."

    def as_json(self) -> dict[str, Any]:
        """The same as JSON's types."""
        watermark, manifest = self.watermark, self.manifest or ManifestFinding()
        return {
            "file": str(self.file),
            "labelled": self.labelled,
            "watermark": {
                "found": watermark is not None and watermark.found,
                "confidence": 0.0 if watermark is None else watermark.confidence,
            },
            "metadata": self.metadata,
            "manifest": {
                "looked_at": self.manifest is not None,
                **{name: getattr(manifest, name) for name in MANIFEST_FIELDS},
            },
            "software": self.software,
            "problem": self.problem,
            "meaning": self.meaning,
        }


def verify(paths: str | Path | Iterable[str | Path]) -> Iterator[Verification]:
    """Look for labels in files, one after the other.

    This finds what motionkit wrote. It is no detector of fakes: a file without a label may be anything.

    Args:
        paths: A file, folder (its pictures and clips, and those of its folders) or glob, or several of them.

    Returns:
        One for each file, in order, looked at when it is asked for. One that cannot be read has its ``problem``.

    Raises:
        InputError: There is no such file, or none that is a picture or clip; or that of ``MOTIONKIT_ANCHORS`` cannot be
            used.
    """
    check_anchors()
    given = paths if isinstance(paths, Iterable) and not isinstance(paths, (str, bytes)) else [paths]
    files = list(_files(given))  # a wrong name is an error at once
    return map(_look, files)


def _files(paths: Iterable[str | Path]) -> Iterator[Path]:
    for given in paths:
        path = check_path("path", given)
        if not str(given):
            raise InputError("The name of a file is empty", got="''")
        if os.path.isdir(path):
            found = sorted(file for file in path.rglob("*") if _is_media(file))
        elif os.path.exists(path):
            found = [path]
        else:
            names = sorted(glob.glob(str(path), recursive=True), key=lambda name: (len(name), name))
            # A link to a folder above it gives a file hundreds of names.
            once = {os.path.realpath(name): Path(name) for name in reversed(names) if os.path.isfile(name)}
            found = sorted(once.values())
        if not found:
            raise InputError(
                "There is nothing to verify", got=str(path), expected="a picture or clip, a folder of them, or a glob"
            )
        yield from found


def _is_media(file: Path) -> bool:
    suffix = file.suffix.lower()
    return suffix in MEDIA and not file.name.startswith(".") and file.is_file()


def _look(file: Path) -> Verification:
    comment, finding, problem, manifest = "", None, "", None
    try:
        comment = media.read_metadata(file).get("comment", "")
        finding = _watermark(file)
    except (MotionkitError, OSError) as error:
        problem = str(error)
    try:
        if file.is_file():  # to open a pipe is to wait for who writes into it
            manifest = read_manifest(file)
    except OSError as error:
        problem = problem or str(error)
    says = SOURCE_TYPE in comment
    software = comment.partition(" with ")[2].partition(":")[0] if says else ""
    return Verification(file, finding, says, software, problem, manifest)


def _watermark(file: Path) -> WatermarkFinding:
    detector = WatermarkDetector()
    finding = WatermarkFinding(False, 1.0, -math.inf, 0)
    for frame in media.open_clip(file):
        detector.add(frame)
        if detector.frames in LOOKED_AT:
            finding = detector.finding()
            if finding.chance < BEYOND_DOUBT or detector.frames == MOST_FRAMES:
                return finding
    return detector.finding()
