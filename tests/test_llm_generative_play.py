"""Cells of a tuned generative model: repeatable, independent of one another, and true to their rules."""

import itertools
import json

import numpy as np
import pytest

from llm import model as models
from llm.errors import DataError
from llm.generative import pairs, play, pools, tiers
from llm.generative.features import PoolRidge
from llm.generative.language import Language
from llm.generative.learner import ONLINE, OwnMargin, TunedPools
from llm.generative.policy import Policy
from llm.generative.spec import ADPO_MARGIN, LmSpec
from llm.generative.stream import Stream
from llm.text import load

GROWTH = 3.0


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def studies(tmp_path_factory):
    """The smoke tier's studies, shorter."""
    answers, preferences = tiers.specs("smoke", None, tmp_path_factory.mktemp("studies"))
    tune = answers.tune.model_copy(update=dict(refit_growth=GROWTH))
    short = dict(rounds=20, replications=1, held=8, block=6, tune=tune)
    return {s.mode: LmSpec.model_validate(s.model_copy(update=short).model_dump()) for s in (answers, preferences)}


@pytest.fixture(scope="module")
def parts(studies):
    """Model and pools of each mode."""
    lm = Language(models.load(studies["answers"].model.name), 1)
    found = {m: pairs.load(s.data) if m == "preferences" else pools.of(load(s.data), 4) for m, s in studies.items()}
    return lm, found


@pytest.fixture(scope="module")
def shared(studies, parts):
    """One stream of each mode that many tests play on, as the cells of a replication do."""
    return {mode: fresh(studies, parts, mode) for mode in studies}


def fresh(studies, parts, mode, replication=0):
    return Stream(studies[mode], parts[1][mode], parts[0], replication)


def cell_of(spec, gate, tuned=True):
    return next(c for c in spec.cells("digest") if c.gate == gate and c.tuned == tuned and c.replication == 0)


def rows_of(spec, gate, stream, tuned=True):
    """The rows of a cell as the bytes that are kept."""
    return json.dumps(play.cell_rows(spec, cell_of(spec, gate, tuned), stream)[0])


@pytest.mark.parametrize(("mode", "gates"), [("answers", ("random", "margin")), ("preferences", ("adpo", "random"))])
def test_a_cell_is_the_same_bytes_again_in_another_order_and_alone(studies, parts, shared, mode, gates):
    spec, stream = studies[mode].model_copy(update={"methods": ("dpo", "ssapo")}), shared[mode]
    first = {(g, t): rows_of(spec, g, stream, t) for g in gates for t in (False, True) if t or g != "adpo"}
    other = {(g, t): rows_of(spec, g, stream, t) for g, t in reversed(list(first))}
    assert first == other
    for gate in gates:
        assert rows_of(spec, gate, fresh(studies, parts, mode)) == first[gate, True]
    tuned = [json.loads(first[g, True]) for g in gates]
    assert all(row["refits"] > 0 for rows in tuned for row in rows), "nothing was tuned on the way: no test at all"
    assert tuned[0][0]["mistakes"] != tuned[1][0]["mistakes"] or tuned[0][0]["psi"] != tuned[1][0]["psi"]


def test_a_cell_leaves_model_and_stream_as_they_were(studies, parts, shared):
    spec, stream, lm = studies["answers"], shared["answers"], parts[0]
    digest, base = lm.model.digest(), stream.base.copy()
    told = stream.scores(stream.held)
    play.cell_rows(spec, cell_of(spec, "random"), stream)
    assert lm.model.digest() == digest
    np.testing.assert_array_equal(stream.base, base)
    np.testing.assert_allclose(stream.phi(range(stream.T)), base, atol=1e-6)
    for (now, _), (was, _) in zip(stream.scores(stream.held), told, strict=True):
        np.testing.assert_array_equal(now, was)


def watched(spec, stream, gate, learner_class):
    """Play a cell with a learner that the test has written; returns (learner, rows)."""
    cell, made = cell_of(spec, gate), []
    with stream.lm.adapted(spec.tune.rank, spec.tune.alpha, (cell.seed, cell.replication, 0)) as weights:
        try:
            made.append(learner_class(spec, cell, stream, Policy(stream.lm, weights, spec.tune.rate, 4)))
            rows, _ = play._tuned(spec, cell, stream, made[0])
        finally:
            stream.new_weights()
    return made[0], rows


