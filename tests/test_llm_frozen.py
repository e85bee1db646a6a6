"""llm.frozen.play, llm.frozen.ridge and llm.streams: the simulator's runs, faster and in other orders."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from llm import streams, tables
from llm.errors import DataError
from llm.frozen import play, ridge
from llm.spec import CHOICES, DataSpec, StudySpec
from llm.text import Data
from sim import engine, loop, recorded, table
from sim.rules import draws
from sim.rules.streams import permutation

N, WIDTH, K, T, SEED = 160, 6, 4, 120, 7
SIM = [name for name, c in CHOICES.items() if c.view == "width"]


def points(n=N, d=WIDTH, classes=K, seed=0):
    """Rows around one centre a class, and their classes."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    return rng.normal(size=(n, d)) + 1.5 * rng.normal(size=(classes, d))[y], y


class Identity:
    """A stub encoder: text number i has row i as its features."""

    width = WIDTH

    def __init__(self, X):
        self._X = X

    def encode(self, texts, batch_size=32, note=None):
        return self._X[[int(t) for t in texts]]

    def digest(self):
        return "identity"


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / "points.npz"
    X, y = points()
    np.savez(path, X=X, y=y)
    return str(path)


def study(**options):
    options = {"rounds": T, "replications": 2, "seed": SEED, "budgets": (0.2,), "refresh": 16, **options}
    return StudySpec(data=DataSpec(path="points"), record=dict(mode="every"), **options)


def as_texts(file, replication):
    """The stream of a replication as the simulator splits it: its test rows are the last of its order."""
    data = recorded.load(file)
    order = permutation(draws.stream_keys(SEED, replication)[draws.PERMUTATION], N)
    held = order[N - round(0.25 * N) :]
    names = [str(i) for i in range(N)]
    return Data("points", names, data.y, tuple("abcd"), [names[i] for i in held], data.y[held])


@pytest.mark.parametrize("replication", [0, 1])
@pytest.mark.parametrize("gate", SIM)
def test_identity_features_give_the_simulators_table_row_by_row(file, gate, replication):
    spec = study(gates=(gate,))
    (cell,) = [c for c in spec.cells("x") if c.replication == replication]
    data, model = as_texts(file, replication), Identity(np.load(file)["X"])
    ready = play.scaled(model.encode(data.texts), model.encode(data.test_texts), False)
    ours = tables.frame(spec, cell, data.K, play.play_cell(spec, cell, data, ready))
    run = spec.run_of(cell)
    run = run.model_copy(update={"stream": run.stream.model_copy(update={"path": file})})
    played = engine.play(run, first=replication, compiled=False)
    theirs = table.from_log("points/iid", played, replication)
    assert len(ours) == T
    for column, (kind, _, _) in table.SCHEMA.items():
        if column in ("key", "run", "gate"):
            continue
        if kind == "float64":
            assert np.allclose(ours[column], theirs[column], rtol=1e-8, atol=1e-8, equal_nan=True), column
        else:
            assert ours[column].equals(theirs[column]), column
    assert ours["labels"].iloc[-1] > 0 or gate == "llf_paced"


@settings(max_examples=25)
@given(
    st.integers(1, 12),
    st.integers(2, 6),
    st.sampled_from([1, 3, 64]),
    st.floats(0.1, 10),
    st.lists(st.booleans(), min_size=1, max_size=60),
)
def test_property_the_block_learner_is_the_simulators(d, classes, refresh, lam, bought):
    rng = np.random.default_rng(d)
    X = rng.normal(size=(len(bought), d)) / np.sqrt(d)
    y = rng.integers(0, classes, len(bought))
    fast, slow = ridge.BlockRidge(X, classes, lam, refresh), loop.OvaRidge(d, classes, lam, refresh)
    for t, buys in enumerate(bought):
        (a, wa), (b, wb) = fast.predict(t), slow.predict(X[t])
        assert np.allclose(a, b, atol=1e-8) and wa == pytest.approx(wb, abs=1e-8)
        if buys:
            fast.update(t, np.eye(classes)[y[t]])
            slow.update(X[t], np.eye(classes)[y[t]])
    for ours, theirs in zip(fast.state(), slow.state(), strict=True):
        assert np.allclose(ours, theirs, atol=1e-8)
    assert fast.bought == np.flatnonzero(bought).tolist()


