"""Errors, regions, flicker, colour and sharpness, each on frames computed by hand or against another library."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from motionkit.evaluation.metrics import Metric
from motionkit.evaluation.pixels import COLOUR, Errors, Flicker, Sharpness, regions
from tests.support.evaluations import batch, noise


def flat(*levels: int, side: int = 8) -> np.ndarray:
    """A frame for each level, all of its values being that."""
    return np.broadcast_to(np.array(levels, np.uint8)[:, None, None, None], (len(levels), side, side, 3)).copy()


def measured(metric: Metric, *batches: object) -> dict[str, float]:
    tally = metric.begin()
    for one in batches:
        tally.add(one)  # type: ignore[arg-type]
    return dict(tally.values())


def test_l1_by_hand() -> None:
    source, driving, result = flat(10)[0], flat(10, 61, 112), flat(10, 112, 10)
    found = measured(Errors(), batch(result[:2], driving[:2], source), batch(result[2:], driving[2:], source))
    assert found["l1"] == pytest.approx((0 + 51 + 102) / 3 / 255)
    assert found["l1_still"] == pytest.approx((0 + 51 + 102) / 3 / 255)
    assert found["psnr"] == pytest.approx(10 * np.log10(3 / (0 + 0.2**2 + 0.4**2)))


def test_psnr_is_that_of_skimage_of_the_clips_mean_error() -> None:
    one, other = noise(5), noise(5, seed=1)
    found = measured(Errors(), batch(one[:3], other[:3]), batch(one[3:], other[3:], other[0]))
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(other, one, data_range=255), abs=1e-4)
    assert measured(Errors(), batch(one, one))["psnr"] == 100, "equal pictures"


def test_regions_of_a_square_face() -> None:
    side = 256
    x, y = np.meshgrid([100, 110, 120, 130, 140, 150], [90, 110, 130, 150])
    points = np.stack([x.ravel(), y.ravel()], axis=1).astype(float)
    masks = regions(points, side)
    assert masks is not None and set(masks) == {"face", "ring", "rest"}
    assert (sum(mask.astype(int) for mask in masks.values()) == 1).all(), "each pixel is in one of them"
    assert masks["face"].sum() == pytest.approx(50 * 60, rel=0.03)
    # Around a rectangle: four strips of 40 pixels, and quarters of a circle at its corners.
    assert masks["ring"].sum() == pytest.approx(2 * 40 * (50 + 60) + np.pi * 40**2, rel=0.03)
    assert masks["ring"][120, 61:99].all() and not masks["ring"][120, 58], "40 pixels wide at 256"
    small = regions(points / 4, side // 4)
    assert small is not None and small["ring"][30, 16:24].all() and not small["ring"][30, 13], "10 at 64"
    assert regions(points[:5], side) is None, "five points lie inside a face"
    assert regions(None, side) is None and regions(np.zeros((20, 2)), side) is None


def test_errors_by_region_are_of_the_regions_pixels() -> None:
    points = np.stack(np.meshgrid([6.0, 8, 10, 12, 14], [6.0, 8, 10, 14]), axis=-1).reshape(-1, 2)
    masks = regions(points, 32)
    assert masks is not None
    driving, result = flat(100, 100, 100, side=32), flat(100, 100, 100, side=32)
    result[0][masks["face"]] += 51
    result[1][masks["face"]] += 51
    result[0][masks["rest"]] -= 25
    seen = {"driving_points": [points, points, None]}
    found = measured(Errors(by_region=True), batch(result, driving, **seen))
    assert found["l1_face"] == pytest.approx(0.2) and found["l1_ring"] == 0
    assert found["l1_rest"] == pytest.approx(25 / 255 / 2), "frames without a face do not count"
    assert found["psnr_face"] == pytest.approx(10 * np.log10(25), abs=1e-4) and found["psnr_ring"] == 100
    assert measured(Errors(by_region=True), batch(result, driving, driving_points=[None] * 3)) == {}


def test_flicker_is_the_share_of_the_drivers_changes() -> None:
    driving, result = flat(0, 10, 0, 20), flat(50, 55, 50, 50)
    whole = measured(Flicker(), batch(result, driving))
    assert whole["flicker"] == pytest.approx((5 + 5 + 0) / (10 + 10 + 20))
    parts = measured(Flicker(), batch(result[:1], driving[:1]), batch(result[1:], driving[1:]))
    assert parts == whole, "where a batch ends does not matter"
    assert measured(Flicker(), batch(result, flat(7, 7, 7, 7))) == {}, "nothing moves in the driver"
    assert measured(Flicker(), batch(result[:1], driving[:1])) == {}


def test_colour_is_a_share_of_the_sources() -> None:
    source = flat(100)[0]
    result = flat(100, 110)
    assert measured(COLOUR, batch(result, result, source))["colour"] == pytest.approx((0 + 0.1) / 2)


def test_sharpness_is_the_square_of_the_contrast() -> None:
    source = noise(1)[0]
    half = (source.astype(float) / 2).round().astype(np.uint8)
    found = measured(Sharpness(), batch(np.stack([half, source, half]), noise(3), source))
    assert found["sharpness"] == pytest.approx(0.25, rel=0.02), "the median of three"
    assert measured(Sharpness(), batch(noise(1), noise(1), flat(9, side=16)[0])) == {}, "a flat source has no edges"
