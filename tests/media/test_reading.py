"""Clips as phones, editors and browsers make them: odd containers, damage; and memory that stays."""

from __future__ import annotations

import gc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from motionkit import media
from motionkit.errors import InputError, MediaError, MotionkitWarning
from motionkit.media.seeking import read_frames_at
from tests.support.clips import ffmpeg, frame, make, number, run

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s at 30000/1001 with sound, a keyframe every 12 frames, loadable from the front."""
    path = tmp_path_factory.mktemp("phone") / "phone.mp4"
    video, sound = f"testsrc2=s=160x120:r={NTSC}:d=4", "sine=f=440:d=4"
    options = ("-g", 12, "-shortest", "-movflags", "+faststart")
    ffmpeg("-f", "lavfi", "-i", video, "-f", "lavfi", "-i", sound, *options, path)
    return path


KINDS = {
    "t.mp4": ("-c", "copy", "-movflags", "+faststart"),
    "fragments.mp4": ("-c", "copy", "-movflags", "+frag_keyframe+empty_moov"),
    "t.mkv": ("-c", "copy"),
    "t.webm": ("-deadline", "realtime"),
    "t.avi": ("-c:v", "mjpeg"),
    "t.gif": (),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_whole_clip_is_read_whole_and_a_cut_one_says_so(tmp_path: Path, phone: Path, name: str) -> None:
    path, cut = tmp_path / name, tmp_path / f"cut-{name}"
    ffmpeg("-i", phone, *KINDS[name], path)
    whole = media.open_clip(path)
    frames = len(list(whole))  # a warning would be an error
    assert frames == whole.info.frames == pytest.approx(119, abs=1)
    if path.suffix != ".gif":  # its times are whole hundredths of a second
        assert whole.info.fps == NTSC
    assert whole.info.duration is not None and float(whole.info.duration) == pytest.approx(119 / NTSC, abs=0.04)
    cut.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    with pytest.warns(MotionkitWarning, match=rf"{cut.name} is (cut off|damaged).* (is|are) used"):
        left = list(media.open_clip(cut))
    assert 55 < len(left) < 90
    np.testing.assert_array_equal(left[50], list(media.open_clip(path, end=2))[50])


def test_a_trimmed_clip_is_not_called_damaged(tmp_path: Path) -> None:
    """Its table still lists the frames before the cut, which its edit list hides."""
    path = make(tmp_path / "a.mp4", 60)
    ffmpeg("-ss", 1, "-i", path, "-c", "copy", tmp_path / "trimmed.mp4")
    numbers = [number(f) for f in media.open_clip(tmp_path / "trimmed.mp4")]
    assert numbers == list(range(25, 60))


def test_gif_keeps_each_frame_once(tmp_path: Path) -> None:
    """30 frames a second are delays of 3, 3 and 4 hundredths."""
    path = make(tmp_path / "a.gif", 30, Fraction(30))
    clip = media.open_clip(path)
    assert [number(f) for f in clip] == list(range(30))
    assert clip.info.fps == 30 and clip.info.duration == 1


def test_sound_longer_than_the_picture_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    ffmpeg("-f", "lavfi", "-i", "color=s=64x48:r=25:d=2", "-f", "lavfi", "-i", "sine=d=3", path)
    info = media.open_clip(path).info
    assert (info.frames, info.duration, info.has_audio) == (50, 2, True)


def test_a_single_frame(tmp_path: Path) -> None:
    info = media.open_clip(make(tmp_path / "one.mp4", 1)).info
    assert info.frames == 1 and info.duration == Fraction(1, 25)
    assert len(list(media.open_clip(tmp_path / "one.mp4"))) == 1
    assert len(list(media.open_clip(tmp_path / "one.mp4", end=10))) == 1


def test_animated_pictures_of_pillow_are_clips(tmp_path: Path) -> None:
    """Delays that differ are kept as time, at the average rate."""
    pictures = [Image.fromarray(frame(n)) for n in range(4)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 100, 100])
    assert [number(f) for f in media.open_clip(tmp_path / "a.gif", fps=10)] == [0, 1, 1, 1, 2, 3]


def test_folders_and_globs_in_natural_order(tmp_path: Path) -> None:
    for i in (0, 1, 2, 10, 11):
        media.write_image(tmp_path / f"f{i}.png", frame(i))
    assert [number(f) for f in media.open_clip(tmp_path)] == [0, 1, 2, 10, 11]
    assert [number(f) for f in media.open_clip(tmp_path / "f1*.png")] == [1, 10, 11]
    assert media.open_clip(tmp_path, fps=10).info.duration == Fraction(1, 2)
    media.write_image(tmp_path / "f12.png", frame(12, (32, 32)))
    with pytest.raises(MediaError, match=r"pictures differ in size; got f12.png: 32x32; expected 64x48"):
        list(media.open_clip(tmp_path))


def test_bad_inputs_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("this is no video\n" * 50)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "dir").mkdir()
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", tmp_path / "tone.m4a")
    for name, error, message in (
        ("text.mp4", MediaError, "not a video that can be read"),
        ("empty.mp4", MediaError, "The file is empty"),
        ("tone.m4a", MediaError, "no video stream"),
        ("tone.m4", InputError, r"no such file; got .*tone.m4. Did you mean tone.m4a\?"),
        ("dir", InputError, "There are no pictures here"),
        ("*.png", InputError, "There are no pictures here"),
    ):
        with pytest.raises(error, match=message):
            media.open_clip(tmp_path / name)
    with pytest.raises(MediaError, match=r"This is not a picture; got .*text.mp4"):
        media.read_image(tmp_path / "text.mp4")


def test_a_song_with_a_cover_is_no_video(tmp_path: Path) -> None:
    media.write_image(tmp_path / "cover.png", frame(1))
    cover = ("-i", tmp_path / "cover.png", "-map", 0, "-map", 1, "-c:v", "copy", "-disposition:v", "attached_pic")
    ffmpeg("-f", "lavfi", "-i", "sine=d=1", *cover, tmp_path / "song.m4a")
    with pytest.raises(MediaError, match=r"no video stream; got .*song.m4a"):
        media.open_clip(tmp_path / "song.m4a")


def test_damage_at_the_start_is_an_error(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", 3)
    content = path.read_bytes()
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "head.mp4").write_bytes(content[: content.index(b"mdat") + 4])
    with pytest.raises(MediaError, match=r"This is not a video that can be read; got .*noise.mp4"):
        media.open_clip(tmp_path / "noise.mp4")
    with pytest.raises(MediaError, match=r"(No frame of the video can be read|not a video).*head.mp4"):
        media.open_clip(tmp_path / "head.mp4")


def test_an_unreadable_file_is_told_from_a_missing_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path / "a.mp4", 2)
    monkeypatch.setattr("os.access", lambda *_: False)  # root may read anything
    with pytest.raises(MediaError, match=r"cannot be read; got .*a.mp4. Check its permissions"):
        media.open_clip(path)


def test_frames_are_freed_as_they_are_read(tmp_path: Path) -> None:
    """Frames in reference cycles, 1.4 MB each of a 720p clip, would stay until Python collects garbage."""
    clip = media.open_clip(make(tmp_path / "a.mp4", 30))
    gc.collect()
    gc.disable()
    try:
        assert len(list(clip)) == 30
        assert gc.collect() < 30
    finally:
        gc.enable()


READ_AND_WRITE = """
import resource, sys
from pathlib import Path
from motionkit import media
source, target = Path(sys.argv[1]), Path(sys.argv[2])
clip = media.open_clip(source)
with media.VideoWriter(target, fps=clip.info.fps, audio=clip) as writer:
    for frame in clip:
        writer.write(frame)
