"""Keys: one's own, and the one that is made on first use."""

from __future__ import annotations

import getpass
import socket
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from motionkit import trust
from motionkit.errors import InputError
from motionkit.trust import keys, manifests
from motionkit.trust.verification import verify
from tests.support.signed import found_in, written

pytest.importorskip("c2pa", reason='needs the extra: pip install "motionkit[provenance]"')


def test_ones_own_certificate_signs_and_is_trusted_where_one_says_so(
    tmp_path: Path, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = keys._made()
    key, begins, certificates = own.partition(keys.CERTIFICATE_BEGINS)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "chain.pem").write_bytes(begins + certificates)
    (tmp_path / "issuer.pem").write_bytes(begins + certificates.rpartition(keys.CERTIFICATE_BEGINS)[2])
    monkeypatch.setenv(keys.CERTIFICATE, str(tmp_path / "chain.pem"))
    monkeypatch.setenv(keys.KEY, str(tmp_path / "key.pem"))
    path = written(tmp_path / "made.png", frame, trust.make_seal([]))
    assert (found_in(path).valid, found_in(path).trusted) == (True, False)
    monkeypatch.setenv(manifests.ANCHORS, str(tmp_path / "issuer.pem"))
    assert found_in(path).trusted and "whom you trust" in found_in(path).meaning
    monkeypatch.delenv(keys.CERTIFICATE)
    monkeypatch.delenv(keys.KEY)
    other = written(tmp_path / "other.png", frame, trust.make_seal([]))
    assert (found_in(other).valid, found_in(other).trusted) == (True, False)


def test_anchors_that_cannot_be_used_are_an_error_at_once(
    tmp_path: Path, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "made.png", frame, None)
    monkeypatch.setenv(manifests.ANCHORS, str(tmp_path / "none.pem"))
    with pytest.raises(InputError, match="MOTIONKIT_ANCHORS cannot be used"):
        verify(path)


@pytest.mark.parametrize("fault", ["no key", "no file", "no certificate", "another's key", "locked", "cannot sign"])
def test_a_certificate_that_cannot_be_used_is_an_error_before_any_work(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key, begins, certificates = keys._made().partition(keys.CERTIFICATE_BEGINS)
    chain = begins + certificates
    if fault == "no certificate":
        chain = b"nothing"
    elif fault == "another's key":
        key = keys._made().partition(keys.CERTIFICATE_BEGINS)[0]
    elif fault == "locked":
        form = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
        key = load_pem_private_key(key, None).private_bytes(*form)
    elif fault == "cannot sign":  # the first certificate alone may not issue others: this one may, and may not sign
        key, chain = issuer_alone()
    (tmp_path / "chain.pem").write_bytes(chain)
    (tmp_path / "key.pem").write_bytes(key)
    monkeypatch.setenv(keys.CERTIFICATE, str(tmp_path / "chain.pem"))
    if fault != "no key":
        monkeypatch.setenv(keys.KEY, str(tmp_path / ("none.pem" if fault == "no file" else "key.pem")))
    with pytest.raises(InputError) as caught:
        trust.make_seal([])
    assert "MOTIONKIT_" in str(caught.value) and "secret" not in str(caught.value)


def issuer_alone() -> tuple[bytes, bytes]:
    """A key and its own certificate of an issuer."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    issuer = ec.generate_private_key(ec.SECP256R1())
    key = issuer.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key, keys._certificate(issuer.public_key(), issuer, ca=True).public_bytes(Encoding.PEM)


def test_the_development_key_is_private_and_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTIONKIT_CACHE", str(tmp_path / "cache"))
    begin, seen = threading.Barrier(6), []

    def make() -> None:
        begin.wait()
        seen.append(keys.development_key())

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file = keys.development_file()
    assert len(seen) == 6 and len(set(seen)) == 1, "all sign with the one that was kept"
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    content = file.read_bytes()
    assert content.count(b"PRIVATE KEY") == 2, "the issuer's key is not kept"
    for personal in (getpass.getuser(), socket.gethostname()):
        assert personal == "motionkit" or f"={personal}".encode() not in content


def test_an_expired_certificate_is_called_so(
    tmp_path: Path, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTIONKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(keys, "YEARS", 2 / 86400 / 365)
    path = written(tmp_path / "made.png", frame, trust.make_seal([]))
    assert found_in(path).valid
    time.sleep(3)
    found = found_in(path)
    assert (found.present, found.valid, found.expired) == (True, False, True) and "expired" in found.meaning