def test_a_wide_learner_stays_the_simulators_after_many_labels():
    X, y = points(400, 32, 5)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    fast, slow = ridge.BlockRidge(X, 5, 1.0, 4096), loop.OvaRidge(32, 5, 1.0, 4096)
    for t in range(400):
        fast.update(t, np.eye(5)[y[t]])
        slow.update(X[t], np.eye(5)[y[t]])
    s = fast.state()
    assert np.allclose(s.theta, slow.state().theta, atol=1e-8)
    assert np.abs(s.P @ s.V - np.eye(32)).max() < 1e-10


def test_rows_may_be_asked_for_again_and_out_of_order():
    X, y = points(50)
    learner = ridge.BlockRidge(X, K, 1.0, 4096)
    learner.update(3, np.eye(K)[y[3]])
    first = [learner.predict(t)[1] for t in range(50)]
    assert [learner.predict(t)[1] for t in (7, 2, 40, 0)] == pytest.approx([first[i] for i in (7, 2, 40, 0)])


def test_entropy_and_ratio_stand_in_the_place_of_the_width():
    assert ridge.entropy(np.zeros(8)) == pytest.approx(np.log(8))
    assert ridge.entropy(np.array([1000.0, 0.0])) == 0.0
    sure, torn = np.array([0.9, 0.1, 0.0]), np.array([0.5, 0.49, 0.0])
    assert ridge.shown("entropy", sure, 1.0) < ridge.shown("entropy", torn, 1.0)
    assert np.sqrt(2 * ridge.shown("entropy", torn, 1.0)) == pytest.approx(ridge.entropy(torn / ridge.TEMPERATURE))
    assert ridge.shown("ratio", sure, 1.0) < ridge.shown("ratio", torn, 1.0) < ridge.shown("ratio", torn, 4.0)
    assert ridge.shown("ratio", sure, 0.0) == 0.0 and ridge.shown("ratio", np.zeros(3), 1.0) == 0.5


@pytest.mark.parametrize("gate", ["entropy", "ratio"])
def test_the_controls_of_another_signal_spend_their_budget_and_learn(file, gate):
    spec, data = study(gates=(gate,)), as_texts(file, 0)
    model = Identity(np.load(file)["X"])
    ready = play.scaled(model.encode(data.texts), model.encode(data.test_texts), False)
    rows = tables.frame(spec, spec.cells("x")[0], K, play.play_cell(spec, spec.cells("x")[0], data, ready))
    assert rows["labels"].iloc[-1] == 24 and rows["accuracy"].iloc[-1] > 0.6


def played(data, ready, **options):
    spec = study(**options)
    return play.play_cell(spec, spec.cells("x")[0], data, ready)


def ready_data(seed=0, test=60):
    X, y = points(N + test, seed=seed)
    names = [str(i) for i in range(N + test)]
    data = Data("points", names[:N], y[:N], tuple("abcd"), names[N:], y[N:])
    return data, play.scaled(X[:N], X[N:], False)


def test_the_same_cell_gives_the_same_bytes():
    data, ready = ready_data()
    first, again = (played(data, ready, gates=("margin",)) for _ in range(2))
    assert first.rows.tobytes() == again.rows.tobytes() and first.head == again.head


def test_the_head_is_logistic_regression_on_the_bought_labels():
    data, ready = ready_data()
    rows = streams.order("iid", data.y, T, SEED, 0)[:24]
    head = LogisticRegression(C=10.0, max_iter=2000).fit(ready.X[rows], data.y[rows])
    assert played(data, ready, gates=("prefix",)).head == head.score(ready.test, data.test_y)


def test_heads_of_no_or_one_class_pick_it():
    X = np.eye(3)
    assert play.logistic(X, [], np.array([2, 1, 2]), X, 1.0).tolist() == [0, 0, 0]
    assert play.logistic(X, [0, 2], np.array([2, 1, 2]), X, 1.0).tolist() == [2, 2, 2]


def test_a_head_of_almost_as_many_classes_as_labels_is_fitted_in_silence():
    X, y = np.eye(60)[:40], np.arange(40)
    assert play.logistic(X, list(range(40)), y, X, 100.0).tolist() == y.tolist()


