"""Certificates refuse what is wrong; the one-round oracles agree with closed forms and with a dual search."""

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from sim.rules import followers
from theory.oracles import certificate, replies
from theory.oracles.certificate import Certificate, OracleError

KINDS = ("generic", "zero belief", "zero truth", "parallel", "opposite", "orthogonal", "equal")
many = settings(max_examples=200)
seeds, dims, kinds = st.integers(0, 2**32 - 1), st.integers(1, 9), st.sampled_from(KINDS)
sizes = st.sampled_from([1e-3, 0.1, 1.0, 30.0])


@pytest.fixture(autouse=True)
def instances(tmp_path, monkeypatch):
    monkeypatch.setenv(certificate.FOLDER, str(tmp_path))
    return tmp_path


def pair(rng, d, kind):
    """(theta, theta*) of a kind; the degenerate ones are exact."""
    theta, star = rng.normal(size=(2, d))
    if kind in ("parallel", "opposite", "equal"):
        star = {"parallel": 2.0, "opposite": -0.5, "equal": 1.0}[kind] * theta
    if kind == "orthogonal" and d > 1:
        star[0] = -(theta[1:] @ star[1:]) / theta[0]
    return (np.zeros(d) if kind == "zero belief" else theta), (np.zeros(d) if kind == "zero truth" else star)


def design(rng, d, lam=1.0):
    """lam I plus a few rank-one updates: singular apart from the ridge when there are fewer than d."""
    Z = rng.normal(size=(int(rng.integers(0, 3 * d)), d)) * rng.choice([0.1, 1.0, 10.0])
    return lam * np.eye(d) + Z.T @ Z


def close(got, want, size):
    assert abs(got - want) <= 1e-6 * (size + abs(want))


# certificates


def small(objective=None, rules=()):
    x = cp.Variable(3)
    goal = objective(x) if objective else cp.Minimize(cp.sum_squares(x - 1.0) + 5.0)
    return cp.Problem(goal, [r(x) for r in rules]), x


def test_certificate_of_a_known_optimum():
    problem, x = small(rules=[lambda x: cp.sum(x) <= 1.5])
    found = certificate.solve("small", problem, x, {})
    assert isinstance(found, Certificate)
    assert found.value == pytest.approx(5.75, abs=1e-6)
    np.testing.assert_allclose(found.solution, 0.5, atol=1e-6)
    assert max(found.primal_residual, found.dual_residual, found.gap) < 1e-8


@pytest.mark.parametrize("attempt", range(len(certificate.ATTEMPTS)))
@pytest.mark.parametrize(
    ("goal", "rule"),
    [
        (lambda x: cp.Minimize(cp.norm1(x - 2.0) + 1.0), lambda x: cp.norm(x) <= 1.0),
        (lambda x: cp.Maximize(cp.sum(cp.entr(x))), lambda x: cp.sum(x) == 1.0),
        (lambda x: cp.Minimize(cp.sum(cp.logistic(x)) + cp.sum_squares(x)), lambda x: x[0] >= 0.1),
        (lambda x: cp.Maximize(cp.log_det(np.eye(3) + cp.diag(x))), lambda x: cp.norm(x) <= 1.0),
        (lambda x: cp.Minimize(cp.sum(cp.power(x, 4)) + x[0]), lambda x: x[1] >= 0.5),
        (lambda x: cp.Maximize(cp.geo_mean(x)), lambda x: cp.sum(x) <= 3.0),
        (lambda x: cp.Maximize(cp.lambda_min(np.ones((3, 3)) + cp.diag(x))), lambda x: x <= 1.0),
    ],
    ids=["linear", "entropy", "logistic", "logdet", "power", "geometric", "eigenvalue"],
)
def test_every_cone_is_certified_by_every_solver(monkeypatch, attempt, goal, rule):
    monkeypatch.setattr(certificate, "ATTEMPTS", certificate.ATTEMPTS[attempt : attempt + 1])
    problem, x = small(goal, [rule])
    found = certificate.solve("cone", problem, x, {})
    assert max(found.primal_residual, found.dual_residual, found.gap) <= 1e-6


def test_a_tampered_pair_is_seen(monkeypatch):
    """A solver that is off by 1e-3, in the primal or in the dual, is refused although it says optimal."""
    honest = certificate.residuals_of
    for part in (0, 1):

        def tampered(problem, data, x, z, offset, lower, part=part):
            x, z = (x + 1e-3, z) if part == 0 else (x, z + 1e-3)
            return honest(problem, data, x, z, offset, lower)

        monkeypatch.setattr(certificate, "residuals_of", tampered)
        problem, x = small(lambda x: cp.Minimize(x[0]), [lambda x: cp.norm(x) <= 1.0])
        with pytest.raises(OracleError, match="optimal"):
            certificate.solve("tampered", problem, x, {})


