"""Sources and drivings of every form, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from motionkit import media, motion
from motionkit.animation.driving import detect_clip
from motionkit.animation.moments import animate, moments
from motionkit.errors import InputError, OutOfMemoryError
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate
from motionkit.options import AnimateOptions
from motionkit.structures import Generated, Keypoints
from motionkit.tensors import to_frames, to_tensor
from tests.conftest import seeded_model, tiny_config

STILL = AnimateOptions(strength=0.0)


def tiny(**changes: object) -> Model:
    return Model(seeded_model(tiny_config(**changes)), device="cpu", precision="float32", fingerprint="f" * 64)


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny()


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    """Seven 32×32 frames of smooth noise that drifts."""
    noise = np.random.default_rng(1).uniform(0, 255, (8, 8, 3)).astype(np.uint8)
    large = to_frames(to_tensor([noise], size=64))[0]
    return np.stack([large[i * 3 : i * 3 + 32, i * 2 : i * 2 + 32] for i in range(7)])


def every(frames: Iterator[np.ndarray]) -> np.ndarray:
    return np.stack(list(frames))


def own_pose(model: Model, source: np.ndarray) -> np.ndarray:
    """The source generated with its own keypoints: what no movement looks like."""
    picture = to_tensor([source], size=model.config.size)
    keypoints = model.detect(picture)
    return to_frames(model.generate(picture, keypoints, keypoints).image)[0]


def template_of(model: Model, clip: np.ndarray) -> MotionTemplate:
    return MotionTemplate(
        keypoints=Keypoints.cat(list(detect_clip(clip, model=model))),
        fps=Fraction(30),
        model=model.config.name,
        model_hash=model.fingerprint,
        size=(32, 32),
    )


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal but for rounding at the last of 255 steps."""
    return one.shape == other.shape and int(np.abs(one.astype(int) - other.astype(int)).max()) <= 1


def test_each_driving_frame_gives_the_frame_that_the_steps_by_hand_give(model: Model, clip: np.ndarray) -> None:
    source = clip[3]
    picture = to_tensor([source])
    detected = model.detect(to_tensor(clip))
    at = model.detect(picture)
    moved = motion.limit(motion.transfer(at, detected, detected[:1]), at, motion_limit=1.0)
    expected = to_frames(model.generate(picture, at, moved).image)
    found = list(moments(source, clip, model=model, options=AnimateOptions(batch_size=2)))
    assert [moment.index for moment in found] == list(range(7))
    assert all(np.array_equal(moment.driving, frame) for moment, frame in zip(found, clip, strict=True))
    assert all(np.array_equal(moment.source, source) for moment in found)
    assert close(np.stack([moment.frame for moment in found]), expected)
    assert len({frame.tobytes() for frame in expected}) == 7  # it moves


def test_a_driving_that_does_not_move_leaves_the_source_pose(model: Model, clip: np.ndarray) -> None:
    frames = every(animate(clip[0], [clip[5]] * 3, model=model))
    assert all(close(frame, own_pose(model, clip[0])) for frame in frames)


def test_absolute_motion_of_the_source_itself_is_the_source_pose(model: Model, clip: np.ndarray) -> None:
    (frame,) = animate(clip[2], clip[2:3], model=model, options=AnimateOptions(relative=False))
    assert close(frame, own_pose(model, clip[2]))


@pytest.mark.parametrize("relative", [True, False])
def test_strength_nought_is_the_source_pose(model: Model, clip: np.ndarray, relative: bool) -> None:
    frames = every(animate(clip[0], clip, model=model, options=STILL.replace(relative=relative)))
    assert all(close(frame, own_pose(model, clip[0])) for frame in frames)


def test_the_form_of_the_driving_does_not_matter(model: Model, clip: np.ndarray, tmp_path: Path) -> None:
    expected = every(animate(clip[0], clip, model=model))
    for i, frame in enumerate(clip):
        media.write_image(tmp_path / f"{i}.png", frame)
    for driving in (list(clip), (frame for frame in clip), iter(clip), media.open_clip(tmp_path)):
        np.testing.assert_array_equal(every(animate(clip[0], driving, model=model)), expected)


@pytest.mark.parametrize("options", [AnimateOptions(), AnimateOptions(smoothing=0.7, reference="best")])
def test_batch_size_does_not_change_results(model: Model, clip: np.ndarray, options: AnimateOptions) -> None:
    whole = every(animate(clip[0], clip, model=model, options=options.replace(batch_size=7)))
    for batch in (1, 3, 50):
        assert close(every(animate(clip[0], clip, model=model, options=options.replace(batch_size=batch))), whole)
    if options.smoothing:
        assert not close(every(animate(clip[0], clip, model=model, options=options.replace(smoothing=0.0))), whole)


