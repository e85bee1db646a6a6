"""theory.expected: published numbers, independent simulations of the geometry, and the inequalities of the proofs."""

import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theory import bounds, expected

dims, budgets = st.integers(1, 64), st.integers(1, 10**5)


def test_the_example_of_the_module():
    assert doctest.testmod(expected).failed == 0


def test_constant_of_the_floor():
    u = expected.best_separation()
    assert u == pytest.approx(0.558, abs=5e-4)
    assert u * expected.wrong_sign_probability(u) == pytest.approx(0.1314, abs=5e-5)
    sharp, old = (float(f(1.0, 1000, 4, 100)) for f in (expected.floor_sharp, bounds.floor))
    assert sharp / old == pytest.approx(1.73, abs=0.01)


@given(st.floats(1e-3, 5.0))
def test_property_the_best_separation_is_the_best(u):
    best = expected.best_separation()
    assert u * expected.wrong_sign_probability(u) <= best * expected.wrong_sign_probability(best) + 1e-12


@given(st.floats(1e-2, 3.0))
def test_property_no_test_of_a_sign_beats_the_floor(u):
    """The best test between N(u, 1) and N(-u, 1) errs with probability Phi(-u); one sample, entropy 2 u^2."""
    assert 0.5 * math.erfc(u / math.sqrt(2.0)) >= expected.wrong_sign_probability(u) - 1e-12


def test_no_separation_is_a_fair_coin_and_negative_is_refused():
    assert expected.wrong_sign_probability(0.0) == 0.5
    assert expected.wrong_sign_probability(1e-4) == pytest.approx(0.5, abs=1e-3)
    with pytest.raises(ValueError, match="u = -1: the rule is u >= 0"):
        expected.wrong_sign_probability(-1.0)


@given(dims, budgets, st.floats(0.0, 3.0))
def test_property_theorem_6_is_its_proof(d, B, sigma):
    """sqrt(sum (1 + w^2)) sqrt(K) at the largest sums that lemma 0 allows."""
    K = float(expected.energy_budget(sigma, 1.0, 1.0, d, B, 1.0))
    assert pytest.approx(1.0 + sigma**2 * d * math.log1p(B / d)) == K
    want = math.sqrt((B + 2.0 * d * math.log1p(B / d)) * K)
    assert float(expected.theorem6(B, d, K, 1.0, 1.0)) == pytest.approx(want)


@given(dims, budgets, st.floats(0.01, 1.0))
def test_property_theorem_7_is_theorem_6_and_the_threshold(d, B, beta):
    T = math.ceil(B / beta)
    K = float(expected.energy_budget(1.0, 1.0, 1.0, d, B, 1.0))
    info = d * math.log1p(B / d)
    want = float(expected.theorem6(B, d, K, 1.0, 1.0)) + T * math.sqrt(math.expm1(info / B)) * math.sqrt(K)
    assert float(expected.theorem7(T, B, d, K, 1.0, 1.0)) == pytest.approx(want)


@given(st.integers(1, 40), st.data())
def test_property_hypergeometric_step_of_theorem_8(T, data):
    """E[1/(b + 1)] <= (T + 1)/((B + 1)(m + 1)) for b labels left when m rounds are left, by enumeration."""
    B, m = data.draw(st.integers(1, T)), data.draw(st.integers(1, T))
    mean = sum(math.comb(B, b) * math.comb(T - B, m - b) / math.comb(T, m) / (b + 1) for b in range(min(B, m) + 1))
    assert mean <= (T + 1) / ((B + 1) * (m + 1)) * (1 + 1e-12)


