"""Names, cache, hashes, pins and conversion; the mirrors are a server on loopback."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from motionkit import weights
from motionkit.config import PUBLISHED
from motionkit.config.models import DOMAINS
from motionkit.errors import DownloadError, WeightsError
from motionkit.weights import checkpoints, store
from tests.support.loopback import Mirror, missing, page, serving
from tests.support.madeup import SMALL, made_up, published
from tests.support.places import ROOT


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOTIONKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    path = tmp_path / "original.pth.tar"
    torch.save(published(), path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture
def register(monkeypatch: pytest.MonkeyPatch, old_file: Path, mirror: Mirror):
    """Let "vox" (hash published) and "taichi" (none) be small made-up networks on the loopback mirror."""
    content = old_file.read_bytes()
    monkeypatch.setattr(store, "PUBLISHED", {**PUBLISHED, "vox": SMALL, "taichi": SMALL})

    def put(name: str, *, served: bytes = content, mirrors: tuple[str, ...] | None = None) -> bytes:
        entry = store.WEIGHTS[name]
        known = hashlib.sha256(content).hexdigest() if entry.sha256 else None
        mirrors = mirrors or (mirror.url("/missing", missing), mirror.url(f"/{name}", serving(served)))
        entry = replace(entry, bytes=len(content), sha256=known, mirrors=mirrors)
        monkeypatch.setattr(store, "WEIGHTS", {**store.WEIGHTS, name: entry})
        return content

    return put


def test_registry_is_consistent() -> None:
    assert set(store.WEIGHTS) == {"heads", *PUBLISHED}
    for name, entry in store.WEIGHTS.items():
        assert entry.name == name and entry.domain in DOMAINS and entry.licence
        assert entry.embedded is (name == "heads")
        assert entry.sha256 is None or re.fullmatch("[0-9a-f]{64}", entry.sha256)
        assert all(url.startswith("https://") for url in entry.mirrors)
        if name != "heads":
            assert entry.domain == PUBLISHED[name].domain and 7e8 < entry.bytes < 8e8
            assert entry.file == ("fashion.pth.tar" if name == "fashion" else f"{name}-cpk.pth.tar")
            assert sum(entry.file in url for url in entry.mirrors) == 2
    assert {n for n, e in store.WEIGHTS.items() if e.sha256 is None} == {"taichi", "taichi-adv", "bair", "nemo"}


def test_embedded_weights_are_found_and_are_what_the_registry_says() -> None:
    path, entry = weights.resolve("heads"), store.WEIGHTS["heads"]
    assert path.stat().st_size == entry.bytes
    assert hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256
    assert weights.fetch("heads") == path
    config = weights.load("heads").config
    assert config is not None and (config.name, config.domain, config.size) == ("heads", "face", 128)
    assert config.blend_warped and config.align_corners and "mouth" in config.keypoint_groups


def test_embedded_weights_are_found_from_a_bare_checkout(tmp_path: Path) -> None:
    code = "from motionkit import weights; print(weights.resolve('heads'))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert Path(done.stdout.strip()).is_file(), done.stderr


def test_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert weights.cache_folder() == tmp_path / "cache" and not (tmp_path / "cache").exists()
    monkeypatch.setenv("MOTIONKIT_CACHE", "~/somewhere")
    assert weights.cache_folder() == Path.home() / "somewhere"
    monkeypatch.delenv("MOTIONKIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert weights.cache_folder().name == "motionkit"


def test_unknown_names_list_the_known_and_the_nearest() -> None:
    with pytest.raises(WeightsError) as caught:
        weights.resolve("Vox-Adb")
    message = str(caught.value)
    assert all(name in message for name in store.WEIGHTS) and "The nearest name is 'vox-adv'" in message
    with pytest.raises(WeightsError, match="The nearest name is 'heads'"):
        weights.fetch("head")


def test_paths(tmp_path: Path, old_file: Path) -> None:
    assert weights.resolve(old_file) == weights.resolve(str(old_file)) == old_file
    with pytest.raises(
        WeightsError, match=r"A directory cannot be loaded; got .*expected a \.pth\.tar or \.safetensors"
    ):
        weights.resolve(tmp_path)
    with pytest.raises(
        WeightsError, match=r"No such weight file; got .*none\.pth\.tar\. Check the path, or give a name"
    ):
        weights.resolve(tmp_path / "none.pth.tar")
    with pytest.raises(WeightsError, match=r"No such weight file; got model\.safetensors"):
        weights.resolve("model.safetensors")


def test_first_use_fetches_and_later_ones_verify(register, mirror: Mirror, cache: Path) -> None:
    content = register("vox")
    path = weights.resolve("vox", progress=False)
    assert path == cache / "vox-cpk.pth.tar" and path.read_bytes() == content
    assert weights.resolve("vox", progress=False) == path
    assert len(mirror.asked) == 2  # the missing one and the good one, once
    path.write_bytes(content[:-1])
    with pytest.raises(
        WeightsError, match=r"is not the file that it should be; got sha256 .*motionkit fetch vox --force"
    ):
        weights.resolve("vox")
    assert weights.fetch("vox", progress=False, force=True).read_bytes() == content


def test_file_placed_by_hand_is_taken_if_it_is_the_right_one(register, mirror: Mirror, cache: Path) -> None:
    content = register("vox")
    cache.mkdir()
    (cache / "vox-cpk.pth.tar").write_bytes(content)
    assert weights.resolve("vox") == cache / "vox-cpk.pth.tar"
    assert not mirror.asked


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        (b"<!doctype html><p>Quota exceeded", "what it sent is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "what it sent is a Git LFS pointer"),
        (b"\0" * 9000, "what it sent is not a weight file"),
        (b"\x80\x02" + b"\0" * 9000, "has 9002 bytes instead of"),
        (b"\x40" + b"\0" * 7 + b"{" + b"\0" * 9000, "what it sent is safetensors"),
    ],
)
@pytest.mark.parametrize("name", ["vox", "taichi"])
def test_what_mirrors_send_instead(
    register, mirror: Mirror, cache: Path, served: bytes, reason: str, name: str
) -> None:
    register(name, served=served)
    error = DownloadError
    if name == "taichi" and "bytes instead" in reason:  # no size to compare with: only reading it can tell
        error, reason = WeightsError, "truncated or damaged|refused"
    with pytest.raises(error, match=reason):
        weights.fetch(name, allow_unverified=True, progress=False)
    assert [p.name for p in cache.iterdir() if p.suffix != ".lock"] == []
    assert (DownloadError is not error) or {s.name: s.path for s in weights.status()}[name] is None


def test_unpublished_hash_is_refused_then_pinned(
    register, mirror: Mirror, cache: Path, capsys: pytest.CaptureFixture
) -> None:
    content = register("taichi")
    digest = hashlib.sha256(content).hexdigest()
    with pytest.raises(WeightsError, match=r"No hash is published for 'taichi'.*allow_unverified=True"):
        weights.resolve("taichi")
    assert not mirror.asked
    path = weights.resolve("taichi", allow_unverified=True, progress=False)
    assert f"sha256 {digest} is now pinned" in capsys.readouterr().err
    assert json.loads((cache / "pinned.json").read_text()) == {"taichi-cpk.pth.tar": digest}
    assert weights.resolve("taichi") == path  # the pin counts as known from now on
    path.write_bytes(content + b"x")
    with pytest.raises(WeightsError, match=f"expected {digest}, pinned in"):
        weights.resolve("taichi", allow_unverified=True)
    other = made_up(seed=1)
    torch.save(other, path, _use_new_zipfile_serialization=False)
    mirror.url("/taichi", serving(path.read_bytes()))
    path.unlink()
    with pytest.raises(DownloadError, match=f"its sha256 is .* instead of {digest}"):
        weights.fetch("taichi", allow_unverified=True, progress=False)
    (cache / "pinned.json").write_text("{")
    with pytest.raises(WeightsError, match="Cannot read the pinned hashes"):
        weights.fetch("taichi", allow_unverified=True)


def test_unverified_file_of_another_network_is_not_pinned(register, cache: Path, tmp_path: Path) -> None:
    torch.save(made_up(SMALL.replace(num_kp=4)), tmp_path / "other", _use_new_zipfile_serialization=False)
    register("taichi", served=(tmp_path / "other").read_bytes())
    with pytest.raises(WeightsError, match="do not fit the configuration"):
        weights.fetch("taichi", allow_unverified=True, progress=False)
    assert not (cache / "pinned.json").exists() and not (cache / "taichi-cpk.pth.tar").exists()


def test_failed_fetch_says_where_to_place_the_file(register, mirror: Mirror, cache: Path) -> None:
    register("vox", mirrors=(mirror.url("/missing", missing), mirror.url("/page", page)))
    with pytest.raises(DownloadError) as caught:
        weights.resolve("vox", progress=False)
    entry = store.WEIGHTS["vox"]
    for part in (*entry.mirrors, str(cache / entry.file), f"{entry.bytes} bytes", f"sha256 {entry.sha256}"):
        assert part in str(caught.value)


def test_status(register, cache: Path) -> None:
    def states() -> dict[str, str]:
        return {line.name: line.hash for line in weights.status()}

    register("vox")
    content = register("taichi")
    assert states()["heads"] == "embedded"
    assert (states()["vox"], states()["taichi"]) == ("published", "none published")
    weights.fetch("vox", progress=False)
    weights.fetch("taichi", allow_unverified=True, progress=False)
    assert (states()["vox"], states()["taichi"]) == ("verified", "pinned")
    lines = {line.name: line for line in weights.status()}
    assert lines["vox"].path == cache / "vox-cpk.pth.tar" and lines["fashion"].path is None
    assert lines["heads"].licence == "MIT" and lines["vox"].domain == "face"
    (cache / "vox-cpk.pth.tar").write_bytes(content[1:])
    (cache / "pinned.json").unlink()
    assert (states()["vox"], states()["taichi"]) == ("wrong hash", "unverified")


def test_load_finds_the_configuration(register, old_file: Path, tmp_path: Path) -> None:
    register("vox")
    given = SMALL.replace(name="given")
    assert weights.load(old_file, config=given).config == given
    assert weights.load("vox", progress=False).config == SMALL  # by name
    assert weights.load(old_file).config == SMALL  # by hash
    torch.save(made_up(SMALL.replace(num_kp=5)), tmp_path / "vox-cpk.pth.tar")  # the name alone does not fit
    found = weights.load(tmp_path / "vox-cpk.pth.tar").config
    assert found is not None and (found.name, found.num_kp) == ("custom", 5)
    with pytest.raises(WeightsError, match="do not fit the configuration 'taichi'"):
        weights.load(old_file, config=PUBLISHED["taichi"])


def test_pruned_copy_is_known_by_its_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    adv = SMALL.replace(name="vox-adv", domain="face")
    monkeypatch.setattr(store, "PUBLISHED", {**PUBLISHED, "vox-adv": adv})
    states = made_up()
    torch.save({k: states[k] for k in ("generator", "kp_detector")}, tmp_path / "vox-adv-cpk.pth.tar")
    assert weights.load(tmp_path / "vox-adv-cpk.pth.tar").config == adv


def test_convert(register, old_file: Path, tmp_path: Path) -> None:
    register("vox")
    target = weights.convert(old_file, tmp_path / "vox.safetensors")
    before, after = checkpoints.read(old_file), checkpoints.read(target)
    for network in ("generator", "kp_detector"):
        old, new = getattr(before, network), getattr(after, network)
        assert old.keys() == new.keys() and all(torch.equal(old[k], new[k]) for k in old)
    assert after.discriminator is None and after.config == SMALL
    assert after.metadata == {
        "licence": store.WEIGHTS["vox"].licence,
        "origin": "original.pth.tar, as published",
        "source_sha256": hashlib.sha256(old_file.read_bytes()).hexdigest(),
    }
    assert target.stat().st_size < old_file.stat().st_size / 2
    half = weights.convert(target, tmp_path / "half.safetensors", half=True)
    assert half.stat().st_size < 0.7 * target.stat().st_size
    assert checkpoints.read(half).metadata["origin"] == "original.pth.tar, as published"


def test_convert_names_licence_and_mistakes(old_file: Path, tmp_path: Path) -> None:
    plain = checkpoints.read(weights.convert(old_file, tmp_path / "a.safetensors"))
    assert plain.config == SMALL and plain.metadata["licence"] == "unknown"
    with pytest.raises(WeightsError, match="nearest name is 'taichi'"):
        weights.convert(old_file, tmp_path / "b.safetensors", name="taishi")
    with pytest.raises(WeightsError, match="do not fit the configuration 'vox'"):
        weights.convert(old_file, tmp_path / "b.safetensors", name="vox")
    with pytest.raises(WeightsError, match=r"got b.pth; expected a name in \.safetensors"):
        weights.convert(old_file, tmp_path / "b.pth")
    with pytest.raises(WeightsError, match="same file"):
        weights.convert(tmp_path / "a.safetensors", tmp_path / "a.safetensors")
    assert not (tmp_path / "b.safetensors").exists()
