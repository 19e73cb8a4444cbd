"""Expressions, takes of them, and the ready ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.model import Model
from motionkit.motion.expressions import ACTIONS, CURVES, Expression, Take, curve_name
from motionkit.motion.mover import Mover
from motionkit.motion.ready import MOTIONS, keyed, motion
from motionkit.structures import Keypoints
from tests.support.networks import tiny_model


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model("f" * 64, keypoint_names=("nose", "lip_bottom", "jaw_left"))


@pytest.fixture(scope="module")
def source() -> Keypoints:
    return Keypoints(torch.tensor([[[0.0, -0.1], [0.02, 0.3], [0.4, 0.25]]]), torch.eye(2).repeat(1, 3, 1, 1))


def test_names_are_taken_in_every_spelling() -> None:
    given = Expression.named({"jawOpen": 0.5, "MouthSmileLeft": 0.25, "eye_blink_right": 1, "yaw": -12})
    assert given == Expression(jaw_open=0.5, mouth_smile_left=0.25, eye_blink_right=1, yaw=-12)
    assert len(ACTIONS) == 52 and dict(zip(CURVES, given.curves(), strict=True))["eyeBlinkRight"] == 1
    with pytest.raises(InputError, match=r"Did you mean jawOpen\?"):
        curve_name("jawOpne")


@pytest.mark.parametrize("wrong", [{"jaw_open": 1.01}, {"jaw_open": -0.1}, {"yaw": 61}, {"pitch": float("nan")}])
def test_values_beyond_their_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=f"{next(iter(wrong))} is out of range"):
        Expression(**wrong)


def test_a_take_checks_what_it_is_made_of() -> None:
    for wrong, message in (([], "wrong shape"), (["smile"], "made of expressions"), (np.full((2, 55), 2.0), "frame 0")):
        with pytest.raises(InputError, match=message):
            Take(wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="fps"):
        Take([Expression()], 0)


def test_a_take_at_another_rate_is_what_it_was_at_those_times() -> None:
    take = Take([Expression(jaw_open=value) for value in (0.0, 0.5, 1.0)], 10)
    faster = take.timed(Fraction(20), 8)
    opened = [one.jaw_open for one in faster.expressions]
    assert opened == pytest.approx([0, 0.25, 0.5, 0.75, 1, 1, 0, 0.25])  # held at its end, then again from the start


def test_neutral_is_the_face_that_is_asked_for_nothing(model: Model, source: Keypoints) -> None:
    # The first frame moves as well: it is not the reference of relative motion.
    take = Take([Expression(jaw_open=0.6, yaw=10), Expression()], 30)
    placed = take.placed(model, source)
    assert torch.equal(placed.references[0].value, source.value)
    mover = Mover(model.config, AnimateOptions(lost="follow", motion_limit=None), references=placed.references)
    moved = mover.move(source, next(placed.batches(model, 2)).keypoints)
    assert torch.allclose(moved.value, placed.keypoints(slice(None)).value, atol=1e-6)
    assert (moved.value[0] - source.value[0]).abs().max() > 0.02
    assert torch.allclose(moved.value[1], source.value[0], atol=1e-6)


def test_strength_scales_what_an_expression_moves(model: Model, source: Keypoints) -> None:
    placed = Take([Expression(jaw_open=0.6)]).placed(model, source)
    mover = Mover(
        model.config, AnimateOptions(strength=0.5, lost="follow", motion_limit=None), references=placed.references
    )
    moved = mover.move(source, placed.keypoints(slice(None))).value - source.value
    whole = placed.keypoints(slice(None)).value - source.value
    assert torch.allclose(moved, whole / 2, atol=1e-6)


def test_a_template_of_a_take_begins_with_the_neutral_face(model: Model) -> None:
    template = Take([Expression(jaw_open=1), Expression(yaw=20)], 25).template(model)
    assert len(template) == 3 and template.fps == 25 and template.model_hash == model.fingerprint
    lip = template.keypoints.value[:, 1]
    assert lip[1, 1] > lip[0, 1] + 0.02 and lip[2, 0] > lip[0, 0] + 0.05


@pytest.mark.parametrize("name", MOTIONS)
def test_ready_motions_can_be_looped(name: str) -> None:
    take = motion(name)
    assert 2 <= len(take) / take.fps <= 5.1
    assert np.array_equal(take.curves[0], take.curves[-1]) and np.ptp(take.curves, axis=0).max() > 0.1
    # A head does not jump: under 120° a second, and no action but a lid is there at once.
    assert np.abs(np.diff(take.curves[:, -3:], axis=0)).max() * float(take.fps) < 120
    slow = [name for name in ACTIONS if not name.startswith("eyeBlink")]
    steps = np.abs(np.diff(take.curves[:, [CURVES.index(name) for name in slow]], axis=0))
    assert steps.max() <= 0.5


def test_keys_are_met_and_names_checked() -> None:
    take = keyed([(0, {}), (1, {"mouthSmile": 0.8, "yaw": 10})], fps=10)
    assert take.expressions[-1] == Expression(mouth_smile_left=0.8, mouth_smile_right=0.8, yaw=10)
    assert take.expressions[5].yaw == pytest.approx(5)
    with pytest.raises(InputError, match="no facial action"):
        keyed([(0, {}), (1, {"smirk": 1})])
    with pytest.raises(InputError, match="breathe"):
        motion("juggle")


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ([], "got no keys"),
        ([(0, {})], "got 0;"),
        ([(0, {}), (2, {}), (1, {})], "got 0, 2, 1"),
        ([(0, {}), (0, {"jawOpen": 1}), (1, {})], "got 0, 0, 1"),
        ([(-1, {}), (1, {})], "got -1, 1"),
        ([(0, {}), (float("nan"), {})], "got 0, nan"),
        ([(0, {}), (1, {"mouthSmile": 0.5, "mouthSmileLeft": 0.9})], "given twice"),
    ],
)
def test_keys_that_are_no_take_are_refused(keys: list[tuple[float, dict[str, float]]], says: str) -> None:
    with pytest.raises(InputError, match=says):
        keyed(keys)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), 1e6])
def test_a_motions_rate_is_held_to_bounds(fps: float) -> None:
    with pytest.raises(InputError, match="fps is out of range"):
        motion("smile", fps)


def test_an_action_has_one_value_whatever_its_spelling() -> None:
    assert Expression.named({"eyeBlink_L": 1, "Jaw-Open": 0.5}) == Expression(eye_blink_left=1, jaw_open=0.5)
    for given in ({"jawOpen": 0.5, "jaw_open": 0.2}, {"yaw": 1, "Yaw": 2}):
        with pytest.raises(InputError, match="given twice"):
            Expression.named(given)
    for wrong in (None, [("jawOpen", 0.5)], "jawOpen"):
        with pytest.raises(InputError, match="no values by name"):
            Expression.named(wrong)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    half = Expression(jaw_open=np.float32(0.5), yaw=np.int64(3))  # type: ignore[arg-type]
    assert half == Expression(jaw_open=0.5, yaw=3) and type(half.jaw_open) is float
    assert Take([half], np.float32(12.5)).fps == Fraction(25, 2)  # type: ignore[arg-type]
    assert Take([half], np.int64(30)).fps == 30  # type: ignore[arg-type]


def test_a_take_is_made_of_any_expressions_and_nothing_else() -> None:
    assert len(Take(Expression(yaw=at) for at in range(3))) == 3
    assert Take(np.zeros((2, len(CURVES)), int)).curves.dtype == np.float64
    wrong = (Expression(), None, 5, "smile", [{"jawOpen": 0.5}], np.array([["a"]]), np.zeros((1, 55)) + 1j)
    for given in wrong:
        with pytest.raises(InputError, match="A take is made of"):
            Take(given)  # type: ignore[arg-type]
