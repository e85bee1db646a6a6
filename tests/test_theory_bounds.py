"""Bounds: published numbers, monotonicity, and the relations that the proofs use."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.setup import information, never_opens
from theory import bounds, expected

dims, budgets = st.integers(1, 64), st.integers(1, 10**6)


def test_reference_numbers_of_the_witness():
    """T = 1e5, d = 16, B = 100: stated form 2187, floor 3033; T = 1e6, B = 1000: 8629 and 9590."""
    for T, B, stated, low in ((10**5, 100, 2187, 3033), (10**6, 1000, 8629, 9590)):
        info = bounds.information_cap(T, 16, 1.0, 1.0)
        alpha = bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05)
        assert float(bounds.stated_beta_free(alpha, info, B)) == pytest.approx(stated, abs=1)
        assert float(bounds.floor(1.0, T, 16, B)) == pytest.approx(low, abs=1)


def test_reference_numbers_of_the_ceiling():
    """d = 16, T = 32000: theorem 3's bound falls from 109340 at beta = .01 to 34307 at beta = 1."""
    for B, want in ((320, 109340), (32000, 34307)):
        info = bounds.information_cap(B, 16, 1.0, 1.0)
        got = bounds.theorem23(bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05), 32000, B, info)
        assert float(got) == pytest.approx(want, rel=1e-3)


def test_floor_constant():
    assert pytest.approx(0.0758, abs=5e-5) == bounds.FLOOR_CONSTANT


def test_every_constant_counts():
    """Numbers other than 1, so that none may be left out, squared or divided by."""
    assert float(bounds.information_cap(5, 3, 2.0, 4.0, vectors=7)) == pytest.approx(3 * math.log(1 + 5 * 7 * 16 / 6))
    assert float(bounds.trivial(2.0, 3.0, 5)) == 30.0
    assert float(bounds.potential_cap(3.0)) == 6.0
    assert float(bounds.count_cap(3.0)) == pytest.approx(3.0 / math.log(1.25))
    assert float(bounds.theorem1(3.0, 2, 4.0)) == 12.0
    assert float(bounds.floor(2.0, 3, 8, 2)) == pytest.approx(math.exp(-0.5) / 8 * 12)


@given(dims, budgets)
def test_property_information_per_label_falls(d, n):
    """D_n / n decreases: the step of theorem 2's proof that bounds the openings."""
    assert information(n + 1, d, 1.0, 1.0) / (n + 1) <= information(n, d, 1.0, 1.0) / n * (1 + 1e-12)


@given(dims, st.integers(1, 10**5), st.floats(0.01, 1.0))
def test_property_stated_form_with_c_beta_is_theorem_3(d, B, beta):
    T = math.ceil(B / beta)
    info = bounds.information_cap(B, d, 1.0, 1.0)
    alpha = bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05)
    stated = bounds.stated_form(alpha, info, B, bounds.c_beta(alpha, T, B, info))
    assert float(stated) == pytest.approx(float(bounds.theorem23(alpha, T, B, info)), rel=1e-9)


@given(dims, st.integers(1, 10**6))
def test_property_every_label_bought_theorems_1_and_3_agree(d, T):
    info = bounds.information_cap(T, d, 1.0, 1.0)
    alpha = bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05)
    assert float(bounds.theorem23(alpha, T, T, info)) == pytest.approx(float(bounds.theorem1(alpha, T, info)))


@given(st.integers(2, 32), st.integers(1, 20))
def test_property_upper_bounds_lie_above_the_floor(d, k):
    """On theorem 4's domain no upper bound may cross the lower bound."""
    B, T = d * d * k, 50 * d * d * k
    info = bounds.information_cap(B, d, 1.0, 1.0)
    alpha = bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05)
    assert bounds.theorem23(alpha, T, B, info) >= bounds.floor(1.0, T, d, B)


def test_proposition_5_crossing():
    """The beta-free form rises in B and the floor falls: below some beta they cross."""
    T, d = 10**5, 16
    info = bounds.information_cap(T, d, 1.0, 1.0)
    alpha = bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05)
    B = np.array([64, 100, 1000, 10_000, T])
    gap = bounds.stated_beta_free(alpha, info, B) - bounds.floor(1.0, T, d, B)
    assert (np.diff(gap) > 0).all()
    assert gap[0] < 0 < gap[-1]


def test_wide_features_leave_potential_gates_idle():
    """d = 384, B = 250, lam = 1: never; d = 8, B = 1000: they open."""
    assert never_opens(250, 384, 1.0, 1.0)
    assert not never_opens(1000, 8, 1.0, 1.0)


def test_a_constant_that_vanishes_at_beta_1_needs_the_larger_first_term():
    """B = T: theorem 9 is above theorem 6's sqrt(dB) term, and below theorem 7 and (with d sqrt(B) first) theorem 3."""
    d, T = 16, 2**16
    K = expected.energy_budget(1.0, 1.0, 1.0, d, T, 1.0)
    info = bounds.information_cap(T, d, 1.0, 1.0)
    bait, first = expected.theorem9(T, T, d, 1.0, 1.0), float(expected.theorem6(T, d, K, 1.0, 1.0))
    assert (round(bait), round(first)) == (9776, 2970)
    assert bait < expected.theorem7(T, T, d, K, 1.0, 1.0)
    assert bait < bounds.theorem23(bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05), T, T, info)


@given(st.floats(1e-9, math.log(2.0)), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_property_bought_and_missing_rounds_cost_less_than_theorem_23_charges(x, B, seed):
    """The repaired step: any N <= B gains of at most log 2 that sum to at most B x, and B - N unbought rounds."""
    rng = np.random.default_rng(seed)
    gains = math.log(2.0) * rng.random(int(rng.integers(0, B + 1))) ** rng.choice([0.1, 1.0, 5.0])
    gains *= min(1.0, B * x / gains.sum()) if gains.size else 1.0
    total = np.sqrt(np.expm1(gains)).sum() + (B - gains.size) * math.sqrt(math.expm1(x))
    assert total <= B * math.sqrt(2.0 * x) * (1 + 1e-12)


def test_without_the_repair_the_step_is_false():
    """Charging T - B unbought rounds beside N < B bought ones loses the B - N between them."""
    x, B = 0.25, 1000
    N = int(B * x / math.log(2.0))  # gains of log 2 each
    bought, missing = N * 1.0, (B - N) * math.sqrt(math.expm1(x))
    assert bought + missing > math.sqrt(2.0 * N * N * math.log(2.0))  # Cauchy and Schwarz on what was bought
    assert 0.99 < (bought + missing) / (B * math.sqrt(2.0 * x)) <= 0.993
