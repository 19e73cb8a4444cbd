"""Reading the signed manifest of a file (C2PA): whether its signature holds, who made it, and what it says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from motionkit.errors import InputError, on_one_line
from motionkit.trust.keys import DEVELOPMENT_ISSUER

__all__ = ["ANCHORS", "SETTINGS", "ManifestFinding", "can_sign", "check_anchors", "read_manifest"]

ANCHORS = "MOTIONKIT_ANCHORS"
"""Variable that names the certificates whose signatures are trusted, one PEM file."""

# Nothing is fetched, neither manifests from elsewhere nor lists of revoked certificates; no thumbnail is made.
# What is being signed is on disk beyond 16 MB, not in memory.
SETTINGS: dict[str, Any] = {
    "core": {"backing_store_memory_threshold_in_mb": 16},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
EXPIRED = "signingCredential.expired"


@dataclass(frozen=True, slots=True)
class ManifestFinding:
    """What was found of a signed manifest.

    Attributes:
        present: Whether there is one.
        valid: Whether its signature holds, and the file is as it was when it was signed.
        trusted: Whether its certificate leads to one of ``MOTIONKIT_ANCHORS``.
        issuer: The organization in the certificate.
        time: When the signer's clock says that the file was made; empty where it does not say.
        software: What made it, such as "motionkit 0.1.0".
        model: Name of the model, and its weights' sha256; empty where it names none.
        expired: Whether it is not valid because the certificate has expired.
    """

    present: bool = False
    valid: bool = False
    trusted: bool = False
    issuer: str = ""
    time: str = ""
    software: str = ""
    model: str = ""
    expired: bool = False

    @property
    def ours(self) -> bool:
        """Whether it says that motionkit made the file."""
        return self.software.startswith("motionkit")

    @property
    def summary(self) -> str:
        """The same in three words."""
        if not self.present:
            return "no"
        return "valid, trusted" if self.trusted else "valid, untrusted" if self.valid else "not valid"

    @property
    def details(self) -> str:
        """Who signed, when, and what it was made with, as the manifest says."""
        said = {"issuer": self.issuer, "time": self.time, "software": self.software, "model": self.model}
        return on_one_line("; ".join(f"{name} {value}" for name, value in said.items() if value))

    @property
    def meaning(self) -> str:
        """What that says, in a sentence; empty where there is none."""
        if not self.present:
            return ""
        if self.trusted:
            return f"Signed by {on_one_line(self.issuer)}, whom you trust, and not changed since."
        if self.valid:
            own = f'with a certificate that says "{on_one_line(self.issuer)}" and that is none of those you trust'
            who = "with a key that anyone can make" if self.issuer == DEVELOPMENT_ISSUER else own
            return f"Not changed since it was signed {who}: that does not prove who signed it."
        if self.expired:
            return "Its signature's certificate has expired, so the signature proves nothing."
        return "Its signature does not hold: the file was changed after it was signed."


def can_sign() -> bool:
    """Whether the ``provenance`` extra is installed, with which files are signed and signatures read."""
    return find_spec("c2pa") is not None and find_spec("cryptography") is not None


def check_anchors() -> None:
    """Check what ``MOTIONKIT_ANCHORS`` names, where signatures can be read at all.

    Raises:
        InputError: The file cannot be used.
    """
    if can_sign():
        _anchors()


def read_manifest(file: Path) -> ManifestFinding | None:
    """Read and check the manifest of a file; None where the ``provenance`` extra is missing.

    Args:
        file: A picture or clip.

    Raises:
        InputError: The file of ``MOTIONKIT_ANCHORS`` cannot be used.
        OSError: The file cannot be read.
    """
    if not can_sign():
        return None
    import c2pa

    settings = SETTINGS if (anchors := _anchors()) is None else {**SETTINGS, "trust": {"trust_anchors": anchors}}
    context = c2pa.Context(c2pa.Settings.from_dict(settings))
    try:
        with file.open("rb") as stream:
            reader = c2pa.Reader.try_create(stream, context=context)
            if reader is None:
                return ManifestFinding()
            with reader:
                state, manifest = reader.get_validation_state(), reader.get_active_manifest()
                results = reader.get_validation_results() or {}
    except (c2pa.C2paError.NotSupported, c2pa.C2paError.Io):  # a kind of file that holds none, or no whole file
        return ManifestFinding()
    except c2pa.C2paError:  # there, but changed so that it cannot be read
        return ManifestFinding(present=True)
    failed = {one.get("code") for one in results.get("activeManifest", {}).get("failure", [])}
    return _finding(manifest or {}, str(state), EXPIRED in failed)


def _finding(manifest: dict[str, Any], state: str, expired: bool) -> ManifestFinding:
    made = (manifest.get("claim_generator_info") or [{}])[0]
    valid = state in ("Valid", "Trusted") and not expired
    models = [one for one in manifest.get("ingredients", []) if one.get("relationship") == "inputTo"]
    return ManifestFinding(
        present=True,
        valid=valid,
        trusted=valid and state == "Trusted",
        issuer=str((manifest.get("signature_info") or {}).get("issuer") or ""),
        time=_time(manifest),
        software=f"{made.get('name', '')} {made.get('version', '')}".strip(),
        model=", ".join(f"{one.get('title', '')} ({one.get('description', '')})" for one in models),
        expired=expired,
    )


def _time(manifest: dict[str, Any]) -> str:
    """When the first action was, or where a service stamped the signature's time, that."""
    if stamped := (manifest.get("signature_info") or {}).get("time"):
        return str(stamped)
    for assertion in manifest.get("assertions", []):
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in assertion.get("data", {}).get("actions", []):
                if action.get("when"):
                    return str(action["when"])
    return ""


def _anchors() -> str | None:
    name = os.environ.get(ANCHORS)
    if not name:
        return None
    from cryptography import x509

    try:
        text = Path(name).expanduser().read_bytes()
        x509.load_pem_x509_certificates(text)
        return text.decode("ascii")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"The file of {ANCHORS} cannot be used", got=f"{name} ({reason})") from None
