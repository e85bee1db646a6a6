"""Judges of the preference game's closed forms, line and limits on doctored tables: pass, fail, undecided."""

import numpy as np
import pandas as pd
import pytest

from theory.judges import preference as claims
from theory.judges import preference_regret, preference_rounds
from theory.ledger import FAIL, INCONCLUSIVE, PASS, REFUTED, VACUOUS, judge

LEVEL = 1e-3
BY_ID = {c.id: c for c in claims.CLAIMS}


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
    assert found["verdict"] == REFUTED and found["sound"]
    assert "made up" in found["detail"]
    assert judge(BY_ID["S2b"], {"preference_contrast": contrast()}, LEVEL)["verdict"] == PASS


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


def limits(*rows, **columns):
    """Rows (measured, bound, planted) of the limits table, all of one check."""
    table = pd.DataFrame(rows, columns=["measured", "bound", "planted"])
    return {"preference_limits": table.assign(**dict(seed=0, replication=0, instance="x", says=True) | columns)}


@pytest.mark.parametrize(
    ("id", "check"), [("S11", "linear"), ("S12", "price"), ("S13", "pieces"), ("S14a", "attained"), ("S14b", "between")]
)
def test_limits_are_compared_row_by_row(id, check):
    edge, over = limits((1.0, 1.0, 0.9), (0.1, 0.2, 0.2), check=check), limits((1.0, 1.0 - 1e-8, 0.9), check=check)
    assert outcome(id, **edge) == PASS and BY_ID[id].judge(edge, LEVEL).n == 2
    assert outcome(id, **over) == FAIL
    assert outcome(id, **limits((1.0, np.nan, 0.9), check=check)) == FAIL
    assert outcome(id, **limits((1.0, 0.5, 0.9), check="another")) == INCONCLUSIVE
    assert outcome(id, **limits((-1.0, 0.5, 0.9), check=check, says=False)) == VACUOUS
    assert outcome(id, **limits((1.0, 0.5, 0.9), check=check, says=False)) == FAIL
    half = BY_ID[id].judge(limits((0.4, 0.5, 0.0), (0.4, 0.5, 0.0), check=check, says=[True, False]), LEVEL)
    assert (half.outcome, half.useful, half.measured, half.bound) == (PASS, 0.5, 0.4, 0.5)


def test_an_inequality_stands_only_beside_the_faults_that_were_planted():
    """The planted bound breaks: PASS; it holds as well: the judge has shown nothing."""
    for id, check in (("S11", "linear"), ("S12", "price"), ("S14b", "between")):
        assert judge(BY_ID[id], limits((1.0, 1.1, 0.9), check=check), LEVEL)["verdict"] == PASS
        found = judge(BY_ID[id], limits((1.0, 1.1, 1.05), check=check), LEVEL)
        assert found["verdict"] == INCONCLUSIVE and "is PASS" in found["detail"] and not found["sound"]


def test_finite_k_needs_both_faults():
    table = limits(
        (0.40, 0.42, 0.42), (0.02, 0.05, 0.0125), check="pieces", instance=["tangents below, K 3", "tangents"]
    )
    assert judge(BY_ID["S13"], table, LEVEL)["verdict"] == PASS
    blind = table["preference_limits"].assign(instance="tangents")
    assert judge(BY_ID["S13"], {"preference_limits": blind}, LEVEL)["verdict"] == INCONCLUSIVE


def test_an_equilibrium_on_the_whole_line_is_refuted_beside_a_truth():
    assert judge(BY_ID["S14a"], limits((1e-6, 0.0, 1e-6), check="attained"), LEVEL)["verdict"] == REFUTED
    strict = limits((1e-6, 0.0, 0.0), check="attained")
    assert judge(BY_ID["S14a"], strict, LEVEL)["verdict"] == INCONCLUSIVE
    assert outcome("S14a", **limits((0.0, 0.0, 0.0), check="attained")) == PASS


def test_the_contrast_says_what_the_appendix_leaves():
    found = BY_ID["S2b"].judge(targets((0.1, 0.5, 0.2, 1.0), (0.5, 0.4, 0.3, 1.0), (0.5, 0.5, 0.3, 1.0)), LEVEL)
    assert "floor is above 0 at 0 of 2 targets" in found.detail


def test_rows_say_where_they_come_from():
    rows = (*claims.CLAIMS, *preference_regret.CLAIMS, *preference_rounds.CLAIMS)
    assert len({c.id for c in rows}) == len(rows)
    origins = {c.origin.split(",")[0] for c in rows}
    assert origins == {"stated by [C25]", "derived here", "conjectured here"}
    assert {c.kind for c in rows} <= {"certificate", "upper", "exponent", "ordering", "control"}
    assert {c.group for c in rows} == {f"S{i}" for i in range(1, 15)}
    assert all(c.controls for c in rows)
