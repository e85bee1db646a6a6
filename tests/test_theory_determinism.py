"""Randomised gates: the closed-form split against the certified programs, and the price of determinism."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.tiers import TIERS
from theory.oracles import certificate
from theory.oracles.games import best_pure, mixed_gate
from theory.studies import determinism
from theory.studies.determinism import Arena, best_split, learned, prices, splits, values

TOLERANCE = 1e-6


@pytest.fixture(autouse=True)
def instances(tmp_path, monkeypatch):
    monkeypatch.setenv(certificate.FOLDER, str(tmp_path))
    return tmp_path


@st.composite
def games(draw, zero_sum=False):
    """Any damage that rises, any worth and cost >= 0, thresholds at the inner widths."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(3, 7))
    widths = np.append(0.0, np.sort(rng.uniform(0.1, 1.0, size=n - 1)))
    damage = np.append(0.0, np.cumsum(rng.exponential(size=n - 1)))
    worth, cost = rng.exponential(size=(2, n)) * rng.choice([0.1, 1.0, 10.0], size=(2, 1))
    worth[0] = cost[0] = 0.0
    cost = worth if zero_sum else cost
    return Arena(widths, damage, worth, cost, widths[1:-1])


betas = st.sampled_from([0.0, 0.05, 0.3, 0.8, 1.0])


@given(games(), betas)
@settings(max_examples=60)
def test_property_the_best_mixture_is_a_threshold_and_a_lot(game, beta):
    row = values(game, beta)
    assert abs(row["form_gap"]) <= TOLERANCE * (1.0 + abs(row["mixed"]))
    assert row["split"] >= max(row["pure"], row["random"]) - TOLERANCE
    assert 0.0 <= row["blind"] <= beta and 0.0 < row["threshold"] <= 1.0 and row["gap"] <= TOLERANCE


@given(games(), betas)
def test_property_the_split_is_what_it_says(game, beta):
    """Played as a mixture against the follower, q and the threshold give the value, within the budget."""
    value, q, threshold = splits(game, beta)
    A, F, W = game.payoffs()
    m = game.thresholds.size
    row = m + 1 if threshold == game.widths[-1] else int(np.flatnonzero(game.thresholds == threshold)[0])
    p = np.zeros(m + 2)
    p[row] += 1.0 - q
    p[m] += q
    reply = p @ F >= (p @ F).max() - 1e-8 * (1.0 + np.abs(F).max())
    assert (p @ A)[reply & (p @ W <= beta + 1e-9)].max() == pytest.approx(value, abs=1e-7 * (1.0 + np.abs(A).max()))


@given(games(), st.integers(0, 99))
def test_property_no_probability_on_a_fine_grid_does_better(game, seed):
    """The breakpoints miss nothing: at every q of a grid the mixture is worth no more."""
    beta = float(np.random.default_rng(seed).uniform())
    A, F, W = game.payoffs()
    m = game.thresholds.size
    best = best_split(game, beta, 0)[0]
    for q in np.linspace(0.0, beta, 60):
        replies = q * F[m] + (1 - q) * F[0]
        allowed = (replies >= replies.max() - 1e-12) & (q * W[m] + (1 - q) * W[0] <= beta)
        found = np.where(allowed, q * A[m] + (1 - q) * A[0], -np.inf).max()
        assert found <= best or found - best <= 1e-9 * (1.0 + abs(best))


@given(games(zero_sum=True), betas)
@settings(max_examples=40)
def test_property_at_patience_1_nobody_gets_past_the_follower_who_is_always_bought(game, beta):
    mixed = mixed_gate(game.widths, game.damage, game.thresholds, beta, game.worth, game.cost).value
    assert mixed <= -(game.damage - game.cost).max() + TOLERANCE * (1.0 + game.damage.max())


@given(games(), st.sampled_from([0.0, 0.1, 0.4]))
@settings(max_examples=30)
def test_property_more_budget_is_worth_no_less(game, beta):
    more = [splits(game, b)[0] for b in (beta, beta + 0.05, beta + 0.5)]
    assert np.all(np.diff(more) >= -1e-9 * (1.0 + np.abs(more[0])))


@pytest.fixture(scope="module")
def table():
    return prices(0, "power_law", 16)


def test_prices_are_ordered_and_certified(table):
    assert np.all(table["mixed"] >= table["pure"] - TOLERANCE)
    assert np.abs(table["form_gap"]).max() <= TOLERANCE
    assert np.abs(table.loc[table["patience"] == 1.0, "price"]).max() <= TOLERANCE
    assert table["gap"].max() <= TOLERANCE
    for _, rows in table.groupby("patience"):
        assert np.all(np.diff(rows.sort_values("beta")[["pure", "mixed"]], axis=0) >= -TOLERANCE)


def test_an_impatient_follower_makes_determinism_dear(table):
    """The check can fail: at patience 0.1 the price is far from 0, and at beta = 1 it need not be."""
    dear = table[(table["patience"] == 0.1) & (table["beta"] == 0.5)]
    assert dear["price"].item() > 0.5
    assert dear["blind"].item() > 0.2


def test_without_the_deterrent_width_the_grid_looks_like_a_price():
    theta, star, P = learned(0, "isotropic", 16)
    game = determinism.arena(theta, star, P, 1.0)
    even = np.linspace(0.0, game.widths[-1], determinism.GRID)
    on = np.isin(game.widths, even)
    assert on.sum() == game.widths.size - 1
    coarse = Arena(*(x[on] for x in game[:4]), even[1:-1])
    gap = []
    for one in (game, coarse):
        A, F, W = one.payoffs()
        mixed = mixed_gate(one.widths, one.damage, one.thresholds, 0.5, one.worth, one.cost).value
        gap.append((mixed - best_pure(A, F, W, 0.5)[0]) / one.damage.max())
    assert abs(gap[0]) <= TOLERANCE < 1e-3 < gap[1]


def test_cells_are_plain_and_designs_repeat():
    cells = determinism.STUDY.cells(TIERS["standard"])
    assert {c["seed"] for c in cells} == {0, 1, 2} and len(cells) == 6
    assert all(isinstance(v, (int, str)) for c in cells for v in c.values())
    first, again, other = learned(0, "isotropic", 8), learned(0, "isotropic", 8), learned(1, "isotropic", 8)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])
