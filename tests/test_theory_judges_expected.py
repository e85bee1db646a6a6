"""Judges of the theorems in expectation and of the value of commitment, on tables made by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from tables import rows

from theory import expected
from theory.inequalities import coin_labels, energy
from theory.judges import determinism
from theory.judges import expected as judges
from theory.ledger import FAIL, INCONCLUSIVE, PASS

LEVEL = 0.01
SIZES = dict(T=1000, t=1000, B=100, beta=0.1, d=4, sigma=1.0, coin_share=0.0, regret_queried=0.0)
K = 1.0 + 4.0 * math.log1p(100 / 4)


def cells(n=6, **columns):
    return rows(n, **SIZES | columns)


def test_energy_and_the_labels_of_a_coin():
    table = pd.concat(
        [
            cells(1), cells(1, gate="random"), cells(1, gate="llf_split_random", B=101),
            cells(1, gate="llf_paced+coin0.29", coin_share=0.29), cells(1, feedback="full", M=3),
        ]
    )  # fmt: skip
    assert coin_labels(table).tolist() == [0, 100, 51, 29, 0]
    assert energy(table).iloc[0] == pytest.approx(K)
    assert energy(table).iloc[-1] == pytest.approx(1.0 + 4.0 * math.log1p(400 / 4))


def test_the_queried_clock_is_theorem_6_at_its_edge():
    top = float(expected.theorem6(100, 4, K, 1.0, 1.0))
    for share, outcome in ((1.0, PASS), (1.0001, FAIL)):
        table = cells(regret_queried=share * top, regret=1e9)
        found = judges.queried({"followers": table, "bait": table.iloc[:0], "hard": table.iloc[:0]}, LEVEL)
        assert (found.outcome, found.bound) == (outcome, 1.0) and found.measured == pytest.approx(share)
    peeks = pd.concat([cells(), cells(gate="llf_oracle", regret_queried=9 * top)], ignore_index=True)
    assert judges.queried({"followers": peeks, "bait": peeks, "hard": peeks}, LEVEL).outcome == PASS
    wild = cells(regret_queried=[top * x for x in (0.1, 1.7) * 3])
    assert judges.queried({"followers": wild, "bait": wild, "hard": wild}, LEVEL).outcome == INCONCLUSIVE
    bait = cells(gate="llf_fixed", regret=1.01 * top)
    assert judges.unqueried({"bait": bait, "followers": bait, "hard": bait}, LEVEL).outcome == FAIL
    assert judges.unqueried({"bait": cells(regret=9 * top)}, LEVEL).outcome == INCONCLUSIVE  # no llf_fixed there


def test_a_cell_above_the_bound_fails_whatever_the_others_say():
    top = float(expected.theorem6(100, 4, K, 1.0, 1.0))
    table = pd.concat([cells(), cells(follower="evader", regret_queried=1.01 * top)], ignore_index=True)
    found = judges.queried({"followers": table, "bait": table, "hard": table}, LEVEL)
    assert found.outcome == FAIL and found.detail.startswith("worst: llf_paced/evader, d=4, beta=0.1")


def test_thresholds_are_judged_by_theorem_7_alone():
    top = float(expected.theorem7(1000, 100, 4, K, 1.0, 1.0))
    for gate, share, outcome in (("llf_fixed", 1.0, PASS), ("llf_paced", 1.0001, FAIL), ("llf_fixed", 1.0001, FAIL)):
        table = cells(gate=gate, regret=share * top)
        assert judges.thresholds({"followers": table, "bait": table}, LEVEL).outcome == outcome
    other = pd.concat([cells(), cells(gate="margin", regret=99 * top)], ignore_index=True)
    assert judges.thresholds({"followers": other, "bait": other}, LEVEL).outcome == PASS


@pytest.mark.parametrize(
    ("columns", "labels"),
    [(dict(gate="random"), 100), (dict(gate="llf_split_random"), 50), (dict(gate="x+coin0.5", coin_share=0.5), 50)],
)
def test_a_coin_is_judged_by_its_own_labels_and_the_energy_of_all(columns, labels):
    top = float(expected.theorem8_random(1000, labels, K, 1.0, 1.0))
    for share, outcome in ((1.0, PASS), (1.0001, FAIL)):
        table = cells(regret=share * top, **columns)
        found = judges.coin(dict.fromkeys(("followers", "bait", "insurance"), table), LEVEL)
        assert found.outcome == outcome and found.measured == pytest.approx(share)
    assert judges.coin(dict.fromkeys(("followers", "bait", "insurance"), cells(regret=1e9)), LEVEL).n == 0


def test_full_feedback_has_its_own_constant_and_vectors():
    energy_full = 1.0 + 4.0 * math.log1p(400 / 4)
    common = dict(feedback="full", M=3, gate="random")
    queried = float(expected.theorem6_full(100, energy_full, 1.0, 1.0))
    assert queried == pytest.approx(math.sqrt(6.0 * 100 * energy_full))
    everywhere = float(expected.theorem8_full(1000, 100, energy_full, 1.0, 1.0, 1.0))
    for share, outcome in ((1.0, PASS), (1.0001, FAIL)):
        assert judges.queried_full({"full": cells(regret_queried=share * queried, **common)}, LEVEL).outcome == outcome
        assert judges.coin_full({"full": cells(regret=share * everywhere, **common)}, LEVEL).outcome == outcome
    always = cells(regret=1e9, **common | dict(gate="always"))
    assert judges.coin_full({"full": pd.concat([always, cells(**common)])}, LEVEL).outcome == PASS
    pairs = pd.concat([cells(gate="random", regret_queried=1e9), cells(**common)])
    assert judges.queried_full({"full": pairs}, LEVEL).outcome == PASS


def bait(power, dims=(4, 8, 16), gate="llf_fixed", scale=1.0, follower="bait"):
    frames = [
        cells(gate=gate, follower=follower, d=d, regret=[scale * d**power * (1 + 0.001 * r) for r in range(6)])
        for d in dims
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize(("power", "steep", "flat"), [(1.0, PASS, FAIL), (0.5, FAIL, PASS), (1.3, FAIL, FAIL)])
def test_exponents_in_d_under_bait(power, steep, flat):
    other = bait(3.0, follower="ball")
    assert judges.STEEP({"bait": pd.concat([bait(power), other])}, LEVEL).outcome == steep
    assert judges.FLAT({"bait": pd.concat([bait(power, gate="random"), other])}, LEVEL).outcome == flat


@pytest.mark.parametrize(("share", "outcome"), [(1.0, PASS), (0.91, PASS), (1.09, PASS), (0.89, FAIL), (1.11, FAIL)])
def test_the_closed_form_is_two_sided(share, outcome):
    form = expected.theorem9(1000, 100, 4, 1.0, 1.0)
    table = cells(gate="llf_fixed", follower="bait", regret=share * form)
    found = judges.closed_form({"bait": table}, LEVEL)
    assert found.outcome == outcome and found.measured == pytest.approx(share)


@pytest.mark.parametrize(("ratio", "outcome"), [(0.99, PASS), (1.01, FAIL)])
def test_insurance_lowers_the_regret_at_the_largest_dimension(ratio, outcome):
    frames = []
    for gate in judges.THRESHOLDS:
        frames += [bait(1.0, gate=gate), bait(1.0, gate=f"{gate}+coin0.5", scale=ratio)]
    table = pd.concat(frames)
    assert judges.insured({"bait": table}, LEVEL).outcome == outcome
    small = table.assign(regret=table["regret"].where(table["d"] == 16, 1e-3 / table["regret"]))
    assert judges.insured({"bait": small}, LEVEL).outcome == outcome
    bare = pd.concat([bait(1.0, gate=gate) for gate in judges.THRESHOLDS])
    assert judges.insured({"bait": bare}, LEVEL).outcome == INCONCLUSIVE


def prices(**columns):
    base = dict(form_gap=0.0, price=0.0, patience=1.0, beta=0.5, seed=0)
    return {"determinism": pd.DataFrame([base | columns, base])}


def test_values_of_commitment_at_their_edges():
    for value, outcome in ((1e-6, PASS), (-1e-6, PASS), (1.01e-6, FAIL), (-1.01e-6, FAIL)):
        assert determinism.split_is_optimal(prices(form_gap=value), LEVEL).outcome == outcome
        assert determinism.zero_sum(prices(price=value), LEVEL).outcome == outcome
    assert determinism.zero_sum(prices(price=9.0, patience=0.5), LEVEL).outcome == PASS
    for value, beta, outcome in ((0.0501, 0.1, PASS), (0.0499, 0.8, FAIL), (0.0, 0.05, INCONCLUSIVE)):
        assert determinism.worth_mixing(prices(price=value, patience=0.1, beta=beta), LEVEL).outcome == outcome


def test_the_identity_of_full_feedback():
    """One block update: what the module says of Phi, and the price of a wrong pick."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        d, m = int(rng.integers(2, 6)), int(rng.integers(2, 5))
        past = rng.normal(size=(7, d))
        V = np.eye(d) + past.T @ past
        star, theta, Z = rng.normal(size=d), rng.normal(size=d), rng.normal(size=(m, d))
        Z /= np.linalg.norm(Z, axis=1, keepdims=True)
        eta, P = rng.normal(size=m), np.linalg.inv(V)
        after = V + Z.T @ Z
        new = np.linalg.solve(after, V @ theta + Z.T @ (Z @ star + eta))
        r, W = Z @ (theta - star), Z @ P @ Z.T
        inner = np.linalg.inv(np.eye(m) + W)
        moved = (new - star) @ after @ (new - star) - (theta - star) @ V @ (theta - star)
        assert moved == pytest.approx(-r @ inner @ r + 2 * r @ inner @ eta + eta @ W @ inner @ eta)
        assert np.trace(W @ inner) <= np.linalg.slogdet(np.eye(m) + W)[1] + 1e-12
        pick, gold = int(np.argmax(Z @ theta)), int(np.argmax(Z @ star))
        rho = float((Z[gold] - Z[pick]) @ star)
        assert rho <= math.sqrt((2.0 + 4.0) * (r @ inner @ r)) + 1e-12
