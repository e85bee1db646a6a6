"""llm.tuned.play: whole cells on tiny models, killed and continued, and what is refused."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_models
import torch

from llm import model, tables
from llm.errors import CacheError, DataError, MemoryExhaustedError
from llm.frozen import play as frozen
from llm.spec import Cell, DataSpec, FinetuneSpec, StudySpec
from llm.text import Data
from llm.tuned import checkpoint, play
from sim.rules import log

T, B = 60, 18
OPTIONS = FinetuneSpec(
    update_every=5,
    steps=6,
    batch_size=4,
    stream_batch=7,
    rank=2,
    dropout=0.1,
    evaluations=4,
    lr=5e-3,
    negatives=2,
    refit_epochs=2,
)
GATES = ("llf_self_paced", "llf_regret", "ratio", "width", "margin", "entropy", "random", "prefix", "all")
COLUMN = {name: i for i, name in enumerate(log.COLUMNS)}


def themes(n=80, shuffled=False):
    """A data set of four themes; ``shuffled`` labels have nothing to do with the texts."""
    texts, y = tiny_models.sentences(n)
    test, test_y = tiny_models.sentences(40, seed=1)
    y = np.random.default_rng(0).permutation(y) if shuffled else y
    return Data("themes", texts, y, tiny_models.THEMES, test, test_y)


def study(gate="random", **options):
    o = OPTIONS.model_copy(update=options)
    return StudySpec(data=DataSpec(path="themes.csv"), mode="finetune", gates=(gate,), rounds=T, finetune=o)


def cell(gate="random", digest="d", rep=0, stream="iid"):
    return Cell(gate, T if gate == "all" else B, T, stream, 0, rep, "finetune", digest)


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_models.tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def encoder(folder):
    return model.load(folder)


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    return model.load(tiny_models.tiny_causal(tmp_path_factory.mktemp("causal")))


def columns_add_up(played):
    """Parts of the time make up the whole."""
    return sum(v for k, v in played.seconds.items() if k != "total") == pytest.approx(played.seconds["total"], rel=1e-6)


def last(played, name):
    return played.rows[-1, COLUMN[name]]


@pytest.mark.parametrize("gate", GATES)
def test_every_gate_plays_and_no_budget_is_exceeded(gate, encoder, tmp_path):
    tuned = play.run_cell(study(gate), themes(), encoder, cell(gate), tmp_path)
    played, budget = tuned.played, cell(gate).B
    assert (played.rows[:, COLUMN["labels"]] <= budget).all()
    assert played.rows[:, 0].tolist() == [15, 30, 45, 60]
    assert np.isfinite(played.heads).all() and played.head == played.heads[-1]
    bought = int(last(played, "labels"))
    assert len(tuned.losses) == -(-bought // OPTIONS.update_every)
    assert set(tables.SECONDS) <= set(played.seconds) and played.peak_memory > 0
    assert played.seconds["gate"] >= 0 and columns_add_up(played)


@pytest.mark.parametrize("kind", ["encoder", "causal"])
@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_end_to_end_learns_more_than_shuffled_labels_teach(kind, adapter, request, tmp_path):
    """With every label bought the head knows the themes; with shuffled labels it knows nothing."""
    loaded, spec = (
        request.getfixturevalue(kind),
        study("all", adapter=adapter, update_every=20, steps=60, refit_epochs=12, rank=8, lr=0.02),
    )
    true = play.run_cell(spec, themes(), loaded, cell("all"), tmp_path / "true").played
    control = play.run_cell(spec, themes(shuffled=True), loaded, cell("all"), tmp_path / "control").played
    assert true.head > 0.7 > 0.5 > control.head


def test_rows_fit_the_table(encoder, tmp_path):
    spec = study(final_epochs=2, test_rows=25)
    played = play.run_cell(spec, themes(), encoder, cell(), tmp_path).played
    made = tables.frame(spec, cell(), 4, played)
    assert made["t"].tolist() == [15, 30, 45, 60] and made["mode"].unique() == ["finetune"]
    assert (made["accuracy"] * 25 % 1).abs().max() < 1e-9 and 0.0 <= played.refit <= 1.0


def test_without_updates_it_is_frozen_mode(encoder, tmp_path):
    """The ridge on features that never change: the frozen study's decisions and accuracy."""
    data, spec = themes(), study("margin", steps=1)
    still = spec.model_copy(update=dict(finetune=spec.finetune.model_copy(update=dict(steps=0, refit_epochs=0))))
    got = play.run_cell(still, data, encoder, cell("margin"), tmp_path).played
    ready = frozen.scaled(encoder.encode(data.texts), encoder.encode(data.test_texts), False)
    want = frozen.play_cell(spec, cell("margin"), data, ready)
    for name in ("decision_hash", "mistakes", "labels", "accuracy"):
        assert last(got, name) == last(want, name)
    assert last(got, "psi") == pytest.approx(last(want, "psi"), rel=1e-6)


