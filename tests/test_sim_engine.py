"""sim.loop and sim.engine: a naive twin of whole runs, replications, common draws, errors, memory."""

import math
import tracemalloc
import warnings

import naive
import numpy as np
import pytest
import strategies as own
from conftest import digits_spec
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sim import engine, loop, version
from sim.rules import codes, gates, learners, log, rounds, streams
from sim.setup import build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.sweeps import arena

EVERY = RecordSpec(mode="every")
NAIVE_GATES = ("always", "prefix", "random", "llf_fixed", "llf_paced", "llf_regret")


def column(result, name, replication=0):
    """One column of a run log at all recorded rounds."""
    return result.rows[replication][:, log.COLUMNS.index(name)]


def plain(spec, **kwargs):
    """The run by the plain loop."""
    return engine.play(spec, compiled=False, **kwargs)


# ---------------------------------------------------------------------- whole runs


def naive_spec(gate, follower, d, **kwargs):
    stream = StreamSpec(context="free", d=d) if follower == "ball" else StreamSpec(d=d, N=6)
    return RunSpec(
        T=70,
        stream=stream,
        follower=FollowerSpec(kind=follower, M=1 if follower == "ball" else 3, tremble=0.1),
        gate=GateSpec(kind=gate, threshold=0.2),
        record=EVERY,
        seed=7,
        **kwargs,
    )


def assert_equals_the_twin(spec, result):
    """All columns to 1e-9 in every round before a tie that rounding may break; how many rounds."""
    want = naive.game(spec)
    for name in log.COLUMNS:
        twin = np.array([row[name] for row in want], dtype=float)
        np.testing.assert_allclose(column(result, name)[: len(want)], twin, rtol=0, atol=1e-9, err_msg=name)
    assert all({*row} == {*log.COLUMNS} for row in want[:1])
    return len(want)


@pytest.mark.parametrize("follower", ["ball", "hard_negative"])
@pytest.mark.parametrize("gate", NAIVE_GATES)
def test_whole_runs_equal_the_naive_twin(gate, follower):
    """Every column of every round, two shapes, by the plain loop."""
    for d, beta, k in ((3, 0.3, LearnerSpec(sigma=0.5)), (5, 0.9, LearnerSpec(sigma=0.2, lam=0.5, S=2.0, L=1.5))):
        spec = naive_spec(gate, follower, d, beta=beta, learner=k)
        assert assert_equals_the_twin(spec, plain(spec)) == spec.T


@settings(max_examples=15)
@given(
    st.sampled_from(NAIVE_GATES),
    st.sampled_from(["ball", "hard_negative"]),
    st.integers(2, 4),
    st.integers(1, 70),
    st.sampled_from([0.3, 1.1, 2.3]),
    st.sampled_from([0.7, 1.0, 2.0]),
)
def test_property_compiled_runs_equal_the_naive_twin(compiled, gate, follower, d, B, lam, L):
    assume(gate != "llf_fixed" or d != B)  # there log(1 + L^2 / lam) is the threshold itself
    spec = naive_spec(gate, follower, d, B=B, learner=LearnerSpec(sigma=0.3, lam=lam, L=L))
    assert_equals_the_twin(spec, compiled(spec))


def test_a_rounding_error_is_no_mistake():
    """With d = 1 all good responses are equally good but for rounding."""
    result = plain(RunSpec(T=60, stream=StreamSpec(d=1), learner=LearnerSpec(L=0.7), record=EVERY))
    regret, mistakes = (np.diff(column(result, name), prepend=0.0) for name in ("regret", "mistakes"))
    np.testing.assert_array_equal(mistakes > 0, regret > 1e-12)


def test_a_recorded_run_equals_a_naive_one():
    """One-versus-all ridge by dense algebra on digits, every label bought until B is spent."""
    from sim import recorded
    from sim.rules import draws

    spec = digits_spec("prefix", T=40, B=25)
    result, data = plain(spec), recorded.load("digits", True)
    order = streams.permutation(draws.stream_keys(0, 0)[draws.PERMUTATION], len(data.y))
    X, y = data.X[order], data.y[order]
    n_test = round(0.25 * len(y))
    theta, mistakes, recorded_rounds = np.zeros((64, 10)), 0, column(result, "t").tolist()
    for t in range(40):
        mistakes += int(np.argmax(X[t] @ theta)) != y[t]
        if t < 25:
            one_hot = np.eye(10)[y[: t + 1]]
            theta = np.linalg.solve(np.eye(64) + X[: t + 1].T @ X[: t + 1], X[: t + 1].T @ one_hot)
        if t + 1 in recorded_rounds:
            row = recorded_rounds.index(t + 1)
            accuracy = (np.argmax(X[-n_test:] @ theta, axis=1) == y[-n_test:]).mean()
            assert column(result, "regret")[row] == column(result, "mistakes")[row] == mistakes
            assert column(result, "accuracy")[row] == pytest.approx(accuracy, abs=1e-12)
    assert np.isnan(column(result, "conf_ratio")).all()
    assert column(result, "psi")[-1] == pytest.approx(np.linalg.slogdet(np.eye(64) + X[:25].T @ X[:25])[1])


