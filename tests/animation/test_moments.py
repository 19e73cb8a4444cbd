"""Frames in, frames out: what each frame is made from, and what must not change it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch

import motionkit as mk
from motionkit import faces, media, motion, samples
from motionkit.animation import driving
from motionkit.animation import moments as animation
from motionkit.animation.moments import animate, moments
from motionkit.config import AnimateOptions
from motionkit.model import Model
from motionkit.tensors import to_frames, to_tensor
from tests.support.animations import close, every, own_pose, psnr
from tests.support.networks import seeded_model, tiny_config, tiny_model

STILL = AnimateOptions(strength=0.0)


@pytest.mark.parametrize(("strength", "limit"), [(1.0, 1.0), (1.5, None)])
def test_each_driving_frame_gives_the_frame_that_the_steps_by_hand_give(
    model: Model, clip: np.ndarray, strength: float, limit: float | None
) -> None:
    source = clip[3]
    picture = to_tensor([source])
    detected = model.detect(to_tensor(clip))
    at = model.detect(picture)
    moved = motion.transfer(at, detected, detected[:1], strength=strength)
    if limit is not None:
        moved = motion.limit(moved, at, motion_limit=limit)
    with torch.inference_mode():
        expected = to_frames(model.reference.generate(picture, at, moved).image)
    options = AnimateOptions(batch_size=2, strength=strength, motion_limit=limit)
    found = list(moments(source, clip, model=model, options=options))
    assert [moment.index for moment in found] == list(range(7))
    assert all(np.array_equal(moment.driving, frame) for moment, frame in zip(found, clip, strict=True))
    assert all(np.array_equal(moment.source, source) for moment in found)
    assert all(moment.frame.dtype == np.uint8 for moment in found)
    assert close(np.stack([moment.frame for moment in found]), expected)
    assert len({frame.tobytes() for frame in expected}) == 7  # it moves


def test_a_frame_depends_on_its_driving_frame_and_the_first_alone(model: Model, clip: np.ndarray) -> None:
    whole = every(animate(clip[3], clip, model=model))
    for i in (1, 4, 6):
        assert close(every(animate(clip[3], clip[[0, i]], model=model))[1], whole[i])


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


@pytest.mark.parametrize(
    "options", [AnimateOptions(), AnimateOptions(smoothing=0.5), AnimateOptions(smoothing=0.7, reference="best")]
)
def test_batch_size_does_not_change_results(model: Model, clip: np.ndarray, options: AnimateOptions) -> None:
    whole = every(animate(clip[0], clip, model=model, options=options.replace(batch_size=7)))
    for batch in (1, 2, 3, 50):
        assert close(every(animate(clip[0], clip, model=model, options=options.replace(batch_size=batch))), whole)
    if options.smoothing:
        assert not close(every(animate(clip[0], clip, model=model, options=options.replace(smoothing=0.0))), whole)


@pytest.mark.parametrize("batch_size", [1, 4, 7, 16])
def test_work_that_is_begun_ahead_changes_nothing(
    model: Model, clip: np.ndarray, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    options = AnimateOptions(batch_size=batch_size)
    sources = (clip[0], clip[:2])
    expected = [every(animate(source, clip, model=model, options=options)) for source in sources]
    for module in (animation, driving):
        monkeypatch.setattr(module, "lag", lambda _: 1)  # as on a GPU
    for source, frames in zip(sources, expected, strict=True):
        np.testing.assert_array_equal(every(animate(source, clip, model=model, options=options)), frames)


def test_the_driving_is_read_one_batch_ahead_and_no_more(model: Model, clip: np.ndarray) -> None:
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        for frame in itertools.cycle(clip):
            read += 1
            yield frame

    frames = animate(clip[0], endless(), model=model, options=AnimateOptions(batch_size=4))
    assert read == 0
    for made in range(1, 61):
        next(frames)
        assert read == -(-made // 4) * 4


def test_smoothing_knows_the_rate(model: Model, clip: np.ndarray) -> None:
    options = AnimateOptions(smoothing=0.5)
    slow = every(animate(clip[0], clip, model=model, options=options, fps=1.0))
    fast = every(animate(clip[0], clip, model=model, options=options, fps=1000.0))
    assert not close(slow, fast)


def test_the_reference_is_the_frame_asked_for(model: Model, clip: np.ndarray) -> None:
    frames = every(animate(clip[0], clip, model=model, options=AnimateOptions(reference=4, batch_size=3)))
    assert close(frames[4], own_pose(model, clip[0]))
    # The source is one of the driving frames, so that one is the best reference.
    best = every(animate(clip[5], clip, model=model, options=AnimateOptions(reference="best", batch_size=3)))
    assert close(best, every(animate(clip[5], clip, model=model, options=AnimateOptions(reference=5))))
    assert len(best) == len(clip)


def test_gains_hold_single_keypoints(model: Model, clip: np.ndarray) -> None:
    found = list(moments(clip[0], clip, model=model, options=AnimateOptions(gains={1: 0.0})))
    start = found[0].keypoints.value
    for moment in found[1:]:
        torch.testing.assert_close(moment.keypoints.value[:, 1], start[:, 1])
        assert not torch.allclose(moment.keypoints.value[:, 0], start[:, 0], atol=1e-5)


def test_no_jacobians_and_no_occlusion_map_animate_too(clip: np.ndarray) -> None:
    config = tiny_config(estimate_jacobian=False)
    config = config.replace(generator=dataclasses.replace(config.generator, estimate_occlusion_map=False))
    model = Model(seeded_model(config), device="cpu", precision="float32")
    found = list(moments(clip[0], clip, model=model))
    assert len(found) == 7
    assert found[0].generated.occlusion is None
    assert found[0].keypoints.jacobian is None


def test_size_is_free_for_models_that_blend_the_warped_source(clip: np.ndarray) -> None:
    model = tiny_model(blend_warped=True)
    frames = every(animate(clip[0], clip, model=model, options=AnimateOptions(size=50)))
    assert frames.shape == (7, 50, 50, 3)
    default = every(animate(clip[0], clip, model=model))
    assert default.shape == (7, 32, 32, 3)
    small = to_frames(to_tensor(list(frames), size=32))
    assert np.abs(small.astype(int) - default.astype(int)).mean() < 12  # the same animation


def test_what_is_warped_are_the_sources_own_pixels() -> None:
    """Of a photograph larger than the 32 x 32 that the networks see: noise, which no enlarging would give back."""
    model = tiny_model(blend_warped=True, padding="border", interpolation="bicubic")
    photo = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    options = AnimateOptions(size=96, relative=False, lost="follow")
    (moment,) = moments(photo, [photo], model=model, options=options)
    assert np.abs(to_frames(moment.generated.deformed)[0].astype(int) - photo).max() <= 1


def test_bfloat16_stays_near() -> None:
    portrait = media.read_image(samples.portrait())
    source = faces.crop(portrait, faces.choose_square(portrait)[0], size=256)
    nod = list(media.open_clip(samples.driving_clip("nod"), end=0.15))
    exact, short = (
        every(animate(source, nod, model=mk.load_model("heads", device="cpu", precision=precision)))
        for precision in ("float32", "bfloat16")
    )
    assert psnr(exact, short) > 40


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_cuda_gives_the_same_pictures(clip: np.ndarray, precision: str) -> None:
    gpu = Model(seeded_model(tiny_config()), device="cuda", precision=precision)  # type: ignore[arg-type]
    frames = [every(animate(clip[3], clip, model=model)) for model in (tiny_model(), gpu)]
    assert psnr(*frames) > (50 if precision == "float32" else 35)