def test_smoothing_knows_the_rate(model: Model, clip: np.ndarray) -> None:
    options = AnimateOptions(smoothing=0.5)
    slow = every(animate(clip[0], clip, model=model, options=options, fps=1.0))
    fast = every(animate(clip[0], clip, model=model, options=options, fps=1000.0))
    assert not close(slow, fast)


@pytest.mark.parametrize("reference", ["best", 3])
def test_a_one_pass_driving_cannot_have_its_reference_searched(
    model: Model, clip: np.ndarray, reference: str | int
) -> None:
    options = AnimateOptions(reference=reference)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"reads the driving twice; got a one-pass iterator.*open_clip"):
        next(animate(clip[0], iter(clip), model=model, options=options))


def test_the_reference_is_the_frame_asked_for(model: Model, clip: np.ndarray) -> None:
    frames = every(animate(clip[0], clip, model=model, options=AnimateOptions(reference=4, batch_size=3)))
    assert close(frames[4], own_pose(model, clip[0]))
    # The source is one of the driving frames, so that one is the best reference.
    best = every(animate(clip[5], clip, model=model, options=AnimateOptions(reference="best", batch_size=3)))
    assert close(best, every(animate(clip[5], clip, model=model, options=AnimateOptions(reference=5))))
    assert len(best) == len(clip)


def test_a_source_clip_is_looped_to_the_driving_length(model: Model, clip: np.ndarray) -> None:
    found = list(moments(clip[:3], clip, model=model, options=STILL.replace(batch_size=2)))
    for i, moment in enumerate(found):
        np.testing.assert_array_equal(moment.source, clip[i % 3])
        assert close(moment.frame, own_pose(model, clip[i % 3]))
    assert len(found) == 7


def test_a_one_pass_source_serves_as_long_as_it_lasts(model: Model, clip: np.ndarray) -> None:
    expected = every(animate(clip, clip, model=model, options=AnimateOptions(batch_size=1)))
    options = AnimateOptions(batch_size=1)
    assert close(every(animate(iter(clip), clip, model=model, options=options)), expected)
    with pytest.raises(InputError, match="source clip ended before the driving clip and cannot be read again"):
        list(animate(iter(clip[:3]), clip, model=model, options=options))


def test_size_is_free_for_models_that_blend_the_warped_source(clip: np.ndarray) -> None:
    model = tiny(blend_warped=True)
    frames = every(animate(clip[0], clip, model=model, options=AnimateOptions(size=50)))
    assert frames.shape == (7, 50, 50, 3)
    default = every(animate(clip[0], clip, model=model))
    assert default.shape == (7, 32, 32, 3)
    small = to_frames(to_tensor(list(frames), size=32))
    assert np.abs(small.astype(int) - default.astype(int)).mean() < 12  # the same animation


def test_frames_may_differ_in_size(model: Model, clip: np.ndarray) -> None:
    mixed = [clip[0], to_frames(to_tensor([clip[1]], size=64))[0], clip[2]]
    assert every(animate(clip[0], mixed, model=model, options=AnimateOptions(batch_size=3))).shape == (3, 32, 32, 3)


def test_a_template_drives_as_its_clip_does(model: Model, clip: np.ndarray) -> None:
    template = template_of(model, clip)
    for options in (AnimateOptions(), AnimateOptions(reference="best", smoothing=0.5), AnimateOptions(relative=False)):
        found = list(moments(clip[2], template, model=model, options=options))
        assert all(moment.driving is None for moment in found)
        assert close(
            np.stack([moment.frame for moment in found]), every(animate(clip[2], clip, model=model, options=options))
        )


