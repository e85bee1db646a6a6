"""Verdicts: each outcome can happen, seed sets must agree, and exit codes follow."""

import numpy as np
import pandas as pd
import pytest

from theory import claims, ledger
from theory.ledger import FAIL, INCONCLUSIVE, PASS, REFUTED, VACUOUS, Claim, Finding, all_of, compared, exit_code, judge


def series(*values):
    return pd.Series(values, dtype=float)


def within(measured, bound, trivial, detail):
    return ledger.within(compared(measured, bound, trivial), detail)


def test_within_can_pass_fail_be_vacuous_or_empty():
    assert within(series(1, 2), series(3, 3), series(9, 9), "").outcome == PASS
    assert within(series(1, 4), series(3, 3), series(9, 9), "").outcome == FAIL
    assert within(series(1, 2), series(3, 3), series(2, 2), "").outcome == VACUOUS
    assert within(series(), series(), series(), "").outcome == INCONCLUSIVE


def test_within_shows_the_tightest_useful_row_and_the_worst_violation():
    found = within(series(1, 2, 8), series(4, 3, 9), series(9, 9, 5), "")
    assert (found.measured, found.bound) == (2, 3)
    assert within(series(1, 8), series(4, 4), series(9, 9), "").measured == 8


def test_within_refuses_nan():
    assert within(series(np.nan), series(1), series(9), "").outcome == FAIL


def test_all_of_both_sides():
    below = [("a", 0.5, 0.4, 0.6), ("b", 0.7, 0.6, 0.8)]
    assert all_of(below, 1.0, "below").outcome == PASS
    assert all_of(below, 0.7, "below").outcome == INCONCLUSIVE
    assert all_of(below, 0.55, "below").outcome == FAIL
    assert all_of(below, 0.3, "above").outcome == PASS
    assert all_of(below, 0.75, "above").outcome == FAIL
    assert all_of([], 1.0, "below").outcome == INCONCLUSIVE


def claim(outcomes, origin="derived here", expected=PASS):
    """A claim whose judge answers by seed set; the pooled table holds all sets."""

    def answer(tables, level):
        seeds = tuple(sorted(tables["x"]["seed"].unique()))
        return Finding(1.0, 2.0, outcomes[seeds], 1.0, 1.0, 1, "why")

    return Claim("X1", "p", "s", origin, "upper", ("x",), "f", answer, "none", expected)


TABLES = {"x": pd.DataFrame({"seed": [0, 1]})}


def test_verdict_needs_agreement_of_seed_sets():
    same = judge(claim({(0, 1): PASS, (0,): PASS, (1,): PASS}), TABLES, 0.01)
    assert (same["verdict"], same["agreement"], same["tightness"]) == (PASS, "PASS PASS", 0.5)
    split = judge(claim({(0, 1): PASS, (0,): PASS, (1,): INCONCLUSIVE}), TABLES, 0.01)
    assert split["verdict"] == INCONCLUSIVE
    assert "seed sets differ" in split["detail"]


def test_a_paper_is_refuted_and_everything_else_fails():
    outcomes = {(0, 1): FAIL, (0,): FAIL, (1,): FAIL}
    assert judge(claim(outcomes, "stated by [W26]"), TABLES, 0.01)["verdict"] == REFUTED
    assert judge(claim(outcomes, "conjectured here"), TABLES, 0.01)["verdict"] == REFUTED
    assert judge(claim(outcomes), TABLES, 0.01)["verdict"] == FAIL


@pytest.mark.parametrize(
    ("verdict", "expected", "code"),
    [
        (PASS, PASS, 0), (REFUTED, PASS, 0), (VACUOUS, PASS, 0), (FAIL, PASS, 1), (INCONCLUSIVE, PASS, 3),
        (FAIL, FAIL, 0), (PASS, FAIL, 1), (VACUOUS, FAIL, 1), (INCONCLUSIVE, FAIL, 3), (REFUTED, REFUTED, 0),
    ],
)  # fmt: skip
def test_exit_codes(verdict, expected, code):
    assert exit_code(pd.DataFrame([{"verdict": verdict, "expected": expected}])) == code


def test_ledger_is_whole_and_its_error_is_shared():
    ids = [c.id for c in claims.LEDGER]
    assert len(set(ids)) == len(ids)
    groups = {f"B{n}" for n in range(1, 15)} | {"L1", "L2", "O1", "O2", "O3"}
    groups |= {f"S{n}" for n in range(1, 11)} | {f"M{n}" for n in range(1, 5)}
    assert {c.group for c in claims.LEDGER} == groups
    shares = sum(c.kind in claims.INTERVAL_KINDS for c in claims.LEDGER)
    assert claims.LEVEL * shares == pytest.approx(ledger.FAMILY_ERROR)
    assert all(
        c.origin.split(",")[0]
        in ("stated by [W26]", "stated by [C25]", "derived here", "classical", "conjectured here", "control")
        for c in claims.LEDGER
    )
