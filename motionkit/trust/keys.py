"""The key that outputs are signed with: the user's own, or one made on first use that proves no name."""

from __future__ import annotations

import datetime
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import InputError
from motionkit.weights.folder import cache_folder, check_private
from motionkit.wholefile import part_path

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.x509 import Certificate

__all__ = ["CERTIFICATE", "DEVELOPMENT_ISSUER", "KEY", "SigningKey", "development_file", "development_key", "own_key"]

CERTIFICATE, KEY = "MOTIONKIT_CERTIFICATE", "MOTIONKIT_KEY"
"""Variables that name the user's certificates (the signer's first, then those that issued it) and key, both PEM."""

DEVELOPMENT_ISSUER = "motionkit development certificate"
"""The organization in certificates that were made here: anyone can make one."""

# Without a time-stamping service, a signature is good for as long as its certificate.
YEARS = 30
CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}
CERTIFICATE_BEGINS = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What a signature is made with.

    Attributes:
        certificates: PEM, the signer's first.
        key: PEM, of the first certificate.
        algorithm: As C2PA names it, such as "es256".
    """

    certificates: bytes
    key: bytes
    algorithm: str


def own_key() -> SigningKey | None:
    """The user's key, None where neither variable is set.

    Raises:
        InputError: One of the two is missing, or a file cannot be used.
    """
    names = [os.environ.get(variable, "") for variable in (CERTIFICATE, KEY)]
    if not any(names):
        return None
    if not all(names):
        given, missing = (CERTIFICATE, KEY) if names[0] else (KEY, CERTIFICATE)
        raise InputError("A certificate needs its key", got=f"{given} without {missing}", todo="Set both, or neither")
    certificates, key = (_read(variable, name) for variable, name in zip((CERTIFICATE, KEY), names, strict=True))
    return SigningKey(certificates, key, _algorithm(certificates, key))


def development_file() -> Path:
    """Where the key that was made here is kept; it may be deleted, and another one is then made."""
    return cache_folder() / "signing" / "development.pem"


def development_key() -> SigningKey:
    """The key that was made here on first use.

    Raises:
        OSError: It cannot be read or kept.
        MotionkitError: Others can write to the cache folder.
    """
    file = development_file()
    check_private(cache_folder())
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.parent.chmod(0o700)
        _keep(file, _made())
    key, begins, certificates = file.read_bytes().partition(CERTIFICATE_BEGINS)
    return SigningKey(begins + certificates, key, "es256")


def _keep(file: Path, content: bytes) -> None:
    """Put a secret here, whole and readable by the user alone; the first of several processes wins."""
    part = part_path(file)
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(part, file)
        except FileExistsError:
            return
        except OSError:  # a drive without hard links
            part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _read(variable: str, name: str) -> bytes:
    try:
        return Path(name).expanduser().read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"The file of {variable} cannot be read", got=f"{name} ({reason})") from None


def _algorithm(certificates: bytes, key: bytes) -> str:
    """The algorithm that a user's key is for; the key must be that of the first certificate."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        signer = x509.load_pem_x509_certificates(certificates)[0]
    except ValueError as error:
        raise InputError(f"{CERTIFICATE} names no certificate", got=str(error), expected="a PEM file") from None
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # a TypeError for one with a password
        expected = "a PEM file without a password"
        raise InputError(f"{KEY} names no key that can be used", got=str(error), expected=expected) from None
    if private.public_key() != signer.public_key():
        raise InputError(f"The key of {KEY} is not that of the first certificate of {CERTIFICATE}")
    if isinstance(private, rsa.RSAPrivateKey):
        return "ps256"
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.name in CURVES:
        return CURVES[private.curve.name]
    raise InputError(f"{KEY} names a key of another kind", got=type(private).__name__, expected="ECDSA, RSA or Ed25519")


def _made() -> bytes:
    """A new key, its certificate and that of its issuer, PEM. The issuer's key is forgotten: it signs nothing more."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    issuer, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    chain = [_certificate(signer.public_key(), issuer, ca=False), _certificate(issuer.public_key(), issuer, ca=True)]
    key = signer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def _certificate(public: EllipticCurvePublicKey, issuer: EllipticCurvePrivateKey, *, ca: bool) -> Certificate:
    """A certificate as C2PA wants it; it names no user and no machine."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(common: str) -> x509.Name:
        parts = {NameOID.ORGANIZATION_NAME: DEVELOPMENT_ISSUER, NameOID.COMMON_NAME: common}
        return x509.Name([x509.NameAttribute(kind, text) for kind, text in parts.items()])

    now = datetime.datetime.now(datetime.timezone.utc)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name("issuer") if ca else name("signer"))
        .issuer_name(name("issuer"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))  # for clocks that differ
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca, 0 if ca else None), critical=True)
        .add_extension(x509.KeyUsage(not ca, key_cert_sign=ca, crl_sign=ca, **usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )
    if not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer, SHA256())
