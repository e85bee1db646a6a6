"""The comparison with committed results notices every kind of change."""

import pandas as pd
import pytest

from paper_repro import reference
from sim import engine, table
from sim.spec import RunSpec


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "EXPECTED", tmp_path)
    frame = table.from_logs([("a/0", engine.play(RunSpec(T=30, replications=3), compiled=False))])
    reference.update({"a": frame}, "smoke")
    return {"a": frame}


def test_equal_results_have_no_differences(tables):
    assert reference.differences(tables, "smoke") == []


@pytest.mark.parametrize(("column", "change"), [("labels", 1), ("decision_hash", 1), ("regret", 1e-6), ("psi", 1e-6)])
def test_a_change_is_named(tables, column, change):
    frame = tables["a"].copy()
    frame[column] = frame[column] + change
    (line,) = reference.differences({"a": frame}, "smoke")
    assert line.startswith(f"{column}: 2 runs differ, first a/0 replication 0")


def test_rounding_is_forgiven_but_missing_runs_are_not(tables):
    frame = tables["a"].copy()
    frame["regret"] *= 1 + 1e-12
    assert reference.differences({"a": frame}, "smoke") == []
    assert "the runs differ" in reference.differences({"a": frame[frame["replication"] == 0]}, "smoke")[0]


def test_a_tier_without_reference_is_an_error(tables):
    with pytest.raises(FileNotFoundError, match="only smoke"):
        reference.differences(tables, "paper")


def test_the_committed_reference_covers_every_sweep():
    from sim.sweeps import SWEEPS

    path = reference.EXPECTED / "smoke.parquet"
    runs = pd.read_parquet(path)["run"].str.split("/").str[0]
    assert set(runs) == set(SWEEPS)
