"""Judges of the preference game on doctored tables: each one can pass, fail, and stay undecided."""

import numpy as np
import pandas as pd
import pytest

from theory import stats
from theory.judges import preference as claims
from theory.ledger import FAIL, INCONCLUSIVE, PASS, REFUTED, VACUOUS, judge

LEVEL = 1e-3
BY_ID = {c.id: c for c in claims.CLAIMS}
DELTAS = (0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8)


def outcome(id, **tables):
    return BY_ID[id].judge(tables, LEVEL).outcome


def certificates(**errors):
    """Three instances of every check, exact but for the errors given by name."""
    checks = ("program", "moved", *claims.DUALS, *claims.LEADERS, "weights", "literal")
    return pd.DataFrame([dict(seed=0, check=c, error=errors.get(c, 0.0), gap=0.0) for c in checks for _ in range(3)])


@pytest.mark.parametrize(
    ("id", "checks"),
    [
        ("S1a", ("program",)),
        ("S1b", ("moved",)),
        ("S3a", claims.DUALS),
        ("S3b", claims.LEADERS),
        ("S8", ("weights", "literal")),
    ],
)
def test_certificates_pass_fail_and_are_missed(id, checks):
    assert outcome(id, preference_certificates=certificates()) == PASS
    for check in checks:
        assert outcome(id, preference_certificates=certificates(**{check: 1e-3})) == FAIL
        assert outcome(id, preference_certificates=certificates(**{check: np.nan})) == FAIL
        table = certificates()
        assert outcome(id, preference_certificates=table[table["check"] != check]) == INCONCLUSIVE
    others = {c: 1.0 for c in certificates()["check"].unique() if c not in checks}
    assert outcome(id, preference_certificates=certificates(**others)) == PASS


def line(policy_gap=1e-9, value_gap=1e-9, window=1e8):
    return pd.DataFrame(dict(seed=[0] * 4, window=window, policy_gap=policy_gap, value_gap=value_gap))


def test_same_maximisers_only_counts_long_windows():
    assert outcome("S2a", preference_line=line()) == PASS
    assert outcome("S2a", preference_line=line(policy_gap=1e-3)) == FAIL
    assert outcome("S2a", preference_line=line(value_gap=1e-3)) == FAIL
    assert outcome("S2a", preference_line=line(window=10.0)) == INCONCLUSIVE
    assert outcome("S2a", preference_line=pd.concat([line(), line(policy_gap=0.1, window=10.0)])) == PASS


def contrast(dpo=1.0, sgpo=0.01, delta=0.5, eps=0.02):
    rows = [(eps, delta, dpo, sgpo), (1.0, 0.5, dpo, sgpo)]
    table = pd.DataFrame(rows, columns=["eps", "delta", "dpo", "sgpo"])
    return table.assign(seed=0, replication=0, kind="made up")


def test_contrast_holds_where_both_halves_do():
    assert outcome("S2b", preference_contrast=contrast()) == PASS
    assert outcome("S2b", preference_contrast=contrast(dpo=0.1)) == FAIL
    assert outcome("S2b", preference_contrast=contrast(sgpo=5.0)) == FAIL
    assert outcome("S2b", preference_contrast=contrast().iloc[:0]) == INCONCLUSIVE
    found = judge(BY_ID["S2b"], {"preference_contrast": contrast(dpo=0.1)}, LEVEL)
    assert found["verdict"] == REFUTED
    assert "made up" in found["detail"]


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
        seed=0, adversaries=5, r1_measured=0.1, r1_bound=0.2, r2_measured=0.1, r2_bound=0.2, risk=0.3
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
        ("S5c", "regular", 2.05, 0.01, PASS),
        ("S5c", "regular", 1.0, 0.01, FAIL),
        ("S5c", "regular", 2.0, 1.0, INCONCLUSIVE),
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


def rounds(flip, gains, noise=0.001, n=12):
    """Accuracy after three rounds: 0.8 plus the method's gain plus noise that replications do not share."""
    rng = np.random.default_rng(2)
    rows = [
        dict(method=m, round=k, flip=flip, seed=0, replication=r, accuracy=0.8 + k * g / 3 + noise * rng.normal())
        for m, g in gains.items()
        for r in range(n)
        for k in range(4)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("group", "flip"), [("S6", 0.0), ("S7", 0.25)])
