"""The search, its files and the greedy shrinker, with a toy in place of the game."""

import json
import math
import time

import numpy as np
import pytest
from pydantic import ValidationError
from tables import rows

from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from theory.falsify import search
from theory.falsify.space import NAMES, Target
from theory.ledger import compared

TOY = Target(
    "toy", lambda t: compared(t["regret"], 10.0, 99.0), GateSpec(kind="always"), RecordSpec(mode="final"), rounds=64
)

ROW = rows(1)[["t", "T", "B", "sigma", "S", "L", "regret"]]


def play(spec):
    """Regret rises with d and delta, whatever else."""
    return ROW.assign(T=spec.T, t=spec.T, regret=spec.stream.d + spec.learner.delta)


def spec(**changes):
    return RunSpec(T=8, B=4, **changes)


def tally(evaluations=9, seconds=math.inf, player=play):
    return search._Tally(TOY, player, evaluations, time.monotonic() + seconds)


def test_a_tally_counts_points_and_plays_a_spec_once():
    calls = []
    count = tally(3, player=lambda s: calls.append(s) or play(s))
    u = np.zeros(len(NAMES))
    assert count(u) == count(u) == -(1 + 0.01) / 10 and len(calls) == 1 and count.used == 2
    better = u.copy()
    better[NAMES.index("delta")] = 1.0
    assert count(better) == -(1 + 0.99) / 10
    assert (count.best.ratio, count.best.claim) == (pytest.approx(0.199), "toy") and count.best.spec == TOY.factory(
        better
    )
    with pytest.raises(search._SpentError):
        count(u)
    assert count.used == 3
    assert tally(1)(u) < 0
    with pytest.raises(search._SpentError):
        tally(9, seconds=-1.0)(u)


def test_the_best_is_kept_and_silence_is_penalised():
    count = tally()
    high, low = np.zeros(len(NAMES)), np.zeros(len(NAMES))
    high[NAMES.index("d")] = 1.0
    count(high), count(low)
    assert count.best.spec.stream.d == 8
    silent = tally(player=lambda s: play(s).iloc[:0])
    assert silent(low) == search.PENALTY > 0.0 and silent.best is None
    u = np.full(len(NAMES), 0.5)
    u[NAMES.index("follower")], u[NAMES.index("sigma")] = 0.55, 0.0  # the hard instance without noise is no game
    with pytest.raises(ValidationError):
        TOY.factory(u)
    count = tally()
    assert count(u) == search.PENALTY and count.used == 1


def test_a_search_finds_the_corner_and_repeats():
    first = search.search(TOY, play, 150, seed=0)
    assert first.spec.stream.d == 8 and first == search.search(TOY, play, 150, seed=0)
    assert search.search(TOY, play, 30, seed=1) != search.search(TOY, play, 30, seed=0)
    with pytest.raises(ValueError, match=r"no instance of toy among 20 points; give more evaluations or seconds"):
        search.search(TOY, lambda s: play(s).iloc[:0], 20, seed=0)


def test_a_restart_is_a_third_random_then_evolves_then_descends(monkeypatch):
    seen = {}
    real = search.differential_evolution

    def evolve(f, box, **options):
        seen.update(options, box=box, asked=count.used)
        return real(f, box, **options)

    def descend(f, x, **options):
        seen.update(descent=options, start=x)

    monkeypatch.setattr(search, "differential_evolution", evolve)
    monkeypatch.setattr(search, "minimize", descend)
    count = tally(10**6)
    search._restart(count, np.random.default_rng(0), 120)
    assert seen["asked"] == 40 and len(seen["init"]) == search.POPULATION == 24 and seen["maxiter"] == 2
    assert seen["polish"] is False and seen["tol"] == 0.0
    box = seen["box"]
    assert (box.lb == 0).all() and (box.ub == 1).all() and len(box.lb) == len(NAMES)
    descent = seen["descent"]
    assert descent["method"] == "Nelder-Mead" and descent["bounds"] is box
    assert descent["options"] == dict(maxfev=20, adaptive=True) and len(seen["start"]) == len(NAMES)
    fresh = tally(10**6)
    values = np.array([fresh(u) for u in seen["init"]])
    again = tally(10**6)
    first = np.random.default_rng(0).random((40, len(NAMES)))
    assert (np.diff(values) >= 0).all() and values[0] == min(again(u) for u in first)
    search._restart(count, np.random.default_rng(0), 1)
    assert seen["maxiter"] == 1 and seen["descent"]["options"]["maxfev"] == len(NAMES) + 1


