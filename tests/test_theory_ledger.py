"""Verdicts: each outcome can happen at the edge of its rule, none stands without a control, and exit codes follow."""

from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest

from theory import claims, ledger, stats
from theory.judges import lm
from theory.ledger import (
    FAIL,
    INCONCLUSIVE,
    PASS,
    REFUTED,
    VACUOUS,
    Claim,
    Control,
    Finding,
    LedgerError,
    all_of,
    compared,
    exit_code,
    inside,
    judge,
    margin,
)  # fmt: skip
from theory.planted import edited, tightened
from theory.stats import Estimate, fixed


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
    for thing, field in ((found, "outcome"), (claims.LEDGER[0], "controls")):
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


def test_tightened_plants_one_violation_just_below_the_worst_row():
    rows = compared(series(1, 3, 0), series(4, 4, 2), 9.0)
    planted = tightened(rows)
    assert planted["bound"].tolist() == pytest.approx([0.95 * 3, 0.95 * 3, 0.95 * 1.5])
    found = ledger.within(planted, "")
    assert (found.outcome, found.measured) == (FAIL, 3.0) and found.detail.startswith("1 violations in 3 rows")
    assert planted["measured"].tolist() == rows["measured"].tolist() and (planted["trivial"] == 9.0).all()
    exact = tightened(rows, 1.0)
    assert ledger.within(exact, "").outcome == PASS  # at the worst row itself nothing is broken
    for silent in (compared(series(0, 0), 4.0), compared(series(-1), 4.0), compared(series(1), 0.0)):
        assert tightened(silent).equals(silent)


def test_edited_changes_one_table_of_a_judge_and_only_for_it():
    tables = {"x": pd.DataFrame({"a": [1, 2]}), "y": pd.DataFrame({"a": [3]})}
    seen = []
    wrong = edited(lambda given, level: seen.append((given, level)), "x", a=lambda t: 10 * t["a"], b="new")
    wrong(tables, 0.5)
    swapped = edited(lambda given, level: given["x"], "x", a=lambda t: t["b"], b=lambda t: t["a"])
    assert swapped({"x": pd.DataFrame({"a": [1], "b": [2]})}, 0.5).to_numpy().tolist() == [[2, 1]]  # not one by one
    ((given, level),) = seen
    assert given["x"]["a"].tolist() == [10, 20] and given["x"]["b"].tolist() == ["new"] * 2 and level == 0.5
    assert given["y"] is tables["y"] and tables["x"]["a"].tolist() == [1, 2] and "b" not in tables["x"]


def cells(*intervals):
    """Comparisons from (label, value, low, high); their intervals do not depend on the level."""
    return [(label, fixed(*numbers)) for label, *numbers in intervals]


def test_all_of_at_its_edges():
    at = cells(("a", 0.5, 0.4, 1.0))
    assert all_of(at, 1.0, "below", 0.1).outcome == PASS
    assert all_of(at, np.nextafter(1.0, 0.0), "below", 0.1).outcome == INCONCLUSIVE
    assert all_of(at, 0.4, "below", 0.1).outcome == INCONCLUSIVE and all_of(at, 0.39, "below", 0.1).outcome == FAIL
    assert all_of(at, 0.4, "above", 0.1).outcome == PASS and all_of(at, 0.41, "above", 0.1).outcome == INCONCLUSIVE
    assert all_of(at, 1.0, "above", 0.1).outcome == INCONCLUSIVE and all_of(at, 1.01, "above", 0.1).outcome == FAIL
    nan = cells(("none", np.nan, -np.inf, np.inf), ("b", 0.7, 0.6, 0.8))
    found = all_of(nan, 1.0, "below", 0.1)
    assert (found.outcome, found.measured, found.low, found.high) == (INCONCLUSIVE, 0.7, 0.6, 0.8)
    assert all_of(nan, 1.0, "above", 0.1).measured == 0.7
    two = cells(("far", 9.0, 0.5, 20.0), ("bad", 3.0, 2.0, 4.0), ("worse", 4.0, 3.0, 5.0))
    assert all_of(two, 1.0, "below", 0.1).measured == 4.0  # surely above counts before far above
    up = cells(("far", -9.0, -20.0, 0.5), ("bad", -3.0, -4.0, -2.0), ("worse", -4.0, -5.0, -3.0))
    assert all_of(up, -1.0, "above", 0.1).measured == -4.0
    wide = cells(("wide", 0.7, 0.1, 1.2), ("narrow", 0.6, 0.5, 0.65))
    assert all_of(wide, 1.0, "below", 0.1).measured == 0.7  # by the estimate, not by an end of the interval
    many = all_of(cells(*((f"c{i}", 0.5, 0.4, 0.6) for i in range(13))), 1.0, "below", 0.1)
    assert many.detail.startswith("worst: c0. c0 0.5 [0.4, 0.6]; ")
    assert "c11 " in many.detail and "c12" not in many.detail


