"""Features of candidates, and the ridge on their differences against chains of the simulator's own update."""

import numpy as np
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st

from llm.generative import features
from sim.rules import leader, learners


def pooled(rng, T, N, d):
    return features.unit(rng.normal(size=(T, N, d)))


def play(ridge, rng, T, N, M):
    """Teach a label in every round; returns what was taught: (round, view, shown, gold)."""
    told = []
    for t in range(T):
        gold = int(rng.integers(N))
        others = np.delete(np.arange(N), gold)
        shown = np.sort(np.append(rng.choice(others, M, replace=False), gold))
        scores = ridge.score(t)
        pick = int(shown[np.argmax(scores[shown])])
        view = leader.assess_pool(scores, ridge.widths(t, pick, shown), shown, pick, 1.0)
        ridge.teach(t, view, shown, gold)
        told.append((t, view, shown, gold))
    return told


def designs(told, Phi, teaches):
    """(z, y) of every design vector from the definitions."""
    for t, view, shown, gold in told:
        if teaches == "shown":
            for k in shown:
                if k != gold:
                    yield Phi[t, gold] - Phi[t, k], 1.0
        else:
            lo, hi = sorted((view.pick, view.rival))
            yield Phi[t, lo] - Phi[t, hi], float(lo == gold) - float(hi == gold)


def compare(ridge, Z, lam, atol):
    state, out = learners.start(ridge.state().V.shape[0], 1, lam), np.zeros(ridge.state().V.shape[0])
    for z, y in Z:
        state = learners.update(state, np.ascontiguousarray(z), np.array([y]), 4096, False, out)
    told = ridge.state()
    for name in ("V", "P", "theta", "moments", "psi", "potential"):
        np.testing.assert_allclose(getattr(told, name), getattr(state, name), atol=atol, err_msg=name)
    assert (told.wide, told.n) == (state.wide, state.n)


@given(
    rng=own.rngs, M=st.integers(1, 3), d=st.integers(1, 6), lam=own.scales, teaches=st.sampled_from(["shown", "pair"])
)
def test_the_ridge_is_the_simulators_on_differences(rng, M, d, lam, teaches):
    Phi = pooled(rng, 12, 4, d)
    ridge = features.PoolRidge(Phi.copy(), lam, 7, teaches)
    told = play(ridge, rng, 12, 4, M)
    compare(ridge, list(designs(told, Phi, teaches)), lam, 1e-8)
    assert ridge.rounds == list(range(12))


@given(rng=own.rngs, M=st.integers(1, 3), lam=own.scales, teaches=st.sampled_from(["shown", "pair"]))
def test_a_rebuilt_ridge_is_the_incremental_one(rng, M, lam, teaches):
    ridge = features.PoolRidge(pooled(rng, 12, 4, 5), lam, 4096, teaches)
    play(ridge, rng, 12, 4, M)
    before = [np.copy(a) for a in ridge.state()[:5]]
    ridge.rebuild()
    for was, now in zip(before, ridge.state()[:5], strict=True):
        np.testing.assert_allclose(now, was, atol=1e-8)


def test_a_rebuilt_ridge_is_of_the_features_that_were_put():
    rng = np.random.default_rng(1)
    ridge = features.PoolRidge(pooled(rng, 8, 3, 4), 0.5, 4096, "shown")
    told = play(ridge, rng, 8, 3, 2)
    fresh = pooled(rng, 8, 3, 4)
    ridge.put(0, fresh[:5])
    ridge.put(5, fresh[5:])
    ridge.rebuild()
    Z, y = (np.array(a) for a in zip(*designs(told, fresh, "shown"), strict=True))
    V = 0.5 * np.eye(4) + Z.T @ Z
    np.testing.assert_allclose(ridge.state().theta[:, 0], np.linalg.solve(V, Z.T @ y), atol=1e-10)
    assert ridge.state().psi == pytest.approx(np.linalg.slogdet(V / 0.5)[1], abs=1e-9)
    np.testing.assert_allclose(ridge.score(6), fresh[6] @ ridge.state().theta[:, 0], atol=1e-12)
    P, shown = np.linalg.inv(V), np.array([0, 2])
    z = fresh[3, 2] - fresh[3, 0]
    np.testing.assert_allclose(ridge.widths(3, 0, shown), [0.0, z @ P @ z], atol=1e-10)
    np.testing.assert_array_equal(ridge.picks(fresh), np.argmax(fresh @ ridge.state().theta[:, 0], axis=1))


def test_a_ridge_without_a_label_is_rebuilt_to_nothing():
    ridge = features.PoolRidge(np.ones((2, 2, 3)), 2.0, 4096)
    ridge.rebuild()
    assert ridge.state().psi == pytest.approx(0.0) and not ridge.state().theta.any()


@given(rng=own.rngs)
def test_with_one_alternative_pair_and_shown_teach_the_same(rng):
    Phi, states = pooled(rng, 10, 3, 4), []
    seed = int(rng.integers(2**31))
    for teaches in ("pair", "shown"):
        ridge = features.PoolRidge(Phi.copy(), 1.0, 4096, teaches)
        play(ridge, np.random.default_rng(seed), 10, 3, 1)
        states.append(ridge.state())
    for a, b in zip(*states, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def test_a_pair_without_the_gold_teaches_a_tie_and_shown_teaches_the_gold():
    view = leader.View(3, 1, 0.0, 0.0, 0.0, 0.0)
    shown = np.array([0, 1, 2, 3])
    assert features.lessons("pair", view, shown, 2) == [(1, 3, 0.0)]
    assert features.lessons("pair", view, shown, 1) == [(1, 3, 1.0)]
    assert features.lessons("pair", view, shown, 3) == [(1, 3, -1.0)]
    assert features.lessons("shown", view, shown, 2) == [(2, 0, 1.0), (2, 1, 1.0), (2, 3, 1.0)]


@given(rng=own.rngs)
def test_features_have_norm_one_and_zeros_stay(rng):
    u, v = rng.normal(size=(3, 5)), rng.normal(size=(3, 4, 5))
    v[1, 2] = 0.0
    phi = features.product(u, v)
    for i in range(3):
        for k in range(4):
            raw = (u[i] / np.linalg.norm(u[i])) * v[i, k]
            want = raw / np.linalg.norm(raw) if raw.any() else raw
            np.testing.assert_allclose(phi[i, k], want, atol=1e-12)