def test_the_driving_is_read_one_batch_ahead_and_no_more(model: Model, clip: np.ndarray) -> None:
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        for frame in itertools.cycle(clip):
            read += 1
            yield frame

    frames = animate(clip[0], endless(), model=model, options=AnimateOptions(batch_size=4))
    assert read == 0
    for made in range(1, 101):
        next(frames)
        assert read == -(-made // 4) * 4


def test_no_jacobians_and_no_occlusion_map_animate_too(clip: np.ndarray) -> None:
    config = tiny_config(estimate_jacobian=False)
    config = config.replace(generator=dataclasses.replace(config.generator, estimate_occlusion_map=False))
    model = Model(seeded_model(config), device="cpu", precision="float32")
    found = list(moments(clip[0], clip, model=model))
    assert len(found) == 7 and found[0].generated.occlusion is None and found[0].keypoints.jacobian is None


def test_gains_hold_single_keypoints(model: Model, clip: np.ndarray) -> None:
    found = list(moments(clip[0], clip, model=model, options=AnimateOptions(gains={1: 0.0})))
    start = found[0].keypoints.value
    for moment in found[1:]:
        torch.testing.assert_close(moment.keypoints.value[:, 1], start[:, 1])
        assert not torch.allclose(moment.keypoints.value[:, 0], start[:, 0], atol=1e-5)


@pytest.mark.parametrize(
    ("source", "driving", "message"),
    [
        (np.zeros((32, 48, 3), np.uint8), None, r"The source is not square; got 48x32 pixels.*choose_square"),
        (None, np.zeros((2, 48, 32, 3), np.uint8), r"The driving is not square; got 32x48"),
        (np.zeros((32, 32, 3)), None, r"source frame is not a picture; got an array of .*float64"),
        (np.zeros((32, 32), np.uint8), None, r"source frame is not a picture; got an array of shape \(32, 32\)"),
        (None, np.zeros((2, 32, 32), np.uint8), r"driving frame is not a picture; got an array of shape \(32, 32\)"),
        (None, ["clip.mp4"], r"driving frame is not a picture; got str"),
        ([], None, r"The source has no frames"),
        (None, [], r"The driving has no frames"),
    ],
)
def test_what_is_no_square_picture_is_refused(
    model: Model, clip: np.ndarray, source: object, driving: object, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        next(
            animate(
                clip[0] if source is None else source,  # type: ignore[arg-type]
                clip if driving is None else driving,  # type: ignore[arg-type]
                model=model,
            )
        )


def test_an_unknown_gain_lists_what_there_is(clip: np.ndarray) -> None:
    model = tiny(keypoint_names=("nose", "jaw", "brow"), keypoint_groups={"mouth": ("jaw",)})
    with pytest.raises(InputError, match=r"got 'mouht'.*nose, jaw, brow.*group \(mouth\)\. Did you mean 'mouth'"):
        next(animate(clip[0], clip, model=model, options=AnimateOptions(gains={"mouht": 1.0})))


class Cramped(Model):
    """A device on which only batches up to `fits` fit."""

    fits = 0
    calls: list[int]

    def _generate(self, encoded, source_keypoints, driving_keypoints) -> Generated:  # type: ignore[no-untyped-def]
        self.calls.append(len(driving_keypoints))
        if len(driving_keypoints) > self.fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return super()._generate(encoded, source_keypoints, driving_keypoints)


def cramped(fits: int) -> Cramped:
    model = Cramped(seeded_model(tiny_config()), device="cpu")
    model.fits, model.calls = fits, []
    return model


def test_out_of_memory_halves_the_batch_once(model: Model, clip: np.ndarray) -> None:
    narrow = cramped(2)
    options = AnimateOptions(batch_size=4)
    for source, calls in ((clip[0], [4, 2, 2, 2, 1]), (clip[:2], [2, 2, 2, 1])):
        narrow.calls.clear()
        assert close(
            every(animate(source, clip, model=narrow, options=options)),
            every(animate(source, clip, model=model, options=options)),
        )
        assert narrow.calls == calls  # what did not fit is not tried again
    narrow.calls.clear()
    every(animate(clip[0], clip, model=narrow, options=options.replace(batch_size=2)))
    assert max(narrow.calls) == 2  # smaller batches are made whole


@pytest.mark.parametrize("batch", [1, 4])
def test_out_of_memory_for_good_is_a_clear_error(clip: np.ndarray, batch: int) -> None:
    model = cramped(0)
    with pytest.raises(
        OutOfMemoryError, match=r"cpu has too little memory; got a batch of \d frames(, then \d)?\. Set batch_size=1"
    ):
        next(animate(clip[0], clip, model=model, options=AnimateOptions(batch_size=batch)))
    assert len(model.calls) <= 2


def test_out_of_memory_while_detecting_is_a_clear_error(clip: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()

    def full(images: torch.Tensor) -> Keypoints:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(model.fast, "detect", full)
    with pytest.raises(OutOfMemoryError, match="cpu has too little memory"):
        next(animate(clip[0], clip, model=model))


def test_other_errors_of_the_device_are_not_hidden(clip: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny()

    def broken(*_: object) -> Generated:
        raise RuntimeError("a bug")

    monkeypatch.setattr(model.fast, "generate", broken)
    with pytest.raises(RuntimeError, match=r"^a bug$"):
        next(animate(clip[0], clip, model=model))
