"""Estimates: agreement with the libraries' own intervals, calibration under repeated looks, degenerate samples."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from theory import stats
from theory.ledger import FAIL, inside

ENDLESS = (-np.inf, np.inf)


@given(st.integers(1, 300), st.data())
def test_property_a_frequency_lies_in_its_interval(n, data):
    k = data.draw(st.integers(0, n))
    low, high = stats.frequency(k, n).at(0.01)
    assert 0.0 <= low <= k / n <= high <= 1.0


def test_zero_failures_is_the_rule_of_three():
    found = stats.frequency(0, 300)
    assert (found.value, found.n) == (0.0, 300)
    assert found.at(0.1) == pytest.approx((0.0, 1 - 0.05 ** (1 / 300)), rel=1e-9)
    assert stats.frequency(300, 300).at(0.1) == pytest.approx((0.05 ** (1 / 300), 1.0), rel=1e-9)


def test_a_frequency_is_exact_and_two_sided():
    low, high = stats.frequency(3, 20).at(0.1)
    assert scipy_stats.binom.cdf(3, 20, high) == pytest.approx(0.05)
    assert scipy_stats.binom.sf(2, 20, low) == pytest.approx(0.05)
    want = scipy_stats.binomtest(3, 20).proportion_ci(0.9, method="exact")
    assert (low, high) == pytest.approx((want.low, want.high))


@pytest.mark.parametrize("level", [0.2, 0.05, 1e-6])
def test_a_mean_agrees_with_scipy(level):
    x = np.random.default_rng(1).normal(size=20)
    found = stats.mean(x)
    want = scipy_stats.ttest_1samp(x, 0.0).confidence_interval(1.0 - level)
    assert found.at(level) == pytest.approx((want.low, want.high))
    assert (found.value, found.n) == (pytest.approx(x.mean()), 20)


def test_one_replication_has_no_interval():
    assert stats.mean([1.0]).value == 1.0 and stats.mean([1.0]).at(0.05) == ENDLESS
    one = stats.slope(np.array([1.0, 2.0]), np.array([[1.0, 2.0]]))
    assert (one.value, one.n) == (pytest.approx(1.0), 1) and one.at(0.05) == ENDLESS
    assert stats.resampled(lambda rows: rows.mean(), 1).at(0.05) == ENDLESS


def test_two_replications_have_an_interval():
    t = scipy_stats.t.ppf(0.975, 1)
    assert stats.mean([1.0, 3.0]).at(0.05) == pytest.approx((2.0 - t, 2.0 + t))
    found = stats.resampled(lambda rows: rows.mean(), 2)
    low, high = found.at(0.05)
    assert (found.value, found.n) == (0.5, 2) and -np.inf < low < 0.5 < high < np.inf


def test_a_value_that_is_no_number_makes_the_interval_endless():
    assert stats.mean([1.0, np.nan, 2.0]).at(0.05) == ENDLESS
    assert stats.student(1.0, np.nan, 9).at(0.05) == ENDLESS
    assert stats.student(1.0, 0.0, 9).at(0.05) == (1.0, 1.0) and stats.student(1.0, 0.0, 1).at(0.05) == ENDLESS


def test_resampling_is_a_student_interval_with_a_resampled_error():
    x = np.random.default_rng(3).normal(size=25)
    found = stats.resampled(lambda rows: x[rows].mean(), 25)
    rng = np.random.default_rng(0)
    draws = [x[rng.integers(0, 25, 25)].mean() for _ in range(stats.RESAMPLES)]
    half = scipy_stats.t.ppf(0.975, 24) * np.std(draws, ddof=1)
    assert (found.value, *found.at(0.05)) == pytest.approx((x.mean(), x.mean() - half, x.mean() + half), rel=1e-12)
    assert stats.RESAMPLES == 2000
    again = stats.resampled(lambda rows: x[rows].mean(), 25, seed=1)
    assert again.value == found.value and again.at(0.05)[0] != found.at(0.05)[0]


def test_a_resample_without_an_answer_makes_the_interval_endless():
    """Left out, it would hide how far the answer may be off."""
    found = stats.resampled(lambda rows: np.nan if (rows == 0).all() else 1.0, 2)
    assert found.value == 1.0 and found.at(0.05) == ENDLESS
    assert stats.resampled(lambda rows: 1.0, 2).at(0.05) == (1.0, 1.0)


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
    found = stats.slope(x, curves)
    low, high = found.at(0.01)
    assert found.value == pytest.approx(power, abs=1e-9)
    assert low <= found.value <= high


def test_a_slope_is_scipys_on_the_mean_curve_and_its_error_the_delta_methods():
    """Two points: the slope is log(mean b / mean a) / log(x2/x1), whose error is that of b/mean b - a/mean a."""
    rng = np.random.default_rng(5)
    x, y = np.array([10.0, 30.0]), rng.lognormal(size=(40, 2))
    found = stats.slope(x, y)
    assert found.value == pytest.approx(scipy_stats.linregress(np.log(x), np.log(y.mean(axis=0))).slope)
    step = (y[:, 1] / y[:, 1].mean() - y[:, 0] / y[:, 0].mean()) / np.log(3.0)
    want = scipy_stats.ttest_1samp(step, 0.0).confidence_interval(0.9)
    assert found.at(0.1) == pytest.approx((found.value + want.low, found.value + want.high))
    assert found.n == 40


def test_slope_interval_covers():
    """Of 60 samples of a noisy T^{1/2} curve, a 95 % interval misses the truth in few."""
    rng = np.random.default_rng(0)
    x = np.array([100.0, 200.0, 400.0, 800.0])
    missed = 0
    for _ in range(60):
        curves = np.sqrt(x) * rng.lognormal(0.0, 0.2, size=(16, 1)) * rng.lognormal(0.0, 0.1, size=(16, 4))
        low, high = stats.slope(x, curves).at(0.05)
        missed += not low <= 0.5 <= high
    assert missed <= 9


def test_a_difference_of_slopes_is_a_combination_whose_shared_noise_cancels():
    rng = np.random.default_rng(2)
    x, shared = np.array([1.0, 2.0, 4.0]), rng.lognormal(size=(12, 1))
    weights = stats.slope_weights(x)
    both = np.concatenate([shared * x**0.8, shared * x**0.5], axis=1)
    found = stats.log_combination(np.concatenate([weights, -weights]), both)
    assert found.value == pytest.approx(0.3) and found.at(0.01) == pytest.approx((0.3, 0.3))


def test_mapped_scaled_and_fixed_estimates():
    base = stats.mean([1.0, 3.0])
    low, high = base.at(0.1)
    assert stats.scaled(base, 3.0).at(0.1) == pytest.approx((3.0 * low, 3.0 * high))
    assert (stats.scaled(base, 3.0).value, stats.scaled(base, 3.0).n) == (6.0, 2)
    raised = base.mapped(np.exp)
    assert raised.value == pytest.approx(np.exp(2.0)) and raised.at(0.1) == pytest.approx((np.exp(low), np.exp(high)))
    made = stats.fixed(0.5, 0.4, 0.7, 9)
    assert (made.value, made.n) == (0.5, 9) and made.at(0.9) == made.at(1e-9) == (0.4, 0.7)
    assert stats.fixed(np.nan, 0.4, 0.7).at(0.9) == ENDLESS


@given(st.floats(1e-9, 0.999))
def test_property_all_looks_together_spend_at_most_the_level(level):
    shares = [stats.spent(level, look) for look in range(200)]
    assert all(a > b > 0.0 for a, b in zip(shares, shares[1:], strict=False))
    assert sum(shares) <= level and sum(shares) == pytest.approx(level * 200 / 201)
    assert shares[0] == pytest.approx(level / 2)


@pytest.mark.parametrize(("level", "look"), [(0.0, 0), (1.0, 0), (-0.1, 0), (np.nan, 0), (0.1, -1)])
def test_a_level_that_cannot_be_spent_is_refused(level, look):
    with pytest.raises(ValueError, match=f"level {level:g}, look {look}: the rule is 0 < level < 1 and look = 0, 1,"):
        stats.spent(level, look)


LOOKS, LEVEL, LEDGERS = 6, 0.2, 400


def erring(spend, sample, estimate, truth):
    """Share of ledgers that ever answer wrongly: the number is the bound, and to be surely beside it is an error.

    Each looks at 4, 8, ... 128 replications and stops at its first answer, as ``paper_repro.pipeline`` does.
    """
    rng, hair, wrong = np.random.default_rng(11), 1e-12, 0
    for _ in range(LEDGERS):
        values = sample(rng, 4 << (LOOKS - 1))
        looks = ((estimate(values[: 4 << look]), spend(look)) for look in range(LOOKS))
        wrong += any(inside([("x", e)], truth - hair, truth + hair, level).outcome == FAIL for e, level in looks)
    return wrong / LEDGERS


NORMAL = (lambda rng, n: rng.normal(1.0, 2.0, n), stats.mean, 1.0)
COIN = (lambda rng, n: rng.random(n) < 0.3, lambda v: stats.frequency(int(v.sum()), len(v)), 0.3)


def test_looking_until_decided_errs_with_at_most_the_level():
    """The planted fault: every look at the whole level, which is what adding replications until decided used to do."""
    honest, naive = (erring(spend, *NORMAL) for spend in (partial(stats.spent, LEVEL), lambda look: LEVEL))
    assert honest <= LEVEL
    assert naive > 1.5 * LEVEL and naive > 2.0 * honest


def test_looking_at_a_frequency_until_decided_errs_with_at_most_the_level():
    assert erring(partial(stats.spent, LEVEL), *COIN) <= LEVEL
