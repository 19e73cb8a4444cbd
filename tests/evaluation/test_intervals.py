"""Means with intervals against SciPy's bootstrap, and paired differences by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from motionkit.evaluation.intervals import differences, spreads
from motionkit.evaluation.metrics import Quantity


def test_intervals_are_those_of_scipys_bootstrap() -> None:
    random = np.random.default_rng(0)
    values = np.stack([random.gamma(2, 1, 60), random.normal(5, 2, 60)], axis=1)
    for i, spread in enumerate(spreads(values, seed=1, resamples=20_000, confidence=0.9)):
        assert spread is not None and spread.clips == 60
        column = values[:, i]
        assert (spread.mean, spread.median) == pytest.approx((column.mean(), np.median(column)))
        expected = stats.bootstrap(
            (column,), np.mean, n_resamples=20_000, confidence_level=0.9, method="percentile", rng=random
        ).confidence_interval
        assert (spread.low, spread.high) == pytest.approx(tuple(expected), abs=0.02)


def test_clips_without_a_value_do_not_count() -> None:
    values = np.array([[1.0, np.nan, np.nan], [3.0, 4.0, np.nan], [5.0, 8.0, np.nan]])
    one, two, none = spreads(values, resamples=500)
    assert one is not None and two is not None and none is None
    assert (one.clips, one.mean, one.median) == (3, 3, 3) and (two.clips, two.mean) == (2, 6)
    assert 4 <= two.low <= 6 <= two.high <= 8
    assert spreads(np.zeros((0, 2))) == [None, None]
    again = spreads(values, resamples=500)
    assert again == [one, two, none], "the same seed draws the same"
    assert spreads(values, resamples=500, seed=1) != again


def test_the_interval_holds_the_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    held = 0
    for trial in range(200):
        (spread,) = spreads(random.normal(0, 1, (40, 1)), seed=trial, resamples=400)
        assert spread is not None
        held += spread.low <= 0 <= spread.high
    assert 0.88 < held / 200 < 0.99


def test_paired_differences_and_what_is_better() -> None:
    quantities = [
        Quantity("error", "e"),
        Quantity("ratio", "r", "more"),
        Quantity("share", "s", "one"),
        Quantity("x", "x", ""),
    ]
    first = np.column_stack([np.arange(8.0), np.arange(8.0), np.full(8, 1.4), np.arange(8.0)])
    change = np.array([0.9, 1.0, 1.1, 1.0, 0.8, 1.2, 1.0, 1.0])
    other = first + np.column_stack([-change, -change, -0.5 * change, change])
    other[0, 0] = np.nan  # a clip that one model has not
    found = {one.quantity: one for one in differences("new", other, first, quantities, resamples=500)}
    assert found["error"].spread.clips == 7 and found["error"].spread.mean == pytest.approx(-change[1:].mean())
    assert (found["error"].verdict, found["ratio"].verdict) == ("better", "worse")
    assert found["share"].verdict == "better", "0.9 is nearer to 1 than 1.4"
    assert found["x"].verdict == "" and found["x"].spread.low > 0, "neither direction is better"
    noise = first + np.random.default_rng(0).normal(0, 1, first.shape)
    assert {one.verdict for one in differences("new", noise[:, :2], first[:, :2], quantities[:2], resamples=500)} == {
        ""
    }
    (alone,) = differences("new", other[:1, 1:2], first[:1, 1:2], quantities[1:2])
    assert alone.verdict == "", "one clip tells nothing"
