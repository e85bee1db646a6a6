"""A transformers training run that buys its labels through a gate, with real (tiny) models."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, TrainingArguments, default_data_collator, set_seed

from llm.budgeted import Buyer, PendingLabelError, frozen_features
from llm.errors import CacheError, DataError
from llm.trainer import PURSE, BudgetedTrainer
from sim import loop
from sim.live.gate import LiveGate
from sim.live.queue import PersonQueue
from sim.live.source import BudgetError, FromCallable, Ledger, RecordedColumn
from sim.rules import draws, gates, log
from sim.setup import build
from sim.spec import GateSpec, LearnerSpec
from tests.conftest import digits_spec

ROOT = Path(__file__).resolve().parent.parent
N, K, B = 60, 3, 15
LEARNER = LearnerSpec(sigma=0.5, radius_mode="fixed", radius_c=0.5)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = rng.integers(0, K, N)
    texts = [{"input_ids": rng.integers(2 + 5 * k, 9 + 5 * k, 6).tolist(), "attention_mask": [1] * 6} for k in y]
    return texts, y, frozen_features(network(), texts, default_data_collator, 16)


def network():
    set_seed(1)
    config = BertConfig(vocab_size=24, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    config.num_labels, config.max_position_embeddings = K, 8
    return BertForSequenceClassification(config)


def buyer(rows, kind="llf_self_paced", source=None, **gate):
    _, y, X = rows
    live = LiveGate(GateSpec(kind=kind, c=0.7, window=16), N, d=X.shape[1], learner=LEARNER, **(gate or {"B": B}))
    return Buyer(live, source or RecordedColumn(y.tolist(), Ledger(labels=N)), X, range(K))


def trainer(folder, rows, made, **options):
    options = {"per_device_train_batch_size": 4, "num_train_epochs": 2, "save_steps": 3, "logging_steps": 5} | options
    args = TrainingArguments(str(folder), report_to=[], disable_tqdm=True, use_cpu=True, seed=3, **options)
    return BudgetedTrainer(network(), args, train_dataset=rows[0], buyer=made)


def weights(made):
    return torch.cat([p.detach().flatten() for p in made.model.parameters()])


def test_features_are_the_last_hidden_states_means(rows):
    texts, _, X = rows
    model = network().eval()
    with torch.no_grad():
        out = model(input_ids=torch.tensor([texts[5]["input_ids"]]), output_hidden_states=True)
    mean = out.hidden_states[-1][0].mean(0).double().numpy()
    np.testing.assert_allclose(X[5], mean / np.linalg.norm(mean), atol=1e-6)
    assert X.shape == (N, 16) and not model.training


@pytest.mark.parametrize("kind", [k for k in gates.GATES if not gates.TRAITS_OF[k].foresees])
def test_purchases_are_the_simulators_on_the_same_features(tmp_path, rows, kind):
    """One epoch in the sampler's order is one run of the simulator's plain loop.

    Rows of norm 0.9: at norm 1 bbq's first width ties with its first threshold and rounding decides.
    """
    rows = (*rows[:2], 0.9 * rows[2])
    made = buyer(rows, kind)
    trainer(tmp_path, rows, made, num_train_epochs=1, save_strategy="no").train()
    order = list(made.decided)
    assert sorted(order) == list(range(N)) and order != sorted(order)
    spec = digits_spec("never", T=N, B=B).model_copy(update={"gate": made.gate.spec.gate, "learner": LEARNER})
    X, y = rows[2][order], rows[1][order]
    g = build(spec, 16, K)._replace(lam=1.0)
    learner, none = loop.OvaRidge(16, K, g.lam, g.refresh), np.zeros(0)
    record = np.arange(1, N + 1)
    table = loop.play_recorded(g, learner, X, y, lambda s: 0.0, draws.stream_keys(0, 0), record, none, none)
    labels = np.diff(table[:, log.COLUMNS.index("labels")], prepend=0.0)
    assert [made.decided[row] is not None for row in order] == list(labels == 1.0)
    assert all(k is None or k == rows[1][row] for row, k in made.decided.items())


def tracked(made):
    """The log without clocks, and without the first loss, whose running mean the Trainer begins anew on resuming."""
    entries = [{k: v for k, v in e.items() if not k.startswith(("train_", "total_"))} for e in made.state.log_history]
    return [{k: v for k, v in e.items() if i or k != "loss"} for i, e in enumerate(entries)]


def test_a_run_that_is_resumed_is_the_run_that_was_not_stopped(tmp_path, rows):
    """Killed by its source in the middle of a step: the same purchases, weights and log to the last bit."""
    whole = trainer(tmp_path / "whole", rows, buyer(rows))
    whole.train()
    calls = []

    def failing(key, prompt):
        calls.append(key)
        if len(calls) == 9:
            raise ConnectionError("gone")
        return int(rows[1][int(key)])

    stopped = trainer(tmp_path / "cut", rows, buyer(rows, source=FromCallable(failing, Ledger(labels=N))))
    with pytest.raises(ConnectionError):
        stopped.train()
    assert 3 <= stopped.state.global_step < 15
    again = trainer(tmp_path / "cut", rows, buyer(rows))
    again.train(resume_from_checkpoint=True)
    assert again.buyer.decided == whole.buyer.decided and list(again.buyer.decided) == list(whole.buyer.decided)
    assert json.dumps(again.buyer.state()) == json.dumps(whole.buyer.state())
    assert torch.equal(weights(again), weights(whole))
    assert tracked(again) == tracked(whole)
    assert again.buyer.source.ledger.bought == whole.buyer.source.ledger.bought == whole.buyer.gate.labels


def test_only_bought_labels_teach(tmp_path, rows):
    """Other labels in the rows that are not bought change no weight; in one that is bought they do."""
    first = trainer(tmp_path / "a", rows, buyer(rows), num_train_epochs=1, save_strategy="no")
    first.train()
    bought = [row for row, k in first.buyer.decided.items() if k is not None]
    assert 5 < len(bought) <= B
    for change, same in (([r for r in range(N) if r not in bought], True), ([bought[-1]], False)):
        y = rows[1].copy()
        y[change] = (y[change] + 1) % K
        other = trainer(tmp_path / "b", rows, buyer((rows[0], y, rows[2])), num_train_epochs=1, save_strategy="no")
        other.train()
        assert torch.equal(weights(other), weights(first)) == same


def test_without_labels_nothing_moves(tmp_path, rows):
    made = trainer(tmp_path, rows, buyer(rows, "never"), save_strategy="no", weight_decay=0.1)
    before = weights(made)
    made.train()
    assert torch.equal(weights(made), before) and made.buyer.source.ledger.bought == 0


def test_a_batchs_loss_is_the_models_own_over_the_bought_rows(tmp_path, rows):
    """With every label bought it is the ordinary Trainer's run."""
    from transformers import Trainer

    whole = trainer(tmp_path / "a", rows, buyer(rows, "always", B=N), num_train_epochs=1, save_strategy="no")
    whole.train()
    args = TrainingArguments(
        str(tmp_path / "b"), report_to=[], disable_tqdm=True, use_cpu=True, seed=3, per_device_train_batch_size=4,
        num_train_epochs=1, save_strategy="no",
    )  # fmt: skip
    labelled = [{**row, "labels": int(k)} for row, k in zip(rows[0], rows[1], strict=True)]
    plain = Trainer(network(), args, train_dataset=labelled)
    plain.train()
    assert torch.equal(weights(whole), weights(plain))


