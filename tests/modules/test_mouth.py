"""The mouth seen closely: where lips run, where paint may be, and that it stays away where nothing opens."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from motionkit import samples
from motionkit.config import ModelConfig
from motionkit.config.networks import EYES, MOUTH
from motionkit.errors import ConfigError
from motionkit.model import Model, load_model
from motionkit.modules.eyes import eye_indices
from motionkit.modules.first_order import FirstOrderModel
from motionkit.modules.grid import identity_grid
from motionkit.modules.mouth import (
    NARROW_LIGHTS,
    REACH,
    SIDE,
    TEETH,
    WIDE_LIGHTS,
    Mouth,
    lights_of,
    mouth_indices,
    usual_lights,
)
from motionkit.structures import Keypoints
from motionkit.weights.shapes import expected_shapes
from tests.support.networks import seeded_model, tiny_config

NAMES = (*MOUTH, *(name for eye in EYES for name in eye))
CONFIG = tiny_config(num_kp=len(NAMES), keypoint_names=NAMES, mouth="close")
INDICES = mouth_indices(CONFIG), eye_indices(CONFIG)
# Eyes 0.4 apart; a mouth 0.3 wide around (0, 0.4), shut, with the nose above it. The subject's left is on the right.
PLACES = {
    "mouth_left": (0.15, 0.4), "mouth_right": (-0.15, 0.4), "lip_top": (0.0, 0.4), "lip_bottom": (0.0, 0.4),
    "nose": (0.0, 0.25),
    **{f"{part}_{side}": (x, 0.0) for side, x in (("left", 0.2), ("right", -0.2)) for part in
       ("iris", "lid_upper", "lid_lower")},
}  # fmt: skip


def keypoints(batch: int = 1, **places: tuple[float, float]) -> Keypoints:
    value = torch.tensor([(PLACES | places)[name] for name in NAMES])
    return Keypoints(value.expand(batch, -1, -1), torch.eye(2).expand(batch, len(NAMES), 2, 2))


OPEN = {"lip_top": (0.0, 0.36), "lip_bottom": (0.0, 0.48)}


def mouth(found: Keypoints, turn: torch.Tensor | None = None) -> Mouth:
    return Mouth.of(found.value if turn is None else found.value @ turn.T, *INDICES)


@pytest.mark.parametrize("degrees", [0.0, 25.0, -110.0])
def test_a_mouth_is_the_same_however_the_head_is_tilted(degrees: float) -> None:
    angle = math.radians(degrees)
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    found = mouth(keypoints(**OPEN), turn)
    middle = torch.tensor([0.0, 0.41])
    torch.testing.assert_close(found.middle[0], turn @ middle)
    # In shares of 0.4; across is from the left eye to the right one.
    torch.testing.assert_close(found.corners[0], torch.tensor([[-0.375, -0.025], [0.375, -0.025]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.lips[0], torch.tensor([[0, -0.125], [0, 0.175]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(found.state[0], torch.tensor([0.3, 0.75, 0.275]))
    there = found.middle + (found.axes @ found.corners[0, 0])
    torch.testing.assert_close(there[0], turn @ torch.tensor([0.15, 0.4]))


def test_lips_run_from_corner_to_corner_through_their_middles() -> None:
    found = mouth(keypoints(**OPEN, mouth_right=(-0.15, 0.44)))  # one corner hangs
    on = torch.cat([found.corners, found.lips], 1)[:, :, None]  # 1 4 1 2
    inside, along = found.beyond(on, 2)
    torch.testing.assert_close(inside[0, 0, [0, 1, 2], 0], torch.zeros(3), atol=1e-6, rtol=0)  # the upper edge
    torch.testing.assert_close(inside[0, 1, [0, 1, 3], 0], torch.zeros(3), atol=1e-6, rtol=0)  # the lower one
    torch.testing.assert_close(along[0, :, 0], torch.tensor([-1.0, 1, 0, 0]), atol=1e-6, rtol=0)
    assert (inside[0, 1, 2] > 0.25).all() and (inside[0, 0, 3] > 0.25).all()
    parabola, _ = found.beyond(torch.tensor([[[[-0.1875, 0.0]]]]), 2)  # half way to the left corner
    line = found.corners[0, 0, 1] + 0.25 * (found.corners[0, 1, 1] - found.corners[0, 0, 1])
    half = found.corners[0, :, 1].mean()
    edge = line + 0.75 * (found.lips[0, 0, 1] - half)
    torch.testing.assert_close(parabola[0, 0, 0, 0], -edge)


def painter(**changes: object) -> FirstOrderModel:
    return seeded_model(CONFIG.replace(**changes))


@torch.no_grad()
def test_paint_is_between_the_lips_alone() -> None:
    paint, picture = painter().generator.mouth, torch.rand(1, 3, 129, 129, generator=torch.Generator().manual_seed(0))
    changed = (paint(picture, keypoints(), keypoints(**OPEN)) - picture).abs().amax((0, 1)) > 1e-6
    places = identity_grid(129, 129, like=picture)[0][changed]
    assert len(places) > 100
    low, high = places.amin(0), places.amax(0)
    slack = 0.4 * 0.03 + 2 * 2 / SIDE * REACH * 0.4  # the margin, and two pixels of the close-up
    assert low[0] > -0.15 - slack and high[0] < 0.15 + slack
    assert low[1] > 0.36 - slack and high[1] < 0.48 + slack


@torch.no_grad()
@pytest.mark.parametrize(
    ("there", "here"),
    [
        ({}, {}),
        (OPEN, OPEN),
        (OPEN, {}),
        ({}, {"mouth_left": (0.2, 0.38), "mouth_right": (-0.2, 0.38)}),  # a smile with lips shut
        ({}, {"lip_top": (0.0, 0.45), "lip_bottom": (0.0, 0.4)}),  # lips that cross
    ],
)
def test_where_nothing_opens_nothing_changes(there: dict[str, object], here: dict[str, object]) -> None:
    picture = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    paint = painter().generator.mouth
    assert torch.equal(paint(picture, keypoints(2, **there), keypoints(2, **here)), picture)


@torch.no_grad()
def test_a_mouth_that_begins_to_open_is_painted_little_by_little() -> None:
    picture, paint = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)), painter().generator.mouth
    here = mouth(keypoints(**OPEN))
    seen = paint.close_up(picture, here)
    _, shown = paint.painted(seen, mouth(keypoints()), here, usual_lights(seen, here))
    less = mouth(keypoints(lip_top=(0.0, 0.36), lip_bottom=(0.0, 0.472)))  # by 0.02, in shares of 0.4
    _, half = paint.painted(seen, less, here, usual_lights(seen, here))
    inside = shown > 0.1
    ratio = (half / shown.clamp(min=1e-9))[inside]
    # The network sees how the source's mouth is, so that it is about half and no more exactly so.
    assert inside.any() and 0.3 < ratio.mean() < 0.7


def test_how_light_a_mouth_is_by_hand() -> None:
    """A close-up that gets lighter downwards: each part's mean lies in the part's middle, or nearly."""
    found = mouth(keypoints(**OPEN, mouth_left=(0.15, 0.42), mouth_right=(-0.15, 0.42)))
    top, bottom = (found.lips[0, :, 1] / REACH + 1) / 2  # where the lips are on the way down the close-up
    picture = torch.linspace(0, 1, SIDE)[None, None, :, None].expand(1, 3, SIDE, SIDE)
    lights = lights_of(picture, found)[0]
    assert lights.tolist() == sorted(lights.tolist())
    first = TEETH / 0.3  # the mouth is 0.3 open
    parts = torch.tensor([0, first, (1 + first) / 2, 1])
    middles = top + (bottom - top) * (parts[1:] + parts[:-1]) / 2
    # Beside the middle the edges are nearer to the line between the corners.
    torch.testing.assert_close(lights, middles, atol=0.03, rtol=0)
    assert lights_of(picture, mouth(keypoints())).tolist() == [[0, 0, 0]], "of a mouth that is shut"
    grey = torch.full((1, 3, SIDE, SIDE), 0.5)
    for lips, wanted in ({}, NARROW_LIGHTS), (OPEN, WIDE_LIGHTS):
        torch.testing.assert_close(usual_lights(grey, mouth(keypoints(**lips))), 0.5 * torch.tensor([wanted]))


@torch.no_grad()
def test_in_training_it_is_told_how_light_the_mouth_should_be() -> None:
    picture, paint = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)), painter().generator.mouth
    source, driving = keypoints(), keypoints(**OPEN)
    dark, light = (paint(picture, source, driving, torch.full_like(picture, value)) for value in (0.0, 1.0))
    assert (dark - light).abs().max() > 1e-3


@torch.no_grad()
def test_mouths_at_the_edge_or_nowhere_give_numbers() -> None:
    paint, picture = painter().generator.mouth, torch.rand(1, 3, 32, 32)
    nowhere = Keypoints(torch.zeros(1, len(NAMES), 2))
    far = Keypoints(keypoints(**OPEN).value + 5)
    for source, driving in ((nowhere, nowhere), (keypoints(), far), (keypoints(), nowhere)):
        assert paint(picture, source, driving).isfinite().all()


@torch.no_grad()
@pytest.mark.parametrize("blend", [False, True])
def test_the_inference_form_paints_as_the_trained_one(blend: bool) -> None:
    model = painter(blend_warped=blend)
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    source, driving = keypoints(), keypoints(**OPEN)
    wanted = model.generate(picture, source, driving).image
    found = Model(model, device="cpu", precision="float32").generate(picture, source, driving).image
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    plain = seeded_model(CONFIG.replace(blend_warped=blend, mouth="plain")).generate(picture, source, driving).image
    assert (plain - wanted).abs().max() > 0.01, "something was painted"


def test_its_tensors_are_those_that_files_are_checked_against() -> None:
    model = painter()
    assert expected_shapes(model.config) == {name: tuple(value.shape) for name, value in model.state_dict().items()}
    assert ModelConfig.from_dict(model.config.to_dict()) == model.config


def test_a_model_without_such_keypoints_is_refused() -> None:
    with pytest.raises(ConfigError, match="A mouth cannot be seen closely without its keypoints; got none named iris_"):
        tiny_config(mouth="close")


@torch.no_grad()
def test_the_embedded_weights_paint_teeth_above_the_dark() -> None:
    model = load_model("heads", device="cpu", precision="float32")
    with Image.open(samples.portrait("freckles")) as picture:
        pixels = np.asarray(picture.convert("RGB").resize((256, 256)))
    source = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    found = model.detect(F.interpolate(source, size=(128, 128), mode="bilinear", antialias=True))
    names = model.config.keypoint_names
    moved, size = found.value.clone(), Mouth.of(found.value, *_heads(names)).axes[0].norm() / math.sqrt(2)
    for name, down in {"lip_bottom": 0.35, "chin": 0.35, "jaw_left": 0.15, "jaw_right": 0.15}.items():
        moved[0, names.index(name), 1] += down * size
    driving = Keypoints(moved, found.jacobian)
    paint = FirstOrderModel(model.config).generator.mouth  # what cuts out close-ups needs no weights
    before, after = (Mouth.of(part.value, *_heads(names)) for part in (found, driving))
    opened = model.generate(source, found, driving).image
    upper, middle, lower = lights_of(paint.close_up(opened, after), after)[0]
    skin = paint.close_up(source, before).mean()
    assert upper > 1.15 * middle and middle < 0.75 * skin and lower < 0.85 * skin


def _heads(names: tuple[str, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    config = tiny_config(num_kp=len(names), keypoint_names=names)
    return mouth_indices(config), eye_indices(config)
