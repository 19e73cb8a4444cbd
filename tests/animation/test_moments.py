"""Frames in, frames out."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

import motionkit as mk
from motionkit import motion
from motionkit.animation import driving
from motionkit.animation import moments as animation
from motionkit.animation.driving import detect_clip
from motionkit.errors import InputError, OutOfMemoryError, TemplateError
from motionkit.fast.memory import fitting_batch
from motionkit.frames import decibels
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate
from motionkit.structures import Keypoints
from motionkit.tensors import to_tensor
from tests.support.networks import seeded_model, tiny_config, tiny_model

RNG = np.random.default_rng(0)
SOURCE = RNG.integers(0, 256, (32, 32, 3), np.uint8)
DRIVING = RNG.integers(0, 256, (9, 32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model("abc")


def frames(source: object, driving: object, model: Model, **options: object) -> np.ndarray:
    return np.stack(list(mk.animate(source, driving, model=model, options=mk.AnimateOptions(**options))))  # type: ignore[arg-type]


def test_one_frame_for_each_driving_frame_in_order(model: Model) -> None:
    result = frames(SOURCE, DRIVING, model)
    assert result.shape == (9, 32, 32, 3) and result.dtype == np.uint8
    for i in (1, 5, 8):  # relative to the first frame, so a clip of the two gives the same
        alone = frames(SOURCE, DRIVING[[0, i]], model)[1]
        assert np.abs(alone.astype(int) - result[i]).max() <= 1


@pytest.mark.parametrize("batch_size", [1, 4, 9, 16])
def test_work_that_is_begun_ahead_changes_nothing(
    model: Model, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    expected = frames(SOURCE, DRIVING, model, batch_size=batch_size)
    looped = frames(DRIVING[:2], DRIVING, model, batch_size=batch_size)
    for module in (animation, driving):
        monkeypatch.setattr(module, "lag", lambda _: 1)  # as on a GPU
    assert np.array_equal(frames(SOURCE, DRIVING, model, batch_size=batch_size), expected)
    assert np.array_equal(frames(DRIVING[:2], DRIVING, model, batch_size=batch_size), looped)


@pytest.mark.parametrize(
    ("each", "free", "expected"), [(100, 0, 1), (100, 399, 1), (100, 400, 2), (100, 900, 4), (100, 10**9, 16)]
)
def test_a_batch_fits_into_half_of_the_free_memory(each: int, free: int, expected: int) -> None:
    assert fitting_batch(each, free) == expected


def test_it_does_what_the_parts_do(model: Model) -> None:
    source, driving = to_tensor([SOURCE]), to_tensor(DRIVING)
    kp_source, kp_driving = model.detect(source), model.detect(driving)
    keypoints = motion.transfer(kp_source, kp_driving, kp_driving[:1], strength=1.5)
    expected = model.reference.generate(source, kp_source, keypoints).image
    result = frames(SOURCE, DRIVING, model, strength=1.5, motion_limit=None)
    assert np.abs(result / 255 - expected.detach().permute(0, 2, 3, 1).numpy()).max() < 0.6 / 255


def test_still_driving_and_no_strength_give_the_source_pose(model: Model) -> None:
    kp = model.detect(to_tensor([SOURCE]))
    rest = model.generate(to_tensor([SOURCE]), kp, kp).image[0].permute(1, 2, 0).numpy()
    still = frames(SOURCE, np.repeat(DRIVING[:1], 3, 0), model)
    weak = frames(SOURCE, DRIVING, model, strength=0.0)
    for frame in (*still, *weak):
        assert np.abs(frame / 255 - rest).max() < 0.6 / 255


@pytest.mark.parametrize("batch", [1, 2, 4, 9, 20])
def test_batches_change_nothing(model: Model, batch: int) -> None:
    whole = frames(SOURCE, DRIVING, model, smoothing=0.5, batch_size=9)
    parts = frames(SOURCE, DRIVING, model, smoothing=0.5, batch_size=batch)
    assert np.abs(whole.astype(int) - parts).max() <= 1


def test_drivings_of_every_kind_give_the_same(model: Model) -> None:
    expected = frames(SOURCE, DRIVING, model)
    assert np.array_equal(frames(SOURCE, list(DRIVING), model), expected)
    assert np.array_equal(frames(SOURCE, (f for f in DRIVING), model), expected)


def test_memory_is_constant_in_length(model: Model) -> None:
    read = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal read
        while True:
            read += 1
            yield DRIVING[read % 9]

    options = mk.AnimateOptions(batch_size=4)
    stream = mk.animate(SOURCE, endless(), model=model, options=options)
    for made in range(1, 30):
        next(stream)
        assert read <= made + 4


def test_references(model: Model) -> None:
    third = frames(SOURCE, DRIVING, model, reference=3)
    assert np.array_equal(third[3], frames(SOURCE, DRIVING, model, strength=0.0)[0])
    best = motion.best_reference(model.detect(to_tensor([SOURCE])), detect_clip(DRIVING, model=model))
    assert np.array_equal(
        frames(SOURCE, DRIVING, model, reference="best"), frames(SOURCE, DRIVING, model, reference=best)
    )
    with pytest.raises(InputError, match="reference='best' reads the driving twice; got a one-pass iterator"):
        frames(SOURCE, iter(DRIVING), model, reference="best")
    with pytest.raises(InputError, match="reference frame is not in the driving clip; got 9; expected 0 to 8"):
        frames(SOURCE, DRIVING, model, reference=9)


def test_a_source_clip_is_looped(model: Model) -> None:
    sources = RNG.integers(0, 256, (4, 32, 32, 3), np.uint8)
    result = frames(list(sources), DRIVING, model, batch_size=3)
    for i in (0, 3, 4, 8):
        alone = frames(sources[i % 4], DRIVING[[0, i]], model)[1]
        assert np.abs(alone.astype(int) - result[i]).max() <= 1
    with pytest.raises(InputError, match="source clip ended before the driving clip and cannot be read again"):
        frames(iter(sources), DRIVING, model)


def test_templates_drive_like_their_clip(model: Model) -> None:
    keypoints = Keypoints.cat(list(detect_clip(DRIVING, model=model)))
    template = MotionTemplate(keypoints=keypoints, fps=Fraction(25), model="tiny", model_hash="abc", size=(32, 32))
    assert np.array_equal(frames(SOURCE, template, model), frames(SOURCE, DRIVING, model))
    other = tiny_model("another")
    with pytest.raises(TemplateError, match="made with"):
        frames(SOURCE, template, other)


def test_sizes() -> None:
    plain = tiny_model()
    with pytest.raises(InputError, match="Model 'tiny' gives pictures of one size only; got size 64; expected 32"):
        frames(SOURCE, DRIVING, plain, size=64)
    blending = tiny_model(blend_warped=True)
    assert frames(SOURCE, DRIVING, blending, size=80).shape == (9, 80, 80, 3)


def test_what_is_no_square_picture_is_said(model: Model) -> None:
    with pytest.raises(InputError, match="source is not square; got 40x32 pixels"):
        frames(np.zeros((32, 40, 3), np.uint8), DRIVING, model)
    with pytest.raises(InputError, match=r"driving frame is not a picture; got an array of shape .* and type float32"):
        frames(SOURCE, DRIVING.astype(np.float32), model)
    with pytest.raises(InputError, match="The driving has no frames"):
        frames(SOURCE, [], model)


def test_bad_options_are_said(model: Model) -> None:
    with pytest.raises(InputError, match="strength is out of range; got 3; expected a number from 0 to 2"):
        mk.AnimateOptions(strength=3)
    with pytest.raises(
        InputError, match=r"Unknown reference; got 'last'; expected 'first', 'best', or an index from 0"
    ):
        mk.AnimateOptions(reference="last")  # type: ignore[arg-type]
    named = Model(seeded_model(tiny_config(keypoint_names=("nose", "chin", "brow"))), device="cpu", precision="float32")
    with pytest.raises(InputError, match=r"noze.*nose"):
        frames(SOURCE, DRIVING, named, gains={"noze": 2.0})


class Scarce(Model):
    """Runs out of memory for batches above `room` frames."""

    room = 2

    def _generate(self, encoded, source_keypoints, driving_keypoints):  # type: ignore[no-untyped-def]
        if len(driving_keypoints) > self.room:
            raise torch.cuda.OutOfMemoryError("out of memory")
        return super()._generate(encoded, source_keypoints, driving_keypoints)


def test_out_of_memory_halves_the_batch_once() -> None:
    model = Scarce(seeded_model(tiny_config()), device="cpu")
    assert np.abs(frames(SOURCE, DRIVING, model, batch_size=4).astype(int) - frames(SOURCE, DRIVING, model)).max() <= 1
    with pytest.raises(OutOfMemoryError, match=r"got a batch of 9 frames, then 5. Set batch_size=1"):
        frames(SOURCE, DRIVING, model, batch_size=9)
    model.room = 0
    with pytest.raises(OutOfMemoryError, match="cpu has too little memory"):
        frames(SOURCE, DRIVING, model, batch_size=1)


def test_models_say_what_they_cannot_do(tmp_path: Path) -> None:
    with pytest.raises(mk.MotionkitError, match=r"heeds.*heads"):
        mk.load_model("heeds")
    with pytest.raises(mk.MotionkitError, match=r"This device is not here; got 'cuda:7'; expected one of cpu"):
        mk.load_model("heads", device="cuda:7")
    with pytest.raises(mk.MotionkitError, match="This device is not here; got 'toaster'"):
        mk.load_model("heads", device="toaster")
    with pytest.raises(mk.MotionkitError, match="Unknown precision; got 'int4'"):
        mk.load_model("heads", precision="int4")  # type: ignore[arg-type]


def test_bfloat16_stays_near() -> None:
    heads = mk.load_model("heads", device="cpu", precision="float32")
    from motionkit import faces, samples
    from motionkit.media import open_clip, read_image

    half = mk.load_model("heads", device="cpu", precision="bfloat16")
    picture = read_image(samples.portrait())
    source = faces.crop(picture, faces.choose_square(picture)[0], size=256)
    driving = list(open_clip(samples.driving_clip("nod"), end=0.3))
    error = (frames(source, driving, heads) / 255 - frames(source, driving, half) / 255) ** 2
    assert decibels(error.mean()) > 40


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_cuda_gives_the_same_pictures(precision: str) -> None:
    config = tiny_config()
    cpu = Model(seeded_model(config), device="cpu", precision="float32")
    gpu = Model(seeded_model(config), device="cuda", precision=precision)  # type: ignore[arg-type]
    error = (frames(SOURCE, DRIVING, cpu) / 255 - frames(SOURCE, DRIVING, gpu) / 255) ** 2
    assert decibels(error.mean()) > (50 if precision == "float32" else 35)