def test_the_log_tells_labels_reasons_and_what_is_left(tmp_path, rows):
    made = trainer(tmp_path, rows, buyer(rows, "prefix"), num_train_epochs=1, gradient_accumulation_steps=2)
    made.train()
    logged = [entry for entry in made.state.log_history if "loss" in entry]
    assert logged[0]["labels_bought"] == B and logged[0]["labels_left"] == 0 and logged[0]["gate_forced"] == B
    assert logged[0]["gate_rounds"] == 40 and logged[0]["gate_out_of_budget"] == 40 - B
    assert "labels_bought" not in made.state.log_history[-1] and "spent" not in logged[0]


def test_money_and_a_source_with_less_than_the_gate(tmp_path, rows):
    costs = np.where(rows[1] == 0, 2.0, 0.5)
    source = RecordedColumn(rows[1].tolist(), Ledger(money=12.0), costs)
    made = trainer(tmp_path, rows, buyer(rows, "random", source, money=12.0, mean_cost=1.0), num_train_epochs=1)
    made.train()
    assert made.buyer.summary()["spent"] == source.ledger.spent <= 12.0 and made.buyer.gate.labels > 5
    short = buyer(rows, "prefix", RecordedColumn(rows[1].tolist(), Ledger(labels=3)))
    with pytest.raises(BudgetError, match="all 3 labels are bought"):
        trainer(tmp_path / "short", rows, short).train()


