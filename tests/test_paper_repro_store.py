"""The cache: finished results survive, damaged and foreign ones are noticed, other versions are not read."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest

from paper_repro import backend, cells, jobs, runs
from sim import engine, sweeps, table
from sim.spec import RecordSpec, RunSpec
from sim.tiers import TIERS
from theory.studies.study import Study

SPEC = RunSpec(T=20, record=RecordSpec(mode="final"), replications=2)
STUDY = Study("noted", lambda tier: (), lambda seed: pd.DataFrame(dict(seed=[seed], value=[0.25])))


def run(spec=SPEC):
    """The job of one configuration."""
    n = spec.replications
    about = {"columns": runs.log.COLUMNS, "spec": spec.model_dump(mode="json"), "first": 0}
    return jobs.Job(runs.RUNS, "mine", "mine/0", spec.key(), 1.0, (spec, 0, n), about)


def cell(seed=0):
    """The job of one cell."""
    return cells.jobs(STUDY._replace(cells=lambda tier: (dict(seed=seed),)), TIERS["smoke"])[0]


def get(job, out):
    return job.kept(out).get(job.result)


def put(job, out, seconds=0.5):
    job.kept(out).put(job.kind.play(*job.args)[0], {"seconds": seconds})
    return job.kept(out).path


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The file of a finished configuration."""
    play = engine.play
    monkeypatch.setattr(engine, "play", lambda spec, first=0: play(spec, first=first, compiled=False))
    return put(run(), tmp_path)


def test_round_trip(path, tmp_path):
    rows, seconds = get(run(), tmp_path)
    want = engine.play(SPEC)
    assert seconds == 0.5
    np.testing.assert_array_equal(np.stack(rows), np.stack(want.rows))
    pd.testing.assert_frame_equal(runs.join([(run(), rows)]), table.from_log("mine/0", want))


def test_a_cell_comes_back(tmp_path):
    put(cell(), tmp_path)
    frame, seconds = get(cell(), tmp_path)
    assert seconds == 0.5 and frame.to_dict("list") == dict(seed=[0], value=[0.25])


@pytest.mark.parametrize("suffix", [".json", ".npy"])
def test_a_missing_half_means_not_finished(path, tmp_path, suffix):
    path.with_suffix(suffix).unlink()
    assert get(run(), tmp_path) is None
    assert not run().kept(tmp_path).finished()


def test_another_configuration_is_not_found(path, tmp_path):
    assert get(run(SPEC.model_copy(update={"seed": 1})), tmp_path) is None


def rewritten(path, **fields):
    """The note with other fields; None takes one out."""
    note = path.with_suffix(".json")
    changed = json.loads(note.read_text()) | fields
    note.write_text(json.dumps({k: v for k, v in changed.items() if v is not None}))


DAMAGES = {
    "truncate": lambda p: p.write_bytes(p.read_bytes()[:-9]),
    "edit": lambda p: p.write_bytes(p.read_bytes()[:-9] + bytes(9)),
    "empty": lambda p: p.write_bytes(b""),
    "json": lambda p: p.with_suffix(".json").write_text("{"),
    "empty json": lambda p: p.with_suffix(".json").write_text(json.dumps({})),
    "a list": lambda p: p.with_suffix(".json").write_text("[]"),
    "no text": lambda p: p.with_suffix(".json").write_bytes(b"\xff\xfe"),
    "no seconds": lambda p: rewritten(p, seconds=None),
    "seconds in words": lambda p: rewritten(p, seconds="long"),
    "seconds of another type": lambda p: rewritten(p, seconds=[]),
    "no account of what it is": lambda p: rewritten(p, spec=None, cell=None),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("job", [run(), cell()], ids=["configuration", "cell"])
def test_damage_is_reported_and_recomputed(path, tmp_path, job, damage):
    damage(put(job, tmp_path))
    with pytest.warns(jobs.DamagedCache, match="computed again"):
        assert get(job, tmp_path) is None
    with pytest.warns(jobs.DamagedCache), backend.connect(backend.Where()) as each:
        results = jobs.collect([job], tmp_path, each)
    assert set(results) == {job.key}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert get(job, tmp_path) is not None


@pytest.mark.parametrize(
    ("job", "other"),
    [
        (run(), run(SPEC.model_copy(update={"replications": 1}))),  # another shape
        (run(), run(SPEC.model_copy(update={"seed": 1}))),  # the same shape
        (cell(), cell(seed=1)),
    ],
)
def test_a_file_of_something_else_is_noticed(path, tmp_path, job, other):
    there, here = put(other, tmp_path), put(job, tmp_path)
    for suffix in (".json", here.suffix):
        here.with_suffix(suffix).write_bytes(there.with_suffix(suffix).read_bytes())
    with pytest.warns(jobs.DamagedCache, match=r"holds the (spec|cell) .* not .*computed again"):
        assert get(job, tmp_path) is None


def test_an_array_of_another_shape_is_noticed(path, tmp_path):
    run().kept(tmp_path).put(runs.play(SPEC, 0, 1)[0], {"seconds": 0.1})
    with pytest.warns(jobs.DamagedCache, match=r"has shape \(1, 1, .*computed again"):
        assert get(run(), tmp_path) is None


def later(look):
    """The job of a look at a sweep of one configuration."""
    with pytest.MonkeyPatch.context() as planted:
        planted.setitem(sweeps.SWEEPS, "mine", lambda tier: (SPEC,))
        return runs.jobs("mine", TIERS["smoke"], look)[0]


def test_a_later_look_has_its_own_key_and_plays_what_a_longer_first_one_would(path, tmp_path):
    """Looks of 2, 2 and 4 replications are the eight of one run, row by row; none is taken for another."""
    looks = [later(look) for look in range(3)]
    assert [job.args for job in looks] == [(SPEC, 0, 2), (SPEC, 2, 2), (SPEC, 4, 4)]
    assert looks[0].key == SPEC.key() == run().key  # what is in a cache from before stays good
    assert len({job.key for job in looks}) == 3 and {job.name for job in looks} == {"mine/0"}
    assert looks[2].seconds > looks[1].seconds > 0.0 and [job.about["first"] for job in looks] == [0, 2, 4]
    for job in looks:
        put(job, tmp_path)
    played = [(job, get(job, tmp_path)[0]) for job in looks]
    whole = engine.play(SPEC.model_copy(update={"replications": 8}))
    np.testing.assert_array_equal(np.concatenate([np.stack(rows) for _, rows in played]), np.stack(whole.rows))
    frame = runs.join(played)
    assert frame["replication"].tolist() == list(range(8)) and set(frame["key"]) == {SPEC.key()}
    for a, b in ((1, 0), (2, 1)):
        there, here = looks[a].kept(tmp_path).path, looks[b].kept(tmp_path).path
        for suffix in (".json", ".npy"):
            here.with_suffix(suffix).write_bytes(there.with_suffix(suffix).read_bytes())
        with pytest.warns(jobs.DamagedCache, match="computed again"):
            assert get(looks[b], tmp_path) is None


def test_other_code_versions_are_counted_not_read(path, tmp_path):
    path.parent.rename(tmp_path / "cache" / "000000000000")
    assert get(run(), tmp_path) is None
    assert jobs.versions(tmp_path) == {"000000000000": 1}
