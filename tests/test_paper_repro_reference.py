"""The comparison with committed results notices every kind of change."""

import shutil

import pandas as pd
import pytest

from paper_repro import reference
from sim import engine, table
from sim.spec import RunSpec


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "EXPECTED", tmp_path)
    frame = table.from_logs([("a/0", engine.play(RunSpec(T=30, replications=3), compiled=False))])
    row = dict(
        id="B1", statement="s", origin="o", measured=1.0, bound=2.0, tightness=0.5, verdict="PASS", n=3, looks=2,
        useful=0.7, by_set="1 1", control="a fault: FAIL",
    )  # fmt: skip
    both = {"a": frame, "verdicts": pd.DataFrame([row])}
    reference.update(both, "smoke")
    return both


def test_equal_results_have_no_differences(tables):
    assert reference.differences(tables, "smoke") == []


@pytest.mark.parametrize(("column", "change"), [("labels", 1), ("decision_hash", 1), ("regret", 1e-6), ("psi", 1e-6)])
def test_a_change_is_named(tables, column, change):
    frame = tables["a"].copy()
    frame[column] = frame[column] + change
    (line,) = reference.differences({**tables, "a": frame}, "smoke")
    assert line.startswith(f"{column}: 2 runs differ, first a/0 replication 0")


def test_a_changed_or_missing_verdict_is_named(tables):
    failed = tables["verdicts"].assign(verdict="FAIL")
    assert reference.differences({**tables, "verdicts": failed}, "smoke") == ["verdict of B1: PASS -> FAIL"]
    assert "not judged" in reference.differences({**tables, "verdicts": failed[:0]}, "smoke")[0]


def test_rounding_is_forgiven_but_missing_runs_are_not(tables):
    frame = tables["a"].copy()
    frame["regret"] *= 1 + 1e-12
    assert reference.differences({**tables, "a": frame}, "smoke") == []
    less = frame[frame["replication"] == 0]
    assert "the runs differ" in reference.differences({**tables, "a": less}, "smoke")[0]


def test_the_committed_verdict_tells_what_it_rests_on(tables):
    kept = reference.verdicts("smoke")
    assert list(kept.columns) == reference.VERDICT
    assert kept.loc[0, ["n", "looks", "useful", "by_set", "control"]].tolist() == [3, 2, 0.7, "1 1", "a fault: FAIL"]


def test_a_tier_without_reference_is_an_error(tables):
    with pytest.raises(FileNotFoundError, match="smoke and standard have them"):
        reference.differences(tables, "paper")


def test_the_committed_reference_covers_every_sweep_and_claim():
    from sim.sweeps import SWEEPS
    from theory.claims import LEDGER

    runs = pd.read_parquet(reference.EXPECTED / "smoke.parquet")["run"].str.split("/").str[0]
    assert set(runs) == set(SWEEPS)
    for tier in ("smoke", "standard"):
        assert reference.verdicts(tier)["id"].tolist() == [c.id for c in LEDGER if not reference.missing(c.tables)]
    assert {c.group for c in LEDGER if reference.missing(c.tables)} <= {f"M{n}" for n in range(5, 13)}


def test_a_table_that_is_not_committed_yet_leaves_out_what_reads_it(tmp_path, monkeypatch):
    from paper_repro import catalogue, plan

    shutil.copytree(reference.EXPECTED, tmp_path / "expected")
    monkeypatch.setattr(reference, "EXPECTED", tmp_path / "expected")
    whole = plan.make("smoke")
    assert reference.missing(reference.SHIPPED) == [] and set(catalogue.shipped()) == set(reference.SHIPPED)
    assert {"M12", "M3"} <= set(whole.claims) and "f28_lm_orders" in whole.figures
    for part in (tmp_path / "expected").glob("lm_runs*.csv"):
        part.unlink()
    assert reference.missing(("lm_runs", "lm_times", "horizon")) == ["lm_runs"]
    less = plan.make("smoke")
    assert set(whole.claims) - set(less.claims) == {"M5", "M9", "M12"}
    assert set(whole.figures) - set(less.figures) == {"f28_lm_orders"}
    assert plan.make("smoke", ("f9_ledger",)).claims == less.claims
    for name in ("M5", "f28_lm_orders"):
        with pytest.raises(ValueError, match=f"{name} reads lm_runs, not measured yet; leave it out"):
            plan.make("smoke", (name,))
