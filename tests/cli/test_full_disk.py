"""A disk that is full costs one line, and leaves nothing half written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from motionkit import samples
from motionkit.cli.main import main
from motionkit.weights import checkpoints
from tests.support.clips import ffmpeg
from tests.support.files import frames_of, names
from tests.support.networks import seeded_model, tiny_config
from tests.support.training_runs import small_disk

FREE = (0, 4096)  # bytes: for no file with anything in it, and for the beginning of most


@pytest.fixture
def disk(folder: Path) -> Iterator[Callable[[int], Path]]:
    """A disk with so many bytes free; an old result is on it."""
    with small_disk(folder / "disk", "2m") as place:

        def filled(free: int) -> Path:
            (place / "old.mp4").write_bytes(b"an old result")
            with (place / "junk").open("wb", buffering=0) as junk:
                with suppress(OSError):  # there is no space left
                    while True:
                        junk.write(bytes(4096))
                junk.truncate(junk.tell() - free)
            return place

        yield filled


@pytest.mark.filterwarnings("default::motionkit.errors.MotionkitWarning")
@pytest.mark.parametrize("free", FREE)
@pytest.mark.parametrize(
    "arguments",
    [
        "animate photo.png drive.mp4 -o disk/old.mp4",
        "animate photo.png drive.mp4 -o disk/new.mov --audio sound.wav",
        "animate photo.png drive.mp4 -o disk/new.webm",
        "animate photo.png drive.mp4 -o disk/new.gif",
        "animate photo.png drive.mp4 -o disk/frames",
        "animate photo.png drive.mp4 -o here.mp4 --collage disk/new.mp4",
        "animate photo.png drive.mp4 -o here.mp4 --still disk/new.png",
        "collage photo.png drive.mp4 -o disk/old.mp4",
        "collage photo.png drive.mp4 -o disk/new.png",
        "keypoints drive.mp4 -o disk/new.mp4",
        "keypoints drive.mp4 -o here.mp4 --table disk/new.csv",
        "extract drive.mp4 -o disk/new.motion",
        "convert model.safetensors disk/new.safetensors",
        "prepare film.mp4 -o disk/clips --min-seconds 0.1 --size 64",
    ],
)
def test_one_line_and_nothing_half_written(
    folder: Path, disk: Callable[[int], Path], capsys: pytest.CaptureFixture[str], arguments: str, free: int
) -> None:
    ffmpeg("-f", "lavfi", "-i", "anoisesrc=d=1:a=0.5", folder / "sound.wav")
    if arguments.startswith("convert"):
        model = seeded_model(tiny_config())
        checkpoints.save(
            folder / "model.safetensors", generator=model.generator.state_dict(),
            kp_detector=model.kp_detector.state_dict(), config=model.config, metadata={},
        )  # fmt: skip
    if arguments.startswith("prepare"):
        (folder / "film.mp4").symlink_to(Path(samples.__file__).with_name("driving.mp4"))
    place = disk(free)
    before = names(place)
    status = main(arguments.split())
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("motionkit: ")]
    if status == 0:  # it had room
        (target,) = (Path(word) for word in arguments.split() if word.startswith("disk/"))
        assert 0 < target.stat().st_size <= free, "there was no room for more"
        assert names(place) == before | {target.name}
        if target.suffix in (".mp4", ".webm"):
            assert len(frames_of(target)) == 5
        return
    assert status == 1 and "No space left on device" in error[-1], error
    assert names(place) - {"clips"} == before
    assert (place / "old.mp4").read_bytes() == b"an old result"
    left = (place / "clips").rglob("*")
    assert [path.name for path in left if path.suffix == ".mp4" or "part" in path.name] == []
    # What was written elsewhere before is whole.
    assert not (folder / "here.mp4").exists() or len(frames_of(folder / "here.mp4")) == 5
