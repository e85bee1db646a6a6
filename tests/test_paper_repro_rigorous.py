"""``verify --rigorous`` on tables in an output folder: what it prints, and its exit codes."""

import math

import numpy as np
import pytest
from conftest import invoke

from paper_repro import pipeline, rigorous
from sim import engine, table
from sim.spec import FollowerSpec, GateSpec, RecordSpec, RunSpec, StreamSpec
from theory import claims
from theory.claims import LEDGER
from theory.rigorous import constants


@pytest.fixture(scope="module")
def played():
    """Three short runs of llf_fixed without a cap, which both regret bounds speak of."""
    spec = RunSpec(
        T=60, B=20, stream=StreamSpec(context="free", d=2), follower=FollowerSpec(kind="ball"),
        gate=GateSpec(kind="llf_fixed", cap=False), record=RecordSpec(mode="final"), replications=3,
    )  # fmt: skip
    return table.from_log("x/0", engine.play(spec, compiled=False))


def write(out, claim, frame):
    """The frame as every table that the claim needs."""
    for name in next(c.needs for c in LEDGER if c.id == claim):
        pipeline.keep(frame, out / "tables" / f"{name}.parquet")


def judge(out, *claims):
    return invoke("verify", "--rigorous", "--out", str(out), *(word for c in claims for word in ("--only", c)))


def test_a_finished_run_is_proved(tmp_path, played):
    write(tmp_path, "B7", played)
    done = judge(tmp_path, "B7")
    assert done.exit_code == 0, done.stderr
    first, second, *caveat = done.stdout.splitlines()
    assert first.startswith("B7   6 rows: 6 proved, 0 undecided, 0 refuted; worst measured/bound [0.")
    assert "<= 0.993 sqrt(2x) proved" in second
    assert "is not bounded here" in caveat[1]


def test_a_reading_or_a_group_can_be_chosen(tmp_path, played):
    write(tmp_path, "B9a", played)
    done = judge(tmp_path, "B9", "B10")
    assert done.exit_code == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()][:4] == ["B9a", "theorem", "theorem", "theorem"]
    assert "in [0.0758" in done.stdout and "REFUTED" not in done.stdout


def test_one_regret_above_its_bound_is_exit_code_1(tmp_path, played):
    write(tmp_path, "B9a", played.assign(regret=played["regret"].where(played["replication"] != 1, 1e6)))
    done = judge(tmp_path, "B9a")
    assert done.exit_code == 1
    assert "3 rows: 2 proved, 0 undecided, 1 refuted" in done.stdout


def test_equality_but_for_rounding_is_exit_code_3(tmp_path, played):
    """Two labels on two axes carry D_2 = 2 log 2 nats exactly."""
    psi = np.nextafter(2.0 * math.log(2.0), 2.0)
    write(tmp_path, "B2", played.assign(labels=2, psi=psi, potential=1.0, wide=0))
    done = judge(tmp_path, "B2")
    assert done.exit_code == 3
    tables = len(claims.chosen(("B2",))[0].needs)
    assert f"{3 * tables} undecided, 0 refuted" in done.stdout and "least slack -1 ulps" in done.stdout


def test_a_false_constant_is_exit_code_1(tmp_path, monkeypatch):
    monkeypatch.setattr(constants.bounds, "FLOOR_CONSTANT", 0.0759)
    done = judge(tmp_path, "B10")
    assert done.exit_code == 1
    assert "in use 0.0759" in done.stdout and "REFUTED" in done.stdout
    monkeypatch.undo()
    monkeypatch.setattr(rigorous.constants, "sharp_floor", lambda: constants.Supremum(False, 1, 0.2, (0.2, 0.2)))
    assert judge(tmp_path, "B10").exit_code == 1


def test_what_is_missing_or_unknown_is_one_line_and_exit_code_2(tmp_path, played):
    for words, message in (
        (("--only", "B7"), f"no table {tmp_path}/tables/theorem2.parquet; make it with: paper-repro run --tier smoke"),
        (("--only", "B11"), "--rigorous says nothing about 'B11'; valid: B2, B3b, B7, B8, B9a, B10"),
        (("--only", "B99"), "--rigorous says nothing about 'B99'"),
    ):
        done = invoke("verify", "--rigorous", "--tier", "smoke", "--out", str(tmp_path), *words)
        assert done.exit_code == 2
        assert message in done.stderr and done.stderr.count("\n") == 1
    assert "nearest: 'smoke'" in invoke("verify", "--rigorous", "--tier", "smok").stderr
    write(tmp_path, "B7", played.drop(columns="psi"))
    done = judge(tmp_path, "B7")
    assert (
        done.exit_code == 2
        and "missing columns ['psi']" in done.stderr
        and "again with: paper-repro run" in done.stderr
    )