def growing(Kind):
    class Watched(Kind):
        """Remembers psi after every label, and when the model was fitted anew."""

        story, held = None, None

        def teach(self, t, view, shown, gold):
            self.story = self.story or []
            self.story.append(["label", t])
            super().teach(t, view, shown, gold)

        def refit(self, t):
            self.story.append(["fit", t, self.ridge.state().psi])
            super().refit(t)
            Z = [self.ridge._difference(*lesson[:3]) for lesson in self.ridge.taught]
            V = self.spec.lam * np.eye(self.stream.lm.width) + sum(map(np.outer, Z, Z))
            self.story[-1].append(np.linalg.slogdet(V / self.spec.lam)[1])
            fitted = self._fits[ONLINE[self.spec.mode]][0]
            assert len(fitted) == len(self.items) == len(self.ridge.rounds)
            now = self.stream.phi([self.items[0][0]])[0]
            np.testing.assert_allclose(self.ridge._X.reshape(-1, self.stream.N, now.shape[1])[self.items[0][0]], now)

    return Watched


@pytest.mark.parametrize("mode", ["answers", "preferences"])
def test_the_model_is_fitted_anew_when_the_information_since_the_last_fit_exceeds_growth(studies, shared, mode):
    spec, stream = studies[mode].model_copy(update={"methods": ("dpo",)}), shared[mode]
    learner, rows = watched(spec, stream, "random", growing(TunedPools))
    mark, psi, Phi = 0.0, 0.0, stream.base
    fits = [s for s in learner.story if s[0] == "fit"]
    assert len(fits) == learner.refits == rows[0]["refits"] >= 2
    for _, _, before, after in fits:
        assert before - mark > GROWTH
        mark = after
    Z = []  # no fit was left out: until the first one, psi is that of the untuned features
    for kind, t, *_ in learner.story:
        if kind == "fit":
            break
        psi = np.linalg.slogdet(np.eye(stream.lm.width) + sum(map(np.outer, Z, Z), np.zeros((16, 16))) / spec.lam)[1]
        assert psi <= GROWTH, "the model should have been fitted before this label"
        Z += [Phi[t, a] - Phi[t, b] for s, a, b, _ in learner.ridge.taught if s == t]
    first = fits[0][1]
    assert (learner.story.index(fits[0]) and learner.story[learner.story.index(fits[0]) - 1]) == ["label", first]
    assert [s for s in learner.story if s[0] == "label"] == [["label", t] for t in learner.ridge.rounds]


def test_growth_of_nothing_fits_at_the_end_only(studies, shared):
    spec = studies["answers"].model_copy(
        update=dict(tune=studies["answers"].tune.model_copy(update={"refit_growth": 0}))
    )
    rows, _ = play.cell_rows(spec, cell_of(spec, "random"), shared["answers"])
    assert rows[0]["refits"] == 0 and rows[0]["refit_bound"] != rows[0]["refit_bound"]
    predicted = json.loads(rows_of(spec, "random", shared["answers"], tuned=False))
    same = ("labels", "mistakes", "mistakes_queried", "psi", "accuracy")
    assert {k: rows[0][k] for k in same} == {k: predicted[0][k] for k in same}


class Margins(OwnMargin):
    """Remembers the margin that decided every round."""

    told, bought = None, None

    def score(self, t):
        self.told, self.bought = self.told or {}, self.bought or []
        self.told[t] = super().score(t).copy()
        return self.told[t]

    def teach(self, t, view, shown, gold):
        self.bought.append(t)
        super().teach(t, view, shown, gold)


