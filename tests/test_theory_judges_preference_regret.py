"""Judges of regret against mismatch on doctored tables: each one can pass, fail, and stay undecided."""

import numpy as np
import pandas as pd
import pytest

from theory import stats
from theory.judges import preference_regret as claims
from theory.ledger import FAIL, INCONCLUSIVE, PASS, REFUTED, VACUOUS, judge

LEVEL = 1e-3
BY_ID = {c.id: c for c in claims.CLAIMS}
DELTAS = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)


def outcome(id, **tables):
    return BY_ID[id].judge(tables, LEVEL).outcome


def regrets(dpo_power=2.0, matched=None, noise=0.01, regime="regular", n=8, **columns):
    """DPO's sup-regret delta^power in each data set up to a common factor and a little noise of the slope."""
    rng = np.random.default_rng(0)
    rows = []
    for replication in range(n):
        bend = noise * rng.normal()
        for delta in DELTAS:
            dpo = (1 + 0.1 * replication) * delta ** (dpo_power + bend)
            for policy, regret in (("dpo", dpo), ("matched", matched(dpo, delta) if matched else 3.0 * dpo)):
                rows.append(dict(regime=regime, policy=policy, delta=delta, replication=replication, regret=regret))
    table = pd.DataFrame(rows).assign(
        seed=0,
        adversaries=5,
        r1_measured=0.1,
        r1_bound=0.2,
        r2_measured=0.1,
        r2_bound=0.2,
        risk=0.3,
        r4_measured=0.1,
        r4_bound=0.2,
        r4_trivial=0.4,
    )
    return table.assign(**columns)


@pytest.mark.parametrize(
    ("id", "columns", "expected"),
    [
        ("S4a", {}, PASS),
        ("S4a", dict(r1_measured=0.3), FAIL),
        ("S4a", dict(risk=0.8), FAIL),
        ("S4a", dict(r1_bound=np.nan), INCONCLUSIVE),
        ("S4b", {}, PASS),
        ("S4b", dict(r2_measured=0.3), FAIL),
        ("S5c", {}, PASS),
        ("S5c", dict(r4_measured=0.3), FAIL),
        ("S5c", dict(policy="matched", r4_measured=0.3), INCONCLUSIVE),
        ("S5c", dict(regime="near_separable", r4_measured=0.3), INCONCLUSIVE),
    ],
)
def test_bounds_are_checked_at_every_row(id, columns, expected):
    assert outcome(id, preference_regret=regrets(**columns)) == expected


@pytest.mark.parametrize(
    ("id", "regime", "power", "noise", "expected"),
    [
        ("S5a", "regular", 1.0, 0.01, PASS),
        ("S5a", "regular", 2.0, 0.01, FAIL),
        ("S5a", "regular", 1.0, 1.0, INCONCLUSIVE),
        ("S5b", "near_separable", 1.05, 0.01, PASS),
        ("S5b", "near_separable", 2.0, 0.01, FAIL),
        ("S5b", "near_separable", 1.2, 0.05, INCONCLUSIVE),
    ],
)
def test_exponents(id, regime, power, noise, expected):
    table = pd.concat([regrets(power, noise=noise, regime=regime), regrets(1.5, regime="other", noise=0.5)])
    assert outcome(id, preference_regret=table) == expected


def test_one_data_set_has_no_exponent():
    assert outcome("S5a", preference_regret=regrets(1.0, n=1)) == INCONCLUSIVE


@pytest.mark.parametrize(
    ("id", "regime", "share", "expected"),
    [
        ("S4c", "regular", 0.5, PASS),
        ("S4c", "regular", 3.0, FAIL),
        ("S4d", "near_separable", 0.5, PASS),
        ("S4d", "near_separable", 3.0, FAIL),
    ],
)
def test_ratios(id, regime, share, expected):
    rng = np.random.default_rng(1)

    def matched(dpo, delta):
        return share * dpo * np.exp(0.05 * rng.normal())

    def wild(dpo, delta):
        return dpo * np.exp(5.0 * rng.normal())

    assert outcome(id, preference_regret=regrets(matched=matched, regime=regime)) == expected
    assert outcome(id, preference_regret=regrets(matched=wild, regime=regime)) == INCONCLUSIVE


