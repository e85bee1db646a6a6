"""Judges of the preference game on doctored tables: each one can pass, fail, and stay undecided."""

import numpy as np
import pandas as pd
import pytest

from theory.judges import preference as claims
from theory.ledger import FAIL, INCONCLUSIVE, PASS, REFUTED, judge

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
    return pd.DataFrame([dict(seed=0, window=window, policy_gap=policy_gap, value_gap=value_gap)] * 4)


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
