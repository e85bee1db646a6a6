"""Studies: kept cell by cell, resumed, recomputed where damaged, the same for any number of processes."""

import warnings

import numpy as np
import pandas as pd
import pytest

from paper_repro import backend, catalogue, cells, jobs, pipeline, plan, version
from paper_repro.jobs import DamagedCache
from sim import sweeps
from sim.tiers import TIERS
from theory.studies.study import Study

SMOKE = TIERS["smoke"]
PLAYED: list[int] = []


def play(name, out, processes=1):
    """(table, core seconds) of a study, its cells played on this many processes."""
    planned = plan.Plan(SMOKE, tuple(cells.jobs(catalogue.STUDIES[name], SMOKE)), (), ())
    results = pipeline.simulate(planned, out, backend.Where(processes))
    return results.tables[name], results.seconds[name]


def three_cells(tier):
    return tuple(dict(seed=0, cell=i) for i in range(3))


def noted(seed, cell):
    PLAYED.append(cell)
    return pd.DataFrame(dict(seed=[seed], cell=[cell], value=[float(np.random.default_rng([seed, cell]).random())]))


@pytest.fixture
def study(monkeypatch):
    PLAYED.clear()
    monkeypatch.setitem(catalogue.STUDIES, "noted", Study("noted", three_cells, noted))
    return "noted"


def test_cells_are_kept_and_rows_come_in_the_order_of_cells(study, tmp_path):
    first, seconds = play(study, tmp_path)
    again, same = play(study, tmp_path)
    assert PLAYED == [0, 1, 2] and first["cell"].tolist() == [0, 1, 2]
    pd.testing.assert_frame_equal(first, again)
    assert seconds == same >= 0.0


def test_a_damaged_cell_is_noticed_and_played_again(study, tmp_path):
    first, _ = play(study, tmp_path)
    victim = sorted(tmp_path.rglob("noted-*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:-7])
    with pytest.warns(DamagedCache, match="computed again"):
        again, _ = play(study, tmp_path)
    assert len(PLAYED) == 4
    pd.testing.assert_frame_equal(first, again)


def test_an_interrupted_study_plays_only_what_is_missing(study, tmp_path):
    play(study, tmp_path)
    victim = sorted(tmp_path.rglob("noted-*.json"))[1]
    victim.unlink()
    play(study, tmp_path)
    assert len(PLAYED) == 4


def test_two_processes_give_the_bytes_of_one(tmp_path):
    one, _ = play("routing", tmp_path / "one")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        two, _ = play("routing", tmp_path / "two", processes=2)
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    a, b = (sorted((tmp_path / n).rglob("*.parquet")) for n in ("one", "two"))
    assert len(a) > 1 and [f.read_bytes() for f in a] == [f.read_bytes() for f in b]


def test_names_and_keys_of_a_plan_are_unique_and_shards_ignore_the_cache():
    """Jobs with one key have one result, whichever table asks; every job is in one shard."""
    planned = plan.make("smoke").jobs
    assert len({job.name for job in planned}) == len(planned)
    about = {}
    for job in planned:
        assert about.setdefault(job.key, job.about) == job.about
    parts = [jobs.share(planned, jobs.Shard(i, 4)) for i in (1, 2, 3, 4)]
    assert sorted(job.key for mine in parts for job in mine) == sorted(about)
    costs = [sum(job.seconds for job in mine) for mine in parts]
    assert max(costs) - min(costs) <= max(job.seconds for job in planned)


def test_every_study_lists_cells_that_name_a_seed_set_and_survive_json():
    import json

    for name, study in catalogue.STUDIES.items():
        listed = study.cells(SMOKE)
        assert listed and study.name == name
        assert all(0 <= cell["seed"] < SMOKE.sets and json.loads(json.dumps(cell)) == cell for cell in listed), name


def test_closure_reaches_sweeps_and_studies_behind_a_derived_table():
    reached = catalogue.closure(["tightness"])
    assert {"worst_found", "routing", "theorem3"} <= reached
    assert catalogue.sources("f18_tightness") <= {*sweeps.SWEEPS, *catalogue.STUDIES}
    assert catalogue.sources("f22_llm_accuracy") == set()


def test_nothing_is_derived_from_what_is_missing():
    made = catalogue.derive({})
    assert set(made) == {name for name, d in catalogue.DERIVED.items() if not d.needs}


def test_an_edit_of_what_a_study_reads_changes_the_digest_and_of_a_judge_does_not(tmp_path, monkeypatch):
    import shutil
    import subprocess
    import sys

    rooms = "certificates, determinism, nonmyopic, preference"
    code = "import sys; from paper_repro.studies import determinism, digits, information, worst; "
    code += f"from theory.studies import {rooms}; "
    code += "print(*(m.replace('.', '/') for m in sys.modules if m.startswith(('theory.', 'sim.rules.'))))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    for room in ("sim", "theory", "paper_repro"):
        shutil.copytree(version.ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(version, "ROOT", tmp_path)
    digests = [version.source_digest()]

    def edit(path):
        path.write_bytes(path.read_bytes() + b"\n")
        digests.append(version.source_digest())

    for room, names in version.UNREAD.items():
        for name in names:
            place = tmp_path / room / name
            for file in [place] if place.is_file() else sorted(place.glob("*.py")):
                edit(file)
    assert len(digests) > 10 and len(set(digests)) == 1
    instance = min((tmp_path / "paper_repro/expected/instances").glob("*"))
    read = [tmp_path / f"{name}.py" for name in loaded if (tmp_path / f"{name}.py").is_file()]
    for file in [*read, instance, tmp_path / "paper_repro/studies/digits.py"]:
        edit(file)
    assert len(read) > 20 and len(set(digests)) == 1 + len(read) + 2
