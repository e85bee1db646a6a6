"""Intervals: agreement with the libraries' own, calibration, degenerate samples."""

import numpy as np
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
