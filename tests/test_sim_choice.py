"""Labels that are choices: the projection, the step, the proof of the radius, whole runs, doors, the page."""

import math
import re
from pathlib import Path

import naive
import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import engine
from sim.live.gate import LiveGate
from sim.rules import choice, cholesky, draws, gates, leader, learners, log, rounds
from sim.setup import build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from sim.trace import trace

EVERY = RecordSpec(mode="every")
CHOICE = LearnerSpec(feedback="choice")
FREE = ("ball", "evader", "hard_instance", "bait", "patient")
POOL = ("iid", "hard_negative", "best_response")
GATES = [GateSpec(kind=kind) for kind in gates.GATES] + [
    GateSpec(kind="llf_split", purse="random"),
    GateSpec(kind="llf_paced", coin_share=0.5),
]
PAGE = Path(__file__).resolve().parent.parent / "docs" / "choices.md"


def spec_of(follower="ball", d=3, M=1, **kwargs):
    """A run with choices, in the free game or on a pool."""
    free = follower in FREE
    stream = StreamSpec(context="free", d=d) if free else StreamSpec(d=d, N=5)
    played = dict(stream=stream, follower=FollowerSpec(kind=follower, M=1 if free else M))
    return RunSpec(**dict(T=80, beta=0.4, learner=CHOICE, record=EVERY) | played | kwargs)


def column(result, name, replication=0):
    """One column of a run log at all recorded rounds."""
    return result.rows[replication][:, log.COLUMNS.index(name)]


# ---------------------------------------------------------------------- projection


@settings(max_examples=200)
@given(own.rngs, st.integers(1, 6), st.integers(0, 60), st.floats(-6, 6), st.floats(-3, 3), st.floats(-2, 2))
def test_property_the_projection_is_exact(rng, d, n, size, stretch, scale):
    """The optimality conditions to 1e-10, and the twin's point, for well and badly scaled designs."""
    Z, S = rng.normal(size=(n, d)) * 10.0 ** (stretch * rng.random(d)), 10.0**scale
    V = np.eye(d) + Z.T @ Z
    u = rng.normal(size=d) * 10.0**size
    theta, b = u[:, None].copy(), (V @ u)[:, None]
    choice.confine(V, b, theta, S)
    v = theta[:, 0]
    if np.linalg.norm(u) <= S:
        np.testing.assert_array_equal(v, u)
        return
    assert np.linalg.norm(v) == pytest.approx(S, rel=1e-10)
    np.testing.assert_allclose(b[:, 0], V @ v, rtol=1e-10, atol=1e-10 * np.abs(V).max() * S)
    pull = V @ (u - v)  # = nu v
    nu = pull @ v / S**2
    assert nu >= 0.0
    room = 1e-10 * np.linalg.norm(V, 2) * np.linalg.norm(u)
    np.testing.assert_allclose(pull, nu * v, rtol=0, atol=room)
    np.testing.assert_allclose(v, naive.project(V, u, S), rtol=0, atol=1e-10 * max(S, np.linalg.norm(u)))


def test_a_far_point_needs_few_steps():
    """The iteration ends by its criterion, not by its limit, where kappa is smallest."""
    steps, real = [], cholesky.factor
    V, u = np.diag([1.0, 1e6, 3.0]), np.array([1e5, -20.0, 1.0])
    theta, b = u[:, None].copy(), (V @ u)[:, None]
    cholesky.factor = lambda *a: steps.append(1) or real(*a)
    try:
        choice.confine(V, b, theta, 1.0)
    finally:
        cholesky.factor = real
    assert 2 <= len(steps) <= 15
    assert np.linalg.norm(theta) == pytest.approx(1.0, rel=1e-13)


# ---------------------------------------------------------------------- step and radius


def steps(rng, d, n, S, L, lam):
    """States along ``n`` choices of any kind: (theta, z, won, w2) before each label, and the states after."""
    s, y, out = learners.start(d, 1, lam), np.zeros(1), np.zeros(d)
    for _ in range(n):
        z = rng.normal(size=d)
        z *= L * rng.random() / np.linalg.norm(z)
        won, before, w2 = int(rng.random() < 0.5), s.theta[:, 0].copy(), z @ s.P @ z
        V = s.V.copy()
        s = learners.learn_choice(s, z, won, S, L, 4096, False, y, out)
        yield before, V, z, won, w2, s