def test_the_recorded_loop_takes_any_learner():
    """A stub that predicts class 0 and counts its updates."""

    class Stub:
        updates = 0

        def predict(self, x):
            return np.array([1.0, 0.0]), 0.5

        def update(self, x, one_hot):
            self.updates += 1

        def state(self):
            return learners.start(1, 2, 1.0)

    spec = RunSpec(
        T=10,
        B=4,
        stream=StreamSpec(context="recorded", path="digits"),
        follower=FollowerSpec(kind="all"),
        learner=LearnerSpec(kind="ova", feedback="gold"),
    )
    stub, y = Stub(), np.arange(10) % 2
    keys = np.ones((9, 2), dtype=np.uint64)
    rows = loop.play_recorded(
        build(spec, 1, 2), stub, np.zeros((10, 1)), y, lambda s: 0.25, keys, np.array([10]), np.zeros(0), np.zeros(0)
    )
    got = dict(zip(log.COLUMNS, rows[0], strict=True))
    assert stub.updates == got["labels"] == 4 and got["regret"] == 5 and got["accuracy"] == 0.25


# ---------------------------------------------------------------------- inequalities of every run


@settings(max_examples=150)
@given(own.run_specs())
def test_property_regret_is_below_both_latencies_on_the_event_E(compiled, spec):
    """rho_t <= latency_t in every round of every game in which conf_ratio_max <= 1."""
    result = compiled(spec)
    on = column(result, "conf_ratio_max") <= 1
    assert (column(result, "slack_width_max")[on] <= 1e-9).all()
    assert (column(result, "slack_regret_max")[on] <= 1e-9).all()


@settings(max_examples=100)
@given(own.run_specs(kinds=gates.GATES))
def test_property_books_of_every_run(compiled, spec):
    """The cap, the reasons, both clocks and lemma 0, in every recorded round."""
    result, k = compiled(spec), spec.learner
    c = {name: column(result, name) for name in log.COLUMNS}
    n, vectors = c["labels"], spec.follower.M + 1 if k.feedback == "full" else 1
    assert (n <= spec.budget).all()
    np.testing.assert_array_equal(c["opened"] + c["forced"], n)
    np.testing.assert_array_equal(sum(c[r] for r in codes.REASONS), c["t"])
    assert (c["regret_queried"] <= c["regret"] + 1e-12).all() and (np.diff(c["regret"]) >= 0).all()
    assert (c["mistakes_queried"] <= c["mistakes"]).all() and (c["mistakes"] <= c["t"]).all()
    assert ((c["regret"] > 0) == (c["mistakes"] > 0)).all()
    if spec.follower.kind == "evader" and spec.gate.kind in ("llf_regret", "llf_self_paced", "margin"):
        return  # its z may be longer than L, see test_sim_followers
    d = spec.stream.d
    bound = d * np.log1p(n * vectors * k.L**2 / (d * k.lam))
    assert (c["psi"] <= bound + 1e-9).all()
    assert (c["wide"] <= bound / math.log(1.25) + 1e-9).all()
    if k.lam >= k.L**2:
        assert (c["potential"] <= 2 * c["psi"] + 1e-9).all()


@settings(max_examples=60)
@given(own.run_specs(kinds=("llf_paced",)))
def test_property_theorem_3_in_whole_runs(compiled, spec):
    """Thresholds never rise and a label is always left, cap or no cap."""
    result = compiled(spec)
    assert (column(result, "threshold_rise_max") <= 1e-12).all()
    assert column(result, "labels")[-1] < spec.budget


@settings(max_examples=60)
@given(own.run_specs(kinds=("llf_fixed",)))
def test_property_theorem_2_in_whole_runs(compiled, spec):
    assert column(compiled(spec), "labels")[-1] <= spec.budget


@settings(max_examples=30)
@given(own.run_specs(kinds=("always",), leaders=("greedy",)))
def test_property_theorem_1_along_the_whole_path(compiled, spec):
    """On E and with every label bought: R_t <= sum of width latencies."""
    result = compiled(spec)
    on = column(result, "conf_ratio_max") <= 1
    assert (column(result, "regret")[on] <= column(result, "latency_sum")[on] + 1e-9).all()


# ---------------------------------------------------------------------- replications and common draws