@pytest.mark.parametrize(("letter", "method"), [("a", "L1"), ("b", "L2"), ("c", "L3"), ("d", "feature")])
def test_orderings(group, flip, letter, method):
    none = dict.fromkeys(claims.RIVALS, 0.0)
    other = rounds(0.25 - flip, none | {method: -0.5})
    for gain, noise, expected in ((0.05, 1e-3, PASS), (-0.05, 1e-3, FAIL), (0.001, 0.05, INCONCLUSIVE)):
        table = pd.concat([rounds(flip, none | {method: gain}, noise), other])
        assert outcome(f"{group}{letter}", preference_rounds=table) == expected
    one_better = none | {"rdpo": 0.05, method: 0.02}
    found = judge(BY_ID[f"{group}{letter}"], {"preference_rounds": rounds(flip, one_better)}, LEVEL)
    assert found["verdict"] == REFUTED
    missing = rounds(flip, {"dpo": 0.0, method: 0.1})
    assert outcome(f"{group}{letter}", preference_rounds=missing) == INCONCLUSIVE


@pytest.mark.parametrize(
    ("gain", "noise", "expected"),
    [(0.001, 1e-4, PASS), (-0.02, 1e-3, FAIL), (0.02, 1e-3, FAIL), (0.0, 0.05, INCONCLUSIVE)],
)
def test_negligible_changes(gain, noise, expected):
    table = pd.concat([rounds(flip, {"self_L0": 0.0, "L1": 0.0, "L3": gain}, noise) for flip in (0.0, 0.25)])
    assert outcome("S10", preference_rounds=table) == expected
    assert outcome("S10", preference_rounds=table.iloc[:0]) == INCONCLUSIVE


def bought(gain, noise, n=12):
    """Gains of two gates at two budgets; the other gate's are large and of no concern."""
    rng = np.random.default_rng(3)
    rows = [
        dict(strategy=s, budget=b, labels=b, round=3, seed=0, replication=r, gain=g + noise * rng.normal())
        for s, g in (("margin", gain), ("llf_split", 9.0))
        for b in (100, 200)
        for r in range(n)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("gain", "noise", "expected"), [(0.03, 1e-3, PASS), (-0.03, 1e-3, FAIL), (0.0, 0.05, INCONCLUSIVE)]
)
def test_buying_against_self_annotation(gain, noise, expected):
    assert outcome("S9c", preference_labels=bought(gain, noise)) == expected
    assert outcome("S9a", preference_labels=bought(gain, noise)) == INCONCLUSIVE


def test_rows_say_where_they_come_from():
    assert len(BY_ID) == len(claims.CLAIMS)
    assert {c.origin.split(",")[0] for c in claims.CLAIMS} == {"stated by [C25]", "derived here"}
    assert {c.kind for c in claims.CLAIMS} <= {"certificate", "upper", "exponent", "ordering", "control"}
    assert {c.group for c in claims.CLAIMS} == {f"S{i}" for i in range(1, 11)}


@pytest.mark.parametrize(("error", "expected"), [(1e-6, PASS), (1e-6 + 2e-9, FAIL)])
def test_certificates_and_policies_agree_to_a_millionth(error, expected):
    assert outcome("S1a", preference_certificates=certificates(program=error)) == expected
    assert outcome("S2a", preference_line=line(policy_gap=error)) == expected
    assert outcome("S2a", preference_line=line(value_gap=error)) == expected


def test_a_window_of_ten_million_nats_is_long():
    assert outcome("S2a", preference_line=line(window=1e7)) == PASS
    assert outcome("S2a", preference_line=line(window=9.9e6)) == INCONCLUSIVE
    apart = BY_ID["S2a"].judge({"preference_line": line(policy_gap=[1e-9, 4e-9, 1e-9, 1e-9], window=1e7)}, LEVEL)
    assert (apart.n, apart.measured) == (4, 4e-9)
    text = BY_ID["S2a"].judge({"preference_line": line(window=1e7)}, LEVEL).detail
    assert text.endswith("by window (nats) 1e+07: 1.0e-09")


