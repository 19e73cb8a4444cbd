"""The command as a process: what it prints, how it ends, and Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from motionkit import media, trust
from tests.support.clips import ffmpeg
from tests.support.files import names, photo_and_clip


def command(*words: object) -> list[str]:
    return [sys.executable, "-u", "-m", "motionkit", *map(str, words)]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return photo_and_clip(tmp_path, 5)


def test_a_result_carries_the_label(work: Path) -> None:
    words = command("animate", "photo.png", "photo.png", "-o", "o.mp4", "--size", "64", "--crop", "centre")
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("o.mp4: 1 frame")
    assert trust.SOURCE_TYPE in media.read_metadata(work / "o.mp4")["comment"]


def test_a_mistake_is_one_line_and_status_1(work: Path) -> None:
    words = command("animate", "nobody.jpg", "drive.mp4")
    done = subprocess.run(words, cwd=work, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == ""
    assert re.fullmatch(r"motionkit: There is no such file; got .*nobody.jpg.*\n", done.stderr)


def test_control_c_says_how_far_it_came(work: Path) -> None:
    ffmpeg("-stream_loop", 200, "-i", work / "drive.mp4", "-c", "copy", work / "long.mp4")
    words = command("animate", "photo.png", "long.mp4", "-o", "out.mp4", "--crop", "centre")
    with subprocess.Popen(words, cwd=work, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stderr is not None
        seen = b""
        while not re.search(rb"\b[1-9]\d*/\d+", seen):
            seen += os.read(process.stderr.fileno(), 4096)
        process.send_signal(signal.SIGINT)
        seen += process.stderr.read()
    assert process.returncode == 130
    assert re.search(rb"motionkit: Stopped after \d+ of \d+ frames. Nothing was written", seen), seen[-300:]
    assert names(work) == {"photo.png", "drive.mp4", "long.mp4"}


def test_what_nobody_reads_ends_quietly_and_a_full_disk_is_said_in_a_line(work: Path) -> None:
    for target, status, said in (("| true", 0, ""), ("> /dev/full", 1, "no space is left on the device")):
        line = f"{' '.join(command('models'))} {target}; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], cwd=work, capture_output=True, text=True, check=False)
        assert done.returncode == status, done.stderr
        assert said in done.stderr and done.stderr.count("\n") == bool(said)