def test_all_of_both_sides():
    below = cells(("a", 0.5, 0.4, 0.6), ("b", 0.7, 0.6, 0.8))
    assert all_of(below, 1.0, "below", 0.1).outcome == PASS and all_of(below, 1.0, "below", 0.1).bound == 1.0
    assert all_of(below, 0.7, "below", 0.1).outcome == INCONCLUSIVE
    assert all_of(below, 0.55, "below", 0.1).outcome == FAIL
    assert all_of(below, 0.3, "above", 0.1).outcome == PASS
    assert all_of(below, 0.75, "above", 0.1).outcome == FAIL and all_of(below, 0.75, "above", 0.1).bound == 0.75
    empty = all_of([], 1.0, "below", 0.1)
    assert (empty.outcome, empty.n, empty.bound, empty.detail) == (INCONCLUSIVE, 0, 1.0, "nothing to compare")


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (0.4, 0.6, PASS), (0.39, 0.6, INCONCLUSIVE), (0.4, 0.61, INCONCLUSIVE), (0.3, 0.4, INCONCLUSIVE),
        (0.3, 0.39, FAIL), (0.6, 0.7, INCONCLUSIVE), (0.61, 0.7, FAIL), (-np.inf, np.inf, INCONCLUSIVE),
    ],
)  # fmt: skip
def test_inside_at_its_edges(low, high, outcome):
    assert inside(cells(("", 0.5, low, high)), 0.4, 0.6, 0.1).outcome == outcome
    assert inside(cells(("", 0.5, 0.45, 0.55), ("", 0.5, low, high)), 0.4, 0.6, 0.1).outcome == outcome
    assert inside([], 0.4, 0.6, 0.1).outcome == INCONCLUSIVE


def test_inside_shows_the_end_that_is_nearest_to_the_worst_number():
    for value, bound in ((0.45, 0.4), (0.55, 0.6), (0.3, 0.4), (0.9, 0.6), (0.5, 0.6)):
        found = inside(cells(("mid", 0.5, 0.5, 0.5), ("x", value, value, value)), 0.4, 0.6, 0.1)
        assert (found.measured, found.bound) == (value, bound)
    far = inside(cells(("low", 0.3, 0.2, 0.35), ("high", 0.8, 0.65, 0.9)), 0.4, 0.6, 0.1)
    assert (far.outcome, far.measured, far.bound, far.low, far.high) == (FAIL, 0.8, 0.6, 0.65, 0.9)
    assert far.detail == "worst: high. low 0.3 [0.2, 0.35]; high 0.8 [0.65, 0.9]"


@pytest.mark.parametrize(("low", "high"), [(1.0, 1.0), (1.0, 0.5), (np.nan, 1.0), (0.0, np.nan), (np.inf, np.inf)])
def test_an_empty_range_is_refused(low, high):
    with pytest.raises(LedgerError, match=r"range \[.*\]: the rule is low < high; correct the margin"):
        inside(cells(("a", 0.5, 0.4, 0.6)), low, high, 0.1)