print(writer.count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_length(tmp_path: Path) -> None:
    """Nor with the sound beside it; held in memory, the 900 frames more would be 100 MB."""
    peaks = []
    for seconds in (4, 40):
        source = tmp_path / f"{seconds}.mp4"
        video = f"testsrc2=s=224x168:r=25:d={seconds}"
        quick = ("-preset", "ultrafast", "-shortest")
        ffmpeg("-f", "lavfi", "-i", video, "-f", "lavfi", "-i", f"sine=d={seconds}", *quick, source)
        out, errors = run(READ_AND_WRITE, source, tmp_path / f"out{seconds}.mp4").communicate()
        assert out, errors
        count, peak = map(int, out.split())
        assert count == 25 * seconds
        peaks.append(peak / 1024)
    assert peaks[1] - peaks[0] < 25, f"MiB: {peaks}"


@pytest.mark.parametrize(
    ("name", "options"), [("a.ogv", ("-c:v", "libtheora", "-q:v", 9)), ("a.avi", ("-c:v", "mpeg4")), ("a.mp4", ())]
)
def test_a_frame_that_is_stored_as_the_one_before_is_shown_again(
    tmp_path: Path, name: str, options: tuple[object, ...]
) -> None:
    shown = [5, 5, 6, 6, 6, 7, 7]
    for place, n in enumerate(shown):
        media.write_image(tmp_path / f"{place}.png", frame(n, (128, 96)))
    ffmpeg("-framerate", 25, "-i", tmp_path / "%d.png", *options, tmp_path / name)
    clip = media.open_clip(tmp_path / name)  # a warning that it is cut off would be an error
    assert [number(picture) for picture in clip] == shown
    assert [number(picture) for picture in read_frames_at(tmp_path / name, range(7))] == shown