@given(own.rngs, st.integers(1, 5), st.floats(0.2, 3), st.floats(0.2, 2), st.floats(0.2, 4))
def test_property_no_choice_moves_the_error_by_more_than_the_proof_says(rng, d, S, L, lam):
    """The one inequality behind the radius, for labels that nobody drew from any model."""
    truth = rng.normal(size=d)
    truth *= S * rng.random() / np.linalg.norm(truth)
    m = naive.logistic(S * L)
    kappa, h = m * (1 - m), 2 / 3
    for before, V, z, won, w2, s in steps(rng, d, 40, S, L, lam):
        old, new = before - truth, s.theta[:, 0] - truth
        r, eta = old @ z, won - naive.logistic(truth @ z)
        most = (1 - 2 * h) * r**2 + 2 * h / kappa * eta * r + (h * m / kappa) ** 2 * w2 / (1 + w2)
        moved = new @ s.V @ new - old @ V @ old
        assert moved <= most + 1e-9 * max(1.0, old @ V @ old, (h / kappa) ** 2)
        assert np.linalg.norm(s.theta) <= S * (1 + 1e-12)
        np.testing.assert_allclose(s.P @ s.moments, s.theta, atol=1e-8 * max(1.0, S))  # so a rebuild keeps it


@given(own.rngs, st.floats(0.2, 3), st.floats(0.2, 2), st.floats(0.2, 4))
def test_property_steps_equal_the_twin(rng, S, L, lam):
    k = LearnerSpec(feedback="choice", S=S, L=L, lam=lam)
    Z, won = np.zeros((0, 3)), []
    for _, _, z, y, _, after in steps(rng, 3, 25, S, L, lam):
        Z, won, s = np.vstack([Z, z]), [*won, y], after
    _, theta, psi, squares = naive.newton(k, Z, np.array(won))
    np.testing.assert_allclose(s.theta[:, 0], theta, rtol=0, atol=1e-10 * S)
    assert s.psi == pytest.approx(psi, abs=1e-10) and s.potential == pytest.approx(squares.sum(), abs=1e-10)


def test_rebuilds_change_nothing_but_rounding():
    plain, often = (
        engine.play(spec_of(T=60, beta=1.0, learner=CHOICE.model_copy(update=dict(refresh=n))), compiled=False)
        for n in (4096, 3)
    )
    np.testing.assert_allclose(plain.rows[0], often.rows[0], rtol=0, atol=1e-9)


@given(st.floats(0, 30), st.floats(0.1, 3), st.floats(0.1, 3), st.floats(0.1, 5), st.floats(0.001, 0.9))
def test_property_the_radius_in_every_mode(psi, S, L, lam, delta):
    k = dict(feedback="choice", S=S, L=L, lam=lam, delta=delta)
    want = naive.theory_radius(psi, LearnerSpec(**k))
    for mode, c, alpha in (("theory", 1.0, want), ("scaled", 0.3, 0.3 * want), ("fixed", 0.3, 0.3)):
        learner = LearnerSpec(**k, radius_mode=mode, radius_c=c)
        assert learners.radius(build(RunSpec(learner=learner)), psi) == pytest.approx(alpha, rel=1e-12)
        gate = LiveGate(GateSpec(kind="always"), T=9, B=9, d=2, learner=learner)
        gate.inform(psi)
        assert gate.radius == pytest.approx(alpha, rel=1e-12)


@given(st.floats(-700, 700))
def test_property_the_chance_is_the_logistic(x):
    assert choice.chance(x) == pytest.approx(0.5 * (1 + math.tanh(x / 2)), abs=1e-15)
    assert choice.chance(-x) == pytest.approx(math.exp(-x) * choice.chance(x) if x < 700 else 0.0, rel=1e-12)


@given(st.floats(0.01, 10))
def test_property_a_choice_tells_no_more_than_a_gaussian_label(x):
    """The divergence between the choices of rewards x and -x, against (2 x)^2 / (2 SIGMA^2)."""
    p = naive.logistic(x)
    divergence = p * math.log(p / (1 - p)) + (1 - p) * math.log((1 - p) / p)
    assert divergence <= (2 * x) ** 2 / (2 * choice.SIGMA**2) * (1 + 1e-9)


# ---------------------------------------------------------------------- whole runs


@pytest.mark.parametrize("follower", ["ball", "hard_negative"])
@pytest.mark.parametrize("gate", ["always", "prefix", "random", "llf_fixed", "llf_paced", "llf_regret"])
def test_whole_runs_equal_the_naive_twin(gate, follower):
    """Every column of every round, two shapes, by the plain loop."""
    for d, k in ((3, CHOICE), (4, LearnerSpec(feedback="choice", lam=0.5, S=2.0, L=1.5))):
        spec = spec_of(follower, d, M=3, T=50, learner=k, gate=GateSpec(kind=gate, threshold=0.2), seed=7)
        spec = spec.model_copy(update=dict(follower=spec.follower.model_copy(update=dict(tremble=0.1))))
        result, want = engine.play(spec, compiled=False), naive.game(spec)
        assert len(want) == spec.T
        for name in log.COLUMNS:
            twin = np.array([row[name] for row in want], dtype=float)
            np.testing.assert_allclose(column(result, name), twin, rtol=0, atol=1e-9, err_msg=name)


