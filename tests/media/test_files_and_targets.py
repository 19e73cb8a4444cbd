"""Names that FFmpeg would take for something else, files that name others, and targets that must not be replaced."""

from __future__ import annotations

import os
import signal
import socket
import stat
import threading
import time
from fractions import Fraction
from pathlib import Path

import pytest

from motionkit import media
from motionkit.cli.main import main
from motionkit.errors import InputError, MediaError, MotionkitError, MotionkitWarning
from motionkit.media.seeking import read_frames_at
from motionkit.wholefile import check_replaceable, leftovers, part_path, write_whole
from tests.support.clips import copy, ffmpeg, frame, make, number, run

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


@posix
@pytest.mark.parametrize(
    "name",
    ["12:30.mp4", "concat:a|b.mp4", "http:/x/a.mp4", "file:a.mp4", "a%03d.mp4", "-i.mp4", "Käse 日.mp4", "a\nb.mkv"],
)
def test_any_name_is_a_file_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Relative names, as they are typed; read, sought in, written and carried over with sound."""
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    sound = ("-f", "lavfi", "-i", "sine=d=0.4", "-c:v", "copy")
    ffmpeg("-i", make(tmp_path / "whole.mp4", 10), *sound, tmp_path / f"sound{Path(name).suffix}")
    Path(f"sound{Path(name).suffix}").rename(name)
    assert [number(f) for f in media.open_clip(name)] == list(range(10))
    assert number(read_frames_at(name, [7])[0]) == 7
    assert isinstance(media.read_metadata(name), dict)
    again = Path(name).with_name(f"{Path(name).stem}-2{Path(name).suffix}")
    assert media.open_clip(copy(media.open_clip(name), again)).info.has_audio


def test_no_request_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that listens is never called, by an address, nor by files that name one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/a.mp4"
        lists = {
            "a.m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
            "b.mp4": f"#EXTM3U\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n",
            "c.ffconcat": f"ffconcat version 1.0\nfile '{address}'\n",
            "d.sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nm=video 5004 RTP/AVP 96\r\n",
            "e.mpd": f'<?xml version="1.0"?><MPD><BaseURL>{address}</BaseURL></MPD>',
            "f.pls": f"[playlist]\nFile1={address}\n",
            "g.mp4": f"file '{address}'\n",
        }
        for name, text in lists.items():
            (tmp_path / name).write_text(text)
            what = "not a video" if name == "g.mp4" else "This is a playlist, not a video; got"
            for read in (media.open_clip, media.read_metadata):
                with pytest.raises(MediaError, match=rf"{what}.*{name}"):
                    read(tmp_path / name)
        for given in (address, Path(address), "https://example.org/a.mp4", "rtsp://example.org/x", "s3://bucket/a"):
            for look in (media.open_clip, media.read_image, media.read_metadata, media.check_target):
                with pytest.raises(InputError, match=r"This is an address, not a file; got .*Download it first"):
                    look(given)
        with pytest.raises(BlockingIOError):
            server.accept()


def test_files_beside_a_playlist_are_not_opened(tmp_path: Path) -> None:
    make(tmp_path / "secret.mp4", 3)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile secret.mp4\n")
    with pytest.raises(MediaError, match=r"This is a playlist, not a video; got .*list.mp4. Give the video"):
        media.open_clip(tmp_path / "list.mp4")


@posix
def test_inputs_are_regular_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "link.mp4").symlink_to("/dev/zero")
    for given in (tmp_path / "pipe.mp4", tmp_path / "link.mp4", "/dev/zero"):
        for read in (media.open_clip, media.read_image, media.read_metadata):
            with pytest.raises(InputError, match="This is no regular file; got"):
                read(given)
        assert not media.is_image(given)


@pytest.mark.parametrize("given", ["", "x" * 300, "a\0b", "a.mp4/b.mp4"])
def test_names_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "a.mp4", 1)
    for use in (media.open_clip, media.read_image, media.check_target):
        with pytest.raises(MotionkitError, match="got "):
            use(given)
    with pytest.raises(InputError, match=r"too long|cannot be used|no name|folder"):
        write_whole(Path(given), lambda part: part.write_bytes(b""))
    assert [p.name for p in tmp_path.iterdir()] == ["a.mp4"]


@posix
@pytest.mark.parametrize("kind", ["device", "link", "pipe", "socket", "folder"])
def test_only_regular_files_are_replaced(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "a.mp4"
    listening = socket.socket(socket.AF_UNIX)
    if kind == "device":
        target = Path("/dev/null")
    elif kind == "link":
        target.symlink_to("/dev/null")
    elif kind == "pipe":
        os.mkfifo(target)
    elif kind == "socket":
        listening.bind(str(target))
    else:
        target.mkdir()
    before = target.lstat()
    refused = "(no regular file|a folder where a file belongs|a file where a folder belongs)"
    with pytest.raises(InputError, match=refused):
        media.check_target(target)
    with pytest.raises(InputError, match=refused):
        media.check_target(target, any_suffix=True)
    with pytest.raises(InputError, match=refused):
        write_whole(target, lambda part: part.write_bytes(b"new"))
    with pytest.raises(InputError, match=refused), media.VideoWriter(target, fps=Fraction(25)) as writer:
        writer.write(frame(1))
    if kind != "device":
        named = target.with_name("b.png")
        target.rename(named)
        with pytest.raises(InputError, match=refused):
            media.write_image(named, frame(1))
        target = named
    after = target.lstat()
    assert (stat.S_IFMT(after.st_mode), after.st_ino) == (stat.S_IFMT(before.st_mode), before.st_ino)
    assert len(list(tmp_path.iterdir())) == (0 if kind == "device" else 1)
    listening.close()


@posix
def test_a_device_that_comes_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "a.mp4"
    with pytest.raises(InputError, match="no regular file"), media.VideoWriter(target, fps=Fraction(25)) as writer:  # noqa: PT012
        writer.write(frame(1))
        os.mkfifo(target)
    assert stat.S_ISFIFO(target.stat().st_mode) and list(tmp_path.iterdir()) == [target]


def test_targets_are_checked_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = str(make(tmp_path / "a.mp4", 2))
    (tmp_path / "taken").write_text("mine")
    (tmp_path / "folder").mkdir()
    for arguments, said in (
        (["extract", clip, "-o", f"{tmp_path}/nodir/x.motion"], "The target's folder is not there"),
        (["extract", clip, "-o", f"{tmp_path}/{'x' * 300}.motion"], "The target's name is too long"),
        (
            ["keypoints", clip, "-o", f"{tmp_path}/k.mp4", "--table", f"{tmp_path}/folder"],
            "a folder where a file belongs",
        ),
        (["keypoints", clip, "-o", f"{tmp_path}/k.mp4", "--table", "/dev/null"], "no regular file"),
        (["animate", clip, clip, "-o", f"{tmp_path}/taken"], "a file where a folder belongs"),
        (["animate", clip, clip, "-o", ""], "The target has no name"),
    ):
        begun = time.process_time()
        assert main(arguments) == 1
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1, err
        assert time.process_time() - begun < 10
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "folder", "taken"]


@pytest.mark.parametrize("name", ["a.gif", "folder"])
def test_a_target_without_sound_says_so(tmp_path: Path, name: str) -> None:
    sound = ("-f", "lavfi", "-i", "sine=d=0.2", "-c:v", "copy")
    ffmpeg("-i", make(tmp_path / "silent.mp4", 5), *sound, tmp_path / "clip.mp4")
    clip = media.open_clip(tmp_path / "clip.mp4")
    with pytest.warns(MotionkitWarning, match=f"{name} cannot carry audio"):
        copy(clip, tmp_path / name)
    assert len(list(media.open_clip(tmp_path / name))) == 5, "the pictures are written all the same"


def test_threads_on_one_target_do_not_disturb_each_other(tmp_path: Path) -> None:
    target, failed = tmp_path / "a.mp4", []
    start = threading.Barrier(6)

    def work(n: int) -> None:
        try:
            start.wait()
            for _ in range(5):
                with media.VideoWriter(target, fps=Fraction(25)) as writer:
                    for _ in range(n + 1):
                        writer.write(frame(n))
                write_whole(tmp_path / "b.txt", lambda part: part.write_text(str(n) * 1000))
                media.write_image(tmp_path / "c.png", frame(n))
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    numbers = [number(f) for f in media.open_clip(target)]
    assert numbers == [numbers[0]] * (numbers[0] + 1)
    assert len(set((tmp_path / "b.txt").read_text())) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "b.txt", "c.png"]


def test_leftovers_are_those_of_dead_processes(tmp_path: Path) -> None:
    dead = run("pass")
    dead.wait()
    mine = part_path(tmp_path / "a.mp4", ".mp4")
    theirs = mine.with_name(mine.name.replace(f"mk{os.getpid()}", f"mk{dead.pid}"))
    foreign = [tmp_path / ".a.mp4.part", tmp_path / f".x.{dead.pid}.part", tmp_path / "a.part"]
    for path in (mine, theirs, *foreign):
        path.touch()
    assert list(leftovers(tmp_path)) == [theirs]
    long = tmp_path / ("é" * 120 + ".mp4")
    check_replaceable(long)
    assert len(os.fsencode(part_path(long, ".mp4").name)) < 255


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_command_leaves_nothing(tmp_path: Path, number: int) -> None:
    clip = make(tmp_path / "a.mp4", 30)
    ffmpeg("-stream_loop", 100, "-i", clip, "-c", "copy", tmp_path / "long.mp4")
    code = "import sys; from motionkit.cli.main import main; sys.exit(main(sys.argv[1:]))"
    panels = [tmp_path / "long.mp4"] * 2
    process = run(code, "collage", *panels, "--height", 512, "-o", tmp_path / "out.mp4")
    until = time.monotonic() + 90
    while not list(tmp_path.glob(".*.part*")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (143 if number == signal.SIGTERM else 130), errors
    assert errors == "motionkit: stopped.\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mp4", "long.mp4"]
