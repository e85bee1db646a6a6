"""Recorded pools: the loop against a naive twin, the leader's view against that of the games, the budget."""

import itertools
import math
from types import SimpleNamespace

import naive
import numpy as np
import pytest
import strategies as own
from hypothesis import given, settings
from hypothesis import strategies as st

from sim import loop
from sim.rules import codes, draws, followers, gates, leader, learners, log
from sim.setup import build
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RunSpec, StreamSpec

N, D = 5, 4
GATES = ("random", "margin", "llf_self_paced", "llf_paced", "llf_quantile", "llf_regret", "llf_oracle")


def spec_of(gate, follower="hard_negative", T=60, B=20, M=2, **learner):
    constants = dict(sigma=1.0, lam=0.5, L=2.0, radius_mode="fixed", radius_c=0.5) | learner
    return RunSpec(
        T=T,
        B=B,
        stream=StreamSpec(context="isotropic", N=N, d=D),
        follower=FollowerSpec(kind=follower, M=M),
        learner=LearnerSpec(**constants),
        gate=GateSpec(kind=gate, c=0.5) if gate == "llf_self_paced" else GateSpec(kind=gate),
        seed=3,
    )


def pools(T, seed=0):
    """(Phi (T, N, D) of norm 1, gold (T,)): the gold is the best by a direction nobody knows."""
    rng = np.random.default_rng(seed)
    Phi = rng.normal(size=(T, N, D))
    Phi /= np.linalg.norm(Phi, axis=2, keepdims=True)
    return Phi, np.argmax(Phi @ rng.normal(size=D) + 0.1 * rng.normal(size=(T, N)), axis=1)


class Chain:
    """A learner of pools made of the simulator's own update; a label teaches the compared pair, or all shown."""

    def __init__(self, Phi, lam, teaches):
        self.Phi, self.teaches, self.s = Phi, teaches, learners.start(Phi.shape[2], 1, lam)

    def score(self, t):
        return self.Phi[t] @ self.s.theta[:, 0]

    def widths(self, t, pick, shown):
        rows = self.Phi[t, shown] - self.Phi[t, pick]
        return np.array([learners.square_width(self.s.P, z, np.zeros(D)) for z in rows])

    def teach(self, t, view, shown, gold):
        pairs = [(gold, k) for k in shown if k != gold] if self.teaches == "shown" else [(view.pick, view.rival)]
        for a, b in pairs:
            y = np.array([float(a == gold) - float(b == gold)])
            self.s = learners.update(self.s, self.Phi[t, a] - self.Phi[t, b], y, 4096, False, np.zeros(D))

    def state(self):
        return self.s


def shown_by(follower, scores, gold, M, luck):
    """What a follower of a pool shows, from its definition."""
    others = [k for k in range(N) if k != gold]
    if follower == "iid":
        return sorted([gold, *sorted(others, key=lambda k: luck[k])[:M]])
    hardest = sorted(others, key=lambda k: -scores[k])[:M]
    if follower == "best_response":
        for k in others:  # all cost the same: the first that can be made the pick
            rest = sorted((j for j in others if j != k), key=lambda j: scores[j])[: M - 1]
            if scores[k] >= scores[gold] - naive.TIE and all(scores[j] <= scores[k] for j in rest):
                return sorted([gold, k, *rest])
    return sorted([gold, *hardest])


