"""sim.table: schema, round trip, damaged files, atomic writes."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import strategies as own
from conftest import digits_spec
from hypothesis import given, settings

from sim import engine, files, table
from sim.rules import log
from sim.spec import GateSpec, RecordSpec, RunSpec


@pytest.fixture(scope="module")
def frame():
    """Two configurations, two replications each, one of them from replication 3 on."""
    spec = RunSpec(T=20, beta=0.5, replications=2, gate=GateSpec(kind="llf_split", purse="random"))
    one = table.from_log("a/0", engine.play(spec, compiled=False))
    two = table.from_log("a/1", engine.play(RunSpec(T=9, B=3, replications=2), first=3, compiled=False), first=3)
    return pd.concat([one, two], ignore_index=True)


def test_schema_has_every_log_column_and_a_meaning():
    assert set(log.COLUMNS) < set(table.SCHEMA)
    assert len(set(log.COLUMNS)) == log.WIDTH
    for kind, _, meaning in table.SCHEMA.values():
        assert kind in ("str", "int64", "float64", "bool") and meaning


def test_rows_say_what_the_run_was(frame):
    assert tuple(frame.columns) == table.COLUMNS
    assert [str(kind) for kind in frame.dtypes] == [kind for kind, _, _ in table.SCHEMA.values()]
    head, tail = frame.iloc[0], frame.iloc[-1]
    assert (head.gate, head.beta, head.B, head.run, head["T"]) == ("llf_split_random", 0.5, 10, "a/0", 20)
    assert (tail.gate, tail.B, tail.N, tail.M, tail.t) == ("always", 3, 8, 1, 9)
    assert frame.groupby("run").replication.unique().map(list).to_dict() == {"a/0": [0, 1], "a/1": [3, 4]}


@settings(max_examples=15)
@given(own.run_specs(max_T=12))
def test_property_numbers_come_through_unchanged(spec):
    result = engine.play(spec, compiled=False)
    got = table.from_log("x/0", result)
    np.testing.assert_array_equal(got[list(log.COLUMNS)].to_numpy(float), np.concatenate(result.rows))
    assert (got.key == spec.key()).all() and (got.d == spec.stream.d).all()


def test_recorded_runs_take_their_sizes_from_the_file():
    got = table.from_log("d/0", engine.play(digits_spec("always", T=3), compiled=False))
    assert (got.d[0], got.N[0], got.M[0]) == (64, 10, 9)
    assert got.conf_ratio.isna().all() and got.accuracy.notna().all()


def test_final_keeps_the_last_round_of_every_run(frame):
    last = table.final(frame)
    assert last[["run", "replication", "t"]].to_numpy().tolist() == [
        ["a/0", 0, 20],
        ["a/0", 1, 20],
        ["a/1", 3, 9],
        ["a/1", 4, 9],
    ]
    assert last.index.tolist() == [0, 1, 2, 3]


def test_round_trip(frame, tmp_path):
    path = tmp_path / "deep" / "t.parquet"
    table.save(frame, path, dict(seed=3))
    back, note = table.load(path)
    pd.testing.assert_frame_equal(back, frame)
    assert note["seed"] == 3 and note["rows"] == len(frame)
    assert sorted(os.listdir(path.parent)) == ["t.json", "t.parquet"]


def test_the_same_table_is_the_same_bytes(frame, tmp_path):
    for name in ("a.parquet", "b.parquet"):
        table.save(frame, tmp_path / name, {})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize("missing", ["t.parquet", "t.json"])
def test_a_missing_file(frame, tmp_path, missing):
    table.save(frame, tmp_path / "t.parquet", {})
    (tmp_path / missing).unlink()
    with pytest.raises(FileNotFoundError, match="no saved table"):
        table.load(tmp_path / "t.parquet")


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-7], lambda b: b"", lambda b: b[:50] + bytes([b[50] ^ 1]) + b[51:], lambda b: b + b"x"]
)
def test_a_truncated_or_edited_table(frame, tmp_path, damage):
    path = tmp_path / "t.parquet"
    table.save(frame, path, {})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(table.TableError, match="truncated or edited"):
        table.load(path)


@pytest.mark.parametrize("text", ["", "{", "{}", "[]", "null", '{"sha256": 1}', b"\xff\xfe"])
def test_a_damaged_note(frame, tmp_path, text):
    table.save(frame, tmp_path / "t.parquet", {})
    (tmp_path / "t.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(table.TableError, match="is damaged"):
        table.load(tmp_path / "t.parquet")


def test_other_columns_are_refused(frame, tmp_path):
    with pytest.raises(table.TableError, match=r"unknown columns \['extra'\]"):
        table.coerce(frame.assign(extra=1))
    with pytest.raises(table.TableError, match=r"missing columns \['regret'\]"):
        table.coerce(frame.drop(columns="regret"))
    table.save(frame.drop(columns="t"), tmp_path / "t.parquet", {})
    with pytest.raises(table.TableError, match=r"missing columns \['t'\]"):
        table.load(tmp_path / "t.parquet")


def test_columns_are_put_in_order(frame):
    pd.testing.assert_frame_equal(table.coerce(frame[list(table.COLUMNS)[::-1]]), frame)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a" / "t.json"
    files.write_atomic(path, b"old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        files.write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(path.parent) == ["t.json"]


def test_a_crash_between_the_two_files_is_noticed(frame, tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    table.save(frame, path, {})
    write = files.write_atomic
    monkeypatch.setattr(files, "write_atomic", lambda p, data: write(p, data) if p.suffix == ".parquet" else None)
    table.save(frame.iloc[:-1], path, {})
    with pytest.raises(table.TableError, match="checksum"):
        table.load(path)


@pytest.mark.parametrize("name", ["rows", "file", "data", "sha256"])
def test_provenance_cannot_displace_what_the_note_needs(frame, tmp_path, name):
    table.save(frame, tmp_path / "t.parquet", {name: "mine"})
    back, note = table.load(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(back, frame)
    assert (note[name] == "mine") == (name in ("file", "data"))


def test_notes_are_readable_json(frame, tmp_path):
    table.save(frame, tmp_path / "t.parquet", dict(z=1, a=[1, 2]))
    assert json.loads((tmp_path / "t.json").read_text())["a"] == [1, 2]


def test_recorded_rounds_become_rows():
    result = engine.play(RunSpec(T=6, record=RecordSpec(mode="every")), compiled=False)
    assert table.from_log("x/0", result).t.tolist() == [1, 2, 3, 4, 5, 6]
