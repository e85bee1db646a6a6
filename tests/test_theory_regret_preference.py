"""The regret search: exact in one dimension, inside its budget, never above the proven bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.preference import ball
from sim.tiers import TIERS
from theory.studies import preference, preference_certificates, preference_line
from theory.studies import preference_regret as studies
from theory.studies import sup_regret as search

seeds = st.integers(0, 2**32 - 1)


def pairs(rng, N=20, d=3):
    """Pairs with contradictions, so that DPO has a solution."""
    Z = rng.normal(size=(N, d)) + 0.3
    return np.concatenate([Z, -rng.uniform(0.2, 0.9, size=(N // 2, 1)) * Z[: N // 2]])


@given(seeds, st.integers(1, 4))
def test_property_the_minimiser_is_dpo(seed, d):
    rng = np.random.default_rng(seed)
    Z = np.stack([pairs(rng, 12, d) for _ in range(3)])
    theta, value = search.minimiser(Z, 5.0 * rng.normal(size=(3, d)))
    for i in range(3):
        fit = ball.sgpo_feature(Z[i], 0.0)
        assert value[i] == pytest.approx(fit.value, abs=1e-9)
        np.testing.assert_allclose(theta[i], fit.theta, atol=1e-4)
    np.testing.assert_allclose(search.risk(Z, theta), value, atol=1e-12)


def test_separable_targets_have_risk_near_zero_and_no_overflow():
    Z = np.abs(np.random.default_rng(0).normal(size=(2, 10, 3))) + 0.1
    theta, value = search.minimiser(Z, np.full((2, 3), -1e3))
    assert (value < 1e-6).all() and np.isfinite(theta).all()


@given(seeds, st.floats(0.01, 5.0), st.sampled_from([0.0, 1.0]))
@settings(max_examples=100)
def test_property_projection_is_onto_the_budget(seed, radius, spread):
    """Feasible, unchanged inside, and no random feasible point is nearer."""
    rng = np.random.default_rng(seed)
    U = rng.normal(size=(2, 6, 3)) * rng.exponential(size=(2, 6, 1)) ** spread
    P = search.project(U, radius)
    assert (np.linalg.norm(P, axis=2).sum(axis=1) <= radius * (1 + 1e-9)).all()
    np.testing.assert_allclose(search.project(P, radius * (1 + 1e-9)), P)
    other = rng.normal(size=(40, 6, 3))
    other *= radius / np.linalg.norm(other, axis=2).sum(axis=1)[:, None, None]
    assert np.linalg.norm(P[0] - U[0]) <= np.linalg.norm(other - U[0], axis=(1, 2)).min() + 1e-9


@given(seeds, st.sampled_from([0.02, 0.1, 0.5]))
@settings(max_examples=15)
def test_property_adversaries_keep_their_budget_and_the_bounds_hold(seed, delta):
    rng = np.random.default_rng(seed)
    Z = pairs(rng)
    radii = np.array([0.0, delta, 2.0 * delta])
    aims = np.stack([ball.sgpo_feature(Z, eps).theta for eps in radii])
    found = search.sup_regret(Z, aims, delta, rng, steps=10)
    assert (np.linalg.norm(found.U, axis=2).mean(axis=1) <= delta * (1 + 1e-9)).all()
    regrets, other = search.regrets(Z, found, aims), np.linalg.norm(found.best, axis=1)
    own = np.linalg.norm(aims, axis=1)
    assert (regrets >= -1e-12).all()
    assert (regrets[1:] <= np.minimum(2.0 * radii[1:, None] * other, np.log(2.0)) + 1e-9).all()
    assert (regrets <= (delta + radii)[:, None] * other + ((delta - radii) * own)[:, None] + 1e-9).all()


def test_the_search_beats_its_starts_and_random_shifts():
    rng = np.random.default_rng(1)
    Z = studies.sample("regular", rng)
    dpo = ball.sgpo_feature(Z, 0.0).theta[None]
    first = search.starts(Z, dpo[0], 0.05, np.random.default_rng(2))
    best, least = search.minimiser(Z + first, np.repeat(dpo, len(first), axis=0))
    start = search.risk(Z + first, dpo[0]) - least
    found = search.sup_regret(Z, dpo, 0.05, np.random.default_rng(2))
    regrets = search.regrets(Z, found, dpo)[0]
    assert regrets[: len(first)].max() > 1.2 * start.max()
    assert regrets[found.aimed == 0].max() > 2.0 * regrets[found.aimed == -1].max()


def test_one_dimension_against_a_grid():
    """d = 1, three pairs: the best split of the budget over a fine grid of signed displacements."""
    Z, delta = np.array([[1.0], [0.6], [-0.8]]), 0.1
    dpo = ball.sgpo_feature(Z, 0.0).theta
    shares = np.linspace(-1, 1, 41)
    grid = np.array(np.meshgrid(shares, shares, shares)).reshape(3, -1).T
    grid = 3 * delta * grid[np.abs(grid).sum(axis=1) <= 1 + 1e-9][:, :, None]
    best, least = search.minimiser(Z + grid, np.repeat(dpo[None], len(grid), axis=0))
    want = (search.risk(Z + grid, dpo) - least).max()
    found = search.sup_regret(Z, dpo[None], delta, np.random.default_rng(0))
    assert search.regrets(Z, found, dpo[None]).max() >= want * (1 - 1e-3)


def test_theorem_r3_on_nearly_separable_pairs():
    """The search finds at least delta ||theta|| - m_min/N - log 2."""
    rng = np.random.default_rng(3)
    Z = studies.sample("near_separable", rng)
    dpo = ball.sgpo_feature(Z, 0.0).theta
    found = search.sup_regret(Z, dpo[None], 0.4, rng, steps=10)
    floor = 0.4 * np.linalg.norm(dpo) - (Z @ dpo).min() / len(Z) - np.log(2.0)
    assert floor > 1.0
    assert search.regrets(Z, found, dpo[None]).max() >= floor


def test_a_regime_that_cannot_be_drawn_says_so(monkeypatch):
    monkeypatch.setitem(studies.REGIMES, "regular", (40, 2, 0.0))
    monkeypatch.setattr(studies, "TRIES", 5)
    with pytest.raises(ValueError, match="all inseparable"):
        studies.sample("regular", np.random.default_rng(0), separable=True)


def test_short_windows_tell_sgpo_from_dpo_and_long_ones_do_not():
    table = preference_line.line(0, 0)
    near, far = (table[table["window"] == w]["policy_gap"] for w in (10.0, 1e8))
    assert near.max() > 1e-2
    assert far.max() < 1e-6


@pytest.mark.parametrize("check", preference_certificates.CHECKS)
def test_every_check_can_fail(check, monkeypatch):
    """A wrong closed form shows as an error."""
    make = preference_certificates.CHECKS[check]

    def wrong(rng):
        found = make(rng)
        return found._replace(closed=found.closed + 0.1 + found.allowance * 3)

    monkeypatch.setitem(preference_certificates.CHECKS, check, wrong)
    assert preference_certificates.certificates(0, check, 1)["error"].max() > 1e-3


@pytest.mark.parametrize("study", preference.STUDIES, ids=[s.name for s in preference.STUDIES])
def test_a_cell_gives_the_same_bytes_twice_and_names_its_seed_set(study):
    for tier in TIERS.values():
        cells = study.cells(tier)
        assert {cell["seed"] for cell in cells} == set(range(tier.sets))
        assert len({repr(cell) for cell in cells}) == len(cells)
    cell = study.cells(TIERS["smoke"])[-1] | ({"deltas": [0.1]} if study.name == "preference_regret" else {})
    cell |= {"last": 1} if study.name == "preference_rounds" else {}
    once, twice = study.play(**cell), study.play(**cell)
    assert once.equals(twice)
    assert (once["seed"] == cell["seed"]).all()
