"""Studies from end to end: processes, damage, resumption, and the digest that names the results."""

import ast
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from llm.errors import CacheError
from llm.generative import run, tables, tiers
from llm.generative.spec import LmSpec

EXACT = [c for c in tables.COLUMNS if c != "tokens"]


def small(spec, **more):
    """A study of the smoke tier cut down to a second."""
    own = dict(gates=("random", "margin"), rounds=10, held=4, replications=2, methods=("dpo",)) | more
    return LmSpec.model_validate(spec.model_copy(update=own).model_dump())


@pytest.fixture(scope="module")
def specs(tmp_path_factory):
    return [small(spec) for spec in tiers.specs("smoke", None, tmp_path_factory.mktemp("smoke"))]


@pytest.fixture(scope="module")
def played(specs, tmp_path_factory):
    """(folder, results, times) of both studies in one process."""
    out = tmp_path_factory.mktemp("one")
    return out, *run.run(run.plan(specs, out), out, 1)


def rows_in(out):
    """The kept rows of every cell, as bytes, by their file's name."""
    files = sorted((out / "cells").glob("*.rows"))
    return {f.name: json.dumps(json.loads(f.read_bytes())["rows"]) for f in files}


def test_the_tables_are_whole(specs, played):
    out, found, times = played
    assert list(found) == list(tables.COLUMNS) and list(times) == list(tables.TIMES)
    assert len(found) == len(times) == 16  # two studies, two replications, two gates, predicted and tuned
    pd.testing.assert_frame_equal(pd.read_parquet(out / "lm_runs.parquet"), found)
    pd.testing.assert_frame_equal(pd.read_parquet(out / "lm_times.parquet"), times)
    assert (found["labels"] <= found["B"]).all() and (found["mistakes_queried"] <= found["labels"]).all()
    assert set(found[~found["tuned"]]["method"]) == {"none"}
    assert set(found[found["tuned"]]["method"]) == {"sft", "dpo"}
    assert found["key"].nunique() == 16


def copied(played, tmp_path):
    shutil.copytree(played[0] / "cells", tmp_path / "cells")
    return tmp_path


def test_another_process_gives_the_same_results(specs, played, tmp_path):
    out = copied(played, tmp_path)
    for _, cells in run.plan(specs, out).specs[1:]:
        for cell in cells:
            if cell.replication == 1:  # one unit: a process that begins costs seconds of imports
                tables.kept(out / "cells", cell).path.unlink()
    planned = run.plan(specs, out)
    assert len(planned.units) == 1 and planned.missing == 4
    found, times = run.run(planned, out, 2)
    pd.testing.assert_frame_equal(found, played[1])
    assert len(times) == len(played[2]) and rows_in(out) == rows_in(played[0])


def test_a_deleted_cell_is_played_again_to_the_same_bytes(specs, played, tmp_path):
    out = copied(played, tmp_path)
    assert run.plan(specs, out).missing == 0
    tuned = [c for spec, cells in run.plan(specs, out).specs for c in cells if c.tuned and c.gate == "margin"]
    for cell in (tuned[0], tuned[-1]):
        kept = tables.kept(out / "cells", cell)
        kept.path.unlink()
        kept.note.unlink()
    planned = run.plan(specs, out)
    assert [cell for unit in planned.units for cell in unit.cells] == [tuned[0], tuned[-1]]
    found, _ = run.run(planned, out)
    pd.testing.assert_frame_equal(found, played[1])
    assert rows_in(out) == rows_in(played[0])


def test_a_finished_study_plays_nothing(specs, played, tmp_path, monkeypatch):
    out = copied(played, tmp_path)
    monkeypatch.setattr(run, "play_unit", lambda *a: pytest.fail("a finished cell was played"))
    pd.testing.assert_frame_equal(run.run(run.plan(specs, out), out)[0], played[1])


def test_what_is_finished_of_a_study_is_collected(specs, played, tmp_path):
    out = copied(played, tmp_path)
    planned = run.plan(specs, out)
    for cell in planned.specs[0][1][1:]:
        tables.kept(out / "cells", cell).note.unlink()  # the note is written last: this cell was being written
    found, times = run.collect(run.plan(specs, out), out)
    assert len(found) == len(times) == 9 and run.plan(specs, out).missing == 7
    pd.testing.assert_frame_equal(
        found.reset_index(drop=True), played[1].iloc[[0, *range(8, 16)]].reset_index(drop=True)
    )