def at_level(value, ends):
    """An estimate whose interval is looked up by its level; another level is an error."""
    return Estimate(value, 7, lambda level: ends[round(level, 12)])


def test_to_pass_every_interval_has_the_whole_level_and_to_fail_one_has_its_share():
    """Three comparisons at 0.3: inside needs the intervals of level 0.3, outside one of level 0.1, and no other."""
    wide, narrow, beyond = (0.2, 0.8), (0.1, 0.9), (1.1, 1.9)
    calm = at_level(0.5, {0.3: wide, 0.1: (0.0, 1.5)})  # beyond the bound at the smaller level only
    assert all_of([("a", calm)] * 3, 1.0, "below", 0.3).outcome == PASS
    open_ = at_level(1.5, {0.3: beyond, 0.1: (0.9, 2.1)})  # surely above at the whole level, not at its share
    found = all_of([("a", calm), ("b", open_), ("c", calm)], 1.0, "below", 0.3)
    assert (found.outcome, found.measured, found.low, found.high, found.n) == (INCONCLUSIVE, 1.5, 1.1, 1.9, 7)
    sure = at_level(1.5, {0.3: (1.2, 1.8), 0.1: beyond})
    assert all_of([("a", calm), ("b", sure), ("c", calm)], 1.0, "below", 0.3).outcome == FAIL
    edge = at_level(1.5, {0.3: (1.2, 1.8), 0.1: (1.0, 2.0)})  # an interval that touches the bound is not beyond it
    assert all_of([("a", calm), ("b", edge), ("c", calm)], 1.0, "below", 0.3).outcome == INCONCLUSIVE
    assert all_of([("a", at_level(0.5, {0.3: narrow}))], 0.9, "below", 0.3).outcome == PASS  # alone: one level


def test_a_margin_is_a_number_above_0_with_a_reason():
    assert margin(0.5, "half a point") == 0.5
    for value, reason in ((0.0, "x"), (-1.0, "x"), (np.nan, "x"), (np.inf, "x"), (0.5, ""), (0.5, "  ")):
        with pytest.raises(LedgerError, match="the rule is a finite margin above 0 with a reason"):
            margin(value, reason)


def says(outcome, measured=1.0, useful=float("nan")):
    """A judge that always answers alike."""
    return lambda tables, level: Finding(measured, 2.0, outcome, measured, measured, 1, "why", useful)


FAULT, TRUTH = Control("a fault", says(FAIL)), Control("a truth", says(PASS), outcome=PASS)


def claim(answer, origin="derived here", controls=(FAULT,), kind="upper", needs=("x",)):
    """A claim that is answered alike whatever the tables hold, or by a judge."""
    return Claim(
        "X1", "p", "s", origin, kind, needs, "f", says(answer) if isinstance(answer, str) else answer, controls
    )


TABLES = {"x": pd.DataFrame({"seed": [0, 1]})}


def row(*args, tables=TABLES, look=0, **kwargs):
    return judge(claim(*args, **kwargs), tables, 0.01, look)


def test_a_claim_without_a_control_is_refused():
    with pytest.raises(LedgerError, match="claim X1 has no control: give it a planted fault that makes its judge fail"):
        claim(PASS, controls=())


@pytest.mark.parametrize("answer", [PASS, INCONCLUSIVE, VACUOUS])
def test_a_pass_needs_every_planted_fault_to_fail(answer):
    weak = Control("a weak fault", says(answer))
    assert row(PASS)["verdict"] == PASS and row(PASS)["sound"]
    found = row(PASS, controls=(FAULT, weak))
    assert (found["verdict"], found["sound"]) == (INCONCLUSIVE, False)
    assert found["detail"] == f"PASS, but a weak fault is {answer}. why"
    assert found["control"] == f"a fault: FAIL; a weak fault: {answer}"