def test_a_replication_does_not_depend_on_where_a_run_begins(compiled):
    for play in (compiled, plain):
        whole = play(RunSpec(T=50, beta=0.3, replications=4, record=EVERY))
        part = play(RunSpec(T=50, beta=0.3, replications=2, record=EVERY), first=2)
        assert [r.tobytes() for r in whole.rows[2:]] == [r.tobytes() for r in part.rows]
        assert len({r.tobytes() for r in whole.rows}) == 4


def test_seed_sets_are_disjoint():
    runs = [plain(RunSpec(T=30, seed=seed, replications=2)) for seed in (0, 1)]
    assert len({r.tobytes() for run in runs for r in run.rows}) == 4


def test_recording_less_changes_nothing():
    spec = RunSpec(T=50, beta=0.2, gate=GateSpec(kind="llf_paced"))
    every = plain(spec.model_copy(update=dict(record=EVERY))).rows[0]
    for record in (RecordSpec(), RecordSpec(mode="final"), RecordSpec(per_octave=1)):
        rows = plain(spec.model_copy(update=dict(record=record))).rows[0]
        assert rows.tobytes() == every[[t - 1 for t in record.rounds(50)]].tobytes()


def witnessed(monkeypatch, gate, follower="iid", **stream):
    """(pools, theta*, {round: noise}) that a run really used, by watching the loop's rules."""
    pools, noises, truths = [], {}, []
    present, noise = rounds.present, rounds.noise

    def watch_present(*args):
        gold = present(*args)
        pools.append(args[9].Phi.copy())
        truths.append(args[7].copy())
        return gold

    def watch_noise(*args):
        noise(*args)
        noises[args[2]] = args[3].eta.copy()

    with monkeypatch.context() as m:
        m.setattr(rounds, "present", watch_present)
        m.setattr(rounds, "noise", watch_noise)
        spec = RunSpec(
            T=40,
            beta=0.5,
            stream=StreamSpec(d=4, **stream),
            follower=FollowerSpec(kind=follower),
            gate=GateSpec(kind=gate),
        )
        plain(spec)
    return np.array(pools), np.array(truths), noises


@pytest.mark.parametrize("context", own.POOLS)
def test_gates_meet_the_same_pools_noise_and_truth(monkeypatch, context):
    names = ("always", "never", "periodic", "random")
    seen = [witnessed(monkeypatch, g, "hard_negative", context=context) for g in names]
    pools, truths, noises = seen[0]
    for other in seen[1:]:
        assert other[0].tobytes() == pools.tobytes() and other[1].tobytes() == truths.tobytes()
        assert all(noises[t].tobytes() == eta.tobytes() for t, eta in other[2].items() if t in noises)
    assert noises.keys() & seen[3][2].keys()
    assert len({p.tobytes() for p in pools}) == 40
    np.testing.assert_allclose(np.linalg.norm(pools, axis=2), 0.5, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(truths[0]), 1.0, atol=1e-12)


def test_the_hindsight_plan_buys_the_largest_latencies():
    plan = engine._hindsight(np.array([1.0, 3.0, 2.0, 3.0, 0.0]), 2)
    assert plan.tolist() == [0, 1, 0, 1, 0]
    assert engine._hindsight(np.ones(4), 2).tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(("follower", "context"), own.ARENAS)
def test_the_oracle_spends_exactly_B(follower, context):
    spec = RunSpec(T=60, B=20, **arena(follower, context, 3, components=2), gate=GateSpec(kind="llf_oracle"))
    assert column(plain(spec), "labels")[-1] == 20


# ---------------------------------------------------------------------- nobody peeks


def relabelled(play, gate, cut, T=60, seed=0, **kwargs):
    """The same run with the label noise of rounds 1.. and with other noise from round ``cut`` on."""
    spec = dict(T=T, beta=0.5, gate=gate, record=EVERY, seed=seed, **arena("hard_negative", "isotropic", 3), **kwargs)
    return play(RunSpec(**spec)).rows[0], play(RunSpec(**spec, relabel_from=cut)).rows[0]


# what a gate may not see in the round of the label itself: the columns written before the label
BEFORE = [log.COLUMNS.index(c) for c in ("regret", "labels", "latency", "gain", "threshold", "decision_hash", "radius")]


@pytest.mark.parametrize("kind", own.HONEST)
def test_honest_gates_do_not_see_the_label(compiled, kind):
    """Decisions of rounds 1..cut are blind to the noise of round cut; the offline plan is for cut = T."""
    for seed in range(6):
        for feedback in ("pair", "full"):
            cut = 60 if kind == "llf_oracle" else 30
            a, b = relabelled(compiled, GateSpec(kind=kind), cut, seed=seed, learner=LearnerSpec(feedback=feedback))
            assert a[: cut - 1].tobytes() == b[: cut - 1].tobytes()
            assert a[cut - 1, BEFORE].tobytes() == b[cut - 1, BEFORE].tobytes()


