"""Landing: what is missing at keypoints is added around them, and nothing where nothing is missing."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
import torch
from scipy.interpolate import RBFInterpolator

from motionkit.config import ModelConfig
from motionkit.config.networks import EYES, LANDING
from motionkit.errors import ConfigError
from motionkit.model import Model
from motionkit.modules.grid import identity_grid, sample_flow
from motionkit.modules.landing import FURTHEST, REACH, RIDGE, SHARE, Landing, spread
from motionkit.structures import Keypoints
from motionkit.weights.shapes import expected_shapes
from tests.support.networks import seeded_model, tiny_config

NAMES = tuple(chain(*EYES, *LANDING))
DISTANCE = 0.4  # between the eyes


def config(**changes: object) -> ModelConfig:
    return tiny_config(num_kp=len(NAMES), keypoint_names=NAMES, landing="exact", **changes)


def keypoints(**moved: tuple[float, float]) -> Keypoints:
    """Eyes 0.4 apart, all else far from each other in the corners and along the edges, and moved by so much."""
    rest = dict.fromkeys(NAMES, (-0.9, -0.9))
    rest |= {name: (0.2 if name.endswith("left") else -0.2, 0.0) for name in chain(*EYES)}
    rest |= {"chin": (-0.5, 0.6), "collar": (0.5, 0.6)}
    points = torch.tensor([rest[name] for name in NAMES])
    for name, by in moved.items():
        points[NAMES.index(name)] += torch.tensor(by)
    return Keypoints(points[None], torch.eye(2).expand(1, len(NAMES), 2, 2))


def place(points: Keypoints, name: str) -> torch.Tensor:
    return points.value[:, [NAMES.index(name)]]


@pytest.mark.parametrize(("name", "part"), [("chin", 1), ("collar", 0)])
def test_a_keypoint_by_itself_lands_but_for_the_ridge(name: str, part: int) -> None:
    """Hand-computed: one Gaussian, 1 at its middle, so the missing 0.05 come back as 0.05 / (1 + ridge)."""
    still, by = identity_grid(129, 129, like=torch.zeros(())), torch.tensor([0.03, 0.04])
    driving = keypoints(**{name: (0.03, 0.04)})
    flow = Landing(config())(still, keypoints(), driving)
    here = place(driving, name)
    expected = here - by * SHARE[part] / (1 + RIDGE)
    torch.testing.assert_close(sample_flow(flow, here), expected, atol=5e-4, rtol=0)
    deviation = REACH[part] * DISTANCE
    beside = here + torch.tensor([-deviation, 0.0])  # one standard deviation beside it, e^-1/2 of that
    by_there = by * SHARE[part] / (1 + RIDGE) * float(np.exp(-0.5))
    torch.testing.assert_close(sample_flow(flow, beside), beside - by_there, atol=5e-4, rtol=0)
    torch.testing.assert_close(flow[:, :40], still[:, :40], atol=1e-4, rtol=0)  # far away


def test_where_keypoints_move_as_the_flow_nothing_changes() -> None:
    rng = torch.Generator().manual_seed(0)
    points = torch.rand(2, len(NAMES), 2, generator=rng) - 0.5
    shift = torch.tensor([0.1, -0.05])
    flow = (identity_grid(64, 64, like=points) + shift).expand(2, -1, -1, -1)
    landed = Landing(config())(flow, Keypoints(points + shift), Keypoints(points))
    torch.testing.assert_close(landed, flow, atol=1e-5, rtol=0)


def test_the_field_is_that_of_radial_basis_functions() -> None:
    """Another library's answer, at every place."""
    rng = torch.Generator().manual_seed(1)
    points, values = (torch.rand(2, 9, 2, generator=rng, dtype=torch.float64) - 0.5 for _ in range(2))
    reach = torch.tensor([[0.12], [0.3]], dtype=torch.float64)
    flow = torch.zeros(2, 17, 13, 2, dtype=torch.float64)
    field = spread(values, points, reach, flow)
    grid = identity_grid(17, 13, like=flow)[0].reshape(-1, 2).numpy()
    for item in range(2):
        wanted = RBFInterpolator(
            points[item].numpy(), values[item].numpy(), kernel="gaussian", degree=-1, smoothing=RIDGE,
            epsilon=1 / (float(reach[item]) * np.sqrt(2)),
        )(grid)  # fmt: skip
        np.testing.assert_allclose(field[item].reshape(-1, 2).numpy(), wanted, atol=1e-9)


def test_a_keypoint_that_went_astray_pulls_no_further_than_it_may() -> None:
    still = identity_grid(64, 64, like=torch.zeros(()))
    moved = Landing(config())(still, keypoints(chin=(1.2, 0.0)), keypoints()) - still
    assert 0.1 < moved.norm(dim=-1).max() <= FURTHEST * REACH[1] * DISTANCE
    nowhere = Keypoints(torch.zeros(1, len(NAMES), 2))
    assert Landing(config())(still, nowhere, nowhere).isfinite().all()


def test_keypoints_beyond_the_border_pull_nothing() -> None:
    still = identity_grid(64, 64, like=torch.zeros(()))
    there, here = keypoints(collar=(0.0, 0.4)), keypoints(collar=(0.0, 0.3))  # at 1, and at 0.9
    torch.testing.assert_close(Landing(config())(still, there, here), still)
    inside = Landing(config())(still, keypoints(collar=(0.0, 0.1)), keypoints())
    assert (inside - still).abs().max() > 0.03


def test_lips_that_would_cross_do_not_fold_the_picture() -> None:
    apart = {"lip_top": (0.9, 1.2), "lip_bottom": (0.9, 1.3), "chin": (0.5, 0.2)}  # from a corner, into the middle
    crossed = apart | {"lip_top": (0.9, 1.3), "lip_bottom": (0.9, 1.2)}
    still = identity_grid(128, 128, like=torch.zeros(()))
    for far in (0.1, 0.5, 1.0):
        near = {name: (x, far * y + (1 - far) * apart[name][1]) for name, (x, y) in crossed.items()}
        flow = Landing(config())(still, keypoints(**apart), keypoints(**near))
        assert (flow.diff(dim=1)[..., 1] > 0).all() and (flow.diff(dim=2)[..., 0] > 0).all(), "no place is seen twice"


@torch.no_grad()
def test_the_inference_form_lands_as_the_trained_one() -> None:
    shape = config(blend_warped=True, padding="border", eyes="close")
    model = seeded_model(shape)
    picture = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    source, driving = keypoints(), keypoints(chin=(0.05, 0.1), collar=(-0.1, 0.0), iris_left=(0.03, 0.0))
    wanted = model.generate(picture, source, driving)
    found = Model(model, device="cpu", precision="float32").generate(picture, source, driving)
    torch.testing.assert_close(found.flow, wanted.flow, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.image, wanted.image, atol=1e-4, rtol=0)
    free = seeded_model(shape.replace(landing="free")).generate(picture, source, driving)
    assert (free.flow - wanted.flow).abs().max() > 0.01, "something landed"
    assert expected_shapes(shape) == expected_shapes(free_of(shape)), "it has no weights"
    assert ModelConfig.from_dict(shape.to_dict()) == shape


def free_of(shape: ModelConfig) -> ModelConfig:
    return shape.replace(landing="free")


def test_a_model_without_such_keypoints_is_refused() -> None:
    with pytest.raises(ConfigError, match="Nothing can land without its keypoints; got none named brow_inner_left"):
        tiny_config(landing="exact")