def twin(spec, Phi, gold, keys, schedule, teaches):
    """Every round as a dict of the log's columns, by dense linear algebra on lists."""
    k, M, kind = spec.learner, spec.follower.M, spec.gate.kind
    gate = naive.Gatekeeper(spec)
    Z, y, rows = [], [], []
    sums = dict.fromkeys(("regret_queried", "mistakes", "labels", "latency_sum", "width_sum_bought"), 0.0)
    sums |= dict.fromkeys(("below_threshold", "opened", "certified", "out_of_budget", "forced"), 0)
    squares, unbought, slack_width, slack_regret, thresholds, hashed = [], [0.0], [], [], [], 0
    for t in range(spec.T):
        V = k.lam * np.eye(D) + sum((np.outer(z, z) for z in Z), np.zeros((D, D)))
        P, moments = np.linalg.inv(V), sum((b * z for z, b in zip(Z, y, strict=True)), np.zeros(D))
        theta, psi = P @ moments, np.linalg.slogdet(V / k.lam)[1]
        alpha = k.radius_c * (1.0 if k.radius_mode == "fixed" else naive.theory_radius(psi, k))
        scores = Phi[t] @ theta
        luck = draws.uniform(naive._numbers(keys[draws.FOLLOWER], t * N, N))
        shown = shown_by(spec.follower.kind, scores, gold[t], M, luck)
        a = max(shown, key=lambda j: (scores[j], -j))
        rest = [j for j in shown if j != a]
        widths = [math.sqrt((Phi[t, j] - Phi[t, a]) @ P @ (Phi[t, j] - Phi[t, a])) for j in rest]
        w, rival = max(widths), rest[int(np.argmax(widths))]
        tight = max(0.0, *(scores[j] - scores[a] + alpha * x for j, x in zip(rest, widths, strict=True)))
        x = dict(
            latency=tight if spec.gate.latency_used == "regret" else alpha * w,
            width=w,
            gain=math.log(1 + w * w),
            gap=min(scores[a] - scores[j] for j in rest),
            certified=int(tight <= 0),
            coin=draws.uniform(naive._numbers(keys[draws.COIN], t, 1))[0],
            scheduled=schedule[t] if len(schedule) else 0,
        )
        left = spec.budget - sums["labels"]
        thresholds.append(
            {
                "llf_paced": max(gate.d_full - psi, 0) / left + naive.INFO_TIE if left else math.inf,
                "llf_regret": spec.gate.threshold,
                "llf_self_paced": x["gap"],
                "margin": gate.share([p["gap"] for p in gate.past], x["gap"]),
                "llf_quantile": gate.share([-p["latency"] for p in gate.past], -x["latency"]),
            }.get(kind, 0.0)
        )
        bought, reason = gate.step(t, x)
        wrong = int(a != gold[t])
        if bought:
            pairs = [(gold[t], j) for j in shown if j != gold[t]] if teaches == "shown" else [(a, rival)]
            for i, j in pairs:
                z = Phi[t, i] - Phi[t, j]
                squares.append(z @ np.linalg.inv(k.lam * np.eye(D) + sum(map(np.outer, Z, Z), np.zeros((D, D)))) @ z)
                Z.append(z)
                y.append(float(i == gold[t]) - float(j == gold[t]))
        else:
            unbought.append(x["gain"])
        sums["mistakes"] += wrong
        sums["labels"] += bought
        sums["regret_queried"] += wrong * bought
        sums["latency_sum"] += alpha * w
        sums["width_sum_bought"] += alpha * w * bought
        sums[reason] += 1
        slack_width.append(wrong - alpha * w)
        slack_regret.append(wrong - tight)
        hashed = (hashed * 1103515245 + bought + 1) % 2147483647
        finite = [s for s in thresholds if s < math.inf]
        after = k.lam * np.eye(D) + sum(map(np.outer, Z, Z), np.zeros((D, D)))
        rows.append(
            sums
            | dict(
                t=t + 1,
                regret=sums["mistakes"],
                mistakes_queried=sums["regret_queried"],
                psi=np.linalg.slogdet(after / k.lam)[1],
                potential=sum(squares),
                wide=sum(s >= 0.25 for s in squares),
                radius=alpha,
                conf_ratio=math.nan,
                slack_width_max=max(slack_width),
                slack_regret_max=max(slack_regret),
                gain_unbought_max=max(unbought),
                latency=x["latency"],
                gain=x["gain"],
                threshold=thresholds[-1],
                threshold_rise_max=max(np.diff(finite), default=-math.inf),
                decision_hash=hashed,
                accuracy=float(sums["labels"]),
            )
        )
    return rows


def played(spec, learner, gold, schedule=(), record=None):
    g = build(spec)._replace(context=codes.RECORDED)
    keys = draws.stream_keys(spec.seed, 1)
    record = np.arange(1, spec.T + 1) if record is None else record
    plan = np.array(schedule, dtype=np.int64)
    told = loop.play_pools(g, learner, gold, lambda s: float(s.n) / _vectors(learner, spec), keys, record, plan)
    return [dict(zip(log.COLUMNS, row, strict=True)) for row in told], keys


def _vectors(learner, spec):
    return spec.follower.M if getattr(learner, "teaches", "pair") == "shown" else 1


CASES = [*itertools.product(followers.POOL, GATES[:4], ["pair"]), *[("hard_negative", g, "pair") for g in GATES[4:]]]
CASES += [
    (f, g, "shown") for f, g in (("iid", "random"), ("hard_negative", "margin"), ("best_response", "llf_quantile"))
]


