"""Faces out of long videos: where clips begin and end, what they show, and stopping in between."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from motionkit import media, wholefile
from motionkit.data.clips import find_clips
from motionkit.data.preparation import Prepared
from motionkit.errors import FaceNotFoundError, InputError, MediaError, MotionkitWarning
from motionkit.faces import find_faces
from motionkit.structures import Box
from motionkit.training.config import DataConfig
from tests.support.films import AGAIN, CLOSER, FPS, NOTHING, SWAY, close, frames_of, names, run, shot, write


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("film") / "film.mp4", SWAY + CLOSER + NOTHING + AGAIN)


@pytest.fixture(scope="module")
def prepared(film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("prepared")
    assert run(film, output) == Prepared(clips=3, kept=0, broken=())
    return output


def test_clips_end_at_cuts_and_where_the_face_is_lost(prepared: Path) -> None:
    assert names(prepared) == ["film#0001.mp4", "film#0002.mp4", "film#0003.mp4"]
    lengths = [len(frames_of(prepared / name)) for name in names(prepared)]
    # A clip begins and ends with a frame in which the face was seen; every fifth is looked at.
    for length, shown in zip(lengths, (SWAY, CLOSER, AGAIN), strict=True):
        assert len(shown) - 10 <= length <= len(shown)
    for name in names(prepared):
        info = media.open_clip(prepared / name).info
        assert (info.width, info.height, info.fps) == (96, 96, FPS)


def test_each_frame_shows_the_face_of_one_shot(prepared: Path) -> None:
    for name in names(prepared):
        frames = frames_of(prepared / name)
        for frame in (frames[0], frames[len(frames) // 2], frames[-1]):
            (face,) = find_faces(frame, finder="cascade")
            assert 96 / 3.2 < face.width < 96 / 1.4
            assert abs(face.centre[0] - 48) < 25 and abs(face.centre[1] - 48) < 20
        jumps = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(frames)]
        assert max(jumps) < 25, "no cut within a clip"


def test_the_square_stays_where_it_is(prepared: Path) -> None:
    """The camera stands still in the third clip, and so does the clip; in the first the face sways within it."""
    still = frames_of(prepared / "film#0003.mp4")
    assert close(still[0], still[-1])
    swaying = frames_of(prepared / "film#0001.mp4")
    found = [find_faces(frame, finder="cascade")[0].centre[0] for frame in swaying[::5]]
    assert np.ptp(found) > 4


def test_the_folder_can_be_trained_on(prepared: Path) -> None:
    found = find_clips(prepared, DataConfig(test_share=0))
    assert [clip.identity for clip in found.train] == ["film"] * 3


def test_a_second_run_keeps_what_is_there(film: Path, prepared: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in prepared.glob("*.mp4")}
    assert run(film, prepared) == Prepared(clips=0, kept=3, broken=())
    assert {path: path.stat().st_mtime_ns for path in prepared.glob("*.mp4")} == before
    with pytest.raises(InputError, match="prepared in this folder before, differently"):
        run(film, prepared, size=64)


@pytest.mark.parametrize("calls", [3, 12])
def test_a_stopped_run_leaves_whole_clips_and_goes_on(film: Path, prepared: Path, tmp_path: Path, calls: int) -> None:
    left = iter(range(calls))

    def stopping(picture: np.ndarray) -> list[Box]:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return find_faces(picture, finder="cascade")

    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path, finder=stopping)
    there = names(tmp_path)
    assert there == names(prepared)[: len(there)] and len(there) < 3
    assert not [path for path in tmp_path.iterdir() if "part" in path.name]
    again = run(film, tmp_path)
    assert (again.kept, again.clips) == (len(there), 3 - len(there))
    assert names(tmp_path) == names(prepared)
    for name in there:
        assert len(frames_of(tmp_path / name)) == len(frames_of(prepared / name))
    for name in names(prepared):
        assert all(map(close, frames_of(tmp_path / name), frames_of(prepared / name)))


def test_short_clips_and_small_faces_are_left_out(tmp_path: Path) -> None:
    film = write(tmp_path / "film.mp4", AGAIN[:16])
    with pytest.raises(FaceNotFoundError, match=r"No face could be followed for 1\.0 s"):
        run(film, tmp_path / "a", min_seconds=1.0)
    with pytest.raises(FaceNotFoundError, match="faces whose square has at least 300 pixels"):
        run(film, tmp_path / "b", min_side=300)
    assert run(film, tmp_path / "c").clips == 1


def test_a_face_that_leaves_the_square_begins_a_new_clip(tmp_path: Path) -> None:
    frames = [shot(100 - 5 * n, 0, 300) for n in range(32)]
    assert run(write(tmp_path / "walk.mp4", frames), tmp_path / "out", every=2, size=192, min_side=90).clips >= 2
    for name in names(tmp_path / "out"):
        found = [find_faces(frame, finder="cascade") for frame in frames_of(tmp_path / "out" / name)]
        assert sum(map(len, found)) >= 0.9 * len(found), "the finder may miss one"
        assert all(face.left > -5 and face.right < 197 for faces in found for face in faces)


def test_no_face_at_all(tmp_path: Path) -> None:
    film = write(tmp_path / "empty.mp4", NOTHING)
    with pytest.raises(FaceNotFoundError, match=r"No face could be followed for 0\.5 s; got 1 videos"):
        run(film, tmp_path / "out")
    assert names(tmp_path / "out") == []


def test_a_broken_video_is_named_and_the_others_go_on(film: Path, tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "broken.mp4").write_bytes(b"no video")
    write(videos / "good.mp4", AGAIN)
    with pytest.warns(MotionkitWarning, match=r"broken\.mp4 cannot be read"):
        result = run(videos, tmp_path / "out")
    assert result == Prepared(clips=1, kept=0, broken=(videos / "broken.mp4",))


def test_a_full_disk_and_a_damaged_record_are_told(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = write(tmp_path / "short.mp4", AGAIN[:16])

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(wholefile, "replace", full)
        with pytest.raises(MediaError, match=r"how far short\.mp4 is \(No space left"):
            run(short, tmp_path / "out")
    assert run(short, tmp_path / "out") == Prepared(clips=0, kept=1, broken=())
    record = tmp_path / "out" / ".prepared" / "short.json"
    for damage in (record.read_text()[:20], "[]", '{"settings": {}, "frames": 1}'):
        record.write_text(damage)
        with pytest.raises(InputError, match=r"about short\.mp4 cannot be read.*Delete that file"):
            run(short, tmp_path / "out")
    record.unlink()
    assert run(short, tmp_path / "out") == Prepared(clips=0, kept=1, broken=())


def test_inputs_that_cannot_be_used(film: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no such file"):
        run(tmp_path / "nowhere.mp4", tmp_path / "out")
    with pytest.raises(InputError, match="There is nothing to prepare"):
        run([], tmp_path / "out")
    with pytest.raises(InputError, match="The folder holds no videos"):
        run(tmp_path, tmp_path / "out")
    (tmp_path / "film.mp4").touch()
    with pytest.raises(InputError, match="Two videos have one name"):
        run([film, tmp_path / "film.mp4"], tmp_path / "out")
    with pytest.raises(InputError, match="every is out of range; got 0"):
        run(film, tmp_path / "out", every=0)