def test_a_person_answers_between_two_processes(tmp_path, rows):
    """Every step is saved; a prompt without an answer stops the run, and resuming asks nothing twice."""
    whole = trainer(tmp_path / "whole", rows, buyer(rows, B=4), num_train_epochs=1, save_strategy="no")
    whole.train()
    done, sessions = None, 0
    while done is None:
        with PersonQueue(tmp_path / "queue", ledger=Ledger(labels=4), classes=list(range(K))) as queue:
            for key in queue.open:
                (tmp_path / "answers.csv").write_text(f"key,label\n{key},{rows[1][int(key)]}\n")
                queue.take(tmp_path / "answers.csv")
            made = trainer(tmp_path / "run", rows, buyer(rows, source=queue, B=4), num_train_epochs=1, save_steps=1)
            sessions += 1
            with contextlib.suppress(PendingLabelError):
                made.train(resume_from_checkpoint=any((tmp_path / "run").glob("checkpoint-*")))
                done = made
            asked = list(queue.asked)
    assert sessions == 5 and len(asked) == 4
    assert done.buyer.decided == whole.buyer.decided and torch.equal(weights(done), weights(whole))


def test_a_row_that_is_waited_for_keeps_its_round(rows):
    queue_like = FromCallable(lambda key, prompt: int(rows[1][int(key)]), Ledger(labels=N))
    made = buyer(rows, "always", queue_like, B=N)
    queue_like._function = lambda key, prompt: 1 / 0
    with pytest.raises(ZeroDivisionError):
        made.label(7)
    queue_like._function = lambda key, prompt: int(rows[1][int(key)])
    with pytest.raises(DataError, match="row 7 is still waited for"):
        made.label(8)
    other = buyer(rows, "always", queue_like, B=N)
    other.restore(json.loads(json.dumps(made.state())))
    assert made.label(7) == other.label(7) == rows[1][7] and other.gate.rounds == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t, y, X: {"features": X[:, :3]}, "with d = 16"),
        (lambda t, y, X: {"features": 2 * X}, "norm 2 > L = 1"),
        (lambda t, y, X: {"features": np.full_like(X, np.nan)}, "finite rows"),
        (lambda t, y, X: {"features": np.vstack([X, X])}, "plays T = 60 rounds and there are 120"),
        (lambda t, y, X: {"classes": [0, 0]}, "at least two"),
        (lambda t, y, X: {"keys": [0] * N}, "keys unique"),
        (lambda t, y, X: {"prompts": ["a"]}, "1 prompts for 60 rows"),
    ],
)
def test_bad_buyers_are_refused(rows, change, message):
    options = {"features": rows[2], "classes": range(K)} | change(*rows)
    gate = LiveGate(GateSpec(), N, d=16, B=B)
    with pytest.raises(DataError, match=message):
        Buyer(gate, RecordedColumn(rows[1].tolist(), Ledger(labels=N)), **options)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: [{**row, "labels": 0} for row in t], {}, "labels come from the source"),
        (lambda t: [{**row, "row": 0} for row in t], {}, "the trainer's own"),
        (lambda t: t[:10], {}, "10 training rows and 60 rows of features"),
        (lambda t: iter(t), {}, "give a map-style set"),
    ],
)
def test_bad_rows_are_refused(tmp_path, rows, change, options, message):
    with pytest.raises(DataError, match=message):
        trainer(tmp_path, (change(rows[0]), *rows[1:]), buyer(rows), **options)


def test_a_label_that_is_no_class_and_a_checkpoint_without_a_purse(tmp_path, rows):
    wrong = buyer(rows, "always", RecordedColumn(["x"] * N, Ledger(labels=N)))
    with pytest.raises(DataError, match="none of the classes"):
        wrong.label(0)
    made = trainer(tmp_path, rows, buyer(rows), num_train_epochs=1)
    made.train()
    with pytest.raises(DataError, match="another one than this run's"):
        trainer(tmp_path, rows, buyer(rows, B=7)).train(resume_from_checkpoint=True)
    (Path(tmp_path) / f"checkpoint-{made.state.global_step}" / PURSE).unlink()
    with pytest.raises(CacheError, match="resume from an earlier checkpoint"):
        trainer(tmp_path, rows, buyer(rows)).train(resume_from_checkpoint=True)


def test_the_forty_line_example_runs(tmp_path):
    file = ROOT / "docs" / "examples" / "budgeted_trainer.py"
    assert file.read_text().count("\n") <= 40
    ran = subprocess.run([sys.executable, file, tmp_path], capture_output=True, text=True, cwd=ROOT, check=True)
    accuracy, summary = ran.stdout.splitlines()[-1].split(" ", 1)
    assert float(accuracy) > 0.9 and "'labels_bought': 60, 'labels_left': 0" in summary
