"""What labels are like: bounded noise, and payoffs that no linear function explains."""

import math

import naive
import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sim_kernels import assert_same_bits

from sim import engine, table
from sim.rules import codes, draws, log, rounds, streams
from sim.setup import build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.sweeps import arena

EVERY, FINAL = RecordSpec(mode="every"), RecordSpec(mode="final")
COLUMN = {name: i for i, name in enumerate(log.COLUMNS)}
POOLED = ("iid", "hard_negative", "best_response")


# ---------------------------------------------------------------------- noise


def drawn(noise, n=40_000):
    """n numbers of a law, from the uniforms that a run would use."""
    u = draws.uniform(draws.bits(draws.stream_keys(0, 0)[draws.NOISE], 0, draws.index(2 * n)))
    return np.array([draws.standard(codes.NOISES.index(noise), a, b) for a, b in zip(u[::2], u[1::2], strict=True)])


@pytest.mark.parametrize(("noise", "widest"), [("gaussian", math.inf), ("rademacher", 1.0), ("uniform", math.sqrt(3))])
def test_a_law_has_mean_0_variance_1_and_gaussian_tails(noise, widest):
    """Moments within five standard errors, the bound, and E exp(x X) <= exp(x^2/2)."""
    x = drawn(noise)
    assert abs(x.mean()) < 5 / math.sqrt(len(x)) and abs(x.var() - 1) < 5 * math.sqrt(2 / len(x))
    assert np.abs(x).max() <= widest
    for a in (0.5, 1.0, 2.0):
        y = np.exp(a * x)
        assert y.mean() < math.exp(a * a / 2) + 5 * y.std() / math.sqrt(len(x))


@given(own.floats(0.0, 20.0))
def test_property_the_bounded_laws_are_sub_gaussian_at_their_own_variance(x):
    """Their moment generating functions in closed form, against exp(x^2/2)."""
    y = math.sqrt(3.0) * x
    assert math.log(math.cosh(x)) <= x * x / 2 + 1e-12
    assert y == 0.0 or math.log(math.sinh(y) / y) <= x * x / 2 + 1e-12


def test_rademacher_labels_are_the_means_plus_or_minus_sigma():
    spec = RunSpec(stream=StreamSpec(d=3, noise="rademacher"), learner=LearnerSpec(sigma=0.7, feedback="full"))
    g, keys = build(spec), draws.stream_keys(0, 0)
    w = rounds.workspace(g)
    seen = set()
    for t in range(40):
        rounds.noise(g, keys, t, w)
        seen |= set(w.eta.tolist())
    assert seen == {0.7, -0.7}


@pytest.mark.parametrize("noise", ["rademacher", "uniform"])
def test_the_laws_are_other_runs_on_the_same_prompts(noise):
    plain = RunSpec(T=40, gate=GateSpec(kind="never"), record=EVERY)
    other = plain.model_copy(update=dict(stream=StreamSpec(noise=noise)))
    np.testing.assert_array_equal(*(engine.play(s, compiled=False).rows[0] for s in (plain, other)))
    bought = [s.model_copy(update=dict(gate=GateSpec())) for s in (plain, other)]
    a, b = (engine.play(s, compiled=False).rows[0] for s in bought)
    assert (a[:, COLUMN["conf_ratio"]] != b[:, COLUMN["conf_ratio"]]).any()


@pytest.mark.parametrize("noise", ["rademacher", "uniform"])
@pytest.mark.parametrize(("follower", "context"), [("ball", "free"), ("best_response", "isotropic")])
def test_the_ellipsoid_keeps_the_truth_under_bounded_noise(compiled, noise, follower, context):
    """At delta = 0.05 at most 5 % may lose it (far fewer do); with a tenth of the radius it must be lost."""
    spec = RunSpec(T=200, **arena(follower, context, 4, noise=noise), record=FINAL, replications=200)
    lost = [rows[-1, COLUMN["conf_ratio_max"]] > 1.0 for rows in compiled(spec).rows]
    assert np.mean(lost) <= 0.05
    small = LearnerSpec(radius_mode="scaled", radius_c=0.1)
    shrunk = spec.model_copy(update=dict(learner=small))
    lost = [rows[-1, COLUMN["conf_ratio_max"]] > 1.0 for rows in compiled(shrunk).rows]
    assert np.mean(lost) > 0.5


@pytest.mark.parametrize("noise", codes.NOISES)
@pytest.mark.parametrize("misfit", [0.0, 0.2])
@pytest.mark.parametrize("feedback", ["pair", "full", "bandit"])
def test_kernel_equals_loop(compiled, noise, misfit, feedback):
    leader = "optimistic" if feedback == "bandit" else "greedy"
    spec = RunSpec(
        T=60, beta=0.5, stream=StreamSpec(d=3, noise=noise, misfit=misfit), follower=FollowerSpec(kind="best_response"),
        learner=LearnerSpec(feedback=feedback, leader=leader), gate=GateSpec(kind="llf_paced"), record=EVERY,
    )  # fmt: skip
    assert_same_bits(compiled, spec)


# ---------------------------------------------------------------------- misfit


def worlds(spec):
    """One run in the plain loop: what every round was, (Phi, payoffs, view, shown), and the rows."""
    seen = []

    def watch(t, v, w, bought):
        seen.append((w.Phi.copy(), w.payoffs.copy(), v, w.shown.copy()))

    return seen, engine.play(spec, compiled=False, watch=watch).rows[0]


