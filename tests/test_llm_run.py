"""llm.run and llm.tables: a study from end to end on a tiny model; interrupted, resumed, damaged."""

import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import llm.tuned
from llm import run, tables
from llm.errors import CacheError
from llm.spec import DataSpec, StudySpec
from llm.tables import Played
from sim import table
from sim.rules import log

WORDS = ("card", "loan", "cash")


class Bag:
    """A stub encoder: counts of letters, norm 1."""

    kind, width = "stub", 26

    def __init__(self, name="bag"):
        self._name, self.calls = name, 0

    def encode(self, texts, batch_size=32, note=None):
        self.calls += 1
        rows = np.array([[t.count(chr(97 + k)) for k in range(26)] for t in texts], dtype=float) + 1e-3
        if note:
            note(len(texts))
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32).astype(np.float64)

    def digest(self):
        return self._name


class Stop(run.Silent):
    """A listener that pulls the plug after some cells."""

    def __init__(self, after):
        self.left, self.heard = after, []

    def finished(self, cell, labels, mistakes, seconds):
        self.heard.append((cell, labels))
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(90):
        label = WORDS[rng.integers(3)]
        rows.append((f"{label} {''.join(rng.choice(list('abcdefgh'), 12))}", label, "test" if i % 3 == 0 else "train"))
    path = tmp_path_factory.mktemp("data") / "words.parquet"
    pd.DataFrame(rows, columns=["text", "label", "split"]).to_parquet(path)
    return str(path)


def study(file, **options):
    options = {"gates": ("random", "margin", "all"), "budgets": (0.1, 0.3), "replications": 2, **options}
    return StudySpec(data=DataSpec(path=file), rounds=40, **options)


def play(file, out, listener=None, jobs=1, **options):
    return run.run(run.plan(study(file, **options), out, Bag()), out, jobs, listener=listener)


def test_a_study_gives_the_simulators_columns_and_its_own(file, tmp_path):
    results, timings = play(file, tmp_path)
    assert list(results) == [*tables.ADDED, *table.SCHEMA] and list(timings) == list(tables.TIMINGS)
    assert len(timings) == 2 * (2 + 2 + 1) == results["key"].nunique()
    last = results[results["t"] == 40]
    assert (last["labels"] <= last["B"]).all() and last["head_accuracy_logistic"].notna().all()
    assert results[results["t"] < 40]["head_accuracy_logistic"].isna().all()
    assert set(last["beta"]) == {0.1, 0.3, 1.0} and set(last["context"]) == {"recorded"}
    assert (timings["seconds_total"] >= timings["seconds_gate"]).all() and (timings["peak_memory"] > 1).all()
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "results.parquet"), results)


def test_an_interrupted_study_goes_on_and_ends_with_the_same_bytes(file, tmp_path):
    play(file, tmp_path / "whole")
    stop = Stop(3)
    with pytest.raises(KeyboardInterrupt):
        play(file, tmp_path / "cut", stop)
    kept = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "cut" / "cells").glob("*.parquet")}
    assert len(kept) == 3
    on = Stop(99)
    play(file, tmp_path / "cut", on)
    assert len(on.heard) == 10 - 3 and not {c for c, _ in on.heard} & {c for c, _ in stop.heard}
    assert all((tmp_path / "cut" / "cells" / name).stat().st_mtime_ns == at for name, at in kept.items())
    whole, cut = ((tmp_path / name / "results.parquet").read_bytes() for name in ("whole", "cut"))
    assert whole == cut


@pytest.mark.parametrize("missing", ["*.json", "*.parquet"])
def test_a_half_written_cell_is_played_again(file, tmp_path, missing):
    play(file, tmp_path)
    next((tmp_path / "cells").glob(missing)).unlink()
    again = Stop(99)
    play(file, tmp_path, again)
    assert len(again.heard) == 1


def test_bytes_do_not_depend_on_the_number_of_processes(file, tmp_path):
    for jobs in (1, 2):
        play(file, tmp_path / str(jobs), jobs=jobs, gates=("random", "entropy"))
    one, two = ((tmp_path / name / "results.parquet").read_bytes() for name in "12")
    assert one == two


def test_features_are_computed_once(file, tmp_path):
    model = Bag()
    for gate in ("random", "margin"):
        run.run(run.plan(study(file, gates=(gate,)), tmp_path, model), tmp_path)
    assert model.calls == 2  # training and test texts