@pytest.mark.parametrize("answer", [FAIL, INCONCLUSIVE, VACUOUS])
@pytest.mark.parametrize("origin", ["stated by [W26]", "derived here"])
def test_a_failure_needs_every_planted_truth_to_pass(answer, origin):
    failed = REFUTED if origin == "stated by [W26]" else FAIL
    assert row(FAIL, origin, (FAULT, TRUTH))["verdict"] == failed
    found = row(FAIL, origin, (FAULT, Control("a weak truth", says(answer), outcome=PASS)))
    assert (found["verdict"], found["sound"]) == (INCONCLUSIVE, False)
    assert found["detail"].startswith(f"FAIL, but a weak truth is {answer}. ")


def test_a_pass_needs_a_fault_and_a_failure_stands_without_a_truth():
    found = row(PASS, controls=(TRUTH,))
    assert (found["verdict"], found["sound"]) == (INCONCLUSIVE, True)
    assert found["detail"].startswith("PASS, but no fault is planted. ")
    assert row(FAIL, controls=(FAULT,))["verdict"] == FAIL


@pytest.mark.parametrize("outcome", [INCONCLUSIVE, VACUOUS])
def test_an_open_claim_stays_as_it_is_whatever_its_controls_say(outcome):
    weak = Control("a weak fault", says(PASS))
    found = row(outcome, controls=(weak,))
    assert (found["verdict"], found["detail"], found["sound"]) == (outcome, "why", False)


def test_a_pass_that_says_little_says_so():
    assert row(says(PASS, useful=0.5))["detail"] == "why"
    assert row(says(PASS, useful=0.49))["detail"] == "the bound says something in 49% of the rows only. why"
    assert row(says(PASS, useful=0.49))["verdict"] == PASS and row(says(FAIL, useful=0.1))["detail"] == "why"


def test_a_paper_is_refuted_and_everything_else_fails():
    assert row(FAIL, "stated by [W26]")["verdict"] == REFUTED
    assert row(FAIL, "stated by [C25], reading chosen here")["verdict"] == REFUTED
    assert row(FAIL, "conjectured here")["verdict"] == REFUTED
    assert row(FAIL)["verdict"] == row(FAIL, "classical")["verdict"] == FAIL
    assert row(PASS, "stated by [W26]")["verdict"] == PASS


@pytest.mark.parametrize(("verdict", "code"), [(PASS, 0), (REFUTED, 0), (VACUOUS, 0), (FAIL, 1), (INCONCLUSIVE, 3)])
def test_exit_codes(verdict, code):
    assert exit_code(pd.DataFrame([{"verdict": verdict}])) == code
    assert exit_code(pd.DataFrame([{"verdict": PASS}, {"verdict": verdict}])) == code


def test_a_failure_outranks_what_stayed_open():
    rows = [dict(verdict=INCONCLUSIVE), dict(verdict=FAIL)]
    assert exit_code(pd.DataFrame(rows)) == exit_code(pd.DataFrame(rows[::-1])) == 1


def test_a_row_of_the_verdict_table_tells_finding_and_claim():
    found = row(PASS, look=2)
    useful = found.pop("useful")
    assert np.isnan(useful) and found == dict(
        measured=1.0, bound=2.0, low=1.0, high=1.0, n=1, detail="why", id="X1", part="p", statement="s",
        origin="derived here", kind="upper", constants="no radius constant enters", figure="f", verdict=PASS,
        control="a fault: FAIL", sound=True, by_set="1 1", level=0.01 / 12, looks=3, tightness=0.5,
    )  # fmt: skip
    flat = claim(lambda tables, level: Finding(1.0, 0.0, PASS, 1, 1, 1, ""))
    assert np.isnan(judge(flat, TABLES, 0.01)["tightness"])
    assert Claim("B9a", "", "", "", "", (), "", flat.judge, (FAULT,)).group == "B9" and flat.group == "X1"


