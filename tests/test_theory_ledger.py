"""Verdicts: each outcome can happen, seed sets must agree, and exit codes follow."""

from dataclasses import FrozenInstanceError

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


def test_within_allows_rounding_and_no_more():
    assert ledger.ROUNDING == 1e-9
    assert within(series(1e-9), 0.0, np.inf, "").outcome == PASS
    assert within(series(np.nextafter(1e-9, 1.0)), 0.0, np.inf, "").outcome == FAIL
    for bound in (0.0, 1.0, -3.0, 1e6):
        slack = ledger.ROUNDING * (1.0 + abs(bound))
        assert within(series(bound + 0.99 * slack), bound, np.inf, "").outcome == PASS
        assert within(series(bound + 1.01 * slack), bound, np.inf, "").outcome == FAIL
    assert within(series(2.0), 2.0, 2.0, "").outcome == VACUOUS  # a bound at the trivial one says nothing
    assert within(series(2.0), 2.0, np.nextafter(2.0, 3.0), "").outcome == PASS


def test_findings_and_claims_do_not_change():
    found = within(series(1), 4.0, 9.0, "")
    for thing, field in ((found, "outcome"), (claims.LEDGER[0], "expected")):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, field, FAIL)


def test_within_tells_counts_shares_and_the_row_shown():
    found = within(series(1, 5, 6), 4.0, series(9, 9, 1), "why")
    assert (found.measured, found.low, found.high, found.bound, found.n) == (6, 6, 6, 4, 3)
    assert found.detail == "2 violations in 3 rows; bound below the trivial one in 67%. why"
    assert within(series(1), 4.0, 9.0, "").detail.endswith("in 100%.")
    vacuous = within(series(1, 3), series(4, 4), 1.0, "")
    assert (vacuous.outcome, vacuous.measured) == (VACUOUS, 3)
    zero = within(series(0.5, 1e-10), series(1, 0), np.inf, "")
    assert (zero.outcome, zero.measured, zero.bound) == (PASS, 1e-10, 0)
    assert within(series(-1, -2), series(0, -2), np.inf, "").outcome == PASS
    assert within(series(np.nan, 9), 4.0, 9.0, "").n == 2 and np.isnan(within(series(9, np.nan), 4.0, 9.0, "").measured)


def test_compared_keeps_the_index_and_takes_numbers_or_columns():
    found = compared(pd.Series([1, 2], [5, 5]), pd.Series([3, 4], [0, 1]))
    assert found.index.tolist() == [5, 5] and found.to_numpy().tolist() == [[1.0, 3.0, np.inf], [2.0, 4.0, np.inf]]
    with pytest.raises(ValueError, match="broadcast"):
        compared(series(1, 2, 3), series(1, 2))


def test_all_of_at_its_edges():
    at = [("a", 0.5, 0.4, 1.0)]
    assert (
        all_of(at, 1.0, "below").outcome == PASS and all_of(at, np.nextafter(1.0, 0.0), "below").outcome == INCONCLUSIVE
    )
    assert all_of(at, 0.4, "below").outcome == INCONCLUSIVE and all_of(at, 0.39, "below").outcome == FAIL
    assert all_of(at, 0.4, "above").outcome == PASS and all_of(at, 0.41, "above").outcome == INCONCLUSIVE
    assert all_of(at, 1.0, "above").outcome == INCONCLUSIVE and all_of(at, 1.01, "above").outcome == FAIL
    nan = [("none", np.nan, -np.inf, np.inf), ("b", 0.7, 0.6, 0.8)]
    found = all_of(nan, 1.0, "below")
    assert (found.outcome, found.measured, found.low, found.high, found.n) == (INCONCLUSIVE, 0.7, 0.6, 0.8, 2)
    assert all_of(nan, 1.0, "above").measured == 0.7
    two = [("far", 9.0, 0.5, 20.0), ("bad", 3.0, 2.0, 4.0), ("worse", 4.0, 3.0, 5.0)]
    assert all_of(two, 1.0, "below").measured == 4.0  # surely above counts before far above
    up = [("far", -9.0, -20.0, 0.5), ("bad", -3.0, -4.0, -2.0), ("worse", -4.0, -5.0, -3.0)]
    assert all_of(up, -1.0, "above").measured == -4.0
    wide = [("wide", 0.7, 0.1, 1.2), ("narrow", 0.6, 0.5, 0.65)]
    assert all_of(wide, 1.0, "below").measured == 0.7  # by the estimate, not by an end of the interval
    many = all_of([(f"c{i}", 0.5, 0.4, 0.6) for i in range(13)], 1.0, "below")
    assert many.detail.startswith("worst: c0. c0 0.5 [0.4, 0.6]; ")
    assert "c11 " in many.detail and "c12" not in many.detail


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
    fine = {"verdict": PASS, "expected": PASS}
    assert exit_code(pd.DataFrame([fine, {"verdict": verdict, "expected": expected}])) == code


