"""Commitment games: published values, an independent solver, Nash equilibria, mixed against pure gates."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from theory.oracles import certificate, games
from theory.oracles import replies as oracles

many = settings(max_examples=60)
seeds, sides, modes = (
    st.integers(0, 2**32 - 1),
    st.integers(1, 5),
    st.sampled_from(["real", "integer", "equal", "zero"]),
)


@pytest.fixture(autouse=True)
def instances(tmp_path, monkeypatch):
    monkeypatch.setenv(certificate.FOLDER, str(tmp_path))
    return tmp_path


def payoffs(rng, m, n, mode):
    """A payoff matrix; integers make ties, equal columns make a follower indifferent."""
    if mode == "real":
        return rng.normal(size=(m, n)) * rng.choice([0.01, 1.0, 100.0])
    if mode == "integer":
        return rng.integers(-2, 3, size=(m, n)).astype(float)
    return np.repeat(rng.normal(size=(m, 1)), n, axis=1) * (mode == "equal")


def reference(A, F):
    """The multiple-LP method by HiGHS."""
    best = -np.inf
    for j in range(A.shape[1]):
        found = linprog(
            -A[:, j], A_ub=(F - F[:, [j]]).T, b_ub=np.zeros(A.shape[1]), A_eq=np.ones((1, A.shape[0])), b_eq=[1.0]
        )
        best = max(best, -found.fun) if found.status == 0 else best
    return best


@pytest.mark.parametrize(
    ("A", "F", "mix", "value"),
    [
        ([[2, 4], [1, 3]], [[1, 0], [0, 1]], (1 / 2, 1 / 2), 3.5),
        ([[2, 0, 0], [1, 0, 0]], [[0, 2, 5], [0, -1, -4]], (1 / 3, 2 / 3), 4 / 3),
        ([[3, 9], [9, 1]], [[0, 0], [1, 8]], (1.0, 0.0), 9.0),
    ],
)
def test_published_commitments(A, F, mix, value):
    """OpenSpiel's tests, two after Conitzer and Sandholm (2006)."""
    found = games.strong_stackelberg(A, F)
    assert found.value == pytest.approx(value, abs=1e-6)
    np.testing.assert_allclose(found.solution, mix, atol=1e-6)
    assert max(found.primal_residual, found.dual_residual, found.gap) <= 1e-8


@given(seeds, sides, sides, modes, modes)
@many
def test_property_stackelberg_value_is_that_of_another_solver(seed, m, n, leads, follows):
    rng = np.random.default_rng(seed)
    A, F = payoffs(rng, m, n, leads), payoffs(rng, m, n, follows)
    found = games.strong_stackelberg(A, F)
    size = 1.0 + np.abs(A).max()
    assert abs(found.value - reference(A, F)) <= 1e-6 * size
    x = found.solution
    assert np.all(x >= 0.0) and x.sum() == pytest.approx(1.0, abs=1e-9)
    replies = x @ F >= (x @ F).max() - 1e-6 * (1.0 + np.abs(F).max())
    assert (x @ A)[replies].max() >= found.value - 1e-6 * size


@given(seeds, st.integers(2, 4), st.integers(2, 4))
@many
def test_property_commitment_is_worth_at_least_every_nash_equilibrium(seed, m, n):
    """Both enumerations of nashpy: in rounding, support enumeration alone finds none at seed 85051, m = n = 4."""
    nash = pytest.importorskip("nashpy")
    rng = np.random.default_rng(seed)
    A, F = rng.normal(size=(2, m, n))
    value = games.strong_stackelberg(A, F).value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        game = nash.Game(A, F)
        found = [*game.support_enumeration(), *game.vertex_enumeration()]
    found = [(x, y) for x, y in found if x @ F @ y >= (x @ F).max() - 1e-8 and x @ A @ y >= (A @ y).max() - 1e-8]
    assert found
    for x, y in found:
        assert value >= x @ A @ y - 1e-6


@given(seeds, sides, sides, modes)
@many
def test_property_zero_sum_commitment_is_the_stackelberg_value(seed, m, n, mode):
    loss = payoffs(np.random.default_rng(seed), m, n, mode)
    found = games.zero_sum_commitment(loss)
    size = 1.0 + np.abs(loss).max()
    assert abs(found.value + games.strong_stackelberg(-loss, loss).value) <= 1e-6 * size
    assert abs(found.value + reference(-loss, loss)) <= 1e-6 * size
    assert abs((found.solution @ loss).max() - found.value) <= 1e-6 * size
    assert loss.max(axis=1).min() >= found.value - 1e-6 * size >= loss.min() - 2e-6 * size


def test_zero_sum_by_hand():
    assert games.zero_sum_commitment([[0, 2], [1, 0]]).value == pytest.approx(2 / 3, abs=1e-6)
    np.testing.assert_allclose(games.zero_sum_commitment(1 - np.eye(4)).solution, 0.25, atol=1e-6)


# gates