def test_other_labels_change_the_later_run(compiled):
    a, b = relabelled(compiled, GateSpec(kind="always"), 30)
    assert a[30:].tobytes() != b[30:].tobytes()


def test_the_control_that_peeks_is_caught(compiled):
    caught = 0
    for seed in range(12):
        a, b = relabelled(compiled, GateSpec(kind="control_peek"), 30, seed=seed)
        assert a[:29].tobytes() == b[:29].tobytes()
        caught += a[29, BEFORE].tobytes() != b[29, BEFORE].tobytes()
    assert caught >= 2


def test_the_wrong_learner_breaks_lemma_0_in_a_run(compiled):
    spec = RunSpec(T=300, **arena("iid", "isotropic", 4), learner=LearnerSpec(control="wrong_update"))
    assert column(compiled(spec), "psi")[-1] > naive.capacity(300, 4, 1.0, 1.0)


def test_a_radius_that_is_too_small_leaves_the_event(compiled):
    spec = RunSpec(T=300, **arena("ball", "free", 4), learner=LearnerSpec(radius_mode="scaled", radius_c=0.05))
    assert column(compiled(spec), "conf_ratio_max")[-1] > 1


# ---------------------------------------------------------------------- memory, errors, digest


def test_the_memory_of_a_log_does_not_grow_with_T():
    def peak(T):
        tracemalloc.start()
        result = plain(RunSpec(T=T, beta=0.2, record=RecordSpec(mode="final"), gate=GateSpec(kind="llf_paced")))
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert result.rows[0].shape == (1, log.WIDTH)
        return top

    peak(20)
    assert peak(800) < peak(100) + 20_000
    assert len(plain(RunSpec(T=512)).rows[0]) < 8 * 9 + 2


def test_a_bad_status_becomes_an_error_with_advice(compiled, monkeypatch):
    from sim import kernels

    for status, advice in (
        (codes.NOT_FINITE, "check sigma, S, L and lam"),
        (codes.INVERSE_LOST, "lower learner.refresh"),
    ):
        monkeypatch.setattr(kernels, "game_of", lambda parts, status=status: lambda *args: status)
        monkeypatch.setattr(kernels, "recorded_of", lambda rule, status=status: lambda *args: status)
        for spec in (RunSpec(T=5), digits_spec("prefix", T=5)):
            with pytest.raises(engine.EngineError, match=advice) as error:
                engine.play(spec, first=2)
            assert "replication 2" in str(error.value) and spec.key() in str(error.value)


def test_extreme_scales_end_in_an_error_and_not_in_numbers(compiled):
    """A ridge parameter so small that the inverse is lost."""
    spec = RunSpec(T=50, **arena("ball", "free", 4), learner=LearnerSpec(lam=1e-13))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        with pytest.raises(engine.EngineError, match="raise lam"):
            compiled(spec)


def test_missing_files_and_long_horizons_are_reported_by_play():
    with pytest.raises(ValueError, match="T = 1500 with 1797 rows"):
        engine.play(digits_spec("always", T=1500))


def test_rounds_after_the_last_label_are_out_of_budget():
    result = plain(RunSpec(T=20, B=5, gate=GateSpec(kind="prefix"), record=EVERY))
    assert column(result, "out_of_budget").tolist() == [0] * 5 + list(range(1, 16))


def test_digest_names_the_sources(tmp_path, monkeypatch):
    assert len(version.CODE) == 12 and int(version.CODE, 16) >= 0
    monkeypatch.setattr(version, "__file__", str(tmp_path / "version.py"))
    seen = {version.digest()}
    for text in ("a = 1", "a = 2"):
        (tmp_path / "rule.py").write_text(text)
        seen.add(version.digest())
    (tmp_path / "rule.py").rename(tmp_path / "gate.py")
    assert len(seen | {version.digest()}) == 4
    before = version.digest()
    (tmp_path / "table.py").write_text("what is around a run does not count")
    assert version.digest() == before


def test_open_purse_and_workspace_belong_to_one_run():
    g = build(RunSpec(gate=GateSpec(kind="margin")))
    assert gates.open_purse(g).memory is not gates.open_purse(g).memory
    assert rounds.workspace(g).Phi is not rounds.workspace(g).Phi


def test_a_gate_that_can_never_open_is_announced():
    with pytest.warns(engine.IdleGate, match="llf_paced never opens with B = 5 in d = 60"):
        rows = engine.play(RunSpec(T=10, B=5, stream=StreamSpec(d=60), gate=GateSpec(kind="llf_paced")), compiled=False)
    assert rows.rows[0][-1, log.COLUMNS.index("labels")] == 0
