"""Signing what is made (C2PA): last of all, on the finished file, before it gets its name."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

from motionkit.errors import InputError, MediaError, MissingPackageError, MotionkitError, MotionkitWarning
from motionkit.trust.keys import CERTIFICATE, SigningKey, development_key, own_key
from motionkit.trust.label import SOURCE_TYPE
from motionkit.trust.manifests import SETTINGS, can_sign, read_manifest
from motionkit.versions import own_version
from motionkit.wholefile import part_path

__all__ = ["SIGNED_KINDS", "Inputs", "Seal", "make_seal"]

Inputs = Sequence[tuple[str, Path | None]]

SIGNED_KINDS = {
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".gif": "image/gif",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
}
"""Suffixes of the files that are signed, and what they hold. C2PA has no place for a manifest in .webm and .mkv, and a
folder of pictures would cost a signature for each frame."""

CHUNK = 1 << 20
# Larger clips are hashed in pieces, which other readers may not know yet: as a whole, they would be held in memory.
LARGE = 32 << 20
IN_PIECES = {**SETTINGS, "core": {**SETTINGS["core"], "merkle_tree_chunk_size_in_kb": CHUNK >> 10}}


@dataclass
class Seal:
    """Signs the outputs of one piece of work; ``media``'s writers call it with each finished file.

    The manifest names no file: what went in is known by its sha256 alone.

    Args:
        inputs: Files that went in, each with what it was: "source", "driving".
        model: Name of the model and its weights' sha256; None where none was used.
        own: The user's key; None is the one that was made here.
    """

    inputs: Inputs
    model: tuple[str, str] | None = None
    own: SigningKey | None = None
    _hashes: dict[Path, str] = field(default_factory=dict)

    def __call__(self, part: Path, target: Path) -> None:
        """Sign a file in place, whole or not at all; what goes wrong is a warning, and the file stays as it was.

        Args:
            part: The finished file.
            target: What it will be called.
        """
        kind = SIGNED_KINDS.get(target.suffix.lower())
        if kind is None or not part.is_file():
            return
        try:
            self._sign(part, kind)
        except (MotionkitError, ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
            reason = str(getattr(error, "strerror", None) or error or type(error).__name__)
            warnings.warn(MotionkitWarning(f"{target.name} was written but not signed: {reason}"), stacklevel=4)

    def _sign(self, part: Path, kind: str) -> None:
        key = self.own or development_key()
        signed = part_path(part, part.suffix)
        try:
            with part.open("rb") as source, signed.open("w+b") as target:
                settings = IN_PIECES if part.stat().st_size > LARGE else SETTINGS
                _write_signed(self._manifest(kind), key, kind, source, target, settings=settings)
            found = read_manifest(signed)
            if found is None or not found.valid:  # the library does not say so itself
                raise MediaError("The signature cannot be read back", got=found)
            signed.replace(part)
        finally:
            signed.unlink(missing_ok=True)

    def _manifest(self, kind: str) -> dict[str, Any]:
        software = {"name": "motionkit", "version": own_version() or "unknown"}
        ingredients: list[dict[str, Any]] = []
        for role, path in self.inputs:
            if path is not None and path.is_file():  # a folder of pictures has no one hash
                if path not in self._hashes:
                    self._hashes[path] = _sha256(path)
                ingredients.append(_ingredient(len(ingredients), role, self._hashes[path], "componentOf"))
        if self.model is not None:
            name, sha256 = self.model
            model = _ingredient(len(ingredients), name, sha256, "inputTo")
            ingredients.append({**model, "data_types": [{"type": "c2pa.types.model.pytorch"}]})
        about = {"digitalSourceType": SOURCE_TYPE, "softwareAgent": software, "when": _now()}
        used = {"parameters": {"ingredientIds": [one["label"] for one in ingredients]}} if ingredients else {}
        # C2PA wants the first action to be one that begins a file.
        actions = [{"action": "c2pa.created", **about}, {"action": "c2pa.edited", **used, **about}]
        return {
            "claim_generator_info": [software],
            "title": "AI-generated animation",
            "format": kind,
            "ingredients": ingredients,
            "assertions": [{"label": "c2pa.actions.v2", "created": True, "data": {"actions": actions}}],
        }


def make_seal(inputs: Inputs, *, model: tuple[str, str] | None = None) -> Seal | None:
    """What signs the outputs of a piece of work; None without the ``provenance`` extra.

    Args:
        inputs: Files that go in, each with what it is ("source", "driving"); None where it is no file.
        model: Name of the model and its weights' sha256.

    Raises:
        InputError: The user's certificate or key cannot be used.
        MissingPackageError: There is a user's certificate, but not the extra.
    """
    if not can_sign():
        if os.environ.get(CERTIFICATE):
            raise MissingPackageError(
                "Signing needs another package",
                got=f"{CERTIFICATE} without it",
                todo='Run: pip install "motionkit[provenance]"',
            )
        return None
    own = own_key()
    if own is not None:
        _try(own)
    return Seal(inputs, model, own)


def _try(key: SigningKey) -> None:
    """Sign a picture of one pixel, so that a certificate that cannot sign is known before hours of work."""
    from io import BytesIO

    from PIL import Image

    picture = BytesIO()
    Image.new("L", (1, 1)).save(picture, "PNG")
    picture.seek(0)
    try:
        _write_signed(Seal([])._manifest("image/png"), key, "image/png", picture, BytesIO())
    except MediaError as error:
        raise InputError(
            f"The certificate of {CERTIFICATE} cannot sign",
            got=error.got,
            expected="one for e-mail or document signing, with those that issued it",
        ) from None


def _write_signed(
    manifest: dict[str, Any],
    key: SigningKey,
    kind: str,
    source: BinaryIO,
    target: BinaryIO,
    *,
    settings: dict[str, Any] = SETTINGS,
) -> None:
    import c2pa

    # No time-stamping service: it would have to be asked over the network.
    info = c2pa.C2paSignerInfo(key.algorithm, key.certificates, key.key, None)
    try:
        context = c2pa.Context(c2pa.Settings.from_dict(settings), c2pa.Signer.from_info(info))
        with c2pa.Builder(manifest, context) as builder:
            builder.sign(kind, source, target)
    except c2pa.C2paError as error:
        raise MediaError("The file cannot be signed", got=str(error)) from None


def _ingredient(number: int, title: str, sha256: str, relationship: str) -> dict[str, Any]:
    known = f"sha256:{sha256}"  # twice: readers show one or the other
    about = {"title": title, "description": known, "instance_id": known}
    return {**about, "relationship": relationship, "label": f"ingredient-{number}"}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