@pytest.mark.parametrize("damage", ["cut", "edited", "another cell's"])
def test_a_damaged_cell_is_an_error_with_the_way_out(specs, played, tmp_path, damage):
    out = copied(played, tmp_path)
    cells = run.plan(specs, out).specs[0][1]
    kept, other = (tables.kept(out / "cells", c) for c in cells[:2])
    if damage == "cut":
        kept.path.write_bytes(kept.path.read_bytes()[:-9])
    elif damage == "edited":
        kept.path.write_bytes(kept.path.read_bytes().replace(b'"labels": 5', b'"labels": 4'))
    else:
        shutil.copy(other.path, kept.path)
        shutil.copy(other.note, kept.note)
    with pytest.raises(CacheError, match=r"is damaged .*delete it and its note to play the cell again") as error:
        run.run(run.plan(specs, out), out)
    assert str(kept.path) in str(error.value) and "\n" not in str(error.value)


def test_a_file_is_no_folder(specs, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(CacheError, match="is a file; give a folder with --out"):
        run.plan(specs, tmp_path / "out")


def test_other_constants_other_cells(specs):
    def keys(spec, **data):
        digest = spec.digest(**(dict(data="d", model="m", code="c") | data))
        return {c.key() for c in spec.cells(digest)}

    base = specs[1]
    for change in (
        dict(lam=2.0),
        dict(rounds=11),
        dict(budget=0.3),
        dict(seed=7),
        dict(held=5),
        dict(features="product"),
        dict(methods=("ipo",)),
        dict(prompt_tokens=7),
        dict(tune=base.tune.model_copy(update={"beta": 0.2})),
        dict(tune=base.tune.model_copy(update={"rate": 0.2})),
        dict(model=base.model.model_copy(update={"dtype": "bfloat16"})),
        dict(model=base.model.model_copy(update={"device": "cuda"})),
    ):
        assert not keys(base) & keys(base.model_copy(update=change)), change
    for name in ("data", "model", "code"):
        assert not keys(base) & keys(base, **{name: "other"})
    more = base.model_copy(update=dict(gates=("margin", "random", "width"), replications=3))
    assert keys(base) < keys(more)
    assert keys(base) == keys(base.model_copy(update={"model": base.model.model_copy(update={"device": "cpu:0"})}))


# ---------------------------------------------------------------------- the digest of the source

ENTRIES = ("generative/play.py", "generative/stream.py", "generative/pools.py", "generative/pairs.py", "model.py")
HASHED_OTHERWISE = {"packaged", "loading"}  # the weights and the tokenizer that they read are
NO_NUMBER = {"errors", "tables", "streams", "run"}  # imported by parts of llm.tuned that are not used here


def imported(file):
    """Modules of llm that a file imports, as paths without suffix."""
    for node in ast.walk(ast.parse((run.ROOM / file).read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "llm":
            base = "/".join(node.module.split(".")[1:])
            for name in ("", *(alias.name for alias in node.names)):
                path = "/".join(p for p in (base, name) if p)
                if path and (run.ROOM / f"{path}.py").is_file():
                    yield path


def used():
    """All modules of llm behind the numbers of a cell."""
    found, todo = set(), [e.removesuffix(".py") for e in ENTRIES]
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            if not name.startswith("tuned/play") and name not in NO_NUMBER:  # of it two functions without numbers
                todo += imported(f"{name}.py")
    return found - NO_NUMBER - HASHED_OTHERWISE


@pytest.fixture
def copy(tmp_path, monkeypatch):
    room = tmp_path / "llm"
    shutil.copytree(run.ROOM, room, ignore=shutil.ignore_patterns("__pycache__"))
    before = run.code()
    monkeypatch.setattr(run, "ROOM", Path(room))
    assert run.code() == before
    return room


def test_every_module_that_a_number_depends_on_is_in_the_digest(copy):
    names, before = used(), run.code()
    assert {"generative/objective", "generative/features", "text", "tuned/lora", "frozen/ridge", "distractors"} <= names
    for name in sorted(names):
        file = copy / f"{name}.py"
        text = file.read_text()
        file.write_text(text + "\n# changed\n")
        assert run.code() != before, f"{name} can change without a cell being played again"
        file.write_text(text)
    assert run.code() == before


def test_what_no_number_depends_on_is_not(copy):
    before = run.code()
    for name in ("generative/tables", "generative/tiers", "generative/command", "generative/run", "__main__"):
        file = copy / f"{name}.py"
        file.write_text(file.read_text() + "\n# changed\n")
    assert run.code() == before