def test_a_claim_and_its_controls_are_judged_at_the_level_of_the_look():
    seen = []

    def watch(tables, level):
        seen.append(level)
        return says(FAIL)(tables, level)

    one = {"x": pd.DataFrame({"seed": [0]})}
    for look in range(3):
        judge(claim(watch, controls=(Control("a fault", watch),)), one, 0.01, look)
    assert seen == [stats.spent(0.01, look) for look in (0, 0, 1, 1, 2, 2)]


def test_seed_sets_are_shown_side_by_side_and_judge_nothing():
    def answer(tables, level):
        sets = tables["x"]["seed"].unique()
        return says(PASS if len(sets) > 1 else FAIL, measured=1.2345 + sets.max())(tables, level)

    found = row(answer)
    assert (found["verdict"], found["by_set"]) == (PASS, "1.23 2.23")
    assert row(answer, tables={"x": pd.DataFrame({"seed": [0, 0]})})["by_set"] == ""


def test_each_seed_set_is_measured_on_its_own_rows_of_the_needed_tables():
    seen = []

    def watch(tables, level):
        seen.append({name: table["seed"].tolist() for name, table in tables.items()})
        return Finding(1.0, 2.0, PASS, 1.0, 1.0, 1, "")

    tables = {
        "x": pd.DataFrame({"seed": [1, 0]}),
        "y": pd.DataFrame({"seed": [0, 2]}),
        "z": pd.DataFrame({"seed": [9]}),
    }
    found = row(watch, tables=tables, needs=("x", "y"))
    assert seen == [dict(x=[1, 0], y=[0, 2]), dict(x=[0], y=[0]), dict(x=[1], y=[]), dict(x=[], y=[2])]
    assert found["by_set"] == "1 1 1"


def test_a_control_reads_the_claims_tables_and_its_own_and_the_claim_does_not():
    seen = []

    def note(tables, level):
        seen.append(sorted(tables))
        return says(FAIL)(tables, level)

    def own(tables, level):
        seen.append(sorted(tables))
        return says(PASS)(tables, level)

    tables = {name: pd.DataFrame({"seed": [0]}) for name in "xyz"}
    made = claim(own, controls=(Control("one", note, ("y",)), Control("two", note, ("y", "x"))))
    assert made.tables == ("x", "y") and judge(made, tables, 0.01)["verdict"] == PASS
    assert seen == [["x"], ["x", "y"], ["x", "y"]]
    with pytest.raises(KeyError, match="y"):
        judge(made, TABLES, 0.01)


def test_tables_that_cannot_carry_a_verdict_are_refused():
    empty = {"x": pd.DataFrame({"seed": []})}
    with pytest.raises(LedgerError, match="claim X1: table 'x' is empty; play it again, or choose other claims"):
        row(PASS, tables=empty)
    with pytest.raises(LedgerError, match="table 'y' is empty"):  # a control's table counts too
        row(PASS, controls=(Control("a fault", says(FAIL), ("y",)),), tables=TABLES | {"y": empty["x"]})
    one = {"x": pd.DataFrame(dict(seed=[0, 0], replication=[3, 3]))}
    for kind in ledger.INTERVAL_KINDS:
        with pytest.raises(LedgerError, match="table 'x' has one replication, which has no spread; play at least two"):
            row(PASS, kind=kind, tables=one)
    assert row(PASS, kind="upper", tables=one)["verdict"] == PASS  # what holds in every run needs no spread
    for two in (dict(seed=[0, 1], replication=[3, 3]), dict(seed=[0, 0], replication=[3, 4]), dict(seed=[0, 0])):
        assert row(PASS, kind="ordering", tables={"x": pd.DataFrame(two)})["verdict"] == PASS


