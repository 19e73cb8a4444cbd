"""Results that are whole or not there, and everything that can stop a writer."""

from __future__ import annotations

import signal
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from motionkit import media
from motionkit.errors import InputError, MediaError
from tests.support.clips import frame, make, number, run


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_players_can_start_at_once(tmp_path: Path, name: str) -> None:
    content = make(tmp_path / name, 5).read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    with av.open(str(tmp_path / name)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")


def test_odd_sizes_are_padded_by_their_last_row_and_column(tmp_path: Path) -> None:
    picture = np.full((33, 47, 3), 60, np.uint8)
    picture[-8:], picture[:, -8:] = 200, 200
    with media.VideoWriter(tmp_path / "a.mp4", fps=Fraction(25)) as writer:
        writer.write(picture)
    (back,) = media.open_clip(tmp_path / "a.mp4")
    assert back.shape == (34, 48, 3)
    np.testing.assert_allclose(back, np.pad(picture, ((0, 1), (0, 1), (0, 0)), mode="edge"), atol=25)


def test_a_clip_needs_a_frame_and_a_clip_s_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"A clip needs at least one frame; got .*a.mp4"):
        make(tmp_path / "a.mp4", 0)
    with pytest.raises(InputError, match=r"A clip cannot be a single picture; got a.png; expected .mp4"):
        make(tmp_path / "a.png", 1)
    assert list(tmp_path.iterdir()) == []


def test_frames_of_one_clip_have_one_size(tmp_path: Path) -> None:
    with (  # noqa: PT012  # what the writer does when an exception leaves its block is what is tested
        pytest.raises(InputError, match="frames of a clip differ in size"),
        media.VideoWriter(tmp_path / "a.mp4", fps=Fraction(25)) as writer,
    ):
        writer.write(frame(1))
        writer.write(frame(1, (32, 32)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
@pytest.mark.parametrize("name", ["a.mp4", "a.gif", "folder"])
def test_an_exception_leaves_everything_as_it_was(tmp_path: Path, name: str, error: type[BaseException]) -> None:
    target = tmp_path / name
    if target.suffix:
        target.write_bytes(b"older")
    with (  # noqa: PT012  # what the writer does when an exception leaves its block is what is tested
        pytest.raises(error),
        media.VideoWriter(target, fps=Fraction(25)) as writer,
    ):
        writer.write(frame(9))
        raise error
    assert [p.name for p in tmp_path.iterdir()] == ([name] if target.suffix else [])
    assert not target.suffix or target.read_bytes() == b"older"


def test_an_older_target_survives_until_the_new_one_is_whole(tmp_path: Path) -> None:
    target = make(tmp_path / "a.mp4", 3)
    older = target.read_bytes()
    with media.VideoWriter(target, fps=Fraction(25)) as writer:
        writer.write(frame(9))
        assert target.read_bytes() == older
    assert [number(f) for f in media.open_clip(target)] == [9]


def test_a_folder_that_vanishes_is_said(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    writer = media.VideoWriter(tmp_path / "sub" / "a.mp4", fps=Fraction(25))
    (tmp_path / "sub").rmdir()
    with pytest.raises(MediaError, match=r"cannot be written; got .*a.mp4 \(No such file"), writer:
        writer.write(frame(1))


WRITE = """
import resource, signal, sys
from fractions import Fraction
import numpy as np
from motionkit import media
if len(sys.argv) > 2:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
rng = np.random.default_rng(0)
with media.VideoWriter(sys.argv[1], fps=Fraction(25)) as writer:
    for n in range(150 if len(sys.argv) > 2 else 10**6):
        writer.write(rng.integers(0, 256, (96, 128, 3), np.uint8))
        if n == 60:
            print("half-way", flush=True)
"""


@pytest.mark.parametrize("name", ["a.mp4", "a.webm", "a.gif", "folder"])
def test_killed_half_way_leaves_no_target(tmp_path: Path, name: str) -> None:
    process = run(WRITE, tmp_path / name)
    assert process.stdout is not None and process.stdout.readline() == "half-way\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / name).exists()
    assert not [p for p in tmp_path.iterdir() if ".part" not in p.name]
    make(tmp_path / name, 2)  # what the killed one left is in nobody's way
    assert len(list(media.open_clip(tmp_path / name))) == 2


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.gif", "folder"])
def test_a_full_disk_is_a_clear_error_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    process = run(WRITE, tmp_path / name, 20_000)
    _, errors = process.communicate()
    assert process.returncode == 1
    last = errors.strip().splitlines()[-1]
    assert "MediaError: The" in last and "cannot be written" in last and "File too large" in last, errors
    assert list(tmp_path.iterdir()) == []
