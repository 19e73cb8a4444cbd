"""``personalise``: better on what was held out, or nothing at all."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit import AnimateOptions, animate, load_model, media, samples, verify
from motionkit.errors import FaceNotFoundError, InputError, TrainingError
from motionkit.tensors import to_frames, to_tensor
from motionkit.training import Personalised, PersonalProgress, personalise
from motionkit.training.held_out import HeldOut, read_held_out, split_in_time
from motionkit.weights import checkpoints
from tests.support.clips import number
from tests.support.datasets import video
from tests.support.networks import seeded_model, tiny_config

NOD = samples.driving_clip("nod")  # a rendered head
SETTINGS = {"steps": 50, "learning_rate": 3e-3, "device": "cpu", "progress": False}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("tiny") / "tiny.safetensors", domain="face")


def save(path: Path, **changes: object) -> Path:
    """A model that has learned nothing."""
    model = seeded_model(tiny_config(blend_warped=True, padding="border", **changes))
    return checkpoints.save(
        path, generator=model.generator.state_dict(), kp_detector=model.kp_detector.state_dict(),
        config=model.config, metadata={},
    )  # fmt: skip


def error_of_the_end(path: Path) -> float:
    """Of the clip's last quarter as a whole, not as ``personalise`` cuts and measures it."""
    model = load_model(path, device="cpu")
    frames = to_frames(to_tensor(list(media.open_clip(NOD))[38:], size=32))
    options = AnimateOptions(relative=False, lost="follow", motion_limit=None)
    results = np.stack(list(animate(frames[0], frames[1:], model=model, options=options)))
    return float(np.abs(results.astype(float) - frames[1:]).mean())


@pytest.fixture(scope="module")
def mine(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Personalised, list[PersonalProgress]]:
    """The model that the clip makes of one that has learned nothing, and what was told meanwhile."""
    told: list[PersonalProgress] = []
    output = tmp_path_factory.mktemp("mine") / "me.safetensors"
    return personalise(NOD, output, model=tiny, callback=told.append, **SETTINGS), told


def test_a_model_becomes_better_on_what_it_has_not_seen(
    tiny: Path, mine: tuple[Personalised, list[PersonalProgress]]
) -> None:
    result, told = mine
    assert result.after < 0.9 * result.before
    assert error_of_the_end(result.path) < 0.9 * error_of_the_end(tiny)
    assert {path.name for path in result.path.parent.iterdir()} == {"me.safetensors", "me.jpg"}
    assert told[0].now == told[0].before == result.before
    assert told[-1].now == result.after and told[-1].step == 50
    made = load_model(result.path, device="cpu").config
    assert made == load_model(tiny, device="cpu").config
    sheet = media.read_image(result.sheet)
    assert sheet.shape[0] == 4 * 32 and sheet.shape[1] >= 4 * 32
    (labels,) = verify(result.sheet)
    assert labels.metadata
    assert "before" in str(result) and str(result.steps) in str(result)


def test_a_rate_that_ruins_the_model_writes_nothing(
    mine: tuple[Personalised, list[PersonalProgress]], tmp_path: Path
) -> None:
    settings = {**SETTINGS, "steps": 25, "learning_rate": 1000.0}
    with pytest.raises(TrainingError, match=r"nothing was written; got .*lower learning rate"):
        personalise(NOD, tmp_path / "me.safetensors", model=mine[0].path, **settings)
    assert not list(tmp_path.iterdir())


def test_it_goes_on_where_it_was_stopped(tiny: Path, tmp_path: Path) -> None:
    output = tmp_path / "me.safetensors"

    def stop(progress: PersonalProgress) -> None:
        if progress.step > 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        personalise(NOD, output, model=tiny, callback=stop, **SETTINGS)
    assert not output.exists() and (tmp_path / "me-personalise" / "run").is_dir()
    other = video(tmp_path / "other.mp4", range(20))
    with pytest.raises(InputError, match=r"Another clip was begun here; got other.mp4"):
        personalise(other, output, model=tiny, **SETTINGS)
    told: list[PersonalProgress] = []
    personalise(NOD, output, model=tiny, callback=told.append, **{**SETTINGS, "steps": 30})
    assert min(progress.step for progress in told if progress.step) > 25
    assert output.is_file() and not (tmp_path / "me-personalise").exists()


def test_what_cannot_be_used_is_told_before_any_work(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"written as safetensors; got me.pth"):
        personalise(NOD, tmp_path / "me.pth", model=tiny, **SETTINGS)
    with pytest.raises(InputError, match="overwrite an input"):
        personalise(NOD, tiny, model=tiny, **SETTINGS)
    body = save(tmp_path / "body.safetensors", domain="body")
    with pytest.raises(InputError, match=r"Only models of faces are personalised; got domain 'body'"):
        personalise(NOD, tmp_path / "me.safetensors", model=body, **SETTINGS)
    faceless = video(tmp_path / "faceless.mp4", range(20))
    with pytest.raises(FaceNotFoundError):
        personalise(faceless, tmp_path / "me.safetensors", model=tiny, **SETTINGS)
    assert {path.name for path in tmp_path.iterdir()} == {"body.safetensors", "faceless.mp4"}


def test_the_last_quarter_is_held_out(tmp_path: Path) -> None:
    for name, numbers in (("a#0001.mp4", range(14)), ("a#0002.mp4", range(14, 24))):
        (tmp_path / "clips").mkdir(exist_ok=True)
        video(tmp_path / "clips" / name, numbers)
    split_in_time(tmp_path / "clips", tmp_path / "frames", 64)
    shown = {
        part: [number(media.read_image(path)) for path in sorted((tmp_path / "frames" / part).rglob("*.png"))]
        for part in ("train", "test")
    }
    assert shown == {"train": list(range(18)), "test": list(range(18, 24))}
    (scene,) = read_held_out(tmp_path / "frames", 64).scenes
    assert [number(frame) for frame in scene] == [14, *range(18, 24)], "the scene's first frame, which training sees"


def test_too_few_frames_are_told(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    video(tmp_path / "clips" / "a#0001.mp4", range(9))
    with pytest.raises(InputError, match=r"too short; got 9 frames with a face; expected 16"):
        split_in_time(tmp_path / "clips", tmp_path / "frames", 64)
    assert not (tmp_path / "frames").exists()


def test_the_error_is_a_share_of_standing_still() -> None:
    first, second, third = (np.full((2, 2, 3), level, np.uint8) for level in (10, 20, 40))
    held_out = HeldOut((np.stack([first, second, third]),))
    assert held_out.error([np.stack([second, third])]) == 0
    assert held_out.error([np.stack([first, first])]) == 1
    assert held_out.error([np.stack([second, first])]) == Fraction(30, 40)
    with pytest.raises(InputError, match="Nothing moves"):
        HeldOut((np.stack([first, first]),)).error([first[None]])