def test_another_configuration_never_reads_the_cells_of_this_one(file, tmp_path):
    play(file, tmp_path)
    same = run.plan(study(file), tmp_path, Bag())
    assert len(same.done) == len(same.cells)
    for other in (
        run.plan(study(file, lam=2.0), tmp_path, Bag()),
        run.plan(study(file, seed=1), tmp_path, Bag()),
        run.plan(study(file), tmp_path, Bag("another model")),
        run.plan(study(file, mode="finetune"), tmp_path, Bag()),
    ):
        assert not other.done


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("frozen/ridge.py", {"frozen", "finetune"}),
        ("frozen/candidates.py", {"frozen", "finetune"}),
        ("frozen/play.py", {"frozen", "finetune"}),
        ("spec.py", {"frozen", "finetune"}),
        ("tuned/tuner.py", {"finetune"}),
        ("tuned/replay.py", {"finetune"}),
        ("frozen/features.py", set()),
        ("run.py", set()),
    ],
)
def test_an_edit_of_what_a_mode_plays_gives_its_cells_other_names(tmp_path, monkeypatch, file, changed):
    before = {mode: run.code(mode) for mode in ("frozen", "finetune")}
    shutil.copytree(run.ROOM, tmp_path / "llm", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(run, "ROOM", tmp_path / "llm")
    assert {mode: run.code(mode) for mode in before} == before
    with (tmp_path / "llm" / file).open("a") as source:
        source.write("# edited\n")
    assert {mode for mode in before if run.code(mode) != before[mode]} == changed


def test_the_digests_name_files_that_are_there():
    assert all((run.ROOM / f"{name}.py").is_file() for name in (*run.FROZEN, *run.AROUND))


def damage(path):
    path.write_bytes(path.read_bytes()[:-4])


def swap(path):
    other = next(p for p in path.parent.glob("*.parquet") if p != path)
    for suffix in (".parquet", ".json"):
        path.with_suffix(suffix).write_bytes(other.with_suffix(suffix).read_bytes())


def no_note(path):
    path.with_suffix(".json").write_text("{")


def no_timings(path):
    note = json.loads(path.with_suffix(".json").read_text())
    del note["timings"]
    path.with_suffix(".json").write_text(json.dumps(note))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (damage, "does not match its checksum: it was truncated or edited.*; delete it"),
        (swap, "holds the cell"),
        (no_note, "is damaged"),
        (no_timings, "is damaged .*timings.*; delete it"),
    ],
)
def test_damaged_and_foreign_cells_are_refused(file, tmp_path, harm, message):
    play(file, tmp_path)
    harm(next((tmp_path / "cells").glob("*.parquet")))
    with pytest.raises(CacheError, match=message):
        play(file, tmp_path)


def test_the_output_must_be_a_folder(file, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(CacheError, match="is a file; give a folder"):
        run.plan(study(file), tmp_path / "out", Bag())


def test_collecting_an_unfinished_study_says_so(file, tmp_path):
    made = run.plan(study(file), tmp_path, Bag())
    with pytest.raises(CacheError, match="10 of 10 cells are not finished"):
        run.collect(made, tmp_path)


def test_the_summary_averages_over_replications(file, tmp_path):
    results, _ = play(file, tmp_path)
    found = tables.summary(results).set_index(["beta", "gate"])
    last = results[(results["t"] == 40) & (results["gate"] == "margin") & (results["beta"] == 0.3)]
    assert found.loc[(0.3, "margin"), "mistakes"] == last["mistakes"].mean()
    assert found.loc[(0.3, "margin"), "mistakes_se"] == pytest.approx(last["mistakes"].std() / np.sqrt(2))
    assert found["replications"].eq(2).all() and len(found) == 5


def test_fine_tuned_cells_are_handed_on_and_stored_alike(file, tmp_path, monkeypatch):
    spec = study(file, mode="finetune", gates=("random",), budgets=(0.1,))
    folders = []

    def run_cell(spec, data, model, cell, folder, note):
        folders.append(folder)
        note(1, 1)
        rows = np.zeros((len(spec.record.rounds(cell.T)), log.WIDTH))
        rows[:, 0] = spec.record.rounds(cell.T)
        return SimpleNamespace(played=Played(rows, 5, float("nan"), {"train": 2.0, "total": 3.0}, 7.0))

    stand_in = type(sys)("llm.tuned.play")
    stand_in.run_cell = run_cell
    monkeypatch.setitem(sys.modules, "llm.tuned.play", stand_in)
    monkeypatch.setattr(llm.tuned, "play", stand_in, raising=False)
    results, timings = run.run(run.plan(spec, tmp_path, Bag()), tmp_path)
    assert folders == [tmp_path / "checkpoints" / key for key in timings["key"]]
    assert set(results["mode"]) == {"finetune"} and set(results["d"]) == {5}
    assert timings["seconds_train"].tolist() == [2.0, 2.0] and timings["seconds_gate"].tolist() == [0.0, 0.0]


ROOMS = "llm.errors, llm.spec, llm.text, llm.frozen.features, llm.streams, llm.frozen.ridge, llm.frozen.play"
ROOMS += ", llm.tables, llm.run"


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        (ROOMS, {"torch", "numba"}),
        (f"{ROOMS}, llm.__main__", {"matplotlib"}),
        (f"{ROOMS}, llm.model", {"numba"}),
    ],
)
def test_imports_stay_light(modules, absent):
    if "llm.model" in modules:
        pytest.importorskip("transformers")
    code = f"import sys, {modules}; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not absent & set(found.stdout.split())


def test_playing_frozen_cells_leaves_numba_unloaded(file, tmp_path):
    code = f"""
import sys; sys.path.insert(0, "tests")
from pathlib import Path
from test_llm_run import play
play({file!r}, Path({str(tmp_path)!r}), gates=("random",))
print(*sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "numba" not in found.stdout.split() and "torch" not in found.stdout.split()