def test_the_proof_of_theorem_8_for_random_by_simulation():
    """E sum over rounds with a label left of m/b, and the rounds after the last label, against the two terms."""
    T, B, rng = 60, 7, np.random.default_rng(0)
    weight, rest = [], []
    for _ in range(4000):
        bought = np.isin(np.arange(T), rng.choice(T, B, replace=False))
        left = B - np.concatenate([[0], np.cumsum(bought)[:-1]])
        rounds = T - np.arange(T)
        weight.append((rounds[left > 0] / left[left > 0]).sum())
        rest.append(int((left == 0).sum()))
    assert np.mean(weight) <= 2.0 * T * (T + 1) / (B + 1)
    assert np.mean(rest) == pytest.approx((T - B) / (B + 1), rel=0.05)
    want = 2.0 * math.sqrt(T * (T + 1) * 3.0 / (B + 1)) + 0.5 * (T - B) / (B + 1)
    assert float(expected.theorem8_random(T, B, 3.0, 0.5, 1.0)) == pytest.approx(want)


def test_a_coin_has_the_order_of_the_floor_and_a_share_costs_a_root():
    T, d = 10**6, 8
    ratios = []
    for B in (10**3, 10**4, 10**5):
        K = expected.energy_budget(1.0, 1.0, 1.0, d, B, 1.0)
        ratios.append(float(expected.theorem8(T, B, K) / expected.floor_sharp(1.0, T, d, B)))
    assert max(ratios) < 40 and ratios[-1] / ratios[0] < 2.0  # logarithms only
    assert float(expected.theorem8(T, 500, 4.0) / expected.theorem8(T, 1000, 4.0)) == pytest.approx(math.sqrt(2.0))


@pytest.mark.parametrize(("n", "d", "sigma", "S"), [(1, 2, 1.0, 1.0), (5, 4, 1.0, 1.0), (40, 16, 0.5, 2.0)])
def test_a_round_of_bait_is_the_geometry(n, d, sigma, S):
    """theta_hat of n labels a coordinate by simulation, and the best response to it in closed form."""
    rng = np.random.default_rng(1)
    theta = np.zeros(d)
    theta[0] = S
    cost = []
    for _ in range(20000):
        guess = (n * theta + math.sqrt(n) * sigma * rng.normal(size=d)) / (n + 1)
        share = (guess @ theta) / (guess @ guess)
        z = theta - share * guess if share > 0 else theta
        cost.append(theta @ z / np.linalg.norm(z))
    error = np.std(cost) / math.sqrt(len(cost))
    assert abs(np.mean(cost) - expected.bait_round(n, d, sigma, S)) < 5 * error + 1e-6


def test_bait_stops_as_soon_as_the_gate_is_shut():
    for s in (0.01, 0.1, 0.3, math.log(2.0)):
        n = expected.bait_labels(s)
        assert math.log1p(1.0 / (1 + n)) <= s + 1e-9
        assert n == 0 or math.log1p(1.0 / n) > s - 1e-9
    assert expected.bait_labels(5.0) == 0


def test_reference_numbers_of_theorem_9():
    """T = 16,384: d = 4, 8, 16 at beta .1, .1, .2 predicted 3095, 6247, 8389; the coin 2866, 3781, 3759."""
    for d, beta, predicted, coin in ((4, 0.1, 3095, 2866), (8, 0.1, 6247, 3781), (16, 0.2, 8389, 3759)):
        B = int(beta * 16384)
        assert expected.theorem9(16384, B, d, 1.0, 1.0) == pytest.approx(predicted, rel=0.02)
        K = expected.energy_budget(1.0, 1.0, 1.0, d, B, 1.0)
        assert float(expected.theorem8(16384, B, K)) == pytest.approx(coin, rel=0.01)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: expected.bait_labels(0.0), "threshold = 0: the rule is > 0"),
        (lambda: expected.bait_round(0, 4, 1.0, 1.0), "n = 0: the rule is d >= 2"),
        (lambda: expected.bait_round(3, 1, 1.0, 1.0), "d = 1, n = 3"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_without_noise_nothing_can_be_hidden():
    assert expected.bait_round(3, 4, 0.0, 1.0) == 0.0
