"""sim.spec: what is refused and how it is said; keys; recorded rounds.  sim.setup: the numbers."""

import math
import warnings

import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sim import engine
from sim.rules import codes, followers, gates, log
from sim.setup import build, information
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec

FREE, POOL = StreamSpec(context="free"), StreamSpec()
BALL, HARD = FollowerSpec(kind="ball"), FollowerSpec(kind="hard_instance")
EXACT = FollowerSpec(kind="evader", exact=True)
DIGITS = StreamSpec(context="recorded", path="digits")
OVA, ALL = LearnerSpec(kind="ova", feedback="gold"), FollowerSpec(kind="all")

BAD = {
    "T": (lambda: RunSpec(T=0), "T = 0 is not allowed; give 1 <= value"),
    "T fraction": (lambda: RunSpec(T=1.5), "valid integer"),
    "T infinite": (lambda: RunSpec(T=math.inf), "finite"),
    "d": (lambda: StreamSpec(d=0), "d = 0"),
    "N": (lambda: StreamSpec(N=0), "N = 0"),
    "M": (lambda: FollowerSpec(M=0), "M = 0"),
    "M > N - 1": (lambda: RunSpec(stream=StreamSpec(N=3), follower=FollowerSpec(M=3)), "M = 3 > N - 1 = 2"),
    "N = 1": (lambda: RunSpec(stream=StreamSpec(N=1)), "M = 1 > N - 1 = 0"),
    "beta 0": (lambda: RunSpec(beta=0), "0 < beta <= 1"),
    "beta negative": (lambda: RunSpec(beta=-0.1), "beta = -0.1"),
    "beta > 1": (lambda: RunSpec(beta=1.01), "beta = 1.01"),
    "beta NaN": (lambda: RunSpec(beta=math.nan), "beta = nan"),
    "B > T": (lambda: RunSpec(T=5, B=6), "B = 6 with T = 5: the rule is 1 <= B <= T"),
    "B < 1": (lambda: RunSpec(B=0), "B = 0"),
    "both": (lambda: RunSpec(B=5, beta=0.5), "give one of them"),
    "no label": (lambda: RunSpec(T=9, beta=0.1), "buys no label; give a larger beta or T"),
    "sigma negative": (lambda: LearnerSpec(sigma=-1), "sigma = -1"),
    "sigma NaN": (lambda: LearnerSpec(sigma=math.nan), "sigma = nan"),
    "sigma inf": (lambda: LearnerSpec(sigma=math.inf), "sigma = inf"),
    "lam 0": (lambda: LearnerSpec(lam=0), "0 < value, finite"),
    "lam negative": (lambda: LearnerSpec(lam=-1), "lam = -1"),
    "S": (lambda: LearnerSpec(S=0), "S = 0"),
    "L": (lambda: LearnerSpec(L=math.inf), "L = inf"),
    "delta 0": (lambda: LearnerSpec(delta=0), "0 < value < 1"),
    "delta 1": (lambda: LearnerSpec(delta=1), "delta = 1"),
    "delta NaN": (lambda: LearnerSpec(delta=math.nan), "delta = nan"),
    "refresh": (lambda: LearnerSpec(refresh=0), "refresh = 0"),
    "control": (lambda: LearnerSpec(control="other"), "wrong_update"),
    "radius c": (lambda: LearnerSpec(radius_c=2.0), "use 'scaled' or 'fixed'"),
    "window": (lambda: GateSpec(window=0), "window = 0"),
    "threshold": (lambda: GateSpec(threshold=-1), "threshold = -1"),
    "kappa": (lambda: GateSpec(kappa=math.nan), "kappa = nan"),
    "tremble": (lambda: FollowerSpec(tremble=-1), "tremble = -1"),
    "seed": (lambda: RunSpec(seed=-1), "seed = -1"),
    "replications": (lambda: RunSpec(replications=0), "replications = 0"),
    "relabel": (lambda: RunSpec(relabel_from=-1), "relabel_from = -1"),
    "per octave": (lambda: RecordSpec(per_octave=0), "per_octave = 0"),
    "test fraction": (lambda: StreamSpec(test_fraction=1.0), "test_fraction = 1"),
    "components": (lambda: StreamSpec(context="zipf", components=9), "components = 9 > d = 8"),
    "shift": (lambda: StreamSpec(context="shift", d=2, components=3), "fewer components or a larger d"),
    "path missing": (lambda: StreamSpec(context="recorded"), "needs a path"),
    "path too much": (lambda: StreamSpec(path="digits"), "and no other"),
    "greedy bandit": (lambda: LearnerSpec(feedback="bandit"), "use leader = 'optimistic'"),
    "ova pair": (lambda: LearnerSpec(kind="ova"), "ova learns from gold labels"),
    "ridge gold": (lambda: LearnerSpec(feedback="gold"), "ova learns from gold labels"),
    "free iid": (lambda: RunSpec(stream=FREE), "play in context 'free'"),
    "pool ball": (lambda: RunSpec(follower=BALL), "play in context 'free'"),
    "free N": (lambda: RunSpec(stream=StreamSpec(context="free", N=3), follower=BALL), "N = 3, M = 1"),
    "free M": (lambda: RunSpec(stream=FREE, follower=FollowerSpec(kind="ball", M=2)), "M = 2"),
    "free full": (lambda: RunSpec(stream=FREE, follower=BALL, learner=LearnerSpec(feedback="full")), "'full'"),
    "recorded ridge": (lambda: RunSpec(stream=DIGITS, follower=ALL), "with follower 'all', and by no others"),
    "recorded iid": (lambda: RunSpec(stream=DIGITS, learner=OVA), "with follower 'all', and by no others"),
    "pool all": (lambda: RunSpec(follower=ALL), "with follower 'all', and by no others"),
    "pool ova": (lambda: RunSpec(learner=OVA), "with follower 'all', and by no others"),
    "cap": (lambda: GateSpec(kind="random", cap=False), "only llf_fixed and llf_paced"),
    "hard B": (lambda: RunSpec(T=99, B=15, stream=FREE, follower=HARD), "buy more labels, or take a smaller d or gap"),
    "price": (lambda: FollowerSpec(kind="patient", price=1.1), "give -1 <= value <= 1"),
    "turn": (lambda: FollowerSpec(kind="patient", turn=math.nan), "give 0 <= value <= 1"),
    "haste": (lambda: FollowerSpec(kind="patient", haste=-1), "haste = -1"),
    "period": (lambda: FollowerSpec(kind="patient", period=0), "period = 0"),
    "price of a ball": (lambda: FollowerSpec(kind="ball", price=0.5), "they shape 'patient' only"),
    "exact ball": (lambda: FollowerSpec(kind="ball", exact=True), "only the evader has an exact version"),
    "schedule without a path": (lambda: FollowerSpec(kind="schedule"), "and no other, need a path"),
    "path of a ball": (lambda: FollowerSpec(kind="ball", path="z.npy"), "and no other, need a path"),
    "schedule without a file": (
        lambda: RunSpec(stream=FREE, follower=FollowerSpec(kind="schedule", path="/nowhere.npy")),
        "is no file; write the schedule with numpy.save",
    ),
    "exact margin": (
        lambda: RunSpec(beta=0.1, stream=FREE, follower=EXACT, gate=GateSpec(kind="margin")),
        "solved for gates that open above a width",
    ),
    "exact regret latency": (
        lambda: RunSpec(stream=FREE, follower=EXACT, gate=GateSpec(kind="llf_regret")),
        "use exact = False or latency = 'width'",
    ),
    "patient optimistic": (
        lambda: RunSpec(stream=FREE, follower=FollowerSpec(kind="patient"), learner=LearnerSpec(leader="optimistic")),
        "use leader 'greedy'",
    ),
    "pool schedule": (lambda: RunSpec(follower=FollowerSpec(kind="patient")), "play in context 'free'"),
    "bool T": (lambda: RunSpec(T=True), "True is not a number"),
    "bool seed": (lambda: RunSpec(seed=False), "False is not a number"),
    "bool d": (lambda: StreamSpec(d=True), "True is not a number"),
    "bool sigma": (lambda: LearnerSpec(sigma=True), "True is not a number"),
    "bool delta": (lambda: LearnerSpec(delta=True), "True is not a number"),
    "bool lam": (lambda: LearnerSpec(lam=True), "True is not a number"),
    "text T": (lambda: RunSpec(T="many"), "valid integer"),
    "many digits": (lambda: RunSpec(T=10**401), "T = an integer of many digits is not allowed; give 1 <= value < 2^63"),
    "seed beyond 64 bits": (lambda: RunSpec(seed=2**63), "give 0 <= value < 2^63"),
    "beta of many digits": (lambda: RunSpec(beta=10**401), "valid number"),
    "memory of d": (lambda: RunSpec(stream=StreamSpec(d=100_000)), "d = 100000: arrays of 298 GiB; the rule is"),
    "memory of N": (lambda: RunSpec(stream=StreamSpec(N=10**11)), "GiB; the rule is at most 64; give a smaller N or d"),
    "memory of a window": (lambda: RunSpec(gate=GateSpec(window=10**12)), "give a smaller window"),
    "memory of components": (
        lambda: RunSpec(stream=StreamSpec(context="zipf", d=10**6, components=10**6)), "give a smaller d"
    ),
    "memory of the oracle": (lambda: RunSpec(T=10**12, gate=GateSpec(kind="llf_oracle")), "give a smaller T"),
    "memory of every round": (lambda: RunSpec(T=10**12, record=RecordSpec(mode="every")), "give record mode 'final'"),
    "memory of octaves": (lambda: RunSpec(T=10**12, record=RecordSpec(per_octave=10**9)), "a smaller per_octave"),
    "memory of replications": (lambda: RunSpec(replications=10**12), "fewer rounds or replications"),
    "radius of sigma": (lambda: RunSpec(learner=LearnerSpec(sigma=1e307)), "the radius is inf, no positive finite"),
    "radius of delta": (lambda: RunSpec(learner=LearnerSpec(delta=1e-320)), "the radius is inf, no positive finite"),
    "radius of c": (
        lambda: RunSpec(learner=LearnerSpec(radius_mode="scaled", radius_c=1e308)), "1e+308 the radius is inf"
    ),
    "radius 0": (lambda: RunSpec(learner=LearnerSpec(sigma=0.0, S=1e-320, lam=1e-10)), "the radius is 0, no positive"),
    "information": (lambda: RunSpec(learner=LearnerSpec(lam=1e-300, L=1e10)), "T L^2/lam is inf, no positive finite"),
    "no information": (lambda: RunSpec(learner=LearnerSpec(L=1e-200)), "T L^2/lam is 0, no positive finite"),
    "squares": (lambda: RunSpec(stream=StreamSpec(misfit=1e179)), "the sum of the squared labels is inf"),
    "widths": (
        lambda: RunSpec(learner=LearnerSpec(radius_mode="fixed", radius_c=1e308)), "the sum of the widths is inf"
    ),
    "ratio": (
        lambda: RunSpec(learner=LearnerSpec(radius_mode="fixed", radius_c=1e-320)), "in units of the radius is inf"
    ),
    "unknown run key": (lambda: RunSpec(rounds=5), "rounds"),
    "unknown gate key": (lambda: GateSpec(treshold=1), "treshold"),
    "unknown nested key": (lambda: RunSpec(stream=dict(n=5)), "stream.n"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_with_the_value_and_the_way_out(name):
    make, message = BAD[name]
    with pytest.raises(ValidationError) as error:
        make()
    assert message in str(error.value)


@pytest.mark.parametrize("field", ["beta", "B"])
def test_a_boolean_is_no_budget(field):
    with pytest.raises(ValidationError):
        RunSpec(**{field: True})


@pytest.mark.parametrize(
    ("make", "near", "valid"),
    [
        (lambda: GateSpec(kind="llf_pased"), "llf_paced", gates.GATES),
        (lambda: FollowerSpec(kind="bal"), "ball", followers.FOLLOWERS),
        (lambda: StreamSpec(context="isotropc"), "isotropic", codes.CONTEXTS),
        (lambda: LearnerSpec(kind="rigde"), "ridge", ("ridge", "ova")),
        (lambda: LearnerSpec(leader="greedi"), "greedy", codes.LEADERS),
        (lambda: LearnerSpec(feedback="pairs"), "pair", codes.FEEDBACKS),
        (lambda: LearnerSpec(radius_mode="scale"), "scaled", codes.RADIUS_MODES),
        (lambda: GateSpec(latency="widht"), "width", codes.LATENCIES),
        (lambda: GateSpec(purse="prefx"), "prefix", ("prefix", "random")),
        (lambda: RecordSpec(mode="logs"), "log", ("log", "every", "final")),
    ],
)
def test_unknown_names_are_met_with_the_nearest_and_all_valid_ones(make, near, valid):
    with pytest.raises(ValidationError) as error:
        make()
    assert f"nearest: {near!r}" in str(error.value)
    assert all(name in str(error.value) for name in valid)


def test_a_name_like_no_other_has_no_nearest():
    with pytest.raises(ValidationError) as error:
        GateSpec(kind="0")
    assert "nearest" not in str(error.value) and "llf_paced" in str(error.value)


@pytest.mark.parametrize("spec", [RunSpec(), StreamSpec(), FollowerSpec(), LearnerSpec(), GateSpec(), RecordSpec()])
def test_specs_are_frozen(spec):
    field = next(iter(type(spec).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(spec, field, getattr(spec, field))


BASE = RunSpec(T=100, B=50)
CHANGED = {
    "T": 101, "B": 51, "seed": 1, "replications": 2, "relabel_from": 3,
    "stream.context": "power_law", "stream.N": 9, "stream.d": 9, "stream.exponent": 2.0, "stream.components": 5,
    "stream.leak": 0.1, "stream.test_fraction": 0.5, "stream.center": True,
    "stream.noise": "uniform", "stream.misfit": 0.1,
    "follower.kind": "hard_negative", "follower.M": 2, "follower.tremble": 0.1,
    "learner.leader": "optimistic", "learner.feedback": "full", "learner.lam": 2.0, "learner.sigma": 2.0,
    "learner.S": 2.0, "learner.L": 2.0, "learner.delta": 0.1, "learner.radius_mode": "scaled",
    "learner.refresh": 9, "learner.control": "wrong_update",
    "gate.kind": "llf_paced", "gate.latency": "regret", "gate.threshold": 0.1, "gate.c": 0.2, "gate.p": 1.0,
    "gate.kappa": 0.1, "gate.eta": 0.1, "gate.window": 9, "gate.purse": "random",
    "record.mode": "every", "record.per_octave": 9,
}  # fmt: skip


def changed(field, value):
    """BASE with one field changed, built anew."""
    data = BASE.model_dump()
    room, _, name = field.rpartition(".")
    (data[room] if room else data)[name] = value
    return RunSpec(**data)


def test_keys_differ_in_every_field():
    keys = {field: changed(field, value).key() for field, value in CHANGED.items()}
    assert len({BASE.key(), *keys.values()}) == len(keys) + 1
    covered = set(CHANGED) | {"beta", "learner.kind", "learner.radius_c", "stream.path", "gate.cap", "gate.path"}
    covered |= {"learner.path", "gate.coin_share"}
    covered |= {f"follower.{name}" for name in ("price", "turn", "haste", "period", "path", "exact", "gap")}
    nested = {
        "stream": StreamSpec,
        "follower": FollowerSpec,
        "learner": LearnerSpec,
        "gate": GateSpec,
        "record": RecordSpec,
    }
    every = {f for f in RunSpec.model_fields if f not in nested}
    every |= {f"{room}.{f}" for room, kind in nested.items() for f in kind.model_fields}
    assert every == covered
    pairs = [
        (RunSpec(beta=0.1), RunSpec(beta=0.2)),
        (RunSpec(gate=GateSpec(kind="llf_fixed")), RunSpec(gate=GateSpec(kind="llf_fixed", coin_share=0.5))),
        (RunSpec(gate=GateSpec(kind="llf_fixed")), RunSpec(gate=GateSpec(kind="llf_fixed", cap=False))),
        tuple(RunSpec(learner=LearnerSpec(radius_mode="fixed", radius_c=c)) for c in (1.0, 2.0)),
        (RunSpec(stream=DIGITS, follower=ALL, learner=OVA), BASE),
        tuple(RunSpec(stream=FREE, follower=FollowerSpec(kind="evader", exact=x)) for x in (False, True)),
        tuple(RunSpec(stream=FREE, follower=FollowerSpec(kind="hard_instance", gap=x)) for x in (0.0, 0.1)),
    ]
    plan = RunSpec(stream=FREE, follower=FollowerSpec(kind="patient"))
    for field in (dict(price=0.5), dict(turn=0.5), dict(haste=2.0), dict(period=2)):
        pairs.append((plan, RunSpec(stream=FREE, follower=FollowerSpec(kind="patient", **field))))
    assert all(a.key() != b.key() for a, b in pairs)


@pytest.mark.parametrize("part", ["gate", "learner"])
def test_the_key_of_an_own_part_follows_the_bytes_of_its_file(tmp_path, part):
    file, keys = tmp_path / "mine.py", set()
    for text in ("x = 1", "x = 2"):
        file.write_text(text)
        gate = dict(gate=GateSpec(kind="plugin", path=str(file)))
        learner = dict(stream=DIGITS, follower=ALL, learner=LearnerSpec(kind="plugin", feedback="gold", path=str(file)))
        keys.add(RunSpec(**(gate if part == "gate" else learner)).key())
    assert len(keys) == 2


def test_keys_are_stable():
    """The same text for the same spec, today and in another process."""
    assert BASE.key() == RunSpec(B=50, T=100).key() == changed("T", 100).key() == changed("learner.lam", 1).key()
    assert len(BASE.key()) == 32 and int(BASE.key(), 16) >= 0
    assert hash(BASE) == hash(RunSpec(T=100, B=50))


def test_the_key_of_a_recorded_run_follows_the_bytes_of_the_file(tmp_path):
    file = tmp_path / "a.npz"
    spec = RunSpec(stream=StreamSpec(context="recorded", path=str(file)), follower=ALL, learner=OVA)
    absent = spec.key()
    file.write_bytes(b"one")
    one = spec.key()
    file.write_bytes(b"two")
    assert len({absent, one, spec.key()}) == 3


@given(st.integers(1, 3000), st.sampled_from(["log", "every", "final"]), st.integers(1, 12))
def test_property_recorded_rounds_ascend_and_end_at_T(T, mode, per_octave):
    rounds = RecordSpec(mode=mode, per_octave=per_octave).rounds(T)
    assert rounds[-1] == T and rounds[0] >= 1
    assert all(a < b for a, b in zip(rounds, rounds[1:], strict=False))
    want = {"every": T, "final": 1}.get(mode)
    assert len(rounds) == want if want else len(rounds) <= per_octave * math.log2(T) + 3


def test_many_rounds_an_octave_record_every_round_at_once():
    assert RecordSpec(per_octave=10**9).rounds(1000) == list(range(1, 1001))


@given(st.integers(1, 300), st.integers(1, 300))
def test_property_the_most_rounds_bound_the_recorded_ones(T, per_octave):
    """Where per_octave >= T the formula leaves no round out."""
    record = RecordSpec(per_octave=per_octave)
    top = math.ceil(math.log2(T) * per_octave)
    assert record.rounds(T) == sorted({min(T, round(2.0 ** (i / per_octave))) for i in range(top + 1)} | {T})
    assert len(record.rounds(T)) <= record.most(T)


extreme = st.one_of(
    st.integers(-120, 120).map(lambda e: 10.0**e),
    st.integers(-320, 308).map(lambda e: 10.0**e),
    st.floats(0.0),
)


@st.composite
def extreme_runs(draw):
    """Fields of a short run with scales of any size; most of the others are harmless, so that the door is passed."""
    few = {name: draw(extreme) for name in draw(st.lists(st.sampled_from(["lam", "sigma", "S", "L"]), unique=True))}
    few |= dict(delta=draw(st.sampled_from([5e-324, 1e-300, 0.05, 1.0 - 2.0**-53])))
    mode = draw(st.sampled_from(codes.RADIUS_MODES))
    radius = dict(radius_mode=mode, **({} if mode == "theory" else dict(radius_c=draw(extreme))))
    arena = draw(
        st.sampled_from(["ball", "evader", "exact", "patient", "bait", "hard_instance", "iid", "choice", "leak"])
    )
    learner, stream, follower = (
        few | radius | dict(refresh=draw(st.sampled_from([1, 4096]))),
        dict(d=3),
        dict(kind=arena),
    )
    if arena in ("iid", "choice", "leak"):
        stream |= dict(N=3, context="zipf", components=2, leak=draw(extreme) if arena == "leak" else 0.0)
        stream |= dict(misfit=draw(extreme)) if arena == "iid" else {}
        follower = dict(kind="iid")
        learner |= dict(feedback="choice") if arena == "choice" else {}
        learner = {k: v for k, v in learner.items() if arena != "choice" or k != "sigma"}
    else:
        stream |= dict(context="free")
    if arena == "exact":
        follower = dict(kind="evader", exact=True)
    if arena == "patient":
        follower |= dict(price=draw(st.sampled_from([-1.0, 0.5, 1.0])), turn=0.5, haste=draw(extreme))
    kinds = own.HONEST if arena != "exact" else ("llf_fixed", "llf_paced", "always")
    numbers = {
        name: draw(extreme)
        for name in draw(st.lists(st.sampled_from(["threshold", "c", "p", "kappa", "eta"]), unique=True))
    }
    gate = dict(kind=draw(st.sampled_from(kinds))) | numbers
    return dict(T=8, B=5, stream=stream, follower=follower, learner=learner, gate=gate, record=dict(mode="every"))


MAY_BE_INFINITE = {"threshold", "threshold_rise_max", "accuracy"}  # by design: no threshold, no held-out rows


@settings(max_examples=300)
@given(extreme_runs())
def test_property_numbers_of_any_size_end_in_numbers_or_in_a_clear_error(fields):
    """A run is refused at the door, ends in an EngineError, or has a finite regret, information and radius."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            spec = RunSpec(**fields)
            (rows,) = engine.play(spec, compiled=False).rows
        except (ValidationError, engine.EngineError):
            return
    for name in set(log.COLUMNS) - MAY_BE_INFINITE:
        assert np.isfinite(rows[:, log.COLUMNS.index(name)]).all(), name


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    "error", [ZeroDivisionError("division"), np.linalg.LinAlgError("singular"), ValueError("root")]
)
def test_a_run_whose_arithmetic_breaks_down_is_named(monkeypatch, error):
    def broken(*given):
        raise error

    monkeypatch.setattr(engine.game, "game", lambda *parts: broken)
    spec = RunSpec(T=5, learner=LearnerSpec(lam=1e300))
    with pytest.raises(engine.EngineError, match=rf"broke down \({error}\); lam = 1e\+300, .* nearer to 1") as said:
        engine.play(spec, compiled=False)
    assert f"replication 0 of {spec.key()}" in str(said.value)


@given(st.integers(1, 10**6), st.integers(1, 1000))
def test_property_budget_is_the_floor_of_beta_T(T, per_mille):
    if T * per_mille < 1000:
        with pytest.raises(ValidationError, match="buys no label"):
            RunSpec(T=T, beta=per_mille / 1000)
    else:
        assert RunSpec(T=T, beta=per_mille / 1000).budget == T * per_mille // 1000


def test_defaults():
    assert RunSpec(T=7).budget == 7
    assert RunSpec(T=7, B=3).budget == 3
    assert RunSpec().N == 8 and RunSpec(stream=FREE, follower=BALL).N == 2
    assert GateSpec(kind="llf_regret").latency_used == "regret" == GateSpec(kind="llf_self_paced").latency_used
    assert GateSpec(kind="llf_paced").latency_used == "width"
    assert GateSpec(kind="llf_regret", latency="width").latency_used == "width"


def test_hard_delta_is_theorem_4s():
    spec = RunSpec(T=400, B=100, stream=StreamSpec(context="free", d=4), follower=HARD, learner=LearnerSpec(sigma=2.0))
    assert spec.hard_delta == pytest.approx(2.0 * math.sqrt(4 / 100) / 2)


@given(own.run_specs())
def test_property_setup_says_what_the_spec_says(spec):
    g, k = build(spec), spec.learner
    assert (g.T, g.d, g.N, g.M, g.B) == (spec.T, spec.stream.d, spec.N, spec.follower.M, spec.budget)
    assert codes.CONTEXTS[g.context] == spec.stream.context and followers.FOLLOWERS[g.follower] == spec.follower.kind
    assert codes.LEADERS[g.leader] == k.leader and codes.FEEDBACKS[g.feedback] == k.feedback
    assert gates.GATES[g.gate] == spec.gate.kind and codes.RADIUS_MODES[g.radius_mode] == k.radius_mode
    assert codes.LATENCIES[g.latency] == spec.gate.latency_used and gates.GATES[g.purse] == spec.gate.purse
    assert g.relabel_from == g.T and not g.wrong
    vectors = g.M + 1 if k.feedback == "full" else 1
    assert g.info == pytest.approx(g.d * math.log(1 + g.B * vectors * k.L**2 / (g.d * k.lam)))
    assert 0 < g.info_half <= g.info
    assert g.gate_eta == (spec.gate.eta or 1 / math.sqrt(g.B))
    assert all(np.isfinite(x).all() for x in g)
    assert g.script.shape == (0, g.d)


def test_setup_of_a_recorded_stream_takes_the_files_sizes():
    g = build(RunSpec(stream=DIGITS, follower=ALL, learner=OVA, relabel_from=5), 64, 10)
    assert (g.d, g.N, g.M, g.relabel_from) == (64, 10, 9, 4)


def test_information_bounds_every_design():
    """D_n is attained by the design that spreads its labels evenly."""
    V = np.eye(4) * (2.0 + 100 * 9.0 / 4)
    assert information(100, 4, 2.0, 3.0) == pytest.approx(np.linalg.slogdet(V)[1] - 4 * math.log(2.0))
