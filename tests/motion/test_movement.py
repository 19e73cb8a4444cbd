"""Motion transfer and limit: hand-computed cases, properties, degenerate input."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy.spatial import ConvexHull

from motionkit.errors import InputError
from motionkit.motion.gains import Gains
from motionkit.motion.movement import hull_area, limit, transfer
from motionkit.motion.smoothing import Smoother
from motionkit.structures import Keypoints

SQUARE = torch.tensor([[[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]])  # hull area 1


def rotation(degrees: float) -> torch.Tensor:
    angle = math.radians(degrees)
    return torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])


def still(jacobian: torch.Tensor | None = None, *, batch: int = 1) -> Keypoints:
    """The square, every keypoint with the same Jacobian."""
    jacobian = torch.eye(2) if jacobian is None else jacobian
    return Keypoints(SQUARE.repeat(batch, 1, 1), jacobian.repeat(batch, 4, 1, 1))


def random_keypoints(batch: int = 1, k: int = 10) -> Keypoints:
    """Points anywhere, Jacobians near the identity (so that every relative matrix has a logarithm)."""
    return Keypoints(torch.rand(batch, k, 2) * 2 - 1, torch.eye(2) + 0.15 * torch.randn(batch, k, 2, 2))


def equal(a: Keypoints, b: Keypoints) -> bool:
    return torch.equal(a.value, b.value) and torch.equal(a.jacobian, b.jacobian)


def close(a: Keypoints, b: Keypoints, tolerance: float = 1e-5) -> bool:
    return torch.allclose(a.value, b.value, atol=tolerance) and torch.allclose(a.jacobian, b.jacobian, atol=tolerance)


def golden_keypoints(golden: dict[str, np.ndarray], name: str) -> Keypoints:
    return Keypoints(torch.from_numpy(golden[f"{name}_value"]), torch.from_numpy(golden[f"{name}_jacobian"]))


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("align", ["true", "false"])
def test_transfer_equals_the_published_code(golden: dict[str, np.ndarray], relative: bool, align: str) -> None:
    source, reference, driving = (golden_keypoints(golden, f"kp_{n}") for n in ("source", "reference", "driving"))
    expected = golden_keypoints(golden, f"{'relative' if relative else 'absolute'}.{align}.kp")
    assert close(transfer(source, driving, reference, relative=relative), expected)


def test_relative_transfer_by_hand() -> None:
    source = Keypoints(2 * SQUARE + 0.1, still(torch.diag(torch.tensor([2.0, 1.0]))).jacobian)
    driving = still(torch.tensor([[1.0, 0.5], [0.0, 1.0]]))
    driving.value[0, 1] += torch.tensor([0.1, -0.2])
    reference = still(torch.diag(torch.tensor([1.0, 2.0])))
    result = transfer(source, driving, reference)
    # The source's hull is four times as large as the reference's, so movement doubles; corner 1 alone moves.
    assert torch.allclose(result.value[0, 1], torch.tensor([1.1 + 0.2, -0.9 - 0.4]))
    assert torch.equal(result.value[0, [0, 2, 3]], source.value[0, [0, 2, 3]])
    # [[1, .5], [0, 1]] · diag(1, ½) · diag(2, 1) = [[2, .25], [0, .5]]
    assert torch.allclose(result.jacobian[0, 0], torch.tensor([[2.0, 0.25], [0.0, 0.5]]))
    unscaled = transfer(source, driving, reference, adapt_scale=False)
    assert torch.allclose(unscaled.value[0, 1], torch.tensor([1.1 + 0.1, -0.9 - 0.2]))


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 1.3, 2.0])
def test_a_resting_driver_gives_exactly_the_source(strength: float) -> None:
    source, driving = random_keypoints(), random_keypoints()
    assert equal(transfer(source, driving, driving, strength=strength), source)


@pytest.mark.parametrize("relative", [True, False])
def test_strength_zero_and_one_are_exact(relative: bool) -> None:
    source, driving, reference = random_keypoints(), random_keypoints(5), random_keypoints()
    driving.jacobian[:, 0] = 0  # no logarithm
    driving.jacobian[:, 1] = torch.tensor([[-1.0, 0.0], [0.0, 1.0]])
    none = transfer(source, driving, reference, relative=relative, strength=0.0)
    assert equal(none, Keypoints(source.value.expand(5, -1, -1), source.jacobian.expand(5, -1, -1, -1)))
    full = transfer(source, driving, reference, relative=relative, strength=1.0, gains=Gains(torch.ones(10)))
    assert equal(full, transfer(source, driving, reference, relative=relative))
    if not relative:
        assert equal(full, driving)


def test_points_are_linear_in_strength_and_follow_a_common_shift() -> None:
    source, driving, reference = random_keypoints(), random_keypoints(3), random_keypoints()
    whole = transfer(source, driving, reference).value - source.value
    for strength in (0.5, 1.7):
        part = transfer(source, driving, reference, strength=strength).value - source.value
        assert torch.allclose(part, strength * whole, atol=1e-6)
    shift = torch.tensor([0.3, -0.2])
    shifted = transfer(Keypoints(source.value + shift, source.jacobian), driving, reference)
    assert torch.allclose(shifted.value, transfer(source, driving, reference).value + shift, atol=1e-5)
    # Where driving and reference stand together does not matter either.
    moved = [Keypoints(kp.value + shift, kp.jacobian) for kp in (driving, reference)]
    assert close(transfer(source, *moved), transfer(source, driving, reference))


@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("strength", [0.5, 0.25, 1.5, 2.0])
@pytest.mark.parametrize("degrees", [-60.0, 1e-3, 30.0, 120.0])
def test_rotation_is_interpolated_in_its_angle(relative: bool, strength: float, degrees: float) -> None:
    base = torch.tensor([[1.2, 0.3], [-0.1, 0.8]])
    start = still(base)
    driven = still(rotation(degrees) @ base)
    result = transfer(start, driven, start, relative=relative, strength=strength)
    assert torch.allclose(result.jacobian[0, 0], rotation(strength * degrees) @ base, atol=1e-5)


def test_scale_is_interpolated_in_its_logarithm() -> None:
    driven = still(torch.diag(torch.tensor([2.0, 0.5])))
    result = transfer(still(), driven, still(), strength=2.0)
    assert torch.allclose(result.jacobian[0, 0], torch.diag(torch.tensor([4.0, 0.25])))


@pytest.mark.parametrize(
    "matrix",
    [
        torch.diag(torch.tensor([1.0, -1.0])),  # mirrored
        torch.diag(torch.tensor([1.0, 0.0])),  # singular
        torch.zeros(2, 2),
        -torch.eye(2),  # half a turn: either direction would do
    ],
)
def test_without_a_logarithm_jacobians_go_straight(matrix: torch.Tensor) -> None:
    result = transfer(still(), still(matrix), still(), strength=0.5)
    assert torch.allclose(result.jacobian[0, 0], (torch.eye(2) + matrix) / 2)


def test_strength_is_continuous_across_the_change_to_straight_lines() -> None:
    for path in (
        torch.stack([rotation(d) for d in np.linspace(90, 270, 2001)]),  # through half a turn
        torch.stack([torch.diag(torch.tensor([1.0, x])) for x in np.linspace(1, -1, 2001, dtype=np.float32)]),  # mirror
    ):
        driving = Keypoints(torch.zeros(len(path), 1, 2), path[:, None])
        rest = Keypoints(torch.zeros(1, 1, 2), torch.eye(2)[None, None])
        for strength in (0.5, 1.5, 2.0):
            result = transfer(rest, driving, rest, strength=strength).jacobian
            assert result.diff(dim=0).abs().max() < 0.05


def test_singular_reference_keeps_the_sources_jacobian() -> None:
    reference = still(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    for strength in (0.5, 1.0, 2.0):
        result = transfer(still(rotation(20)), still(rotation(70)), reference, strength=strength)
        assert torch.equal(result.jacobian, still(rotation(20)).jacobian)


def test_singular_source_is_interpolated_straight_when_absolute() -> None:
    flat = torch.diag(torch.tensor([1.0, 0.0]))
    result = transfer(still(flat), still(), still(), relative=False, strength=0.5)
    assert torch.allclose(result.jacobian[0, 0], torch.diag(torch.tensor([1.0, 0.5])))


def test_degenerate_hulls_scale_by_spread_then_not_at_all() -> None:
    line = torch.linspace(-0.5, 0.5, 4)[:, None] * torch.tensor([1.0, 0.5])
    flat, point = Keypoints(line[None]), Keypoints(torch.zeros(1, 4, 2))
    shift = torch.tensor([0.1, 0.0])
    cases = [(flat, flat, 1.0), (Keypoints(2 * flat.value), flat, 2.0), (point, flat, 1.0), (flat, point, 1.0)]
    for source, reference, scale in cases:
        result = transfer(source, Keypoints(reference.value + shift), reference)
        assert torch.allclose(result.value - source.value, scale * shift.expand(1, 4, 2), atol=1e-5)
    mixed = transfer(Keypoints(SQUARE), Keypoints(flat.value + shift), flat)
    spread = math.sqrt(0.5 / line.square().sum(dim=1).mean().item())
    assert torch.allclose(mixed.value - SQUARE, spread * shift.expand(1, 4, 2), atol=1e-5)


def test_models_without_jacobians_and_with_few_points() -> None:
    for k in (1, 2, 3):
        points = [Keypoints(torch.rand(b, k, 2)) for b in (1, 6, 1)]
        result = transfer(*points, strength=1.5)
        assert result.jacobian is None and result.value.shape == (6, k, 2)
        assert torch.isfinite(limit(result, points[0], motion_limit=0.5).value).all()


def test_a_batch_equals_single_frames_and_a_source_may_be_a_batch() -> None:
    sources, driving, reference = random_keypoints(4), random_keypoints(4), random_keypoints()
    gains = Gains(torch.rand(10) * 2, head=(0, 1, 2, 3), carried=(5, 6, 7, 8, 9))
    whole = transfer(sources, driving, reference, strength=1.4, gains=gains)
    parts = [transfer(sources[i : i + 1], driving[i : i + 1], reference, strength=1.4, gains=gains) for i in range(4)]
    assert close(whole, Keypoints.cat(parts), 1e-6)
    limited = limit(whole, sources, motion_limit=0.3)
    singles = [limit(part, sources[i : i + 1], motion_limit=0.3) for i, part in enumerate(parts)]
    assert close(limited, Keypoints.cat(singles), 1e-6)


@pytest.mark.parametrize(
    "driving", [Keypoints(torch.zeros(1, 5, 2), torch.zeros(1, 5, 2, 2)), Keypoints(torch.zeros(1, 10, 2))]
)
def test_keypoints_of_another_model_are_refused(driving: Keypoints) -> None:
    with pytest.raises(InputError, match=r"do not fit together.*expected keypoints of one model"):
        transfer(random_keypoints(), driving, random_keypoints())


# Limit


def test_small_motion_is_untouched() -> None:
    source = random_keypoints()
    moved = Keypoints(source.value + 0.01, 1.2 * source.jacobian)
    assert equal(limit(moved, source, motion_limit=0.6), moved)
    assert limit(moved, source, motion_limit=None) is moved


def test_large_motion_saturates_smoothly_and_in_its_direction() -> None:
    distances = torch.linspace(0, 3, 3001)
    moved = Keypoints(SQUARE + distances[:, None, None] * torch.tensor([0.6, 0.8]))
    result = limit(moved, Keypoints(SQUARE), motion_limit=0.5).value - SQUARE
    length = result.norm(dim=-1)[:, 0]
    steps = length.diff() / distances.diff()
    assert torch.allclose(length[distances <= 0.35], distances[distances <= 0.35], atol=1e-6)
    assert length.max() <= 0.5 + 1e-6 and length[-1] > 0.499
    assert steps.min() > -1e-3 and steps.diff().abs().max() < 0.02  # monotonous, no kink
    assert torch.allclose(result[-1, 0] / length[-1], torch.tensor([0.6, 0.8]), atol=1e-5)


def test_limit_is_in_units_of_the_sources_extent() -> None:
    source, moved = Keypoints(SQUARE), Keypoints(SQUARE + torch.tensor([0.5, 0.0]))
    small = limit(Keypoints(0.2 * moved.value), Keypoints(0.2 * source.value), motion_limit=0.4).value
    assert torch.allclose(small, 0.2 * limit(moved, source, motion_limit=0.4).value, atol=1e-6)


def test_jacobians_stay_within_a_half_and_two() -> None:
    source = still(torch.tensor([[1.1, 0.4], [-0.2, 0.9]]), batch=300)
    wild = 1.5 * torch.randn(300, 4, 2, 2)
    result = limit(Keypoints(source.value, wild @ source.jacobian), source, motion_limit=0.6)
    change = result.jacobian @ torch.linalg.inv(source.jacobian)
    values = torch.linalg.svdvals(change)
    assert values.max() <= 2.001 and values.min() >= 0.499
    assert (torch.linalg.det(change) > 0).all()
    tame = torch.linalg.svdvals(wild)
    keep = (tame[..., 0] < 1.49) & (tame[..., 1] > 0.67) & (torch.linalg.det(wild) > 0)
    assert keep.any() and torch.equal(result.jacobian[keep], (wild @ source.jacobian)[keep])


def test_only_the_wild_axis_of_a_jacobian_is_bounded() -> None:
    result = limit(still(rotation(20) @ torch.diag(torch.tensor([1.4, 0.0]))), still(), motion_limit=0.6)
    u, s, vh = np.linalg.svd(result.jacobian[0, 0].numpy())
    expected_small = 2 / 3 - 1 / 6 * math.tanh(4)
    np.testing.assert_allclose(s, [1.4, expected_small], rtol=1e-5)
    np.testing.assert_allclose(u @ vh, rotation(20).numpy(), atol=1e-5)


# Degenerate input

coordinates = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 1e-8, 1e-30, -2.0]), st.floats(-4, 4, width=32))


@st.composite
def any_keypoints(draw: st.DrawFn, batch: int) -> Keypoints:
    value = draw(npst.arrays(np.float32, (batch, 3, 2), elements=coordinates))
    jacobian = draw(npst.arrays(np.float32, (batch, 3, 2, 2), elements=coordinates))
    return Keypoints(torch.from_numpy(value), torch.from_numpy(jacobian))


@settings(max_examples=300, deadline=None)
@given(
    any_keypoints(1),
    any_keypoints(2),
    any_keypoints(1),
    st.booleans(),
    st.booleans(),
    st.floats(0, 2),
    st.floats(0, 4),
    st.sampled_from([(), ((1, 2), (0,)), ((0,), (1, 2))]),
)
def test_nothing_is_ever_nan(
    source: Keypoints,
    driving: Keypoints,
    reference: Keypoints,
    relative: bool,
    adapt: bool,
    strength: float,
    gain: float,
    ride: tuple[tuple[int, ...], ...],
) -> None:
    result = transfer(
        source,
        driving,
        reference,
        relative=relative,
        adapt_scale=adapt,
        strength=strength,
        gains=Gains(torch.tensor([gain, 1.0, 1.0]), *ride),
    )
    limited = limit(result, source, motion_limit=0.6)
    for kp in (result, limited, Smoother(0.5).smooth(limited)):
        assert torch.isfinite(kp.value).all() and torch.isfinite(kp.jacobian).all()


@pytest.mark.parametrize("count", [3, 4, 22, 300])
def test_the_area_of_a_hull_is_that_of_scipy(count: int) -> None:
    rng = np.random.default_rng(count)
    points = rng.normal(size=(count, 2)).round(1)  # some of them on one line, some twice
    assert hull_area(points) == pytest.approx(ConvexHull(points).volume, rel=1e-12)
    assert hull_area(np.stack([points[:, 0], 2 * points[:, 0] + 1], 1)) == pytest.approx(0, abs=1e-9)
    assert hull_area(points[:2]) == hull_area(points[:1]) == 0