@pytest.mark.parametrize("budget", [0.5, 0.15])
def test_adpo_takes_free_labels_exactly_where_its_margin_is_sure(studies, shared, budget):
    base = studies["preferences"]
    tune = base.tune.model_copy(update=dict(beta=20.0, refit_growth=1.0, rate=0.05))
    spec = base.model_copy(update=dict(tune=tune, budget=budget, methods=("dpo",)))
    learner, rows = watched(spec, shared["preferences"], "adpo", Margins)
    margins = {t: r[0] - r[1] for t, r in learner.told.items()}
    sure = [t for t in range(spec.rounds) if abs(margins[t]) > ADPO_MARGIN]
    unsure = [t for t in range(spec.rounds) if abs(margins[t]) <= ADPO_MARGIN]
    assert sure and unsure and learner.refits
    assert learner.bought == unsure[: spec.labels]
    gold = shared["preferences"].gold
    assert learner.items == [(t, gold[t], 1 - gold[t]) for t in learner.bought]
    free = [(t, int(margins[t] < 0), int(margins[t] >= 0)) for t in sure]
    assert learner.free(spec.rounds - 1) == free and learner.lessons(spec.rounds - 1) == learner.items + free
    assert rows[0]["labels_free"] == len(free) and rows[0]["labels"] == len(learner.bought)


def test_a_plan_of_widest_pairs_is_greedy_on_the_determinant():
    rng = np.random.default_rng(5)
    Phi, lam = rng.normal(size=(14, 2, 3)), 0.3
    Z = Phi[:, 0] - Phi[:, 1]
    V, chosen = lam * np.eye(3), []
    for _ in range(6):
        gains = [np.linalg.slogdet(V + np.outer(z, z))[1] if i not in chosen else -np.inf for i, z in enumerate(Z)]
        chosen.append(int(np.argmax(gains)))
        V = V + np.outer(Z[chosen[-1]], Z[chosen[-1]])
    plan = play.d_optimal(Phi, 6, lam)
    assert sorted(chosen) == np.flatnonzero(plan).tolist() and set(plan) == {0, 1}
    assert play.d_optimal(Phi, 99, lam).tolist() == [1] * 14


def test_d_optimal_buys_its_plan(studies, shared):
    spec, stream = studies["preferences"], shared["preferences"]
    learner, _ = watched(spec.model_copy(update={"methods": ("dpo",)}), stream, "d_optimal", TunedPools)
    assert learner.ridge.rounds == np.flatnonzero(play.d_optimal(stream.base, spec.labels, spec.lam)).tolist()


@pytest.mark.parametrize("mode", ["answers", "preferences"])
def test_the_parts_of_the_time_are_no_more_than_all_of_it(studies, shared, mode):
    spec = studies[mode].model_copy(update={"methods": ("dpo", "spa")})
    for tuned in (False, True):
        _, timing = play.cell_rows(spec, cell_of(spec, "random", tuned), shared[mode])
        own = {k: v for k, v in timing.items() if k.startswith("seconds_") and k[8:] not in ("total", "prepare")}
        assert all(v >= 0 for v in own.values()) and sum(own.values()) <= timing["seconds_total"] * (1 + 1e-9)
        assert not tuned or timing["seconds_train"] > 0
        assert timing["seconds_prepare"] > 0 and timing["peak_memory"] > 0


def test_methods_of_one_cell_start_from_the_same_labels(studies, shared):
    spec = studies["preferences"]
    rows, _ = play.cell_rows(spec, cell_of(spec, "random"), shared["preferences"])
    assert [row["method"] for row in rows] == list(spec.methods)
    assert len({(row["labels"], row["mistakes"], row["accuracy"], row["tokens"]) for row in rows}) == 1
    assert len({row["loss"] for row in rows}) > 1
    one, _ = play.cell_rows(
        spec.model_copy(update={"methods": ("rdpo",)}), cell_of(spec, "random"), shared["preferences"]
    )
    same = next(row for row in rows if row["method"] == "rdpo")
    assert {k: v for k, v in one[0].items() if k != "tokens"} == {k: v for k, v in same.items() if k != "tokens"}
    others, _ = play.cell_rows(spec, cell_of(spec, "margin"), shared["preferences"])
    assert [row["method"] for row in others] == ["dpo", "ipo", "rdpo"]  # self-annotation is compared on random's labels