def test_updates_change_the_run(encoder, tmp_path):
    """The control of the test above."""
    data = themes()
    ready = frozen.scaled(encoder.encode(data.texts), encoder.encode(data.test_texts), False)
    want = frozen.play_cell(study("margin"), cell("margin"), data, ready)
    got = play.run_cell(study("margin"), data, encoder, cell("margin"), tmp_path).played
    assert last(got, "psi") != pytest.approx(last(want, "psi"), rel=1e-3)


def test_the_same_seed_gives_the_same_rows(encoder, tmp_path):
    one, two = (play.run_cell(study(), themes(), encoder, cell(), tmp_path / str(i)) for i in range(2))
    other = play.run_cell(study(), themes(), encoder, cell(rep=1), tmp_path / "other")
    assert one.played.rows.tobytes() == two.played.rows.tobytes()
    assert one.losses.tobytes() == two.losses.tobytes() != other.losses.tobytes()


def test_the_weight_and_the_schedule_matter(encoder, tmp_path):
    seen = {
        name: play.run_cell(study(**o), themes(), encoder, cell(digest=name), tmp_path / name).losses.tobytes()
        for name, o in dict(plain={}, rex=dict(schedule="rex"), control=dict(stackelberg=0.0)).items()
    }
    assert len(set(seen.values())) == 3


class StopError(Exception):
    pass


def stopping(at):
    def note(t, labels):
        if t == at:
            raise StopError

    return note


@pytest.mark.parametrize("gate", ["llf_self_paced", "random", "entropy", "all"])
def test_stopped_anywhere_it_ends_with_the_same_rows(gate, encoder, tmp_path):
    """Stopped again and again, with a checkpoint's worth of rounds lost each time."""
    spec = study(gate, final_epochs=1, refit_growth=3.0 if gate == "random" else 0.0)
    whole = play.run_cell(spec, themes(), encoder, cell(gate), tmp_path / "whole")
    for at in (1, 9, 16, 17, 31, 46, 59):
        with pytest.raises(StopError):
            play.run_cell(spec, themes(), encoder, cell(gate), tmp_path / "parts", stopping(at))
    parts = play.run_cell(spec, themes(), encoder, cell(gate), tmp_path / "parts")
    assert parts.played.rows.tobytes() == whole.played.rows.tobytes()
    assert parts.played.heads.tobytes() == whole.played.heads.tobytes()
    assert parts.losses.tobytes() == whole.losses.tobytes() and parts.played.refit == whole.played.refit
    assert parts.refits == whole.refits
    assert whole.refits > 1 if gate == "random" else whole.refits == 1


def test_a_resumed_run_encodes_nothing_again(encoder, tmp_path):
    with pytest.raises(StopError):
        play.run_cell(study(), themes(), encoder, cell(), tmp_path, stopping(55))
    t, state = checkpoint.load(tmp_path, cell().key())
    seen = []
    play.run_cell(study(), themes(), encoder, cell(), tmp_path, lambda t, n: seen.append(t))
    assert t > 0 and seen[0] == t and state["learner"]["counts"]["version"] > 0


KILLED = """
import os, signal, sys
import torch
torch.set_num_threads(1)
sys.path[:0] = [{tests!r}, {root!r}]
import test_llm_finetune as own
from llm import model
from llm.tuned import checkpoint, play
from sim import files
at, mark = int(sys.argv[1]), sys.argv[2]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if mark == "pointer":
    write = files.write_atomic
    files.write_atomic = lambda path, data: die() if path.name == checkpoint.POINTER else write(path, data)
play.run_cell(own.study(), own.themes(), model.load({model!r}), own.cell(), own.Path({folder!r}),
                  lambda t, n: die() if t == at else None)
"""


