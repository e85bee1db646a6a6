"""sim.preference reweight and surfaces: Algorithm F against linear programs, the leader against its certificate."""

import warnings

import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from sim.preference import ball, reweight, surfaces
from sim.preference.losses import logistic

EPS = st.sampled_from([0.0, 1e-6, 0.05, 0.3, 1.0, 50.0])


def program(losses, C, eps, groups=None):
    """Value of the transport program by HiGHS; targets in other groups are forbidden."""
    N = len(losses)
    upper = np.where(np.ones((N, N), bool) if groups is None else groups[:, None] == groups, np.inf, 0.0).ravel()
    rows = sparse.kron(sparse.identity(N), np.ones((1, N))).tocsr()
    bounds = np.column_stack([np.zeros(N * N), upper])
    spend = sparse.csr_array(C.reshape(1, -1))
    answer = linprog(-np.tile(losses, N), A_ub=spend, b_ub=[eps], A_eq=rows, b_eq=np.full(N, 1 / N), bounds=bounds)
    assert answer.status == 0
    return -answer.fun


@st.composite
def instances(draw):
    """(losses (N,), C (N, N)): distances of points with ties and repeats, or costs that are no metric."""
    rng, N = draw(own.rngs), draw(st.integers(2, 25))
    Z = rng.normal(size=(N, 3))
    if draw(st.booleans()):
        Z = np.round(Z[rng.integers(0, N, N)])
    C = reweight.distances(Z, draw(st.sampled_from([1, 2, np.inf])))
    if draw(st.integers(0, 3)) == 0:
        C = rng.random((N, N)) * (rng.random((N, N)) < 0.7)
        np.fill_diagonal(C, 0.0)
    losses = logistic(Z @ rng.normal(size=3))
    return (np.round(losses, 1) if draw(st.booleans()) else losses), C


@settings(max_examples=80)
@given(instances(), EPS)
def test_property_algorithm_f_is_optimal(case, eps):
    """Value = linear program = dual at the returned price; the plan is feasible and attains it."""
    losses, C = case
    plan = reweight.reweight(losses, C, eps)
    assert plan.value == pytest.approx(program(losses, C, eps), abs=1e-9)
    assert plan.price * eps + (losses - plan.price * C).max(axis=1).mean() == pytest.approx(plan.value, abs=1e-10)
    gamma = plan.gamma
    assert (gamma >= 0).all() and (gamma * C).sum() <= eps + 1e-12
    np.testing.assert_allclose(gamma.sum(axis=1), 1 / len(losses), atol=1e-14)
    np.testing.assert_allclose(gamma.sum(axis=0), plan.weights, atol=1e-14)
    assert plan.weights @ losses == pytest.approx(plan.value, abs=1e-12)


@settings(max_examples=25)
@given(instances(), EPS, own.seeds)
def test_property_groups_are_block_programs_and_never_worth_more(case, eps, seed):
    losses, C = case
    groups = np.random.default_rng(seed).integers(0, 3, len(losses))
    sizes = np.bincount(groups)
    if (sizes[sizes > 0] < 2).any():
        groups[:] = 0
    found = reweight.reweight_groups(losses, C, eps, groups)
    assert found.value <= reweight.reweight(losses, C, eps).value + 1e-12
    apart = [program(losses[groups == g], C[np.ix_(groups == g, groups == g)], eps) for g in np.unique(groups)]
    shares = [np.mean(groups == g) for g in np.unique(groups)]
    assert found.value == pytest.approx(np.dot(apart, shares), abs=1e-9)
    assert found.weights.sum() == pytest.approx(1.0) and found.weights @ losses == pytest.approx(found.value)


def test_edges():
    losses, C = np.array([0.0, 1.0, 0.5]), np.array([[0.0, 2, 1], [2, 0, 1], [1, 1, 0]])
    stay = reweight.reweight(losses, C, 0.0)
    assert stay.value == 0.5 and (stay.weights == 1 / 3).all()
    rich = reweight.reweight(losses, C, 1.0)
    assert rich.value == 1.0 and rich.price == 0.0 and rich.weights.tolist() == [0, 1, 0] and rich.evaluations == 1


def pairs(seed, N=30, d=3):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, d))
    return np.where(rng.random(N) < 1 / (1 + np.exp(-1.5 * x[:, 0])), 1.0, -1.0)[:, None] * x


@settings(max_examples=15)
@given(own.seeds, st.integers(4, 40), EPS, st.sampled_from([None, 2.0]))
def test_property_leader_is_certified_and_no_neighbour_is_better(seed, N, eps, cap):
    Z = pairs(seed, N)
    C = reweight.distances(Z)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ball.Separable)
        fit = surfaces.sgpo_reweight(Z, C, eps, cap)
    assert fit.gap <= 2e-8
    rng = np.random.default_rng(0)
    for size in (1e-3, 0.1, 1.0):
        for other in fit.theta + size * rng.normal(size=(15, 3)):
            other = other * min(1.0, (cap or np.inf) / np.linalg.norm(other))
            assert reweight.reweight(logistic(Z @ other), C, eps).value >= fit.value - fit.gap - 1e-12


def test_leader_without_a_budget_is_dpo():
    Z = pairs(1, 60)
    fit, dpo = surfaces.sgpo_reweight(Z, reweight.distances(Z), 0.0), ball.sgpo_feature(Z, 0.0)
    assert fit.value == pytest.approx(dpo.value, abs=1e-9)
    np.testing.assert_allclose(fit.theta, dpo.theta, atol=1e-3)
    assert fit.iterations == 1


def test_separable_pairs_warn():
    Z = np.abs(pairs(2, 10))
    with pytest.warns(ball.Separable, match="keeping"):
        fit = surfaces.sgpo_reweight(Z, reweight.distances(Z), 0.1)
    assert fit.gap <= 2e-8


GOOD = np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: reweight.reweight([1.0, 2.0], GOOD, -1.0), "eps"),
        (lambda: reweight.reweight([1.0], GOOD[:1, :1], 0.1), "two pairs"),
        (lambda: reweight.reweight([1.0, np.nan], GOOD, 0.1), "NaN"),
        (lambda: reweight.reweight([1.0, 2.0], GOOD[:1], 0.1), "shape"),
        (lambda: reweight.reweight([1.0, 2.0], GOOD + 1.0, 0.1), "diagonal"),
        (lambda: reweight.reweight([1.0, 2.0], -GOOD, 0.1), "diagonal"),
        (lambda: reweight.reweight_groups([1.0, 2.0], GOOD, 0.1, [0]), "groups"),
        (lambda: reweight.distances(np.eye(2), 3), "p = 3"),
        (lambda: surfaces.sgpo_reweight(np.eye(2), GOOD, 0.1, cap=-1.0), "cap"),
    ],
)
def test_bad_input_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()