def test_what_is_reported_of_held_out_pairs_is_what_the_model_says(studies, shared):
    spec, stream = studies["preferences"].model_copy(update={"methods": ("dpo",)}), shared["preferences"]
    seen = []

    class Last(TunedPools):
        def fit(self, items, method):
            super().fit(items, method)
            seen[:] = [stream.scores(stream.held)]

    _, rows = watched(spec, stream, "random", Last)
    own, loss = [], []
    for (logs, _), (ref, _), g in zip(
        seen[0], [stream.reference[i] for i in stream.held], stream.held_gold, strict=True
    ):
        h = (logs[g] - ref[g]) - (logs[1 - g] - ref[1 - g])
        own.append(float(h > 0) + 0.5 * float(h == 0))
        loss.append(np.log1p(np.exp(-spec.tune.beta * h)))
    assert rows[0]["scorer"] == pytest.approx(np.mean(own)) and rows[0]["loss"] == pytest.approx(np.mean(loss))
    assert rows[0]["identity_pairs"] == spec.held and rows[0]["identity_wrong"] == 0


def test_predictions_are_the_ridge_on_the_untuned_features(studies, shared):
    spec, stream = studies["answers"], shared["answers"]
    told = json.loads(rows_of(spec, "prefix", stream, tuned=False))[0]
    ridge = PoolRidge(stream.base.copy(), spec.lam, 4096, spec.teaches)
    mistakes = 0
    for t in range(spec.rounds):
        scores, gold = ridge.score(t), int(stream.gold[t])
        hard = sorted((k for k in range(4) if k != gold), key=lambda k: -scores[k])[:3]
        shown = np.array(sorted([gold, *hard]))
        mistakes += int(shown[np.argmax(scores[shown])]) != gold
        if t < spec.labels:
            ridge.teach(t, None, shown, gold)
    assert (told["mistakes"], told["labels"], told["method"]) == (mistakes, spec.labels, "none")
    assert told["accuracy"] == np.mean(ridge.picks(stream.held_base) == stream.held_gold)


def test_replications_are_other_streams_of_the_same_held_out_prompts(studies, parts, shared):
    first, second = shared["answers"], fresh(studies, parts, "answers", 1)
    assert first.prompts[: first.T] != second.prompts[: second.T]
    assert first.prompts[first.T :] == second.prompts[second.T :]
    pool = dict(zip(parts[1]["answers"].prompts, parts[1]["answers"].answers, strict=True))
    for stream in (first, second):
        for prompt, own in itertools.islice(zip(stream.prompts, stream.answers, strict=True), stream.T):
            assert own == pool[prompt]


def test_more_rounds_than_prompts_are_refused(studies, parts):
    spec = studies["answers"].model_copy(update={"rounds": 61})
    with pytest.raises(DataError, match="T = 61 rounds with 60 training prompts; give --rounds 60"):
        Stream(spec, parts[1]["answers"], parts[0], 0)


@pytest.mark.parametrize("kind", ["joint", "answer"])
def test_other_features_play_too_and_repeat(studies, parts, kind):
    spec = studies["answers"].model_copy(update=dict(features=kind, rounds=12, held=4))
    told = {rows_of(spec, "random", Stream(spec, parts[1]["answers"], parts[0], 0)) for _ in range(2)}
    assert len(told) == 1
    stream = Stream(spec, parts[1]["answers"], parts[0], 0)
    norms = np.linalg.norm(stream.base, axis=2)
    np.testing.assert_allclose(norms, 1.0, atol=1e-9)


def test_without_radius_the_follower_of_ssapo_is_its_control(studies, shared):
    base = studies["preferences"]
    spec = base.model_copy(update=dict(tune=base.tune.model_copy(update={"eps": 0.0}), methods=("ssapo", "ssapo_0")))
    rows, _ = play.cell_rows(spec, cell_of(spec, "random"), shared["preferences"])
    assert rows[0]["loss"] == rows[1]["loss"] and rows[0]["policy_ranking"] == rows[1]["policy_ranking"]
    wide = spec.model_copy(update={"tune": base.tune.model_copy(update={"eps": 5.0})})
    moved, _ = play.cell_rows(wide, cell_of(wide, "random"), shared["preferences"])
    assert moved[0]["loss"] != moved[1]["loss"] and moved[1]["loss"] == rows[1]["loss"]


def test_the_reference_is_the_untuned_model(studies, shared):
    stream = shared["preferences"]
    for i, (logs, counts) in zip(range(5), stream.scores(range(5)), strict=True):
        np.testing.assert_array_equal(stream.reference[i][0], logs)
        np.testing.assert_array_equal(stream.reference[i][1], counts)