@pytest.mark.parametrize(("follower", "gate", "teaches"), CASES)
def test_the_loop_plays_pools_as_a_naive_twin(follower, gate, teaches):
    radius = dict(radius_mode="scaled", radius_c=0.1) if gate == "llf_quantile" else {}
    spec = spec_of(gate, follower, **radius)
    Phi, gold = pools(spec.T)
    schedule = np.arange(spec.T) % 4 == 1 if gate == "llf_oracle" else []
    got, keys = played(spec, Chain(Phi, spec.learner.lam, teaches), gold, schedule)
    want = twin(spec, Phi, gold, keys, schedule, teaches)
    assert 0 < got[-1]["mistakes"] < spec.T and 0 < got[-1]["labels"] <= spec.budget
    for now, row in zip(got, want, strict=True):
        for name in sorted(row):
            np.testing.assert_allclose(now[name], row[name], atol=1e-8, rtol=1e-8, err_msg=f"{name} at {row['t']}")


@pytest.mark.parametrize("gate", ["random", "llf_self_paced"])
def test_rows_at_recorded_rounds_are_those_of_every_round(gate):
    spec = spec_of(gate)
    Phi, gold = pools(spec.T)
    every, _ = played(spec, Chain(Phi, 0.5, "pair"), gold)
    some, _ = played(spec, Chain(Phi, 0.5, "pair"), gold, record=np.array([7, 31, 60]))
    for row in some:
        np.testing.assert_equal(row, every[int(row["t"]) - 1])


@settings(max_examples=25)
@given(rng=own.rngs, M=st.integers(1, N - 1))
def test_the_best_response_makes_the_leader_err_where_any_set_of_alternatives_can(rng, M):
    scores, gold = rng.integers(0, 4, N) + rng.integers(0, 2, N) / 10, int(rng.integers(N))
    payoffs = (np.arange(N) == gold).astype(float)
    g, shown = build(spec_of("random", "best_response", M=M)), np.zeros(M + 1, dtype=np.int64)
    followers.choose(g, scores, payoffs, gold, np.zeros(N), shown)
    told = payoffs[gold] - payoffs[naive.pick(scores, payoffs, shown)]
    assert told == naive.best_regret(scores, payoffs, gold, M) and gold in shown


@given(rng=own.rngs, n=st.integers(2, N), alpha=own.floats(0.0, 3.0), flat=st.booleans())
def test_the_view_of_a_pool_is_that_of_the_games(rng, n, alpha, flat):
    Phi = rng.normal(size=(N, D))
    shown = np.sort(rng.choice(N, n, replace=False))
    root = rng.normal(size=(D, D))
    s = learners.start(D, 1, 1.0)._replace(P=root @ root.T)
    means = np.zeros(N) if flat else rng.normal(size=N)
    pick = int(shown[np.argmax(means[shown])])
    g = SimpleNamespace(leader=codes.GREEDY, feedback=codes.PAIR)
    want = leader.assess(g, s, Phi, means, shown, pick, alpha, np.zeros(D), np.zeros(D))
    squares = np.array([learners.square_width(s.P, Phi[k] - Phi[pick], np.zeros(D)) for k in shown])
    assert leader.assess_pool(means, squares, shown, pick, alpha) == want


class Scripted:
    """Scores and widths by lot: a learner that obeys no lemma."""

    def __init__(self, rng, T):
        self._scores, self._squares = rng.normal(size=(T, N)), rng.exponential(size=(T, N))
        self.taught, self._s = [], learners.start(D, 1, 1.0)

    def score(self, t):
        return self._scores[t]

    def widths(self, t, pick, shown):
        return np.where(shown == pick, 0.0, self._squares[t, shown])

    def teach(self, t, view, shown, gold):
        assert gold in shown and view.pick in shown and view.rival in shown
        self.taught.append(t)

    def state(self):
        return self._s._replace(n=len(self.taught))


@settings(max_examples=30)
@given(
    rng=own.rngs,
    gate=st.sampled_from([g for g in gates.GATES if g not in ("never", "control_peek", "llf_fixed", "llf_split")]),
    B=st.integers(1, 12),
    more=st.integers(0, 20),
    follower=st.sampled_from(followers.POOL),
)
def test_the_budget_is_never_exceeded_and_every_label_is_taught_once(rng, gate, B, more, follower):
    T = B + more
    learner = Scripted(rng, T)
    rows, _ = played(spec_of(gate, follower, T=T, B=B), learner, rng.integers(0, N, T), rng.integers(0, 2, T))
    labels = [row["labels"] for row in rows]
    assert labels[-1] == len(learner.taught) == len(set(learner.taught)) <= B
    assert (np.diff([0, *labels]) <= 1).all()