@pytest.mark.parametrize(("evaluations", "share"), [(10**9, 1500), (900, 300), (10, 72)])
def test_restarts_share_the_evaluations(monkeypatch, evaluations, share):
    seen = []

    def restart(count, rng, share):
        seen.append(share)
        if len(seen) == 2:
            count(np.zeros(len(NAMES)))
            raise search._SpentError

    monkeypatch.setattr(search, "_restart", restart)
    search.search(TOY, play, evaluations, seed=0)
    assert seen == [share, share]


def test_files_keep_everything(tmp_path):
    found = search.Found("B9a", 0.5, spec(), dict(t=8.0))
    path = tmp_path / "a.json"
    search.save(found, path)
    data = json.loads(path.read_text())
    assert list(data) == ["claim", "ratio", "record", "spec"] and data["spec"]["stream"]["d"] == found.spec.stream.d
    assert path.read_text().startswith('{\n "claim": "B9a",') and path.read_text().endswith("}\n")
    assert search.load(path) == found
    assert search.replay(path, lambda s: rows(1, T=1000, t=1000, B=300, regret=1.0)) > 0
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"a.json is not a saved instance .*; write it with falsify.search.save"):
        search.load(path)


def test_simpler_values_come_first_and_stop_at_the_own():
    assert search._simpler(0.123, (0.0, 1.0)) == [0.0, 1.0, 0.1, 0.12]
    assert search._simpler(1.0, (0.0, 1.0)) == [0.0] and search._simpler(0.0, (0.0, 1.0)) == []
    assert search._simpler(0.5, ()) == [] and search._simpler(0.25, ()) == [0.2] and search._simpler(3, (1,)) == [1]
    assert search._smaller(1) == [] and search._smaller(2) == [1] and search._smaller(100) == [1, 25, 50, 75, 99]
    assert search._smaller(5, 0) == [0, 1, 2, 4] and search._smaller(0, 0) == []


def patient():
    return RunSpec(
        T=8, B=4, seed=3, stream=StreamSpec(context="free", d=2),
        follower=FollowerSpec(kind="patient", price=0.123, turn=0.5, haste=2.0, period=3, tremble=0.01),
        learner=LearnerSpec(sigma=0.5, lam=2.0, delta=0.2),
    )  # fmt: skip


