"""Damaged files: read as far as they go, or refused in one line with their name. tests/robustness/ mutates them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from motionkit import media
from motionkit.errors import MediaError, MotionkitWarning
from tests.media.damage import make_samples, try_file
from tests.support.clips import ffmpeg, frame, make


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_samples(tmp_path_factory.mktemp("samples"))


def test_the_samples_themselves_are_read(samples: list[Path], tmp_path: Path) -> None:
    assert len(samples) >= 20
    for sample in samples:
        assert try_file(sample, tmp_path / "out.mp4") == "read", sample.name


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi"])
def test_a_title_in_another_encoding_does_not_stop_reading(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    ffmpeg("-i", make(tmp_path / "whole.mkv", 3), "-metadata", "title=K?se", "-c:v", "mpeg4", path)
    content = path.read_bytes()
    assert b"K?se" in content
    path.write_bytes(content.replace(b"K?se", "Käse".encode("latin-1")))
    assert len(list(media.open_clip(path))) == 3
    assert media.read_metadata(path)["title"] == "K\ufffdse"


def test_audio_without_a_decoder_is_left_out(tmp_path: Path) -> None:
    ffmpeg("-i", make(tmp_path / "a.mp4", 3), "-f", "lavfi", "-i", "sine=d=0.1", "-c:v", "copy", tmp_path / "b.mkv")
    content = (tmp_path / "b.mkv").read_bytes()
    codec = next(name for name in (b"A_VORBIS", b"A_AC3\x83", b"A_AAC\x83") if name[:-1] in content)[:-1]
    (tmp_path / "b.mkv").write_bytes(content.replace(codec, b"A_" + b"Q" * (len(codec) - 2)))
    with pytest.warns(MotionkitWarning, match=r"The audio of b\.mkv cannot be decoded; it is left out"):
        clip = media.open_clip(tmp_path / "b.mkv")
    assert not clip.info.has_audio and len(list(clip)) == 3


def test_a_video_without_a_decoder_is_refused(tmp_path: Path) -> None:
    content = make(tmp_path / "a.mkv", 3).read_bytes()
    (tmp_path / "a.mkv").write_bytes(content.replace(b"V_MPEG4/ISO/AVC", b"V_QQQQQ/QQQ/QQQ"))
    for read in (media.open_clip, lambda path: list(media.open_clip(path))):
        with pytest.raises(MediaError, match=r"There is no decoder for the video's codec; got .*a.mkv"):
            read(tmp_path / "a.mkv")


def test_damaged_exif_does_not_hide_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged(_: object) -> None:
        raise SyntaxError("not a TIFF file")

    media.write_image(tmp_path / "a.png", frame(5))
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.getexif", damaged)
    with pytest.warns(MotionkitWarning, match=r"The EXIF data of a.png is damaged; the picture may lie on its side"):
        np.testing.assert_array_equal(media.read_image(tmp_path / "a.png"), frame(5))
