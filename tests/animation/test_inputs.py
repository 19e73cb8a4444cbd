"""Sources and drivings of every form, and what is refused."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motionkit import media
from motionkit.animation.driving import detect_clip
from motionkit.animation.moments import animate, moments
from motionkit.config import AnimateOptions
from motionkit.errors import InputError, TemplateError
from motionkit.model import Model
from motionkit.motion.templates import MotionTemplate
from motionkit.structures import Keypoints
from motionkit.tensors import to_frames, to_tensor
from tests.support.animations import close, every, own_pose
from tests.support.networks import tiny_model


def test_the_form_of_the_driving_does_not_matter(model: Model, clip: np.ndarray, tmp_path: Path) -> None:
    expected = every(animate(clip[0], clip, model=model))
    for i, frame in enumerate(clip):
        media.write_image(tmp_path / f"{i}.png", frame)
    for driving in (list(clip), (frame for frame in clip), iter(clip), media.open_clip(tmp_path)):
        np.testing.assert_array_equal(every(animate(clip[0], driving, model=model)), expected)


def test_frames_may_differ_in_size(model: Model, clip: np.ndarray) -> None:
    mixed = [clip[0], to_frames(to_tensor([clip[1]], size=64))[0], clip[2]]
    assert every(animate(clip[0], mixed, model=model, options=AnimateOptions(batch_size=3))).shape == (3, 32, 32, 3)


def test_a_template_drives_as_its_clip_does(model: Model, clip: np.ndarray) -> None:
    template = MotionTemplate(
        keypoints=Keypoints.cat(list(detect_clip(clip, model=model))),
        fps=Fraction(30),
        model=model.config.name,
        model_hash=model.fingerprint,
        size=(32, 32),
    )
    for options in (AnimateOptions(), AnimateOptions(reference="best", smoothing=0.5), AnimateOptions(relative=False)):
        found = list(moments(clip[2], template, model=model, options=options))
        assert all(moment.driving is None for moment in found)
        assert close(
            np.stack([moment.frame for moment in found]), every(animate(clip[2], clip, model=model, options=options))
        )
    with pytest.raises(TemplateError, match="made with"):
        next(animate(clip[2], template, model=tiny_model("another")))


def test_a_source_clip_is_looped_to_the_driving_length(model: Model, clip: np.ndarray) -> None:
    still = AnimateOptions(strength=0.0, batch_size=2)
    found = list(moments(clip[:3], clip, model=model, options=still))
    for i, moment in enumerate(found):
        np.testing.assert_array_equal(moment.source, clip[i % 3])
        assert close(moment.frame, own_pose(model, clip[i % 3]))
    assert len(found) == 7
    moving = every(animate(list(clip[:4]), clip, model=model, options=AnimateOptions(batch_size=3)))
    for i in (0, 3, 4, 6):
        assert close(every(animate(clip[i % 4], clip[[0, i]], model=model))[1], moving[i])


def test_a_one_pass_source_serves_as_long_as_it_lasts(model: Model, clip: np.ndarray) -> None:
    options = AnimateOptions(batch_size=1)
    expected = every(animate(clip, clip, model=model, options=options))
    assert close(every(animate(iter(clip), clip, model=model, options=options)), expected)
    with pytest.raises(InputError, match="source clip ended before the driving clip and cannot be read again"):
        list(animate(iter(clip[:3]), clip, model=model, options=options))


@pytest.mark.parametrize(
    ("source", "driving", "message"),
    [
        (np.zeros((32, 48, 3), np.uint8), None, r"The source is not square; got 48x32 pixels.*choose_square"),
        (None, np.zeros((2, 48, 32, 3), np.uint8), r"The driving is not square; got 32x48"),
        (np.zeros((32, 32, 3)), None, r"source frame is not a picture; got an array of .*float64"),
        (np.zeros((32, 32), np.uint8), None, r"source frame is not a picture; got an array of shape \(32, 32\)"),
        (None, np.zeros((2, 32, 32), np.uint8), r"driving frame is not a picture; got an array of shape \(32, 32\)"),
        (None, np.zeros((2, 32, 32, 3), np.float32), r"driving frame is not a picture; got .* and type float32"),
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


@pytest.mark.parametrize("reference", ["best", 3])
def test_a_one_pass_driving_cannot_have_its_reference_searched(
    model: Model, clip: np.ndarray, reference: str | int
) -> None:
    options = AnimateOptions(reference=reference)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=rf"reference={reference!r} reads the driving twice; got a one-pass iterator"):
        next(animate(clip[0], iter(clip), model=model, options=options))


def test_a_reference_that_is_not_there_is_refused(model: Model, clip: np.ndarray) -> None:
    with pytest.raises(InputError, match="reference frame is not in the driving clip; got 7; expected 0 to 6"):
        next(animate(clip[0], clip, model=model, options=AnimateOptions(reference=7)))
    with pytest.raises(
        InputError, match=r"Unknown reference; got 'last'; expected 'first', 'best', or an index from 0"
    ):
        AnimateOptions(reference="last")  # type: ignore[arg-type]


def test_a_size_that_the_model_cannot_give_is_refused(model: Model, clip: np.ndarray) -> None:
    with pytest.raises(InputError, match="Model 'tiny' gives pictures of one size only; got size 64; expected 32"):
        next(animate(clip[0], clip, model=model, options=AnimateOptions(size=64)))


def test_a_strength_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="strength is out of range; got 3; expected a number from 0 to 2"):
        AnimateOptions(strength=3)


def test_an_unknown_gain_lists_what_there_is(clip: np.ndarray) -> None:
    model = tiny_model(keypoint_names=("nose", "jaw", "brow"), keypoint_groups={"mouth": ("jaw",)})
    with pytest.raises(InputError, match=r"got 'mouht'.*nose, jaw, brow.*group \(mouth\)\. Did you mean 'mouth'"):
        next(animate(clip[0], clip, model=model, options=AnimateOptions(gains={"mouht": 1.0})))
    with pytest.raises(InputError, match=r"noze.*nose"):
        next(animate(clip[0], clip, model=model, options=AnimateOptions(gains={"noze": 2.0})))