@pytest.mark.parametrize(
    ("goal", "rules", "status"),
    [
        (lambda x: cp.Minimize(cp.sum(x)), [lambda x: x >= 1.0, lambda x: cp.sum(x) <= 2.0], "infeasible"),
        (lambda x: cp.Minimize(cp.sum(x)), [lambda x: x <= 1.0], "unbounded"),
    ],
)
def test_refusal_saves_the_instance(instances, goal, rules, status):
    problem, x = small(goal, rules)
    with pytest.raises(OracleError, match=f"program.*{status}.*saved to") as caught:
        certificate.solve("program", problem, x, {"a": np.arange(3)})
    assert caught.value.status == status
    np.testing.assert_array_equal(np.load(caught.value.path)["a"], np.arange(3))
    np.testing.assert_array_equal(caught.value.instance["a"], np.arange(3))
    assert [f.suffix for f in instances.iterdir()] == [".npz"]


def test_an_accuracy_out_of_reach_is_refused():
    with pytest.raises(OracleError, match="gap"):
        replies.ball_response(np.ones(3), np.arange(3.0), 1.0, tolerance=1e-300)
    with pytest.raises(ValueError, match="tolerance"):
        replies.ball_response(np.ones(3), np.arange(3.0), 1.0, tolerance=0.0)


# cones


@given(seeds)
@many
def test_property_cone_distances_vanish_inside_and_not_outside(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(), rng.exponential() + 0.01
    inside = np.array([x, y, y * np.exp(x / y)])
    u, v = -rng.exponential() - 0.01, rng.normal()
    dual = np.array([u, v, -u * np.exp(v / u - 1.0)])
    scale = 1.0 + np.abs(inside).max() + np.abs(dual).max()
    assert certificate.exponential(inside) <= 1e-12 * scale
    assert certificate.dual_exponential(dual) <= 1e-12 * scale
    assert inside @ dual >= -1e-9 * scale**2
    assert certificate.exponential(inside + np.array([0.1, 0.0, -0.1])) > 0.0
    assert certificate.dual_exponential(dual - np.array([0.0, 0.1, 0.1])) > 0.0


# optimism


@given(seeds, dims, sizes, sizes, st.booleans())
@many
def test_property_optimism_is_the_closed_form(seed, d, alpha, lam, zero):
    rng = np.random.default_rng(seed)
    theta, V, phi = rng.normal(size=d), design(rng, d, lam), np.zeros(d) if zero else rng.normal(size=d)
    found = replies.optimism(theta, V, alpha, phi)
    bonus = alpha * np.sqrt(phi @ np.linalg.solve(V, phi))
    close(found.value, theta @ phi + bonus, bonus)
    step = found.solution - theta
    assert np.sqrt(step @ V @ step) <= alpha * (1.0 + 1e-6)
    close(found.solution @ phi, found.value, bonus)


def test_optimism_without_doubt_is_the_estimate():
    found = replies.optimism([1.0, 2.0], np.eye(2), 0.0, [3.0, 4.0])
    assert found.value == pytest.approx(11.0)
    np.testing.assert_allclose(found.solution, [1.0, 2.0])


# ball and evader


@given(seeds, dims, kinds, sizes)
@many
def test_property_ball_response_is_the_simulators_closed_form(seed, d, kind, L):
    theta, star = pair(np.random.default_rng(seed), d, kind)
    found, z = replies.ball_response(theta, star, L), np.zeros(d)
    followers.ball(theta, star, L, z)
    size = L * np.linalg.norm(star)
    close(found.value, star @ z, size)
    assert np.linalg.norm(found.solution) <= L * (1.0 + 1e-6)
    assert theta @ found.solution <= 1e-6 * L * np.linalg.norm(theta)
    close(star @ found.solution, found.value, size)


def dual_search(theta, star, P, tau, L):
    """min over u in [0, 1] of the support of the ellipsoid u |z|^2/L^2 + (1-u) |z|_P^2/tau^2 <= 1, half-space
    multiplier in closed form: the Lagrangian dual of the evader's program, convex in u."""

    def bound(u):
        M = np.linalg.inv(u * np.eye(theta.size) / L**2 + (1.0 - u) * P / tau**2)
        share = max(theta @ M @ star, 0.0) / (theta @ M @ theta) if theta.any() else 0.0
        rest = star - share * theta
        return float(np.sqrt(max(rest @ M @ rest, 0.0)))

    inner = minimize_scalar(bound, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-12})
    return min(bound(0.0), bound(1.0), float(inner.fun))


