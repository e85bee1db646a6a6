"""sim.preference ball, flip and their solvers: certificates, closed forms, adversaries, other solvers."""

import math
import warnings

import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from sklearn.linear_model import LogisticRegression

from sim.preference import ball, flip, interior, newton, norms
from sim.preference.losses import logistic

P = st.sampled_from(norms.NORMS)
EPS = st.sampled_from([0.0, 1e-6, 0.01, 0.05, 0.3, 3.0])
SEPARABLE = np.array([[1.0, 0.2], [0.5, -0.1], [2.0, 0.3]])


def pairs(seed, N=60, d=4, snr=1.5):
    """Pairs Z (N, d) of the linear model."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=d)
    x = rng.normal(size=(N, d))
    return np.where(rng.random(N) < 1 / (1 + np.exp(-snr * x @ u / np.linalg.norm(u))), 1.0, -1.0)[:, None] * x


@st.composite
def problems(draw):
    """Pairs of any regime: near separable, repeated, of low rank, few."""
    rng = draw(own.rngs)
    Z = pairs(
        rng.integers(2**32), draw(st.integers(2, 60)), draw(st.integers(1, 5)), draw(st.sampled_from([0.3, 2, 20]))
    )
    if draw(st.booleans()):
        Z[:, -1] = Z[:, 0]
    if draw(st.booleans()):
        Z = Z[rng.integers(0, len(Z), len(Z))]
    return Z


@settings(max_examples=60)
@given(problems(), EPS, P, st.sampled_from([None, 0.3, 30.0]))
def test_property_every_fit_is_certified_and_no_neighbour_is_better(Z, eps, p, cap):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ball.Separable)
        fit = ball.sgpo_feature(Z, eps, p, cap)
    limit = math.inf if cap is None else cap
    assert fit.gap <= 1e-8 and norms.dual(fit.theta, p) <= limit * (1 + 1e-9)
    assert fit.value == ball.ball_value(fit.theta, Z, eps, p)
    rng = np.random.default_rng(0)
    for size in (1e-3, 0.1, 1.0):
        for other in fit.theta + size * rng.normal(size=(20, Z.shape[1])):
            other = other * min(1.0, limit / norms.dual(other, p))
            assert ball.ball_value(other, Z, eps, p) >= fit.value - fit.gap - 1e-12


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("eps", [0.005, 0.05, 0.15])
def test_l1_and_l2_agree_with_other_solvers(seed, eps):
    """p = inf against scikit-learn's l1 solver, every p against a general minimiser's value."""
    Z = pairs(seed, 100, 4)
    both, y = np.vstack([Z, -Z]), np.repeat([1, 0], 100)
    model = LogisticRegression(
        l1_ratio=1, C=1 / (200 * eps), solver="saga", fit_intercept=False, tol=1e-10, max_iter=20000
    )
    lasso = model.fit(both, y).coef_[0]
    np.testing.assert_allclose(ball.sgpo_feature(Z, eps, math.inf).theta, lasso, atol=2e-4)
    for p in norms.NORMS:
        fit = ball.sgpo_feature(Z, eps, p)
        options = {"xatol": 1e-9, "fatol": 1e-12, "maxiter": 5000, "maxfev": 10000}
        other = minimize(ball.ball_value, fit.theta + 0.05, (Z, eps, p), method="Nelder-Mead", options=options)
        assert fit.value <= other.fun + fit.gap + 1e-12


def test_dpo_is_the_plain_logistic_fit():
    Z = pairs(3)
    fit = ball.sgpo_feature(Z, 0.0)
    other = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-12, max_iter=5000)
    other.fit(np.vstack([Z, -Z]), np.repeat([1, 0], len(Z)))
    np.testing.assert_allclose(fit.theta, other.coef_[0], atol=1e-5)
    assert not fit.capped and fit.gap < 1e-12


def test_theta_is_zero_exactly_where_the_radius_says_so():
    Z = pairs(4)
    for p in norms.NORMS:
        edge = float(np.linalg.norm(Z.mean(axis=0) / 2, p))
        assert not ball.sgpo_feature(Z, edge * 1.0001, p).theta.any()
        assert ball.sgpo_feature(Z, edge * 0.99, p).theta.any()


def test_the_bound_is_approached_by_moving_one_pair_far():
    """Adversary of the ball: gap to the dual at most (eps / t) log(1 + e^m) at distance t (section 4.1 a)."""
    Z, eps = pairs(5), 0.1
    for p in norms.NORMS:
        theta = ball.sgpo_feature(Z, eps, p).theta
        push = {1: np.eye(4)[np.abs(theta).argmax()] * np.sign(theta), 2: theta / np.linalg.norm(theta)}.get(
            p, np.sign(theta)
        )
        assert push @ theta == pytest.approx(norms.dual(theta, p))
        for t in (1e2, 1e4, 1e6):
            m = Z @ theta
            mass = eps / t
            value = logistic(m).mean() + mass * (logistic(m[0] - t * norms.dual(theta, p)) - logistic(m[0]))
            gap = ball.ball_value(theta, Z, eps, p) - value
            assert -1e-9 <= gap <= mass * np.logaddexp(0, m[0]) + 1e-9


def test_separable_pairs_warn_and_stop_at_a_stated_norm():
    for p in norms.NORMS:
        with pytest.warns(ball.Separable, match="norm of theta grows without bound"):
            fit = ball.sgpo_feature(SEPARABLE, 0.0, p)
        assert fit.capped and fit.gap <= 1e-8 and np.isfinite(fit.theta).all()
        stated = ball.SEPARABLE_CAP / np.linalg.norm(SEPARABLE, p, axis=1).mean()
        assert norms.dual(fit.theta, p) == pytest.approx(stated, rel=1e-9)
        capped = ball.sgpo_feature(SEPARABLE, 0.0, p, cap=3.0)  # no warning: the caller has bounded the norm
        assert norms.dual(capped.theta, p) == pytest.approx(3.0, rel=1e-6) and capped.capped
    assert not ball.sgpo_feature(SEPARABLE, 0.01).capped
    assert ball.is_separable(np.vstack([SEPARABLE, [[0.0, 1.0], [0.0, -1.0]]]))  # in part
    assert not ball.is_separable(np.vstack([SEPARABLE, -SEPARABLE]))


def test_quasi_separable_pairs_warn_too():
    Z = np.array([[1.0, 0.5], [0.0, 1.0], [0.0, -1.0]])
    with pytest.warns(ball.Separable):
        fit = ball.sgpo_feature(Z, 0.0)
    assert fit.gap <= 1e-8 and abs(fit.theta[1]) < 0.1


@settings(max_examples=60)
@given(own.rngs, st.integers(2, 30), own.floats(0, 3), EPS, st.sampled_from([0.01, 0.3, 1.0, 10.0, math.inf]))
def test_property_flip_closed_form_is_its_adversary_and_the_minimum_over_prices(rng, N, norm, eps, kappa):
    m = rng.normal(size=N) * rng.choice([0.1, 1, 5])
    m = np.round(m) if rng.random() < 0.3 else m
    found = flip.flip_value(m, norm, eps, kappa)
    plan = flip.flip_adversary(m, norm, eps, kappa)
    assert plan.value == pytest.approx(found.value, abs=1e-10, rel=1e-10)
    assert plan.moved >= 0 and (plan.flipped >= 0).all() and (plan.flipped <= 1).all()
    cost = plan.moved + (kappa * plan.flipped.mean() if kappa < math.inf else 0.0)
    assert cost <= eps * (1 + 1e-9) + 1e-15

    def dual(price):
        flips = np.maximum(m - price * kappa, 0).mean() if kappa < math.inf else 0.0
        return logistic(m).mean() + price * eps + flips

    assert found.price >= norm and dual(found.price) == pytest.approx(found.value, abs=1e-12)
    top = norm + 1 + (np.abs(m).max() / kappa if kappa < math.inf else 0)
    brute = min(dual(price) for price in np.linspace(norm, top, 400))
    fine = minimize_scalar(dual, bounds=(norm, top), method="bounded").fun
    assert found.value <= min(brute, fine) + 1e-12


@settings(max_examples=25)
@given(problems(), st.sampled_from([1e-3, 0.05, 0.3]), st.sampled_from([0.05, 0.5, 3.0]), P)
def test_property_flip_leader_is_certified_and_no_neighbour_is_better(Z, eps, kappa, p):
    fit = flip.sgpo_flip(Z, eps, kappa, p)
    assert fit.gap <= 1e-8
    rng = np.random.default_rng(0)
    for size in (1e-3, 0.1, 1.0):
        for other in fit.theta + size * rng.normal(size=(20, Z.shape[1])):
            assert flip.flip_value(Z @ other, norms.dual(other, p), eps, kappa).value >= fit.value - fit.gap - 1e-12


def test_flip_leader_at_its_limits():
    """Free of flips it is the ball's leader; dear flips change nothing; eps = 0 is DPO."""
    Z = pairs(6)
    for p in norms.NORMS:
        free = ball.sgpo_feature(Z, 0.05, p)
        assert flip.sgpo_flip(Z, 0.05, math.inf, p).value == free.value
        assert flip.sgpo_flip(Z, 0.05, 1e6, p).value == pytest.approx(free.value, abs=2e-8)
        assert flip.sgpo_flip(Z, 0.05, 0.5, p).value > free.value
    assert flip.sgpo_flip(Z, 0.0, 1.0).value == ball.sgpo_feature(Z, 0.0).value


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: ball.sgpo_feature(SEPARABLE, -1.0), "eps = -1"),
        (lambda: ball.sgpo_feature(SEPARABLE, 0.1, p=3), "p = 3"),
        (lambda: ball.sgpo_feature(SEPARABLE[:1], 0.1), "at least two pairs"),
        (lambda: ball.sgpo_feature(SEPARABLE * np.nan, 0.1), "NaN"),
        (lambda: ball.sgpo_feature(SEPARABLE, 0.1, cap=0.0), "cap = 0"),
        (lambda: ball.ball_value(np.zeros(2), SEPARABLE, np.inf), "eps = inf"),
        (lambda: flip.flip_value([1.0, 2.0], 1.0, -0.1, 1.0), "eps"),
        (lambda: flip.flip_value([1.0, 2.0], 1.0, 0.1, 0.0), "kappa = 0"),
        (lambda: flip.flip_value([1.0, 2.0], -1.0, 0.1, 1.0), "dual_norm"),
        (lambda: flip.flip_value([1.0, np.nan], 1.0, 0.1, 1.0), "NaN"),
        (lambda: flip.flip_value([[1.0, 2.0]], 1.0, 0.1, 1.0), "one row"),
        (lambda: flip.flip_adversary([1.0], 1.0, 0.1, 1.0), "two pairs"),
        (lambda: flip.sgpo_flip(SEPARABLE, 0.1, -1.0), "kappa = -1"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_a_missed_gap_is_an_error_not_a_number():
    with pytest.raises(RuntimeError, match="certified gap"):
        ball.judged(ball.Fit(np.zeros(2), 1.0, 1e-6, 3, False))


@pytest.mark.parametrize("p", norms.NORMS)
def test_barriers_match_their_differences(p):
    d, h, rng = 3, 1e-6, np.random.default_rng(0)
    x = norms.inside(d, p, 2.0) + 0.05 * rng.normal(size=norms.size(d, p))
    value, g, H = norms.barrier(x, d, p)
    assert np.isfinite(value)
    for i in range(len(x)):
        e = np.zeros(len(x))
        e[i] = h
        up, down = norms.barrier(x + e, d, p), norms.barrier(x - e, d, p)
        assert (up[0] - down[0]) / (2 * h) == pytest.approx(g[i], abs=1e-5)
        np.testing.assert_allclose((up[1] - down[1]) / (2 * h), H[i], atol=1e-4)
    assert norms.barrier(-x, d, p)[0] == np.inf


def test_the_smooth_positive_part_is_above_and_close():
    x = np.concatenate([np.linspace(-3, 3, 13), [1e8, -1e8, 0.0]])
    for mu in (0.5, 1e-3, 1e-10):
        value, beta, bend = interior.smooth_plus(x, mu)
        assert ((beta > 0) | (x < -1e7)).all() and (beta <= 1).all() and (bend >= 0).all()
        h = 1e-3 * mu
        near = np.abs(x) < 10
        up, down = (interior.smooth_plus(x[near] + s * h, mu) for s in (1, -1))
        np.testing.assert_allclose((up[1] - down[1]) / (2 * h), bend[near], rtol=1e-3, atol=1e-3 / mu)
    np.testing.assert_allclose(interior.smooth_plus(x[:13], 1e-10)[0], np.maximum(x[:13], 0), atol=1e-8)


def test_newton_takes_least_squares_steps_where_the_hessian_is_singular():
    def oracle(x):
        return float((x[0] - 1) ** 2), np.array([2 * (x[0] - 1), 0.0]), np.array([[2.0, 0.0], [0.0, 0.0]])

    x, _ = newton.minimise(oracle, np.zeros(2))
    assert x.tolist() == [1.0, 0.0]