@pytest.mark.parametrize(
    ("id", "columns", "expected"),
    [
        ("S4a", dict(r1_measured=0.2), PASS), ("S4a", dict(r1_measured=0.2001), FAIL),
        ("S4a", dict(risk=claims.LOG2), PASS), ("S4a", dict(risk=claims.LOG2 + 1e-6), FAIL),
        ("S4a", dict(risk=claims.LOG2 + 1e-12), PASS),
        ("S4a", dict(r1_bound=claims.LOG2), VACUOUS),
        ("S4b", dict(r2_measured=0.2), PASS), ("S4b", dict(r2_measured=0.2001), FAIL),
        ("S5c", dict(r4_measured=0.2), PASS), ("S5c", dict(r4_measured=0.2001), FAIL),
        ("S5c", dict(r4_trivial=0.2), VACUOUS),
    ],
)  # fmt: skip
def test_regret_bounds_at_their_edges(id, columns, expected):
    table = regrets(**columns)
    found = BY_ID[id].judge({"preference_regret": table}, LEVEL)
    judged = table[(table["policy"] == "dpo") & (table["delta"] <= 0.1)] if id == "S5c" else table
    broken_risks = len(table) * (columns.get("risk", 0.0) > claims.LOG2 + 1e-9)
    assert found.outcome == expected and found.n == len(judged) + broken_risks
    assert found.detail.endswith(f"{5 * len(judged)} adversaries")


def test_the_bound_on_small_mismatches_stands_beside_a_policy_that_breaks_it():
    """R4 is a theorem of DPO: SGPO's policy at eps = 0.1 must break it, and where it does not nothing is shown."""
    fixed = regrets().assign(policy=lambda t: t["policy"].replace("matched", "fixed"))
    assert judge(BY_ID["S5c"], {"preference_regret": fixed}, LEVEL)["verdict"] == INCONCLUSIVE
    broken = fixed.assign(r4_measured=np.where(fixed["policy"] == "fixed", 0.3, 0.1))
    assert judge(BY_ID["S5c"], {"preference_regret": broken}, LEVEL)["verdict"] == PASS