def test_moves_of_a_planner_boldest_first():
    assert dict(M=1, price=0.0, turn=0.0, haste=1.0, period=1, exact=False) == search.PLAIN
    moves = list(search._moves(patient()))
    assert moves[0] == {"": dict(T=1, B=1)} and {"": dict(T=4, B=2)} in moves and {"": dict(T=6, B=3)} in moves
    assert {"": dict(T=2, B=2)} in moves and {"": dict(T=6, B=4)} in moves and {"": dict(B=3)} in moves
    assert {"stream": dict(d=1, components=1)} in moves
    kinds = [m["follower"]["kind"] for m in moves if "kind" in m.get("follower", {})]
    assert kinds == ["iid", "hard_negative", "best_response", "hard_instance", "ball", "evader"]
    simple = next(m for m in moves if m.get("follower", {}).get("kind") == "iid")
    assert simple["stream"] == dict(context="isotropic", N=8) and simple["follower"] == dict(search.PLAIN, kind="iid")
    free = next(m for m in moves if m.get("follower", {}).get("kind") == "ball")
    assert free["stream"] == dict(context="free", N=2)
    fields = [(part, name, value) for m in moves if list(m) != [""] for part in m for name, value in m[part].items()]
    for wanted in (
        ("follower", "price", 0.12), ("follower", "turn", 0.0), ("follower", "haste", 1.0), ("follower", "period", 2),
        ("learner", "sigma", 0.0), ("learner", "lam", 1.0), ("learner", "delta", 0.05), ("follower", "tremble", 0.001),
    ):  # fmt: skip
        assert wanted in fields
    listed = [(n, v) for part, n, v in fields if part == "follower" and n in ("price", "turn", "haste")]
    assert [x for x in listed if x[0] == "price"][-5:] == [("price", v) for v in (0.0, 1.0, -1.0, 0.1, 0.12)]
    assert [x for x in listed if x[0] == "turn"][-2:] == [("turn", 0.0), ("turn", 1.0)]
    assert [x for x in listed if x[0] == "haste"][-2:] == [("haste", 1.0), ("haste", 0.0)]
    assert moves[-1] == {"": dict(seed=2)} and {"": dict(seed=0)} in moves


def test_moves_of_a_pool():
    pool = RunSpec(
        T=1, B=1, stream=StreamSpec(context="zipf", d=3, N=8, components=3, exponent=2.5, leak=0.3),
        follower=FollowerSpec(kind="hard_negative", M=2),
    )  # fmt: skip
    moves = list(search._moves(pool))
    contexts = [m["stream"]["context"] for m in moves if list(m) == ["stream"] and "context" in m["stream"]]
    assert contexts == ["isotropic", "power_law"]
    assert {"follower": dict(search.PLAIN, kind="iid"), "stream": dict(context="zipf", N=8)} in moves
    assert {"stream": dict(d=2, components=2)} in moves and {"stream": dict(components=1)} in moves
    assert (
        {"follower": dict(M=1)} in moves
        and {"stream": dict(exponent=1.0)} in moves
        and {"stream": dict(leak=0.0)} in moves
    )
    exact = pool.model_copy(update=dict(follower=FollowerSpec(kind="evader", exact=True)))
    assert {"follower": dict(exact=False)} in search._moves(exact) and {"follower": dict(exact=False)} not in moves


def test_a_move_that_breaks_a_rule_is_none():
    assert search._changed(spec(), {"": dict(B=9)}) is None
    changed = search._changed(spec(), {"": dict(B=2), "stream": dict(d=3)})
    assert (changed.B, changed.stream.d) == (2, 3)


def shrunk(**options):
    start = RunSpec(T=8, B=4, stream=StreamSpec(context="free", d=3), follower=FollowerSpec(kind="ball"), seed=9)
    return search.shrink(TOY, start, play, **options)


def test_shrinking_keeps_the_share_asked_for():
    small = shrunk()
    assert small.spec.stream.d == 3 and (small.spec.T, small.spec.seed, small.spec.follower.kind) == (1, 0, "iid")
    assert small.ratio == small.record["ratio"] >= 0.95 * 0.305
    assert shrunk(keep=0.2).spec.stream.d == 2 and shrunk(keep=0.0).spec.stream.d == 1
    assert shrunk(keep=0.205).spec.stream.d == 2 and shrunk(keep=0.2051).spec.stream.d == 3
    assert (
        shrunk(evaluations=0).spec.T == 8 and shrunk(evaluations=1).spec.T == 1 and shrunk(evaluations=1).spec.seed == 9
    )
    calls = []
    search.shrink(TOY, patient(), lambda s: calls.append(s) or play(s), evaluations=7)
    assert len(calls) == 1 + 7
    with pytest.raises(ValueError, match="toy says nothing about this spec; shrink what search found"):
        search.shrink(TOY, spec(), lambda s: play(s).iloc[:0])