def test_ledger_is_whole_and_its_error_is_shared():
    ids = [c.id for c in claims.LEDGER]
    assert len(set(ids)) == len(ids)
    groups = {f"B{n}" for n in (*range(1, 14), 15)} | {f"T{n}" for n in range(6, 10)} | {"L1", "L2", "O1", "O2", "O3"}
    groups |= {f"D{n}" for n in range(1, 4)} | {f"S{n}" for n in range(1, 15)} | {f"M{n}" for n in range(1, 13)}
    assert groups == {c.group for c in (*claims.LEDGER, *lm.ALL)}  # some wait for their reference run
    shares = sum(c.kind in ledger.INTERVAL_KINDS for c in claims.LEDGER)
    assert claims.LEVEL * shares == pytest.approx(ledger.FAMILY_ERROR) and ledger.FAMILY_ERROR == 0.01
    assert {c.kind for c in claims.LEDGER} <= {"certificate", "upper", *ledger.INTERVAL_KINDS}
    assert all(
        c.origin.split(",")[0]
        in ("stated by [W26]", "stated by [C25]", "derived here", "classical", "conjectured here")
        for c in claims.LEDGER
    )


def test_every_row_of_the_ledger_has_a_planted_fault_and_says_what_it_is():
    for row in claims.LEDGER:
        assert any(control.outcome == FAIL for control in row.controls), row.id
        assert all(control.outcome in (FAIL, PASS) and control.text.strip() for control in row.controls), row.id
        assert len({control.text for control in row.controls}) == len(row.controls), row.id


def test_the_ledger_goes_by_letter_number_and_reading():
    ids = [c.id for c in claims.LEDGER]
    assert ids[:6] == ["B1a", "B1b", "B1c", "B1d", "B2", "B3a"] and ids[-1] == "M12"
    first = [next(i for i, name in enumerate(ids) if name.startswith(letter)) for letter in "BTLODSM"]
    assert first == sorted(first)
    assert ids.index("S9d") + 1 == ids.index("S10") and ids.index("B9b") + 1 == ids.index("B10")

    def at(id):
        return claims.place(Claim(id, "", "", "derived here", "", (), "", says(PASS), (FAULT,)))

    order = [at(id) for id in ("B2", "B10", "T6", "L1", "O1", "D1", "S1", "M9", "A1", "A1a", "Q1")]
    assert order == sorted(order)
    for bad in ("b1", "B", "1", "B1-a", "B1 "):
        with pytest.raises(ValueError, match=f"claim id {bad!r}: must be a letter, a number"):
            at(bad)


def test_a_module_of_judges_that_lists_claims_is_found(monkeypatch):
    from theory.judges import certificates, plugin

    more = Claim("Z1", "", "", "derived here", "upper", (), "", says(PASS), (FAULT,))
    monkeypatch.setattr(plugin, "CLAIMS", (more,), raising=False)
    assert claims.gathered() == (*claims.LEDGER, more)
    monkeypatch.setattr(plugin, "CLAIMS", certificates.CLAIMS[:1])
    with pytest.raises(ValueError, match="used twice: O1; give each claim its own"):
        claims.gathered()


def test_claims_are_chosen_by_id_or_group():
    assert [c.id for c in claims.chosen(("B9", "O1"))] == ["B9a", "B9b", "O1"]
    assert [c.id for c in claims.chosen(("B9a",))] == ["B9a"] and claims.chosen(()) == ()


def test_verify_judges_the_chosen_or_all(monkeypatch):
    monkeypatch.setattr(claims, "judge", lambda claim, tables, level, look: dict(id=claim.id, level=level, look=look))
    assert claims.verify({}, ("B9",)).to_numpy().tolist() == [["B9a", claims.LEVEL, 0], ["B9b", claims.LEVEL, 0]]
    assert claims.verify({}, ("B9a",), 3)["look"].tolist() == [3]
    assert claims.verify({})["id"].tolist() == [c.id for c in claims.LEDGER]