def targets(*rows):
    """Rows (eps, delta, dpo, sgpo) of the contrast table."""
    table = pd.DataFrame(rows, columns=["eps", "delta", "dpo", "sgpo"])
    return {"preference_contrast": table.assign(seed=[3 + i for i in range(len(rows))], replication=7, kind="k")}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((0.1, 0.5, 0.3, 9.0), PASS), ((0.1, 0.5, 0.2999, 9.0), FAIL), ((0.5, 0.5, 0.0, 1.0), PASS),
        ((0.5, 0.5, 0.0, 1.001), FAIL), ((0.5, 0.501, 0.0, 9.0), PASS), ((0.1, 0.15, -1e-12, 9.0), PASS),
        ((0.1, 0.15, -1e-3, 9.0), FAIL),
    ],
)  # fmt: skip
def test_both_halves_of_the_contrast_at_their_edges(row, expected):
    assert outcome("S2b", **targets(row)) == expected


def test_the_contrast_tells_its_widest_miss():
    found = BY_ID["S2b"].judge(targets((0.1, 0.5, 0.2, 1.0), (0.1, 0.9, 0.2, 1.0), (0.5, 0.4, 0.3, 1.0)), LEVEL)
    assert "widest miss: k, seed 4, target 7: delta 0.9, eps 0.1, DPO 0.2, SGPO 1. " in found.detail
    assert found.detail.endswith("SGPO's part held in 1 of 1 targets inside its ball")
    small = BY_ID["S2b"].judge(targets((0.1, 0.5, 0.2, 1.0), (0.1, 0.5, 0.3, 1.0)), LEVEL).detail
    assert "widest miss: k, seed 3" in small
    assert "widest" not in BY_ID["S2b"].judge(targets((0.5, 0.5, 0.0, 1.0)), LEVEL).detail


@pytest.mark.parametrize(
    ("id", "columns", "expected"),
    [
        ("S4a", dict(r1_measured=0.2), PASS), ("S4a", dict(r1_measured=0.2001), FAIL),
        ("S4a", dict(risk=claims.LOG2), PASS), ("S4a", dict(risk=claims.LOG2 + 1e-6), FAIL),
        ("S4a", dict(r1_bound=claims.LOG2), VACUOUS),
        ("S4b", dict(r2_measured=0.2), PASS), ("S4b", dict(r2_measured=0.2001), FAIL),
    ],
)  # fmt: skip
def test_regret_bounds_at_their_edges(id, columns, expected):
    table = regrets(**columns)
    found = BY_ID[id].judge({"preference_regret": table}, LEVEL)
    assert found.outcome == expected and found.n == len(table) * (2 if id == "S4a" else 1)
    assert found.detail.endswith(f"{5 * len(table)} adversaries")


def powers(values, deltas=(0.05, 0.1, 0.2, 0.4), policy="dpo", regime="regular"):
    """One data set for each of ``values``: regret delta^value."""
    rows = [
        dict(regime=regime, policy=policy, delta=d, seed=0, replication=i, regret=d**v)
        for i, v in enumerate(values)
        for d in deltas
    ]
    return pd.DataFrame(rows)


def test_an_exponent_is_fitted_up_to_a_tenth_or_from_a_fifth():
    table = powers([1.0, 2.0])
    bent = table.assign(regret=np.where(table["delta"] > 0.1, 7.0 * table["delta"] ** 3, table["regret"]))
    assert claims.slopes(bent, "regular", "dpo", True, LEVEL) == pytest.approx(stats.student([1.0, 2.0], LEVEL))
    assert claims.slopes(bent, "regular", "dpo", False, LEVEL) == pytest.approx((3.0, 3.0, 3.0))
    for silent in (powers([1.0]), powers([1.0, 2.0], deltas=(0.1, 0.4)), table.assign(regret=0.0)):
        assert np.isnan(claims.slopes(silent, "regular", "dpo", True, LEVEL)[0])
    one_zero = table.assign(regret=table["regret"].where(table.index > 0, 0.0))
    assert claims.slopes(one_zero, "regular", "dpo", True, LEVEL)[1:] == (-np.inf, np.inf)