def powers(values, deltas=(0.05, 0.1, 0.2, 0.4), policy="dpo", regime="regular"):
    """One data set for each of ``values``: regret delta^value."""
    rows = [
        dict(regime=regime, policy=policy, delta=d, seed=0, replication=i, regret=d**v)
        for i, v in enumerate(values)
        for d in deltas
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("level", [LEVEL, 0.1])
def test_an_exponent_is_fitted_from_an_eightieth_to_a_tenth_or_from_a_fifth(level):
    table = powers([1.0, 2.0], deltas=(0.00625, 0.0125, 0.1, 0.2, 0.4))
    far = (table["delta"] > 0.1) | (table["delta"] < 0.0125)
    bent = table.assign(regret=np.where(far, 7.0 * table["delta"] ** 3, table["regret"]))
    small, large = (claims.slopes(bent, "regular", "dpo", part) for part in ("small", "large"))
    assert small.value == pytest.approx(1.5) and small.at(level) == pytest.approx(stats.mean([1.0, 2.0]).at(level))
    assert (large.value, *large.at(level)) == pytest.approx((3.0, 3.0, 3.0))
    for silent in (powers([1.0]), powers([1.0, 2.0], deltas=(0.1, 0.4)), table.assign(regret=0.0)):
        assert np.isnan(claims.slopes(silent, "regular", "dpo", "small").value)
    one_zero = table.assign(regret=table["regret"].where(table.index != 1, 0.0))
    assert claims.slopes(one_zero, "regular", "dpo", "small").at(level) == (-np.inf, np.inf)


@pytest.mark.parametrize(("edge", "expected"), [(0.81, PASS), (0.79, FAIL), (1.19, PASS), (1.21, FAIL)])
def test_linear_means_an_exponent_within_a_fifth_of_one(edge, expected):
    """At the edges of the band, without noise; S5b looks at small mismatches alone."""
    assert outcome("S5a", preference_regret=powers([edge, edge])) == expected
    assert outcome("S5b", preference_regret=powers([edge, edge], regime="near_separable")) == expected
    bent = powers([1.0, 1.0], regime="near_separable")
    large = bent["delta"] >= 0.2
    bent.loc[large, "regret"] = bent.loc[large, "delta"] ** edge
    assert outcome("S5b", preference_regret=bent) == PASS
    assert outcome("S5a", preference_regret=bent.assign(regime="regular")) == expected


def test_the_exponents_finding_tells_both_ranges_and_both_policies():
    table = pd.concat([powers([0.9, 0.9]), powers([1.5, 1.5], policy="matched")])
    found = BY_ID["S5a"].judge({"preference_regret": table}, LEVEL)
    assert (found.outcome, found.n, found.measured) == (PASS, 2, pytest.approx(0.9)) and found.bound in (0.8, 1.2)
    assert found.detail.startswith("regular: small delta holds: DPO 0.900 [") and "large delta holds" in found.detail
    assert found.detail.count("SGPO with eps = delta 1.500 [") == 2
    curved = table.assign(regret=table["regret"].where(table["delta"] > 0.1, table["delta"] ** 2))
    text = judge(BY_ID["S5a"], {"preference_regret": curved}, LEVEL)
    assert (
        text["verdict"] == REFUTED and "small delta fails" in text["detail"] and "large delta holds" in text["detail"]
    )
    wild = pd.concat([powers([0.1, 1.9]), powers([1.0, 1.0], policy="matched")])
    assert "small delta is open" in BY_ID["S5a"].judge({"preference_regret": wild}, LEVEL).detail


@pytest.mark.parametrize(("id", "power", "verdict"), [("S5a", 2.0, REFUTED), ("S5a", 1.0, PASS), ("S5b", 1.05, PASS)])
def test_exponents_stand_beside_their_controls(id, power, verdict):
    """A refuted one needs a planted truth, one that passes a planted fault."""
    regime = {"S5a": "regular", "S5b": "near_separable"}[id]
    found = judge(BY_ID[id], {"preference_regret": regrets(power, regime=regime)}, LEVEL)
    assert found["verdict"] == verdict and found["sound"]


def crossed(star, noise, n=12):
    """DPO/SGPO = delta/star in each data set, up to noise that a data set has in common at all mismatches."""
    rng = np.random.default_rng(4)
    shift = np.exp(noise * rng.normal(size=n))
    dpo = powers([1.0] * n, DELTAS, regime="near_separable")
    matched = dpo.assign(policy="matched", regret=star)
    dpo = dpo.assign(regret=dpo["delta"] * shift[dpo["replication"]])
    return pd.concat([dpo, matched])


@pytest.mark.parametrize(("star", "expected"), [(0.03, FAIL), (0.012, PASS), (0.2, FAIL)])
def test_the_crossing_mismatch_is_found_with_its_interval(star, expected):
    table = crossed(star, 0.02)
    found = BY_ID["S4d"].judge({"preference_regret": table}, LEVEL)
    assert found.outcome == expected
    x, dpo = claims.regret_curves(table, "near_separable", "dpo")
    _, matched = claims.regret_curves(table, "near_separable", "matched")
    value, low, high = claims.crossing(x, np.log(dpo / matched), LEVEL)
    if star < x[0]:
        assert (value, low, high) == (0.0, 0.0, 0.0)
    else:
        assert low <= value <= high and low <= star * 1.01 and star * 0.99 <= high < 1.2 * star
        assert value == pytest.approx(star, rel=0.03)
    assert found.detail.startswith(f"SGPO's is lower from delta* = {value:.3g} [")


def test_a_crossing_beyond_the_mismatches_is_endless():
    table = crossed(2.0, 0.0)
    _, dpo = claims.regret_curves(table, "near_separable", "dpo")
    assert claims.crossing(np.array(DELTAS), np.log(dpo / 2.0), LEVEL) == (np.inf, np.inf, np.inf)


def test_sup_regrets_are_compared_up_to_a_tenth_with_a_shared_level():
    dpo, matched = powers([1.0, 1.0]), powers([1.0, 1.0], policy="matched")
    matched = matched.assign(regret=matched["regret"] * np.where(matched["delta"] > 0.1, 9.0, [0.5, 0.8] * 4))
    found = BY_ID["S4c"].judge({"preference_regret": pd.concat([dpo, matched])}, LEVEL)
    assert found.n == 2 and found.bound == 1.0
    assert "delta = 0.1: DPO/SGPO" in found.detail and "delta = 0.2" not in found.detail
    assert found.measured == pytest.approx(1.25)


@pytest.mark.parametrize("share", [0.5, 1.5])
def test_orderings_of_regret_stand_beside_a_fault_and_a_truth(share):
    """Either answer is borne out by its control: nine tenths of SGPO's regret fails, 1.1 times passes."""
    for id, regime in (("S4c", "regular"), ("S4d", "near_separable")):
        found = judge(BY_ID[id], {"preference_regret": regrets(matched=lambda d, _: share * d, regime=regime)}, LEVEL)
        assert found["verdict"] == (PASS if share < 1.0 else REFUTED) and found["sound"]