def test_every_label_bought_ends_at_the_same_model_whatever_the_order():
    data, ready = ready_data()
    ends = [played(data, ready, gates=("all",), streams=(s,)).rows[-1] for s in ("iid", "drift")]
    column = table.log.COLUMNS.index("accuracy")
    assert ends[0][column] == ends[1][column]


def test_centring_uses_training_rows_only():
    X, test = points(50)[0], points(20, seed=1)[0]
    ready = play.scaled(X, test, True)
    shifted = play.scaled(X + 3.0, test + 3.0, True)
    assert np.allclose(ready.test, shifted.test) and np.allclose((ready.X**2).sum(1), 1.0)


def test_bad_cells_are_refused():
    data, ready = ready_data()
    with pytest.raises(DataError, match=r"T = 500 rounds with 160 training rows; give --rounds 160 or fewer"):
        played(data, ready, rounds=500, gates=("random",))
    choice = Data(data.name, data.texts, data.y, (), data.test_texts, data.test_y, [["a", "b"]] * N)
    with pytest.raises(DataError, match=r"is multiple choice.*use --stream iid"):
        played(choice, ready, gates=("random",), streams=("drift",))
    with pytest.raises(DataError, match=r"gates \['llf_paced'\] spread an information budget"):
        played(choice, ready, gates=("llf_paced",))


LABELS = np.random.default_rng(0).integers(0, 10, 300)


@pytest.mark.parametrize("kind", ["iid", "drift", "zipf"])
def test_an_order_is_of_distinct_rows_and_follows_seed_and_replication(kind):
    rows = streams.order(kind, LABELS, 200, 0, 0)
    assert len(set(rows.tolist())) == 200
    assert np.array_equal(rows, streams.order(kind, LABELS, 200, 0, 0))
    assert not np.array_equal(rows, streams.order(kind, LABELS, 200, 0, 1))
    assert not np.array_equal(rows, streams.order(kind, LABELS, 200, 1, 0))


def test_drift_is_the_iid_prompts_group_after_group():
    rows = streams.order("drift", LABELS, 200, 0, 0)
    assert sorted(rows) == sorted(streams.order("iid", LABELS, 200, 0, 0))
    seen = [set(LABELS[rows[LABELS[rows] == k]]) for k in range(10)]
    assert all(len(s) == 1 for s in seen)
    first, last = ({k: np.flatnonzero(LABELS[rows] == k)[i] for k in range(10)} for i in (0, -1))
    for a in range(10):
        met = [b for b in range(10) if not (last[a] < first[b] or last[b] < first[a])]
        assert len(met) == 2  # two classes a group of five


def test_drift_in_groups_of_its_own():
    groups = LABELS // 4
    arrived = groups[streams.order("drift", LABELS, 300, 0, 0, groups)]
    assert (np.diff(arrived) != 0).sum() == 2


def test_zipf_counts_fall_as_one_over_the_rank_and_are_no_drift():
    y = np.repeat(np.arange(5), 400)
    rows = streams.order("zipf", y, 500, 0, 0)
    counts = np.sort(np.bincount(y[rows]))[::-1]
    assert np.abs(counts - 500 / (np.arange(1, 6) * (137 / 60))).max() <= 1
    rare = int(np.argmin(np.bincount(y[rows])))
    assert np.flatnonzero(y[rows] == rare).max() > 250


@given(st.lists(st.integers(0, 50), min_size=2, max_size=20).filter(lambda c: sum(c) > 1), st.data())
def test_property_zipf_counts_are_feasible_and_complete(counts, data):
    T = data.draw(st.integers(1, sum(counts)))
    ranks = np.array(data.draw(st.permutations(range(len(counts)))))
    found = streams.zipf_counts(np.array(counts), T, ranks)
    assert found.sum() == T and (found >= 0).all() and (found <= counts).all()


def test_a_balanced_test_weighs_every_class_alike():
    y = np.array([0, 0, 0, 2])
    assert streams.weights("zipf", y).tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 1 / 2])
    assert streams.weights("iid", y).tolist() == [0.25] * 4
    held = play.HeldOut(np.eye(4), y, "zipf")
    assert held.share(np.array([0, 0, 0, 0])) == pytest.approx(0.5)
    with pytest.raises(DataError, match="unknown stream"):
        streams.order("shift", y, 2, 0, 0)
