"""Augmentation: both pictures alike, and what is known of them follows, checked on patterns known everywhere."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torchvision.transforms.v2.functional import adjust_hue

from motionkit.data import colours
from motionkit.data.augmentation import (
    AffineChange,
    Augmentation,
    mirrored_order,
    move_pictures,
    move_truth,
)
from motionkit.data.batch import Truth
from motionkit.data.colours import turn_hue
from motionkit.errors import ConfigError
from motionkit.modules.grid import identity_grid, warp
from motionkit.structures import Keypoints
from motionkit.training.config import AugmentationConfig

SIDE, GRID = 96, 48
STILL = AugmentationConfig(horizontal_flip=False, time_flip=False)
GEOMETRIC = AugmentationConfig(resize=(0.8, 1.25), shift=0.1, rotation=25)
NAMES = ("chin", "eye_left", "eye_right")
changes = st.builds(
    AffineChange.of,
    flip=st.booleans(),
    scale=st.floats(0.8, 1.25),
    degrees=st.floats(-30, 30),
    shift=st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)),
)


def pattern(z: torch.Tensor) -> torch.Tensor:
    """1 h w 2 places to 1 3 h w colours, smooth and without a symmetry."""
    x, y = z.unbind(-1)
    waves = [torch.sin(2.1 * x + 0.7 * y + 0.3), torch.cos(1.3 * x - 2.3 * y), torch.sin(0.9 * x * y + 1.7 * y - x)]
    return 0.5 + 0.4 * torch.stack(waves, dim=1)


def leads(z: torch.Tensor) -> torch.Tensor:
    """A smooth flow that reaches beyond the source in places."""
    x, y = z.unbind(-1)
    return torch.stack([0.95 * x + 0.1 * torch.sin(2 * y) + 0.08, 1.02 * y - 0.06 * torch.cos(3 * x)], dim=-1)


def pair() -> tuple[torch.Tensor, Truth]:
    places = identity_grid(SIDE, SIDE, like=torch.empty(0))
    pictures = torch.cat([pattern(places), pattern(leads(places))])
    flow = leads(identity_grid(GRID, GRID, like=places))
    visibility = (flow.abs().amax(-1) <= 1).float()[:, None]
    generator = torch.Generator().manual_seed(3)
    points = [
        Keypoints(torch.rand(1, 3, 2, generator=generator) - 0.5, torch.randn(1, 3, 2, 2, generator=generator))
        for _ in range(2)
    ]
    return pictures, Truth(*points, flow, visibility, torch.tensor([True]))


def check_flow(pictures: torch.Tensor, truth: Truth, *, share: float) -> None:
    """Where it is visible, the flow leads to the same colour in the source; and that is a good part of the picture."""
    there = identity_grid(GRID, GRID, like=pictures)
    seen = warp(pictures[1:], there, align_corners=True)
    found = warp(pictures[:1], truth.flow, align_corners=True, padding="reflection")
    visible = truth.visibility > 0.999
    assert visible.float().mean() > share
    error = (seen - found).abs().mul(visible)
    assert error.quantile(0.98) < 0.01
    assert error.max() < 0.08, "interpolating across the fold of a reflection costs a little"


def blob(*points: torch.Tensor) -> torch.Tensor:
    """1 C H W, a soft dot at each (x, y) on black, one in each channel."""
    places = identity_grid(SIDE, SIDE, like=torch.empty(0))
    return torch.stack([torch.exp(-(places[0] - point).square().sum(-1) / 0.003) for point in points])[None]


def dots(picture: torch.Tensor) -> torch.Tensor:
    """C 2, the centre of mass of each channel."""
    places = identity_grid(SIDE, SIDE, like=picture)[0]
    mass = picture[0, ..., None]
    return (mass * places).sum((1, 2)) / mass.sum((1, 2))


def test_the_pattern_is_right_to_begin_with() -> None:
    check_flow(*pair(), share=0.8)


@settings(deadline=None, max_examples=40)
@given(change=changes)
def test_true_flow_follows_any_motion(change: AffineChange) -> None:
    pictures, truth = pair()
    check_flow(move_pictures(pictures, change), move_truth(truth, change, range(3)), share=0.5)


def test_mirroring_alone_is_exact() -> None:
    pictures, truth = pair()
    flip = AffineChange.of(flip=True)
    mirrored = move_pictures(pictures, flip)
    assert torch.equal(mirrored, pictures.flip(-1))
    moved = move_truth(truth, flip, range(3))
    check_flow(mirrored, moved, share=0.8)
    back = move_truth(moved, flip, range(3))
    assert torch.equal(back.flow, truth.flow) and torch.equal(back.visibility, truth.visibility)
    assert torch.equal(back.source.value, truth.source.value)
    assert torch.equal(back.driving.jacobian, truth.driving.jacobian)


def test_a_still_background_stays_still_beyond_the_border() -> None:
    pictures, truth = pair()
    still = Truth(
        truth.source,
        truth.driving,
        identity_grid(GRID, GRID, like=pictures),
        torch.ones(1, 1, GRID, GRID),
        truth.has_flow,
    )
    moved = move_truth(still, AffineChange.of(scale=0.7, degrees=20, shift=(0.1, 0.2)), range(3))
    assert torch.allclose(moved.flow, still.flow, atol=1e-5)
    assert moved.visibility.min() > 0.999


def test_what_leaves_the_source_is_not_visible() -> None:
    """Everything moves right by half a picture: what came from the left half of the source now comes from outside."""
    pictures, truth = pair()
    places = identity_grid(GRID, GRID, like=pictures)
    away = Truth(
        truth.source,
        truth.driving,
        places + torch.tensor([0.5, 0]),
        (places[..., 0] <= 0.5).float()[:, None],
        truth.has_flow,
    )
    moved = move_truth(away, AffineChange.of(shift=(0.4, 0)), range(3))
    leaving = places[..., 0] + 0.5 > 1.05
    assert moved.visibility[:, 0][leaving].max() == 0
    assert moved.visibility[:, 0][(places[..., 0] > -0.55) & (places[..., 0] < 0.45)].min() > 0.999


@settings(deadline=None, max_examples=25)
@given(change=changes, x=st.floats(-0.4, 0.4), y=st.floats(-0.4, 0.4))
def test_keypoints_and_jacobians_mark_the_same_content(change: AffineChange, x: float, y: float) -> None:
    point = torch.tensor([x, y])
    jacobian = torch.tensor([[0.9, -0.4], [0.3, 1.2]])
    tangent = torch.tensor([0.15, -0.1])
    places = torch.stack([point, point + jacobian @ tangent])
    # A shrunk picture is surrounded by its reflection, whose blobs would pull the middle of those that are measured.
    for axis in (0, 1):
        for edge in (-2, 2):
            ghosts = places.clone()
            ghosts[:, axis] = edge - ghosts[:, axis]
            assume(bool((change.forward(ghosts).abs().amax(-1) > 1.3).all()))
    picture = blob(*places)
    truth = Keypoints(point[None, None], jacobian[None, None])
    _, known = pair()
    moved = move_truth(Truth(truth, truth, known.flow, known.visibility, known.has_flow), change, [0]).source
    first, second = dots(move_pictures(picture, change))
    assert torch.allclose(moved.value[0, 0], first, atol=4e-3)
    # On a mirrored face, the mirrored tangent leads to the same freckle.
    mirrored = tangent * torch.tensor([-1.0 if change.flip else 1.0, 1.0])
    assert torch.allclose(moved.value[0, 0] + moved.jacobian[0, 0] @ mirrored, second, atol=8e-3)


def test_left_and_right_change_places_in_a_mirror() -> None:
    assert mirrored_order(NAMES) == [0, 2, 1]
    assert mirrored_order(("lip_left_upper", "lip_right_upper")) == [1, 0]
    assert mirrored_order(("cleft", "bright")) == [0, 1], "parts of words stay"
    left, right = torch.tensor([-0.3, 0.1]), torch.tensor([0.4, 0.0])
    points = Keypoints(torch.stack([torch.zeros(2), left, right])[None], torch.eye(2).expand(1, 3, 2, 2))
    _, known = pair()
    flip = AffineChange.of(flip=True)
    moved = move_truth(Truth(points, points, known.flow, known.visibility, known.has_flow), flip, [0, 2, 1])
    _, seen_left, seen_right = dots(move_pictures(blob(torch.zeros(2), left, right), flip))
    # The one that was the left eye is the right eye of the mirrored face.
    assert torch.allclose(moved.source.value[0, 2], seen_left, atol=4e-3)
    assert torch.allclose(moved.source.value[0, 1], seen_right, atol=4e-3)
    assert torch.equal(moved.source.jacobian, points.jacobian), "a face seen from the front stays one"


def test_a_name_without_counterpart() -> None:
    with pytest.raises(ConfigError, match="no counterpart in a mirror; got scar_left"):
        Augmentation(AugmentationConfig(), ("nose", "scar_left"))
    Augmentation(STILL, ("nose", "scar_left"))


def test_outside_is_a_reflection() -> None:
    ramp = torch.linspace(0, 1, 11).expand(1, 1, 11, 11).clone()
    moved = move_pictures(ramp, AffineChange.of(shift=(0.4, 0)))  # by two pixels
    expected = torch.tensor([0.2, 0.1, 0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8])
    assert torch.allclose(moved[0, 0, 4], expected, atol=1e-5)


def test_rotation_and_magnification_have_the_documented_sense() -> None:
    quarter = move_pictures(blob(torch.tensor([0.5, 0.0])), AffineChange.of(degrees=90))
    assert torch.allclose(dots(quarter)[0], torch.tensor([0.0, 0.5]), atol=1e-3), "clockwise, y points down"
    larger = move_pictures(blob(torch.tensor([0.3, -0.2])), AffineChange.of(scale=1.5))
    assert torch.allclose(dots(larger)[0], torch.tensor([0.45, -0.3]), atol=1e-3)


def test_a_seed_gives_one_result() -> None:
    config = AugmentationConfig(
        brightness=0.1, contrast=0.1, saturation=0.1, hue=0.1, resize=(0.9, 1.1), shift=0.1, rotation=10, degrade=1
    )
    augment = Augmentation(config, NAMES)
    results = []
    for seed in (1, 1, 2):
        pictures, truth = augment(*pair(), np.random.default_rng(seed))
        assert pictures.shape == (2, 3, SIDE, SIDE) and pictures.dtype == torch.float32
        assert pictures.min() >= 0 and pictures.max() <= 1
        results.append((pictures, truth.flow, truth.source.value))
    assert all(torch.equal(a, b) for a, b in zip(results[0], results[1], strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(results[0], results[2], strict=True))


def test_nothing_asked_for_changes_nothing() -> None:
    pictures, truth = pair()
    same, known = Augmentation(STILL, NAMES)(pictures, truth, np.random.default_rng(0))
    assert torch.equal(same, pictures) and torch.equal(known.flow, truth.flow)


def test_geometry_as_configured_keeps_the_truth() -> None:
    augment = Augmentation(GEOMETRIC, NAMES)
    for seed in range(20):
        check_flow(*augment(*pair(), np.random.default_rng(seed)), share=0.5)


def test_time_is_turned_half_the_time_and_never_with_truth() -> None:
    pictures, truth = pair()
    augment = Augmentation(AugmentationConfig(horizontal_flip=False))
    turned = [torch.equal(augment(pictures, None, np.random.default_rng(n))[0], pictures.flip(0)) for n in range(200)]
    assert 70 < sum(turned) < 130
    augment = Augmentation(AugmentationConfig(horizontal_flip=False), NAMES)
    assert all(torch.equal(augment(pictures, truth, np.random.default_rng(n))[0], pictures) for n in range(20))


def test_pairs_are_mirrored_half_the_time() -> None:
    pictures, _ = pair()
    augment = Augmentation(AugmentationConfig(time_flip=False))
    results = [augment(pictures, None, np.random.default_rng(n))[0] for n in range(200)]
    assert 70 < sum(torch.equal(result, pictures.flip(-1)) for result in results) < 130
    assert all(torch.equal(result, pictures) or torch.equal(result, pictures.flip(-1)) for result in results)


@pytest.mark.parametrize("change", ["brightness", "contrast", "saturation", "hue"])
def test_colours_change_alike_in_both_pictures(change: str) -> None:
    one = pair()[0][:1]
    augment = Augmentation(AugmentationConfig(horizontal_flip=False, **{change: 0.3}))
    source, driving = augment(one.expand(2, -1, -1, -1), None, np.random.default_rng(5))[0]
    assert torch.equal(source, driving)
    assert not torch.allclose(source, one[0], atol=0.01)


def test_brightness_is_one_factor_within_its_range() -> None:
    grey = torch.full((2, 3, 8, 8), 0.5)
    augment = Augmentation(AugmentationConfig(brightness=0.2))
    values = torch.stack([augment(grey, None, np.random.default_rng(n))[0] for n in range(50)])
    assert (values.amax((1, 2, 3, 4)) - values.amin((1, 2, 3, 4))).max() < 1e-6
    assert 0.4 <= values.min() < 0.43 and 0.57 < values.max() <= 0.6


def test_hue_turns_about_grey() -> None:
    colours = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0.5], [0.2, 0.6, 0.3]]).T.reshape(1, 3, 1, 3)
    third = turn_hue(colours, 1 / 3)[0, :, 0].T
    assert torch.allclose(third, torch.tensor([[0, 1.0, 0], [0.5, 0.5, 0.5], [0.3, 0.2, 0.6]]), atol=1e-6)
    pictures, _ = pair()
    for turn in (-0.05, 0.02, 0.05):
        ours, theirs = turn_hue(pictures, turn) - pictures, adjust_hue(pictures, turn) - pictures
        assert torch.cosine_similarity(ours.flatten(), theirs.flatten(), dim=0) > 0.75, "the same sense"
        assert 0.7 < ours.norm() / theirs.norm() < 1.4, "as much"


def test_degraded_pairs_are_as_many_as_asked_for_and_still_recognisable() -> None:
    pictures = (torch.rand(2, 3, 64, 64) > 0.5).float() * 0.2 + pair()[0][..., :64, :64] * 0.8
    augment = Augmentation(AugmentationConfig(horizontal_flip=False, time_flip=False, degrade=0.3))
    changed = [augment(pictures, None, np.random.default_rng(n))[0] for n in range(100)]
    assert 15 < sum(not torch.equal(result, pictures) for result in changed) < 45
    assert max((result - pictures).abs().mean() for result in changed) < 0.12


def test_a_random_filter_keeps_shapes_and_changes_surfaces() -> None:
    picture = pair()[0]
    pictures = torch.stack([picture[0], picture[0]])
    augment = Augmentation(AugmentationConfig(horizontal_flip=False, time_flip=False, texture=0.4))
    changed = [augment(pictures, None, np.random.default_rng(n))[0] for n in range(100)]
    filtered = [result for result in changed if not torch.equal(result, pictures)]
    assert 25 < len(filtered) < 55
    assert all(torch.equal(result[0], result[1]) for result in filtered), "one filter for both"
    differences = [float((result - pictures).abs().mean()) for result in filtered]
    assert max(differences) > 0.03 and float(np.median(differences)) > 0.005
    for result in filtered:
        assert abs(result.mean() - pictures.mean()) < 0.1, "about as bright"
        grey, before = result[0].mean(0), pictures[0].mean(0)
        assert np.corrcoef(grey.ravel(), before.ravel())[0, 1] > 0.5, "the same shapes"


def test_colours_change_as_torchvision_changes_them() -> None:
    """To the last bit; the data themselves do not wait for its import."""
    from torchvision.transforms.v2 import functional as transforms

    pictures = torch.rand(2, 3, 33, 40, generator=torch.Generator().manual_seed(1))
    for factor in (0.0, 0.3, 0.93, 1.0, 1.7):
        for own, other in (
            (colours.brighten, transforms.adjust_brightness),
            (colours.contrast, transforms.adjust_contrast),
            (colours.saturate, transforms.adjust_saturation),
        ):
            assert torch.equal(own(pictures, factor), other(pictures, factor))
    for size, sigma in ((3, 0.4), (7, 1.3), (13, 3.0)):
        expected = transforms.gaussian_blur(pictures, [size] * 2, [sigma] * 2)
        assert torch.equal(colours.blur(pictures, size, sigma), expected)
    code = "import sys, motionkit.data.pairs; sys.exit('torchvision' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