def assert_same_bits(compiled, spec):
    fast, slow = compiled(spec).rows[0], engine.play(spec, compiled=False).rows[0]
    wrong = [name for name, x, y in zip(log.COLUMNS, fast.T, slow.T, strict=True) if x.tobytes() != y.tobytes()]
    assert not wrong


@pytest.mark.parametrize("follower", ["ball", "best_response"])
@pytest.mark.parametrize("gate", GATES, ids=lambda g: f"{g.kind}_{g.purse}_{g.coin_share:g}")
def test_kernel_equals_loop_for_every_gate(compiled, gate, follower):
    assert_same_bits(compiled, spec_of(follower, M=2, gate=gate, seed=5))


@pytest.mark.parametrize("follower", [*FREE, *POOL])
def test_kernel_equals_loop_for_every_follower(compiled, follower):
    k = LearnerSpec(feedback="choice", S=3.0, leader="greedy")
    assert_same_bits(compiled, spec_of(follower, M=2, learner=k, relabel_from=20, gate=GateSpec(kind="llf_paced")))
    if follower in POOL:
        k = LearnerSpec(feedback="choice", leader="optimistic", control="wrong_update")
        assert_same_bits(compiled, spec_of(follower, M=3, learner=k, gate=GateSpec(kind="llf_regret")))


def test_labels_come_from_the_noise_of_the_round_and_have_the_right_law():
    mean, n = 0.8, 4000
    g, keys = build(spec_of(T=n)), draws.stream_keys(0, 0)
    w = rounds.workspace(g)
    wins = []
    for t in range(n):
        rounds.noise(g, keys, t, w)
        wins.append(rounds.winner(mean, w))
        assert w.few[0] == draws.uniform_at(keys[draws.NOISE], 4 * t)
    assert abs(np.mean(wins) - naive.logistic(mean)) < 4 * math.sqrt(0.25 / n)


def test_other_labels_from_a_round_on(compiled):
    a, b = (compiled(spec_of(beta=1.0, relabel_from=cut)).rows[0] for cut in (0, 30))
    assert a[:29].tobytes() == b[:29].tobytes() and a[30:].tobytes() != b[30:].tobytes()


def test_the_gate_that_peeks_buys_the_less_likely_choices_only(compiled):
    spec = spec_of("hard_negative", beta=1.0, gate=GateSpec(kind="control_peek"))
    shares = column(compiled(spec), "labels")[-1] / spec.T
    assert 0.2 < shares < 0.5
    assert choice.surprise(1.0, 0) > choice.SIGMA > choice.surprise(1.0, 1)


@pytest.mark.parametrize(("follower", "gate"), [("ball", "always"), ("iid", "random"), ("best_response", "llf_paced")])
def test_lemma_0_holds_and_fails_for_the_wrong_update(compiled, follower, gate):
    spec = spec_of(follower, T=300, gate=GateSpec(kind=gate))
    result = compiled(spec)
    labels, psi = column(result, "labels"), column(result, "psi")
    assert labels[-1] > 0
    assert all(p <= naive.capacity(n, 3, 1.0, 1.0) + 1e-9 for n, p in zip(labels, psi, strict=True))
    assert (column(result, "potential") <= 2 * psi + 1e-9).all()
    wrong = CHOICE.model_copy(update=dict(control="wrong_update"))
    broken = compiled(spec_of("iid", T=300, beta=1.0, learner=wrong))
    assert column(broken, "psi")[-1] > naive.capacity(300, 3, 1.0, 1.0)


@pytest.mark.parametrize("leader_", ["greedy", "optimistic"])
def test_the_ellipsoid_holds_the_truth_and_a_fiftieth_of_it_does_not(compiled, leader_):
    """delta = 0.05: no run leaves; regret stays below both latencies.  With radius x 0.02 all leave, with 0.3 most."""
    worst, left = [], log.COLUMNS.index("conf_ratio_max")
    for follower in ("best_response", "iid", *(("ball",) if leader_ == "greedy" else ())):
        k = dict(feedback="choice", leader=leader_)
        common = dict(T=300, beta=1.0, d=2, record=RecordSpec(mode="final"), replications=40)
        sound = compiled(spec_of(follower, learner=LearnerSpec(**k), **common))
        final = np.array([rows[-1] for rows in sound.rows])
        worst += list(final[:, left])
        assert (final[:, log.COLUMNS.index("slack_width_max")] <= 1e-12).all()
        assert (final[:, log.COLUMNS.index("slack_regret_max")] <= 1e-12).all()
        for c, least in ((0.02, 1.0), (0.3, 0.5)):
            small = LearnerSpec(**k, radius_mode="scaled", radius_c=c)
            runs = compiled(spec_of(follower, learner=small, **common)).rows
            assert np.mean([rows[-1, left] > 1 for rows in runs]) >= least
    assert max(worst) < 1.0