def test_killed_by_the_system_it_ends_with_the_same_rows(encoder, folder, tmp_path):
    """SIGKILL in the middle, and SIGKILL between a checkpoint's two files; then the same command again."""
    root = Path(__file__).resolve().parent.parent
    script = KILLED.format(tests=str(root / "tests"), root=str(root), model=folder, folder=str(tmp_path / "killed"))
    environment = dict(os.environ, OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    for at, mark in ((40, "round"), (-1, "pointer")):
        died = subprocess.run([sys.executable, "-c", script, str(at), mark], env=environment, capture_output=True)
        assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert checkpoint.load(tmp_path / "killed", cell().key())[0] > 0
    continued = play.run_cell(study(), themes(), encoder, cell(), tmp_path / "killed").played
    whole = play.run_cell(study(), themes(), encoder, cell(), tmp_path / "whole").played
    assert continued.rows.tobytes() == whole.rows.tobytes()


def test_a_checkpoint_of_another_configuration_is_refused(encoder, tmp_path):
    with pytest.raises(StopError):
        play.run_cell(study(), themes(), encoder, cell(), tmp_path, stopping(50))
    for other in (cell("margin"), cell(rep=1), cell(digest="e")):
        with pytest.raises(CacheError, match="another configuration"):
            play.run_cell(study(other.gate), themes(), encoder, other, tmp_path)


def test_a_replay_that_did_not_happen_is_refused(encoder, tmp_path):
    """The control of resuming: other purchases than the gate's are noticed, not replayed."""
    with pytest.raises(StopError):
        play.run_cell(study(), themes(), encoder, cell(), tmp_path, stopping(50))
    t, state = checkpoint.load(tmp_path, cell().key())
    state["replay"]["bought"] = [b + 1 for b in state["replay"]["bought"]]
    checkpoint.save(tmp_path, cell().key(), t, state)
    with pytest.raises(CacheError, match="did not buy round"):
        play.run_cell(study(), themes(), encoder, cell(), tmp_path)


def test_out_of_memory_loses_nothing(encoder, tmp_path, monkeypatch):
    whole = play.run_cell(study(), themes(), encoder, cell(), tmp_path / "whole").played
    pool, calls = model.Model.pool, [0]

    def sometimes(self, batch):
        calls[0] += 1
        if calls[0] == 40:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return pool(self, batch)

    monkeypatch.setattr(model.Model, "pool", sometimes)
    with pytest.raises(MemoryExhaustedError, match="try"):
        play.run_cell(study(), themes(), encoder, cell(), tmp_path / "parts")
    assert checkpoint.load(tmp_path / "parts", cell().key()) is not None
    again = play.run_cell(study(), themes(), encoder, cell(), tmp_path / "parts").played
    assert again.rows.tobytes() == whole.rows.tobytes()


def test_drift_and_zipf_run(encoder, tmp_path):
    for stream in ("drift", "zipf"):
        spec = study("margin").model_copy(update=dict(streams=(stream,)))
        played = play.run_cell(spec, themes(), encoder, cell("margin", stream=stream), tmp_path / stream).played
        assert 0.0 <= last(played, "accuracy") <= 1.0


def test_what_fine_tuning_cannot_do_is_refused(encoder, tmp_path):
    data = themes()
    choices = Data(**{**vars(data), "candidates": [["a", "b"]] * 80, "test_candidates": [["a", "b"]] * 40})
    with pytest.raises(DataError, match="multiple choice"):
        play.run_cell(study(), choices, encoder, cell(), tmp_path)
    with pytest.raises(DataError, match="center = True"):
        play.run_cell(study().model_copy(update=dict(center=True)), data, encoder, cell(), tmp_path)


def test_evaluation_rounds_are_even_and_end_in_T():
    assert play.evaluation_rounds(100, 4).tolist() == [25, 50, 75, 100]
    assert play.evaluation_rounds(3, 8).tolist() == [1, 2, 3]
