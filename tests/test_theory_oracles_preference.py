"""Programs of the preference game: certified, equal to the simulator's closed forms, honest about bad input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.preference import ball, flip, norms, reweight, surfaces, tangents, window
from sim.preference.losses import logistic
from theory.oracles import certificate
from theory.oracles import preference as line
from theory.oracles import preference_space as space
from theory.oracles.certificate import OracleError

many = settings(max_examples=200)
some = settings(max_examples=40)
seeds = st.integers(0, 2**32 - 1)
sizes = st.sampled_from([2, 3, 5, 12, 30])
radii = st.sampled_from([0.0, 0.01, 0.05, 0.3, 2.0, 100.0])
kinds = st.sampled_from(["generic", "ties", "equal", "zero", "wide"])


@pytest.fixture(autouse=True)
def instances(tmp_path, monkeypatch):
    monkeypatch.setenv(certificate.FOLDER, str(tmp_path))


def margins(rng, N, kind):
    """N margins; the degenerate kinds have ties, one value, or nothing but zeros."""
    xi = rng.normal(size=N) * (30.0 if kind == "wide" else 1.5)
    return {"ties": np.round(xi), "equal": np.full(N, xi[0]), "zero": np.zeros(N)}.get(kind, xi)


def pairs(rng, N, d, kind):
    """N pairs (N, d), each with a shorter twin that contradicts it, so that DPO has a solution."""
    Z = rng.normal(size=(N, d)) + 0.4
    if kind == "ties":
        Z = Z[rng.integers(0, max(1, N // 2), size=N)]
    Z = np.concatenate([Z, -rng.uniform(0.1, 0.9, size=(N, 1)) * Z])
    return Z * (kind != "zero")


def costs(Z):
    return np.linalg.norm(Z[:, None] - Z[None], axis=2)


# the margin line


@given(seeds, sizes, st.sampled_from([1, 3, 6, 12]), radii, kinds, st.sampled_from([0.0, 0.05, 2.0]))
@many
def test_property_program_9_is_the_closed_form(seed, N, K, eps, kind, tau):
    """Value, and optimality of the moved set that never saw the pieces."""
    rng = np.random.default_rng(seed)
    xi = margins(rng, min(N, 12), kind)
    lo, hi = float(xi.min()) - tau, float(xi.max()) + float(rng.random())
    pieces = line.tangents(np.linspace(lo, hi, K))
    found = line.follower_program(xi, lo, hi, eps, pieces)
    scale = 1.0 + abs(found.value)
    assert abs(window.follower_window(xi, lo, eps, pieces).value - found.value) <= 1e-6 * scale
    share = window.follower_window(xi, lo, eps).moved
    assert abs(np.mean((1 - share) * pieces(xi) + share * pieces(lo)) - found.value) <= 1e-6 * scale
    s, q = found.solution
    assert s.shape == q.shape == (len(xi), K)
    np.testing.assert_allclose(s.sum(axis=1), 1.0, atol=1e-6)
    assert np.abs(q).sum() / len(xi) <= eps + 1e-6 * (1.0 + eps)


@given(seeds, sizes, radii, kinds, st.sampled_from([0.0, 0.05, 2.0]))
@many
def test_property_window_dual_is_the_closed_form(seed, N, eps, kind, tau):
    xi = margins(np.random.default_rng(seed), N, kind)
    lo = float(xi.min()) - tau
    found = line.window_dual(logistic(xi), float(logistic(lo)), xi - lo, eps)
    reply = window.follower_window(xi, lo, eps)
    assert abs(found.value - reply.value) <= 1e-6 * (1.0 + abs(found.value))
    assert window.dual_value(xi, lo, eps, float(reply.price)) == pytest.approx(float(reply.value), abs=1e-10)


def test_tangents_touch_the_loss_and_agree_with_the_simulator():
    pieces, other = line.tangents(np.linspace(-2, 3, 6)), tangents.tangents(-2.0, 3.0, 6)
    x = np.linspace(-9, 9, 101)
    assert (pieces(x) <= logistic(x) + 1e-12).all()
    np.testing.assert_allclose(pieces(np.linspace(-2, 3, 6)), logistic(np.linspace(-2, 3, 6)), atol=1e-12)
    np.testing.assert_allclose(pieces(x), other(x), atol=1e-12)


@given(seeds, sizes, radii, kinds, st.sampled_from([0.1, 1.0, 5.0]), st.sampled_from([0.0, 0.3, 4.0]))
@many
def test_property_flip_program_is_the_closed_form_and_the_plan(seed, N, eps, kind, kappa, size):
    m = margins(np.random.default_rng(seed), N, kind)
    found, closed = line.flip_program(m, size, eps, kappa), flip.flip_value(m, size, eps, kappa)
    assert abs(found.value - closed.value) <= 1e-6 * (1.0 + abs(found.value))
    assert flip.flip_adversary(m, size, eps, kappa).value == pytest.approx(closed.value, rel=1e-10, abs=1e-10)


# feature space


@given(seeds, st.sampled_from([2, 5, 20]), st.integers(1, 4), st.sampled_from([0.0, 0.02, 0.3, 50.0]), kinds,
       st.sampled_from([1, 2, float("inf")]))  # fmt: skip
@many
def test_property_ball_leader_is_the_cone_program(seed, N, d, eps, kind, p):
    Z = pairs(np.random.default_rng(seed), N, d, kind)
    found, fit = space.ball_leader(Z, eps, p), ball.sgpo_feature(Z, eps, p)
    assert abs(fit.value - found.value) <= 1e-6
    assert fit.value >= found.value - 1e-7
    assert ball.ball_value(found.solution, Z, eps, p) == pytest.approx(found.value, abs=1e-6)


@given(seeds, st.integers(1, 3), st.sampled_from([1, 2, float("inf")]), st.sampled_from([0.5, 3.0]))
@some
def test_property_capped_dpo_on_separable_pairs(seed, d, p, cap):
    Z = np.abs(np.random.default_rng(seed).normal(size=(8, d))) + 0.1
    found, fit = space.ball_leader(Z, 0.0, p, cap), ball.sgpo_feature(Z, 0.0, p, cap)
    assert abs(fit.value - found.value) <= 1e-6
    assert norms.dual(fit.theta, p) == pytest.approx(cap, rel=1e-3)


@given(seeds, st.sampled_from([2, 6]), st.integers(1, 3), st.sampled_from([0.02, 0.3, 5.0]), kinds,
       st.sampled_from([0.1, 1.0, 4.0]), st.sampled_from([1, 2, float("inf")]))  # fmt: skip
@settings(max_examples=100)
def test_property_flip_leader_is_the_cone_program(seed, N, d, eps, kind, kappa, p):
    Z = pairs(np.random.default_rng(seed), N, d, kind)
    found, fit = space.flip_leader(Z, eps, kappa, p), flip.sgpo_flip(Z, eps, kappa, p)
    assert abs(fit.value - found.value) <= 1e-6


@given(seeds, sizes, st.integers(1, 4), radii, kinds)
@many
def test_property_reweighting_primal_dual_and_algorithm_agree(seed, N, d, eps, kind):
    """The solver reaches 1e-9 relative on most instances; the gap it certifies bounds what is left."""
    rng = np.random.default_rng(seed)
    Z = pairs(rng, max(1, min(N, 12) // 2), d, kind)
    losses, C = logistic(Z @ rng.normal(size=d)), costs(Z)
    primal, dual = space.reweight_primal(losses, C, eps), space.reweight_dual(losses, C, eps)
    plan = reweight.reweight(losses, C, eps)
    allowed = 1e-9 + max(primal.gap, dual.gap) + 10.0 * max(primal.primal_residual, dual.primal_residual)
    assert abs(plan.value - primal.value) <= allowed * (1.0 + plan.value)
    assert abs(plan.value - dual.value) <= allowed * (1.0 + plan.value)
    assert allowed <= 1e-7
    np.testing.assert_allclose(primal.solution.sum(axis=1), 1.0, atol=1e-6)


@given(seeds, st.sampled_from([3, 5]), st.integers(1, 3), st.sampled_from([0.02, 0.3]))
@settings(max_examples=25)
def test_property_reweighting_leader_is_the_cone_program(seed, N, d, eps):
    Z = pairs(np.random.default_rng(seed), N, d, "generic")
    found, fit = space.reweight_leader(Z, costs(Z), eps), surfaces.sgpo_reweight(Z, costs(Z), eps)
    assert abs(fit.value - found.value) <= 1e-6


def test_on_separable_pairs_dpo_is_only_an_infimum():
    """No minimiser: what comes back is within the tolerance of the infimum 0."""
    assert 0.0 <= space.ball_leader(np.array([[1.0], [2.0]]), 0.0).value <= 1e-6


def test_a_missed_tolerance_is_an_error(monkeypatch):
    monkeypatch.setattr(certificate, "residuals_of", lambda *args: (1.0, 1.0, 1.0))
    with pytest.raises(OracleError, match="flip_program"):
        line.flip_program([0.1, 0.2], 1.0, 0.1, 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: line.follower_program([0.0, 3.0], 0.5, 4.0, 0.1, line.tangents([0.0])), "widen the window"),
        (lambda: line.follower_program([0.0, 3.0], 0.0, 4.0, -0.1, line.tangents([0.0])), "eps=-0.1"),
        (lambda: line.window_dual([0.1, 0.2], 1.0, [0.1, -0.2], 0.1), "lower lo"),
        (lambda: line.flip_program([0.1, 0.2], 1.0, 0.1, 0.0), "kappa=0"),
        (lambda: line.flip_program([0.1, np.nan], 1.0, 0.1, 1.0), "NaN"),
        (lambda: space.ball_leader([[1.0]], 0.1, 3), "p=3"),
        (lambda: space.reweight_primal([0.1, 0.2], np.zeros((3, 3)), 0.1), "check N"),
        (lambda: space.reweight_dual([0.1, 0.2], np.eye(2), 0.1), "staying is free"),
        (lambda: space.reweight_leader(np.ones((2, 1)), np.zeros((2, 2)), np.inf), "eps=inf"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()