@given(seeds, dims, kinds, st.floats(0.01, 2.0), sizes)
@many
def test_property_evader_response_meets_its_dual(seed, d, kind, share, L):
    rng = np.random.default_rng(seed)
    theta, star = pair(rng, d, kind)
    P = np.linalg.inv(design(rng, d))
    tau = share * L * np.sqrt(np.trace(P) / d)
    found = replies.evader_response(theta, star, P, tau, L)
    size = L * np.linalg.norm(star)
    close(found.value, dual_search(theta, star, P, tau, L), size)
    z = found.solution
    assert np.linalg.norm(z) <= L * (1.0 + 1e-6)
    assert np.sqrt(z @ P @ z) <= tau * (1.0 + 1e-6)
    assert theta @ z <= 1e-6 * L * np.linalg.norm(theta)
    close(star @ z, found.value, size)


@given(seeds, dims, kinds, st.floats(0.01, 2.0))
def test_property_evader_in_a_round_metric_is_a_smaller_ball(seed, d, kind, tau):
    theta, star = pair(np.random.default_rng(seed), d, kind)
    got = replies.evader_response(theta, star, np.eye(d), tau, 1.0).value
    close(got, replies.ball_response(theta, star, min(tau, 1.0)).value, np.linalg.norm(star))


@given(seeds, dims, kinds, st.floats(0.0, 1.5))
@many
def test_property_the_cheap_evader_is_feasible_and_never_better(seed, d, kind, tau):
    rng = np.random.default_rng(seed)
    theta, star = pair(rng, d, kind)
    P = np.linalg.inv(design(rng, d))
    z = replies.scaled_ray(theta, star, P, tau, 1.0)
    assert np.sqrt(z @ P @ z) <= tau * (1.0 + 1e-9)
    assert theta @ z <= 1e-9
    loss = replies.evasion_loss(theta, star, P, tau, 1.0)
    exact = replies.evader_response(theta, star, P, tau, 1.0).value
    assert star @ z <= exact + 1e-6 * (1.0 + np.linalg.norm(star))
    assert exact < 1e-3 or 0.0 <= loss <= 1.0 + 1e-5


def test_the_cheap_evader_loses_on_a_stretched_design():
    """P = diag(1, .01), theta orthogonal: the ray of theta* = (1, 1) keeps 1.41 tau, the exact one about 10 tau."""
    theta, star, P = np.array([0.0, 0.0, 1.0]), np.array([1.0, 1.0, 0.0]), np.diag([1.0, 0.01, 1.0])
    assert replies.evasion_loss(theta, star, P, 0.05, 1.0) < 0.25
    assert replies.evasion_loss(theta, star, P, 0.0, 1.0) == 1.0


def test_evader_damage_is_concave_and_rises_to_the_ball():
    rng = np.random.default_rng(3)
    theta, star = pair(rng, 4, "generic")
    P = np.linalg.inv(design(rng, 4))
    damage = replies.evader_damage(theta, star, P, np.linspace(0.0, 2.0, 9), 1.0)
    assert damage[0] == 0.0
    assert np.all(np.diff(damage) >= -1e-7)
    assert np.all(np.diff(damage, 2) <= 1e-7)
    assert damage[-1] == pytest.approx(replies.ball_response(theta, star, 1.0).value, abs=1e-6)


# bad input

one, two, I2 = np.ones(1), np.ones(2), np.eye(2)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: replies.optimism(two, I2, -1.0, two), "alpha=-1.0"),
        (lambda: replies.optimism(two, I2, np.nan, two), "alpha=nan"),
        (lambda: replies.optimism(two, I2, 1.0, one), "phi has shape"),
        (lambda: replies.optimism([1.0, np.nan], I2, 1.0, two), "theta holds NaN"),
        (lambda: replies.optimism(two, -I2, 1.0, two), "V is not positive definite"),
        (lambda: replies.optimism(two, np.zeros((2, 2)), 1.0, two), "V is not positive definite"),
        (lambda: replies.optimism(two, np.array([[1.0, 0.5], [0.0, 1.0]]), 1.0, two), "V is not symmetric"),
        (lambda: replies.optimism(two, np.eye(3), 1.0, two), "V has shape"),
        (lambda: replies.ball_response([], [], 1.0), "theta has shape"),
        (lambda: replies.ball_response(two, two, 0.0), "L=0"),
        (lambda: replies.ball_response(two, two, np.inf), "L=inf"),
        (lambda: replies.ball_response(I2, two, 1.0), "theta has shape"),
        (lambda: replies.evader_response(two, two, I2, -0.1, 1.0), "tau=-0.1"),
        (lambda: replies.evader_response(two, two, -I2, 0.1, 1.0), "P is not positive definite"),
        (lambda: replies.evader_damage(two, two, I2, [np.nan], 1.0), "widths holds NaN"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
