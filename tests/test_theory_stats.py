"""Intervals: agreement with the libraries' own, calibration, degenerate samples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from theory import stats


@given(st.integers(1, 300), st.data())
def test_property_binomial_contains_the_frequency(n, data):
    k = data.draw(st.integers(0, n))
    low, high = stats.binomial(k, n, 0.01)
    assert 0.0 <= low <= k / n <= high <= 1.0


def test_binomial_zero_failures_is_the_rule_of_three():
    _, high = stats.binomial(0, 300, 0.1)
    assert high == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-9)


def test_student_agrees_with_scipy():
    x = np.random.default_rng(1).normal(size=20)
    mean, low, high = stats.student(x, 0.05)
    want = scipy_stats.ttest_1samp(x, 0.0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((want.low, want.high))
    assert mean == pytest.approx(x.mean())


def test_one_replication_has_no_interval():
    assert stats.student([1.0], 0.05)[1:] == (-np.inf, np.inf)
    assert stats.slope(np.array([1.0, 2.0]), np.array([[1.0, 2.0]]), 0.05)[1:] == (-np.inf, np.inf)


def test_two_replications_have_an_interval():
    t = scipy_stats.t.ppf(0.975, 1)
    assert stats.student([1.0, 3.0], 0.05) == pytest.approx((2.0, 2.0 - t, 2.0 + t))
    estimate, low, high = stats.bootstrap(lambda rows: rows.mean(), 2, 0.05)
    assert estimate == 0.5 and -np.inf < low < 0.5 < high < np.inf
    assert stats.bootstrap(lambda rows: rows.mean(), 1, 0.05) == (0.0, -np.inf, np.inf)


def test_the_bootstrap_is_a_student_interval_with_a_resampled_error():
    x = np.random.default_rng(3).normal(size=25)
    estimate, low, high = stats.bootstrap(lambda rows: x[rows].mean(), 25, 0.05)
    rng = np.random.default_rng(0)
    draws = [x[rng.integers(0, 25, 25)].mean() for _ in range(stats.RESAMPLES)]
    half = scipy_stats.t.ppf(0.975, 24) * np.std(draws, ddof=1)
    assert (estimate, low, high) == pytest.approx((x.mean(), x.mean() - half, x.mean() + half), rel=1e-12)
    assert stats.RESAMPLES == 2000
    again = stats.bootstrap(lambda rows: x[rows].mean(), 25, 0.05, seed=1)
    assert again[0] == estimate and again[1] != low


def test_a_resample_without_an_answer_is_left_out():
    found = stats.bootstrap(lambda rows: np.nan if (rows == 0).all() else 1.0, 2, 0.05)
    assert found == (1.0, 1.0, 1.0)


def test_binomial_is_exact_and_two_sided():
    low, high = stats.binomial(3, 20, 0.1)
    assert scipy_stats.binom.cdf(3, 20, high) == pytest.approx(0.05)
    assert scipy_stats.binom.sf(2, 20, low) == pytest.approx(0.05)


def test_curves_and_slope_weights():
    rows = pd.DataFrame(dict(seed=[0, 0, 0, 0], replication=[1, 0, 1, 0], T=[4, 4, 2, 2], regret=[4.0, 3.0, 2.0, 1.0]))
    x, y = stats.curves(rows, "T")
    assert x.tolist() == [2.0, 4.0] and y.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert stats.curves(rows, "T", "replication")[1].tolist() == [[0.0, 0.0], [1.0, 1.0]]
    weights = stats.slope_weights(np.array([1.0, 10.0, 100.0]))
    assert weights @ np.log([5.0, 50.0, 500.0]) == pytest.approx(1.0) and weights.sum() == pytest.approx(0.0)
    assert weights.tolist() == pytest.approx((np.array([-1.0, 0.0, 1.0]) / (2.0 * np.log(10.0))).tolist())


@given(st.floats(-1.0, 1.5), st.floats(0.1, 10.0))
def test_property_slope_recovers_a_power(power, scale):
    x = np.array([10.0, 20.0, 40.0, 80.0])
    curves = scale * x**power * np.ones((5, 1))
    estimate, low, high = stats.slope(x, curves, 0.01)
    assert estimate == pytest.approx(power, abs=1e-9)
    assert low <= estimate <= high


def test_slope_interval_covers():
    """Of 60 samples of a noisy T^{1/2} curve, a 95 % interval misses the truth in few."""
    rng = np.random.default_rng(0)
    x = np.array([100.0, 200.0, 400.0, 800.0])
    missed = 0
    for _ in range(60):
        curves = np.sqrt(x) * rng.lognormal(0.0, 0.2, size=(16, 1)) * rng.lognormal(0.0, 0.1, size=(16, 4))
        _, low, high = stats.slope(x, curves, 0.05)
        missed += not low <= 0.5 <= high
    assert missed <= 9