def test_the_estimate_comes_near_the_truth(compiled):
    """||theta - theta*|| falls like 1/sqrt(n): a factor of about 4 from 100 to 1600 labels."""
    errors = []
    for T in (100, 1600):
        spec = spec_of("iid", T=T, beta=1.0, d=2, record=RecordSpec(mode="final"), replications=12)
        last = np.array([rows[-1] for rows in compiled(spec).rows])
        ratio, radius, psi = (last[:, log.COLUMNS.index(c)] for c in ("conf_ratio", "radius", "psi"))
        errors.append(float(np.mean(ratio * radius / np.exp(psi / 4))))  # V is nearly e^{psi/2} I in two dimensions
    assert 2.0 < errors[0] / errors[1] < 8.0


def test_the_hard_instance_has_the_gap_of_the_information_in_a_choice():
    spec = spec_of("hard_instance", d=2, T=100, beta=0.5)
    assert spec.hard_delta == pytest.approx(math.sqrt(2 / 50))  # sqrt(d/B)/L
    with pytest.raises(ValueError, match=r"B = 8 < sigma\^2 d\^2"):
        spec_of("hard_instance", d=3, T=20, B=8, beta=None)


def test_a_trace_holds_the_compared_pairs():
    found = trace(spec_of(), 0)
    assert np.allclose(np.linalg.norm(found.Z[:5], axis=1), 1.0) and found.bought.sum() == 32


def test_the_compared_pair_is_that_of_pair_feedback():
    g, s = build(spec_of("iid")), learners.start(3, 1, 1.0)
    Phi, means = np.eye(3) / 2, np.zeros(3)
    v = leader.assess(g, s, Phi, means, np.array([0, 1]), 0, 2.0, np.zeros(3), np.zeros(3))
    assert (v.pick, v.rival) == (0, 1)
    assert v.width_latency == pytest.approx(2.0 * math.sqrt(0.5)) and g.feature_norm == 0.5


# ---------------------------------------------------------------------- doors


@pytest.mark.parametrize(
    ("make", "says"),
    {
        "sigma": (lambda: LearnerSpec(feedback="choice", sigma=0.5), "sigma = 0.5.*leave sigma out"),
        "far": (lambda: LearnerSpec(feedback="choice", S=4.0, L=3.0), "S L = 12.*keep S L <= 10"),
        "ova": (lambda: LearnerSpec(feedback="choice", kind="ova"), "ova learns from gold labels"),
        "noise": (
            lambda: RunSpec(stream=StreamSpec(noise="rademacher"), learner=CHOICE),
            "noise = 'rademacher' with feedback 'choice'.*leave noise out",
        ),
        "M": (lambda: spec_of("iid", M=5), "M = 5"),
        "ball": (lambda: spec_of(learner=LearnerSpec(feedback="choice", leader="optimistic")), "leader 'greedy'"),
        "recorded": (
            lambda: RunSpec(stream=StreamSpec(context="recorded", path="digits"), learner=CHOICE),
            "a recorded stream is played by learner 'ova'",
        ),
        "full": (lambda: spec_of(learner=LearnerSpec(feedback="full")), "feedback 'pair' or 'choice'"),
    }.values(),
)
def test_what_makes_no_sense_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()


def test_a_choice_brings_its_own_sigma():
    assert CHOICE.sigma == choice.SIGMA == LearnerSpec.model_validate(CHOICE.model_dump()).sigma
    assert LearnerSpec().sigma == 1.0
    assert spec_of().key() == RunSpec.model_validate(spec_of().model_dump(mode="json")).key()


# ---------------------------------------------------------------------- the page


def test_the_page_runs(tmp_path, monkeypatch, capsys):
    """Every block of docs/choices.md, in order, prints what its comments say."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    said = ", ".join(re.findall(r"print\(.*\)  # (.*)", "".join(blocks)))
    scope: dict = {}
    for block in blocks:
        exec(compile(block, "choices.md", "exec"), scope)
    assert ", ".join(capsys.readouterr().out.splitlines()) == said
    best = sum((np.sign(scope["theta"] @ (np.array(r[:3]) - r[3:6])) > 0) == (r[6] == 1) for r in scope["rows"])
    assert f"agrees in {best} of these 400" in " ".join(PAGE.read_text().split())