@settings(max_examples=20)
@given(
    st.sampled_from(POOLED), st.sampled_from(own.POOLS), st.integers(2, 5), own.floats(0.01, 2.0), own.scales,
    st.sampled_from(["pair", "full"]), st.integers(0, 99),
)  # fmt: skip
def test_property_everybody_sees_the_bent_payoffs(follower, context, d, misfit, L, feedback, seed):
    """The payoff of a response from the definition; gold is its argmax; regret and picks follow from it."""
    stream = StreamSpec(context=context, d=d, misfit=misfit, components=2)
    spec = RunSpec(
        T=12, stream=stream, follower=FollowerSpec(kind=follower), record=EVERY, seed=seed,
        learner=LearnerSpec(L=L, feedback=feedback),
    )  # fmt: skip
    keys, norm = draws.stream_keys(seed, 0), L / 2 if feedback == "pair" else L
    u = draws.bell(naive._numbers(keys[draws.THETA], 0, d))
    truth = u / np.linalg.norm(u)
    wave = 2 * np.pi / norm * draws.bell(naive._numbers(keys[draws.TWIST], 0, d))
    seen, rows = worlds(spec)
    total = 0.0
    for (Phi, payoffs, v, shown), row in zip(seen, rows, strict=True):
        want = Phi @ truth + misfit * np.cos(Phi @ wave)
        np.testing.assert_allclose(payoffs, want, atol=1e-9)
        assert (np.abs(payoffs - Phi @ truth) <= misfit + 1e-12).all()
        gold = int(np.argmax(payoffs))
        assert gold in shown
        total += payoffs[gold] - payoffs[v.pick]
        assert row[COLUMN["regret"]] == pytest.approx(total, rel=1e-9, abs=1e-9)


def test_a_label_is_the_bent_payoff():
    """Without noise the regression is that of the bent differences."""
    stream, learner = StreamSpec(d=2, N=5, misfit=0.5), LearnerSpec(sigma=0.0)
    spec = RunSpec(T=30, stream=stream, follower=FollowerSpec(kind="iid"), learner=learner, record=EVERY)
    seen, rows = worlds(spec)
    pairs = [(min(v.pick, v.rival), max(v.pick, v.rival)) for *_, v, _ in seen]
    Z = np.array([Phi[a] - Phi[b] for (Phi, *_), (a, b) in zip(seen, pairs, strict=True)])
    y = np.array([payoffs[a] - payoffs[b] for (_, payoffs, *_), (a, b) in zip(seen, pairs, strict=True)])
    P, theta, *_ = naive.ridge(1.0, Z, y)
    u = draws.bell(naive._numbers(draws.stream_keys(0, 0)[draws.THETA], 0, 2))
    diff = theta - u / np.linalg.norm(u)
    ratio = math.sqrt(diff @ np.linalg.inv(P) @ diff) / 1.0
    assert rows[-1, COLUMN["conf_ratio"]] == pytest.approx(ratio, rel=1e-9)


def test_a_misfit_costs_what_no_label_buys_back(compiled):
    """Every label bought, regret a round of the last half: none where the model is right, and else like misfit^2,
    because a wave decides between responses that are nearly equal: they are as rare as they are cheap."""

    def late(misfit):
        follower, record = FollowerSpec(kind="best_response"), RecordSpec(per_octave=1)
        spec = RunSpec(
            T=4000, stream=StreamSpec(d=4, misfit=misfit), follower=follower, learner=LearnerSpec(sigma=0.1),
            record=record, replications=8,
        )  # fmt: skip
        rows = [r[r[:, 0] >= 2000] for r in compiled(spec).rows]
        return np.mean([(r[-1, COLUMN["regret"]] - r[0, COLUMN["regret"]]) / (4000 - r[0, 0]) for r in rows])

    exact, small, large = late(0.0), late(0.05), late(0.2)
    assert 20 * exact < small < 2 * 0.05 and large < 2 * 0.2
    assert 8.0 < large / small < 32.0


def test_no_misfit_is_the_same_run():
    process = streams.process("isotropic", 3, exponent=1.0, components=1, leak=0.0)
    assert process.twist.tolist() == [0.0, 0.0, 0.0]
    assert StreamSpec(misfit=0.0) == StreamSpec() and build(RunSpec()).misfit == 0.0


# ---------------------------------------------------------------------- door and table


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StreamSpec(context="free", misfit=0.1), "misfit = 0.1 with context 'free'"),
        (lambda: StreamSpec(context="recorded", path="digits", misfit=0.1), "misfit = 0.1 with context 'recorded'"),
        (lambda: StreamSpec(misfit=-0.1), "misfit = -0.1 is not allowed; give 0 <= value"),
        (lambda: StreamSpec(noise="cauchy"), "unknown noise 'cauchy'"),
        (lambda: StreamSpec(context="recorded", path="digits", noise="uniform"), "its labels are its own"),
    ],
)
def test_the_door(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_the_table_says_both():
    spec = RunSpec(T=3, stream=StreamSpec(noise="uniform", misfit=0.25))
    row = table.from_log("x/0", engine.play(spec, compiled=False)).iloc[0]
    assert (row.noise, row.misfit, row.coin_share) == ("uniform", 0.25, 0.0)
