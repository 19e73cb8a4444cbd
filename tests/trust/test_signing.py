"""What is made is signed, and the signature read back; what is changed afterwards is told from it."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import motionkit as mk
from motionkit import media, pipeline, samples, trust
from motionkit.cli.main import main
from motionkit.errors import MotionkitWarning
from motionkit.live.session import LiveSession
from motionkit.trust import keys, manifests, signing
from motionkit.trust.verification import verify
from tests.support.signed import found_in, written

c2pa = pytest.importorskip("c2pa", reason='needs the extra: pip install "motionkit[provenance]"')

WEIGHTS = "5" * 64


def stored(path: Path) -> dict[str, Any]:
    """The manifest as the library's own validator reads it."""
    with c2pa.Reader(str(path)) as reader:
        whole: dict[str, Any] = json.loads(reader.json())
    return whole


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".gif", ".png", ".jpg", ".webp"])
def test_a_signed_file_is_told_from_an_altered_one_and_one_without(
    suffix: str, tmp_path: Path, frame: np.ndarray
) -> None:
    bare = written(tmp_path / f"bare{suffix}", frame, None)
    path = written(tmp_path / f"made{suffix}", frame, trust.make_seal([], model=("heads", WEIGHTS)))
    assert found_in(bare) == manifests.ManifestFinding()
    found = found_in(path)
    assert (found.present, found.valid, found.trusted) == (True, True, False)
    assert found.issuer == keys.DEVELOPMENT_ISSUER and found.software == f"motionkit {mk.__version__}"
    assert found.model == f"heads (sha256:{WEIGHTS})" and found.time.endswith("Z")
    assert "anyone can make" in found.meaning
    content, unsigned = bytearray(path.read_bytes()), bare.read_bytes()
    half = len(unsigned) // 2
    at = content.find(unsigned[half : half + 24])
    assert at > 0, "what the picture consists of is in the signed file as it is in the other"
    content[at] ^= 1
    (tmp_path / f"changed{suffix}").write_bytes(content)
    altered = found_in(tmp_path / f"changed{suffix}")
    assert main(["verify", str(tmp_path / f"changed{suffix}")]) != 0 == main(["verify", str(path)])
    assert (altered.present, altered.valid, altered.trusted) == (True, False, False)
    assert "changed after it was signed" in altered.meaning
    torn = tmp_path / f"torn{suffix}"
    torn.write_bytes(path.read_bytes()[: -len(unsigned) // 2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MotionkitWarning)  # that it is cut off
        told = next(verify(torn))
    torn.unlink()
    assert told.manifest is not None and not told.manifest.valid
    assert sorted(file.name for file in tmp_path.iterdir()) == [f"bare{suffix}", f"changed{suffix}", f"made{suffix}"]


@pytest.mark.parametrize("suffix", [".webm", ".mkv", ""])
def test_kinds_that_hold_no_manifest_are_written_without(suffix: str, tmp_path: Path, frame: np.ndarray) -> None:
    path = written(tmp_path / f"made{suffix}", frame, trust.make_seal([]))
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    assert len(files) == (1 if suffix else 3)
    assert all(found_in(file) == manifests.ManifestFinding() for file in files)


def test_a_change_of_the_metadata_is_noticed(tmp_path: Path, frame: np.ndarray) -> None:
    path = written(tmp_path / "made.mp4", frame, trust.make_seal([]))
    content = path.read_bytes()
    assert content.count(b"AI-generated animation") >= 1
    at = content.rfind(b"AI-generated animation")
    path.write_bytes(content[:at] + b"My own, real animation" + content[at + 22 :])
    assert not found_in(path).valid


def test_what_an_animation_writes_is_signed_with_what_went_in(tmp_path: Path) -> None:
    model = mk.load_model("heads", device="cpu")
    private = tmp_path / "private-name.png"
    media.write_image(private, media.read_image(samples.portrait()))
    clip = media.open_clip(samples.driving_clip("nod"), end=Fraction(1, 10))
    made = [tmp_path / name for name in ("result.mp4", "collage.mov", "sheet.png")]
    mk.animate_file(private, clip, made[0], model=model, collage=made[1], still=made[2])
    pipeline.collage_files([("a", made[0]), ("b", private)], tmp_path / "again.mp4")
    pipeline.keypoint_files(made[0], tmp_path / "points.mp4", model=model, progress=False)
    for path in (*made, tmp_path / "again.mp4", tmp_path / "points.mp4"):
        found = found_in(path)
        assert found.valid, path
        assert b"private-name" not in path.read_bytes() and str(tmp_path).encode() not in path.read_bytes()
    whole = stored(made[0])
    manifest = whole["manifests"][whole["active_manifest"]]
    actions = manifest["assertions"][0]["data"]["actions"]
    assert [action["action"] for action in actions] == ["c2pa.created", "c2pa.edited"]
    assert all(action["digitalSourceType"] == trust.SOURCE_TYPE for action in actions)
    went_in = {one["title"]: one["description"] for one in manifest["ingredients"]}
    assert went_in == {
        "source": f"sha256:{sha256(private)}",
        "driving": f"sha256:{sha256(samples.driving_clip('nod'))}",
        "heads": f"sha256:{model.fingerprint}",
    }
    assert not any("thumbnail" in one for one in (manifest, *manifest["ingredients"]))
    # What is laid out of files of which none was made by motionkit is nobody's animation.
    pipeline.collage_files([("a", private), ("b", private)], tmp_path / "plain.png")
    assert not found_in(tmp_path / "plain.png").present


def test_recordings_of_live_results_are_signed(tmp_path: Path) -> None:
    model = mk.load_model("heads", device="cpu")
    picture = np.random.default_rng(1).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    session = LiveSession(model, picture)
    session.record(tmp_path / "live.mp4")
    session.step(picture, at=0.0)
    session.stop_recording(at=0.2)
    found = found_in(tmp_path / "live.mp4")
    assert found.valid and found.model.startswith("heads")


def sha256(path: Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def test_a_failed_signature_leaves_the_result_and_warns(
    tmp_path: Path, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MOTIONKIT_CACHE", str(tmp_path / "file" / "no-folder"))
    with pytest.warns(MotionkitWarning, match=r"^made\.png was written but not signed: "):
        path = written(tmp_path / "made.png", frame, trust.make_seal([]))
    assert np.array_equal(media.read_image(path), frame)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "made.png"]


def test_a_signature_that_does_not_hold_is_not_kept(
    tmp_path: Path, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signing, "read_manifest", lambda _: manifests.ManifestFinding(present=True))
    with pytest.warns(MotionkitWarning, match="not signed: The signature cannot be read back"):
        path = written(tmp_path / "made.mp4", frame, trust.make_seal([]))
    assert not found_in(path).present and media.open_clip(path).info.frames == 3


# A program, so that its memory is its own: it signs a clip of 64 MB.
LARGE = """
import resource, struct, sys
from pathlib import Path
from motionkit import trust
clip, small = (Path(name) for name in sys.argv[1:])
seal = trust.make_seal([])
seal(small, small)
content = clip.read_bytes()
at = content.rindex(b"mdat") - 4
assert at + struct.unpack(">I", content[at : at + 4])[0] == len(content), "the last box"
size = 64 << 20
with clip.open("r+b") as file:
    file.seek(at)
    file.write(struct.pack(">I", len(content) - at + size))
    file.truncate(len(content) + size)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
seal(clip, clip)
found = trust.read_manifest(clip)
assert found.valid, found
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_a_long_clip_is_not_read_into_memory(tmp_path: Path, frame: np.ndarray) -> None:
    clip, small = (written(tmp_path / name, frame, None) for name in ("long.mp4", "small.mp4"))
    ran = subprocess.run(
        [sys.executable, "-c", LARGE, str(clip), str(small)], check=True, capture_output=True, text=True
    )
    assert clip.stat().st_size > 64 << 20
    assert int(ran.stdout) < 24, "MiB more than before"


def test_without_the_extra_nothing_is_signed_or_looked_at(
    tmp_path: Path, frame: np.ndarray, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    signed = written(tmp_path / "signed.png", frame, trust.make_seal([]))
    for module in (signing, manifests):
        monkeypatch.setattr(module, "can_sign", lambda: False)
    assert trust.make_seal([]) is None
    assert next(verify(signed)).manifest is None
    main(["verify", str(signed)])
    assert "not looked at" in capsys.readouterr().out
    main(["verify", "--json", str(signed)])
    told = json.loads(capsys.readouterr().out)[0]["manifest"]
    assert told["looked_at"] is False and told["present"] is False
    monkeypatch.setenv(keys.CERTIFICATE, "mine.pem")
    with pytest.raises(mk.errors.MissingPackageError, match="provenance"):
        trust.make_seal([])


def test_the_command_says_who_when_and_with_what(
    tmp_path: Path, frame: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "made.png", frame, trust.make_seal([], model=("heads", WEIGHTS)))
    main(["verify", str(path)])
    shown = capsys.readouterr().out
    assert "valid, untrusted" in shown and "does not prove who signed it" in shown
    assert keys.DEVELOPMENT_ISSUER in shown and f"heads (sha256:{WEIGHTS})" in shown
    main(["verify", "--json", str(path)])
    told = json.loads(capsys.readouterr().out)[0]
    assert told["labelled"] is True
    assert {name: told["manifest"][name] for name in ("looked_at", "present", "valid", "trusted")} == {
        "looked_at": True,
        "present": True,
        "valid": True,
        "trusted": False,
    }


def test_a_copy_of_a_signature_does_not_hold_elsewhere(tmp_path: Path, frame: np.ndarray) -> None:
    """A manifest moved to another picture is as good as none: it is bound to what was signed."""
    signed = written(tmp_path / "made.png", frame, trust.make_seal([])).read_bytes()
    other = written(tmp_path / "other.png", 255 - frame, None)
    at = signed.find(b"caBX") - 4
    box = signed[at : at + 12 + int.from_bytes(signed[at : at + 4], "big")]
    plain = other.read_bytes()
    other.write_bytes(plain[:33] + box + plain[33:])
    assert found_in(other).present and not found_in(other).valid


def test_reading_leaves_files_alone(tmp_path: Path, frame: np.ndarray) -> None:
    path = written(tmp_path / "made.png", frame, trust.make_seal([]))
    shutil.copy2(path, tmp_path / "kept.png")
    found_in(path)
    assert path.read_bytes() == (tmp_path / "kept.png").read_bytes()