def arena(rng, n, m):
    """(widths, damage, thresholds, worth, cost): damage concave in the width, thresholds on and off the grid."""
    widths = np.sort(rng.uniform(0.0, 1.0, size=n))
    widths[0] *= rng.integers(0, 2)
    damage = widths ** rng.choice([0.5, 1.0])
    thresholds = np.concatenate([rng.choice(widths, size=m), rng.uniform(0.0, 1.0, size=m)])
    worth, cost = rng.uniform(0.0, 1.5, size=2)[:, None] * np.log1p(widths**2) * rng.choice([0.0, 1.0, 3.0])
    return widths, damage, thresholds, worth, cost


@given(seeds, st.integers(1, 5), st.integers(1, 3), st.sampled_from([0.0, 0.05, 0.3, 1.0]))
@many
def test_property_mixing_is_no_worse_than_the_best_pure_gate(seed, n, m, beta):
    widths, damage, thresholds, worth, cost = arena(np.random.default_rng(seed), n, m)
    found = games.mixed_gate(widths, damage, thresholds, beta, worth, cost)
    W = games.gate_matrix(widths, thresholds)
    A, F = W * worth - damage, damage - W * cost
    pure, row = games.best_pure(A, F, W, beta)
    assert row >= 0
    assert found.value >= pure - 1e-6
    p = found.solution
    assert np.all(p >= 0.0) and p.sum() == pytest.approx(1.0, abs=1e-9)
    replies = (p @ F >= (p @ F).max() - 1e-6) & (p @ W <= beta + 1e-6)
    assert abs((p @ A)[replies].max() - found.value) <= 1e-5


@given(seeds, st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=30)
def test_property_mixed_gate_value_rises_with_the_budget(seed, n, m):
    widths, damage, thresholds, worth, cost = arena(np.random.default_rng(seed), n, m)
    values = [
        games.mixed_gate(widths, damage, thresholds, beta, worth, cost).value for beta in (0.0, 0.02, 0.2, 0.7, 1.0)
    ]
    assert np.all(np.diff(values) >= -1e-6)


def test_mixing_pays_where_a_label_costs_the_follower_less_than_it_gains():
    """One width, damage 1, worth 1, cost 1/2: every pure gate is never (-1); buying at beta gives beta - 1."""
    found = games.mixed_gate([1.0], [1.0], [0.5], 0.3, [1.0], [0.5])
    assert found.value == pytest.approx(-0.7, abs=1e-6)
    assert found.solution[:2].sum() == pytest.approx(0.3, abs=1e-6)
    W = games.gate_matrix(np.ones(1), np.array([0.5]))
    assert games.best_pure(W - 1.0, 1.0 - 0.5 * W, W, 0.3) == (-1.0, 2)


def test_a_threat_costs_nothing():
    """Where a label costs the follower all it gains, a threshold at 0 deters all play without a purchase."""
    w = np.linspace(0.0, 1.0, 6)
    found = games.mixed_gate(w, w, [0.0, 0.4], 0.0, np.zeros(6), w)
    assert found.value == pytest.approx(0.0, abs=1e-6)
    assert games.mixed_gate(w, w, [0.5], 0.0, np.zeros(6), w).value == pytest.approx(-0.4, abs=1e-6)
    never = games.mixed_gate(w, w, [0.4], 0.0, np.zeros(6), np.zeros(6))
    assert never.value == pytest.approx(-1.0, abs=1e-6)


def test_mixed_gate_on_the_evaders_own_damage():
    """Damage from the exact evader in d = 3: the value lies between never buying and no damage."""
    rng = np.random.default_rng(5)
    theta, star = rng.normal(size=(2, 3))
    widths = np.linspace(0.05, 0.8, 5)
    damage = oracles.evader_damage(theta, star, np.diag([1.0, 0.3, 0.1]), widths, 1.0)
    gain = np.log1p(widths**2)
    found = games.mixed_gate(widths, damage, widths[:-1], 0.1, gain, 0.7 * damage)
    assert -damage.max() - 1e-6 <= found.value <= 0.1 * gain.max() + 1e-6


w2 = np.array([0.1, 0.2])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: games.strong_stackelberg(np.eye(2), np.eye(3)), "F has shape"),
        (lambda: games.strong_stackelberg([[np.nan]], [[1.0]]), "A holds NaN"),
        (lambda: games.strong_stackelberg([1.0], [[1.0]]), "A has shape"),
        (lambda: games.zero_sum_commitment(np.zeros((0, 2))), "loss has shape"),
        (lambda: games.mixed_gate(w2, w2, [0.1], 1.5, w2, w2), "beta=1.5"),
        (lambda: games.mixed_gate(w2, w2, [0.1], np.nan, w2, w2), "beta=nan"),
        (lambda: games.mixed_gate(w2, -w2, [0.1], 0.5, w2, w2), "damage"),
        (lambda: games.mixed_gate(w2, w2, [0.1], 0.5, w2[:1], w2), "worth"),
        (lambda: games.mixed_gate(w2, w2, [], 0.5, w2, w2), "thresholds has shape"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
