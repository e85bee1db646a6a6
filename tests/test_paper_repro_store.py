"""The cache: finished results survive, damaged ones are noticed, other versions are not read."""

import json

import numpy as np
import pytest

from paper_repro import store
from sim import engine
from sim.spec import RecordSpec, RunSpec

SPEC = RunSpec(T=20, record=RecordSpec(mode="final"), replications=2)


@pytest.fixture
def filled(tmp_path):
    own = store.Store(tmp_path)
    own.put(engine.play(SPEC, compiled=False), 0.5)
    return own


def test_round_trip(filled):
    found, seconds = filled.get(SPEC)
    want = engine.play(SPEC, compiled=False)
    assert seconds == 0.5
    np.testing.assert_array_equal(np.stack(found.rows), np.stack(want.rows))
    for mine, theirs in zip(found.setup, want.setup, strict=True):  # one of them is an array
        np.testing.assert_array_equal(mine, theirs)


def test_a_missing_half_means_not_finished(filled):
    filled.path(SPEC).with_suffix(".json").unlink()
    assert filled.get(SPEC) is None
    assert not filled.has(SPEC)


def test_another_configuration_is_not_found(filled):
    assert filled.get(SPEC.model_copy(update={"seed": 1})) is None


@pytest.mark.parametrize("damage", ["truncate", "edit", "json", "empty json", "other shape"])
def test_damage_is_reported_and_recomputed(filled, damage):
    path = filled.path(SPEC)
    note = path.with_suffix(".json")
    data = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(data[:-9])
    elif damage == "edit":
        path.write_bytes(data[:-9] + bytes(9))
    elif damage == "json":
        note.write_text("{")
    elif damage == "empty json":
        note.write_text(json.dumps({}))
    else:
        filled.put(engine.play(SPEC.model_copy(update={"replications": 1}), compiled=False), 0.1)
        wrong = filled.path(SPEC.model_copy(update={"replications": 1}))
        path.write_bytes(wrong.read_bytes())
        note.write_text(wrong.with_suffix(".json").read_text())
    with pytest.warns(store.DamagedCache, match="computed again"):
        assert filled.get(SPEC) is None


def test_other_code_versions_are_counted_not_read(filled, tmp_path):
    filled.folder.rename(filled.root / "000000000000")
    assert store.Store(tmp_path).get(SPEC) is None
    assert store.Store(tmp_path).other_versions() == {"000000000000": 1}


def test_unwritable_folder_has_a_way_out(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(PermissionError, match="--out"):
        store.ensure_writable(blocked / "sub")