def test_a_failure_outranks_what_stayed_open():
    rows = [dict(verdict=INCONCLUSIVE, expected=PASS), dict(verdict=FAIL, expected=PASS)]
    assert exit_code(pd.DataFrame(rows)) == exit_code(pd.DataFrame(rows[::-1])) == 1


def test_a_row_of_the_verdict_table_tells_finding_and_claim():
    row = judge(claim({(0, 1): PASS, (0,): PASS, (1,): PASS}), TABLES, 0.01)
    assert row == dict(
        measured=1.0, bound=2.0, low=1.0, high=1.0, n=1, detail="why", id="X1", part="p", statement="s",
        origin="derived here", kind="upper", constants="none", figure="f", expected=PASS, verdict=PASS,
        agreement="PASS PASS", tightness=0.5,
    )  # fmt: skip
    none = Claim("X1", "p", "s", "o", "upper", ("x",), "f", lambda tables, level: Finding(1.0, 0.0, PASS, 1, 1, 1, ""))
    assert np.isnan(judge(none, TABLES, 0.01)["tightness"]) and none.constants == "no radius constant enters"
    assert Claim("B9a", "", "", "", "", (), "", none.judge).group == "B9" and none.group == "X1"


def test_each_seed_set_is_judged_on_its_own_rows_of_the_needed_tables():
    seen = []

    def watch(tables, level):
        seen.append({name: table["seed"].tolist() for name, table in tables.items()})
        return Finding(1.0, 2.0, PASS, 1.0, 1.0, 1, "")

    tables = {
        "x": pd.DataFrame({"seed": [1, 0]}),
        "y": pd.DataFrame({"seed": [0, 2]}),
        "z": pd.DataFrame({"seed": [9]}),
    }
    row = judge(Claim("X1", "", "", "", "", ("x", "y"), "", watch), tables, 0.01)
    assert seen == [dict(x=[1, 0], y=[0, 2]), dict(x=[0], y=[0]), dict(x=[1], y=[]), dict(x=[], y=[2])]
    assert row["agreement"] == "PASS PASS PASS"


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


def test_the_ledger_goes_by_letter_number_and_reading_controls_last():
    ids = [c.id for c in claims.LEDGER]
    assert ids[:4] == ["B1", "B2", "B3a", "B3b"] and ids[-4:] == ["B14a", "B14b", "B14c", "B14d"]
    first = [next(i for i, name in enumerate(ids) if name.startswith(letter)) for letter in "BLOSM"]
    assert first == sorted(first)
    assert ids.index("S9d") + 1 == ids.index("S10") and ids.index("B9b") + 1 == ids.index("B10")

    def at(id, origin="derived here"):
        return claims.place(Claim(id, "", "", origin, "", (), "", lambda tables, level: None))

    order = [
        at("B2"),
        at("B10"),
        at("L1"),
        at("M9"),
        at("A1"),
        at("A1a"),
        at("Q1"),
        at("B1", "control"),
        at("Q1", "control"),
    ]
    assert order == sorted(order)
    for bad in ("b1", "B", "1", "B1-a", "B1 "):
        with pytest.raises(ValueError, match=f"claim id {bad!r}: must be a letter, a number"):
            at(bad)


def test_a_module_of_judges_that_lists_claims_is_found(monkeypatch):
    from theory.judges import certificates, plugin

    more = Claim("Z1", "", "", "derived here", "upper", (), "", lambda tables, level: None)
    monkeypatch.setattr(plugin, "CLAIMS", (more,), raising=False)
    assert claims.gathered() == (*claims.LEDGER[:-4], more, *claims.LEDGER[-4:])
    monkeypatch.setattr(plugin, "CLAIMS", certificates.CLAIMS[:1])
    with pytest.raises(ValueError, match="used twice: O1; give each claim its own"):
        claims.gathered()


def test_claims_are_chosen_by_id_or_group():
    assert [c.id for c in claims.chosen(("B9", "O1"))] == ["B9a", "B9b", "O1"]
    assert [c.id for c in claims.chosen(("B9a",))] == ["B9a"] and claims.chosen(()) == ()


def test_verify_judges_the_chosen_or_all(monkeypatch):
    monkeypatch.setattr(claims, "judge", lambda claim, tables, level: dict(id=claim.id, level=level))
    assert claims.verify({}, ("B9",)).to_numpy().tolist() == [["B9a", claims.LEVEL], ["B9b", claims.LEVEL]]
    assert claims.verify({})["id"].tolist() == [c.id for c in claims.LEDGER]