def test_the_exponents_finding_tells_both_policies():
    table = pd.concat([powers([0.9, 0.9]), powers([1.5, 1.5], policy="matched")])
    found = BY_ID["S5a"].judge({"preference_regret": table}, LEVEL)
    assert (found.outcome, found.bound, found.n, found.measured) == (PASS, 1.0, 2, pytest.approx(0.9))
    assert "regular, delta <= 0.1: DPO 0.900 [" in found.detail and "SGPO with eps = delta 1.500 [" in found.detail
    large = claims.exponent("regular", (0.8, 1.2), small=False)({"preference_regret": table}, LEVEL)
    assert "delta >= 0.2" in large.detail
    assert BY_ID["S5c"].judge({"preference_regret": powers([2.0, 2.0])}, LEVEL).bound == 2.0


def test_sup_regrets_are_compared_up_to_a_tenth_with_a_shared_level():
    dpo, matched = powers([1.0, 1.0]), powers([1.0, 1.0], policy="matched")
    matched = matched.assign(regret=matched["regret"] * np.where(matched["delta"] > 0.1, 9.0, [0.5, 0.8] * 4))
    found = BY_ID["S4c"].judge({"preference_regret": pd.concat([dpo, matched])}, LEVEL)
    assert found.n == 2 and found.bound == 1.0


def test_levels_are_shared_over_rivals_cells_and_budgets(monkeypatch):
    seen = []
    student = stats.student
    monkeypatch.setattr(stats, "student", lambda x, level: seen.append(level) or student(x, level))
    gains = dict.fromkeys((*claims.RIVALS, "L1", "L3"), 0.0)
    assert BY_ID["S6a"].judge({"preference_rounds": rounds(0.0, gains)}, LEVEL).n == len(seen) == 5
    assert seen == [LEVEL / 5] * 5
    seen.clear()
    table = pd.concat([rounds(flip, gains) for flip in (0.0, 0.25)])
    found = BY_ID["S10"].judge({"preference_rounds": table}, LEVEL)
    assert found.n == 4 and seen == [LEVEL / 4] * 4 and "L3, 25% flips" in found.detail and found.bound == 0.005
    seen.clear()
    found = BY_ID["S9c"].judge({"preference_labels": bought(0.01, 1e-3)}, LEVEL)
    assert found.n == 2 and seen == [LEVEL / 2] * 2 and "100 labels, budget 100" in found.detail


@pytest.mark.parametrize(("gain", "expected"), [(0.0049, PASS), (-0.0049, PASS), (0.0051, FAIL), (-0.0051, FAIL)])
def test_a_change_is_negligible_within_its_margin(gain, expected):
    table = rounds(0.0, {"self_L0": 0.0, "L1": 0.001, "L3": gain}, noise=0.0)
    found = BY_ID["S10"].judge({"preference_rounds": table}, LEVEL)
    assert found.outcome == expected and found.measured == pytest.approx(abs(gain))


def test_the_cell_shown_is_the_widest():
    """L1's interval reaches down, L3's not so far up."""
    noise = np.tile([-0.0024, 0.0024], 6)
    table = rounds(0.0, {"self_L0": 0.0, "L1": 0.0, "L3": 0.002}, noise=0.0)
    wide = (table["method"] == "L1") & (table["round"] == 3)
    table.loc[wide, "accuracy"] += noise[table.loc[wide, "replication"]] - 0.002
    found = BY_ID["S10"].judge({"preference_rounds": table}, LEVEL)
    assert found.measured == pytest.approx(0.002) and found.low < -0.005 and 0.0 < found.high < 0.002
    table.loc[wide, "accuracy"] += 0.004
    assert BY_ID["S10"].judge({"preference_rounds": table}, LEVEL).high > 0.005


def test_only_the_last_round_and_the_given_flips_count():
    table = pd.concat([rounds(0.0, dict.fromkeys(claims.RIVALS, 0.0) | {"L1": 0.05}, 1e-3), rounds(0.25, {"L1": -9.0})])
    found = BY_ID["S6a"].judge({"preference_rounds": table}, LEVEL)
    assert found.outcome == PASS and found.measured == pytest.approx(0.05, abs=2e-3)
    early = bought(0.03, 1e-3)
    late = pd.concat([early, early.assign(round=2, gain=-9.0)])
    assert outcome("S9c", preference_labels=late) == PASS
