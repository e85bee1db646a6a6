"""llm.frozen.candidates: multiple choice in frozen mode, against a slow twin and a solvable task."""

import json

import numpy as np
import pytest

from llm import run
from llm.errors import DataError
from llm.frozen import candidates, play
from llm.frozen.candidates import Pairs
from llm.spec import DataSpec, StudySpec
from sim.rules import learners


def pairs(n=30, K=4, d=5, seed=0):
    """Ragged candidate sets (2..K) of random rows; the gold has the largest first coordinate."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, K + 1, n)
    X = rng.normal(size=(sizes.sum(), d))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    starts = np.cumsum(sizes) - sizes
    at = np.where(np.arange(K) < sizes[:, None], starts[:, None] + np.arange(K), -1)
    y = np.array([np.argmax(X[row[row >= 0], 0]) for row in at])
    return Pairs(X, at), y


def test_the_learner_is_ridge_on_every_candidate_of_a_bought_prompt():
    stream, y = pairs()
    fast = candidates.CandidateRidge(stream, 1.0, 4096)
    s, out = learners.start(5, 1, 1.0), np.zeros(5)
    for t in range(30):
        rows = stream.X[stream.at[t][stream.at[t] >= 0]]
        scores, w2 = fast.predict(t)
        slow = rows @ s.theta[:, 0]
        pick = int(np.argmax(slow))
        widths = [learners.square_width(s.P, row - rows[pick], out) for row in rows]
        assert np.allclose(scores[: len(rows)], slow) and (scores[len(rows) :] == -np.inf).all()
        assert w2 == pytest.approx(max(widths) / 2)
        if t % 2:
            fast.update(t, np.eye(4)[y[t]])
            for k, row in enumerate(rows):
                s = learners.update(s, row, np.array([float(k == y[t])]), 4096, False, out)
    assert np.allclose(fast.state().theta, s.theta, atol=1e-10) and fast.state().psi == pytest.approx(s.psi)
    assert fast.bought == list(range(1, 30, 2))


@pytest.mark.parametrize("view", ["entropy", "ratio"])
def test_other_signals_ignore_candidates_that_are_not_there(view):
    stream, _ = pairs()
    learner = candidates.CandidateRidge(stream, 1.0, 4096, view)
    assert all(np.isfinite(learner.predict(t)[1]) for t in range(30))


def test_picks_are_the_best_candidate_and_never_a_missing_one():
    stream, y = pairs()
    assert np.array_equal(candidates.picks(stream, np.eye(5)[0]), y)
    sizes = (stream.at >= 0).sum(axis=1)
    assert (candidates.picks(Pairs(-np.abs(stream.X), stream.at), np.ones(5)) < sizes).all()


def test_the_logistic_head_learns_the_gold():
    stream, y = pairs(200)
    test, gold = pairs(100, seed=1)
    assert (candidates.logistic(stream, list(range(200)), y, test, 100.0) == gold).mean() > 0.85
    assert candidates.logistic(stream, [], y, test, 1.0).tolist() == [0] * 100


class Letters:
    """A stub model: counts of letters; a causal one also likes candidates that end on the prompt's last letter."""

    width = 26

    def __init__(self, kind):
        self.kind = kind

    def encode(self, texts, batch_size=32, note=None):
        return np.array([[t.count(chr(97 + k)) for k in range(26)] for t in texts], dtype=float)

    def loglik(self, prompt, options):
        return np.array([0.0 if c[-1] == prompt[-1] else -3.0 for c in options])

    def digest(self):
        return self.kind


def choices(tmp_path, n=120):
    """Prompts with two or three candidates; the gold is the one that ends as the prompt does."""
    rng = np.random.default_rng(0)
    lines = []
    for i in range(n):
        letters = rng.choice(list("abcdef"), 3, replace=False)[: 2 + i % 2]
        gold = int(rng.integers(len(letters)))
        row = dict(prompt=f"number {i} is {letters[gold]}", options=[f"x{c}" for c in letters], label=gold)
        lines.append(json.dumps(row | {"split": "test" if i % 3 == 0 else "train"}))
    path = tmp_path / "choices.jsonl"
    path.write_text("\n".join(lines))
    return DataSpec(path=str(path), candidates_column="options")


@pytest.mark.parametrize("kind", ["encoder", "causal"])
def test_a_study_of_multiple_choice(tmp_path, kind):
    spec = StudySpec(
        data=choices(tmp_path), rounds=60, replications=2, gates=("random", "llf_self_paced", "all"), budgets=(0.5,)
    )
    results, _ = run.run(run.plan(spec, tmp_path / kind, Letters(kind)), tmp_path / kind)
    last = results[results["t"] == 60]
    assert set(last["N"]) == {3} and set(last["d"]) == {26 + (kind == "causal")}
    assert (last["labels"] <= last["B"]).all()
    if kind == "causal":  # the likelihood tells the gold, so it only has to be trusted
        assert last[last["gate"] == "all"]["accuracy"].min() > 0.95


def test_rows_have_norm_at_most_one_and_stay_in_the_cache(tmp_path):
    model = Letters("causal")
    found = candidates.encode(model, ["a", "b"], [["xa", "xb"], ["xb", "xc", "xa"]], 3, tmp_path)
    again = candidates.encode(model, ["a", "b"], [["xa", "xb"], ["xb", "xc", "xa"]], 3, tmp_path)
    assert (np.linalg.norm(found.X, axis=1) <= 1 + 1e-12).all() and np.array_equal(found.X, again.X)
    assert found.at.tolist() == [[0, 1, -1], [2, 3, 4]]
    assert np.allclose(found.X[[0, 1], -1].sum(), 1 / np.sqrt(2))


def test_what_frozen_multiple_choice_refuses(tmp_path):
    data = choices(tmp_path)
    for options, message in (
        (dict(gates=("llf_paced",)), "spread an information budget"),
        (dict(gates=("random",), streams=("zipf",)), "its labels are no classes"),
        (dict(gates=("random",), streams=("drift",)), "its labels are no classes"),
    ):
        with pytest.raises(DataError, match=message):
            run.plan(StudySpec(data=data, rounds=60, **options), tmp_path / "out", Letters("encoder"))


def test_features_of_some_prompts_share_the_rows():
    stream, _ = pairs()
    ready = play.Features(stream, stream)
    assert ready.width == 5 and ready.of(np.array([3, 1])).at.tolist() == stream.at[[3, 1]].tolist()
