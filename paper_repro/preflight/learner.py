"""The battery of a learner: finite answers, widths that tell the truth, accuracy beside one-versus-all ridge.

Its width is put to the test where the truth is known: labels are drawn with chances linear in the features, so a
score estimates the chance of its class, and |score - chance| should stay below radius * width.  The radius is
AYPS 2011's at the information that the learner itself reports (sigma = 1/2, delta / K a class).
"""

import math
import statistics
import time
from typing import Any

import numpy as np
import pandas as pd

from paper_repro.preflight.bench import DIGITS, FINAL, Bench, Job, recorded, rows_of
from paper_repro.preflight.checks import apart_process
from paper_repro.preflight.outcome import SKIPPED, Check, Outcome, of_finding, rule
from paper_repro.preflight.signals import blaming
from sim import loop, plugins
from sim.rules import codes, learners
from sim.spec import GateSpec, LearnerSpec, RunSpec
from theory import stats
from theory.judges import plugin as judges
from theory.ledger import FAIL, INCONCLUSIVE, PASS, Finding, all_of

GATES = ("always", "random", "margin", "llf_self_paced")
M, K, LAM, SIGMA, S, DELTA = 5, 3, 1.0, 0.5, 0.6, 0.05
ROUNDS, LOOK, HELD = 60, 10, 10  # rounds of a run; how often, and on how many fresh rows, widths are looked at
WORSE = 0.01  # accuracy that may be given up


def world(seed: int, replication: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows X (n, M) of norm 1, chances (n, K) linear in them, uniforms (n,)."""
    rng = np.random.default_rng([seed, replication])
    n = ROUNDS + HELD
    u = rng.standard_normal((n, M - 1))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    theta = rng.standard_normal((M - 1, K))
    theta -= theta.mean(axis=1, keepdims=True)
    theta /= 2.0 * K * np.linalg.norm(theta, axis=0).max()
    return np.hstack([np.ones((n, 1)), u]) / math.sqrt(2.0), 1.0 / K + u @ theta, rng.random(n)


def excesses(source: str, seed: int, replication: int) -> tuple[float, float]:
    """Largest |score - chance| / (radius * width) on fresh rows, buying every label and buying wide rows only."""
    X, chances, luck = world(seed, replication)
    found = []
    for every in (True, False):
        mine, worst, total = plugins.PluginLearner(source, M, K, LAM), 0.0, 0.0
        for t in range(ROUNDS):
            w2 = mine.predict(X[t])[1]
            total += w2
            if every or w2 * (t + 1) >= total:
                label = min(int(np.searchsorted(np.cumsum(chances[t]), luck[t])), K - 1)
                mine.update(X[t], np.eye(K)[label])
            if (t + 1) % LOOK == 0:
                alpha = learners.theory_radius(mine.state().psi, SIGMA, LAM, S, DELTA / K)
                for x, p in zip(X[ROUNDS:], chances[ROUNDS:], strict=True):
                    scores, w2 = mine.predict(x)
                    worst = max(worst, float(np.abs(scores - p).max()) / max(alpha * math.sqrt(w2), 1e-300))
        found.append(worst)
    return found[0], found[1]


def width(b: Bench) -> Outcome:
    """The share of runs in which a score leaves its interval is at most delta."""
    reps = judges.enough(DELTA, b.level / 2)
    with blaming(b.source):
        rows = np.array([[(*excesses(b.source, s, i), s) for i in range(reps)] for s in b.sets]).reshape(-1, 3)

    def judged(part: np.ndarray, scale: float) -> Finding:
        cells = []
        for j, name in enumerate(("every label", "wide rows only")):
            k, n = int((part[:, j] > scale).sum()), len(part)
            cells.append((f"{name} {k}/{n}", k / n, *stats.binomial(k, n, b.level / 2)))
        return all_of(cells, DELTA, "below")

    found = judged(rows, 1.0)
    verdict = judges.agreed(found.outcome, [judged(rows[rows[:, 2] == s], 1.0).outcome for s in b.sets])
    text = f"|score - chance| over radius * width: median of the runs' largest {np.median(rows[:, :2]):.2g}, largest "
    text += f"{rows[:, :2].max():.2g} (1 is the edge); outside in {found.detail}"
    if verdict == FAIL:
        text = f"overconfident: {text}; the rule is a width^2 of x^T (lam I + sum x x^T)^-1 x or more, scores in [0, 1]"
    return of_finding(found, text, verdict, f"widths times 0.05: {judged(rows, 0.05).outcome}")


def interface(b: Bench) -> Outcome:
    """Finite scores and widths, predict without effect, widths that fall where labels are bought."""
    with blaming(b.source):
        mine, rng = plugins.PluginLearner(b.source, M, K, LAM), np.random.default_rng(0)
        for n in range(40):
            x = rng.standard_normal(M) * (0.0 if n == 0 else 1.0)
            x /= max(float(np.linalg.norm(x)), 1.0)
            scores, w2 = mine.predict(x)
            scores = scores.copy()
            mine.predict(-x)
            again, same = mine.predict(x)
            if w2 != same or not np.array_equal(scores, again):
                return rule(True, f"predict changed its answer after {n} labels without an update; the rule: it has no "
                            "effect", n)  # fmt: skip
            mine.update(x, np.eye(K)[n % K])
            after = mine.predict(x)[1]
            if after > w2 * (1.0 + 1e-9) + 1e-12:
                text = f"after label {n + 1} the width^2 of its own row grew from {w2:.4g} to {after:.4g}"
                return rule(True, f"{text}; the rule: a label bought does not make its row less certain", n)
    return rule(False, "scores and widths are finite, predict has no effect, widths fall where labels are bought", 40)


def spec_of(b: Bench, gate: str, T: int, **more: Any) -> RunSpec:
    """A run on digits with this learner."""
    place = recorded("digits", True) | dict(learner=LearnerSpec(**(DIGITS | dict(kind=codes.PLUGIN)), path=b.source))
    return RunSpec(T=T, beta=None if gate == "always" else 0.2, **place, gate=GateSpec(kind=gate), **more)


def determinism(b: Bench) -> Outcome:
    """The same bytes twice and in another process."""
    specs = [spec_of(b, gate, 50, record=FINAL) for gate in ("llf_self_paced", "margin")]
    first = [np.array(rows_of(s, 0, False)) for s in specs]
    ways = {
        "a second time": [np.array(rows_of(s, 0, False)) for s in specs],
        "in another process": apart_process(specs),
    }
    for name, again in ways.items():
        if not all(np.array_equal(x, y, equal_nan=True) for x, y in zip(first, again, strict=True)):
            return rule(True, f"a run of one seed differs {name}; the rule is the same bytes: fix every seed", 4)
    return rule(False, f"the same bytes {', '.join(ways)}", 4)


def accuracy_runs(b: Bench) -> pd.DataFrame:
    """Final rows on digits of this learner and of ova; the column gate names the learner, arena the gate."""
    T, jobs = min(b.size.digits_T, 400), []
    for gate in GATES:
        for s in b.sets:
            mine = spec_of(b, gate, T, record=FINAL, seed=s, replications=min(b.size.digits_reps, 3))
            ova = mine.model_copy(update=dict(learner=LearnerSpec(**DIGITS)))
            jobs += [Job(f"plugin/{s}", mine), Job(f"ova/{s}", ova)]
    rows = b.play(jobs)
    return rows.assign(arena=rows["gate"], gate=rows["run"].str.split("/").str[0])


def accuracy(b: Bench) -> Outcome:
    """On digits no more than a hundredth less accurate than ova, under every gate."""
    rows = accuracy_runs(b)

    def judged(part: pd.DataFrame) -> Finding:
        found = judges.differences(part, codes.PLUGIN, "accuracy", b.level)
        return all_of([(r["arena"], r["mean"], r["low"], r["high"]) for r in found.to_dict("records")], -WORSE, "above")

    b.kept["accuracy"] = rows.groupby(["arena", "gate"])[["accuracy", "labels", "mistakes"]].mean().reset_index()
    found = judged(rows)
    verdict = judges.agreed(found.outcome, [judged(rows[rows["seed"] == s]).outcome for s in b.sets])
    return of_finding(found, f"accuracy minus ova's by gate: {found.detail}", verdict)


def labels(b: Bench) -> Outcome:
    """No built-in gate buys more than B through it, and llf_self_paced buys at all."""
    T = min(b.size.digits_T, 200)
    rows = b.play([Job(g, spec_of(b, g, T, record=FINAL)) for g in ("random", "margin", "llf_self_paced", "llf_paced")])
    over = int((rows["labels"] > rows["B"]).sum())
    paced = int(rows[rows["gate"] == "llf_self_paced"]["labels"].iloc[0])
    text = f"labels of B = {int(rows['B'].iloc[0])}: " + ", ".join(f"{r.gate} {r.labels}" for r in rows.itertuples())
    if not paced and not over:
        return Outcome(INCONCLUSIVE, f"{text}; llf_self_paced, which compares gap and width, never buys through it")
    return rule(over > 0, text, len(rows))


def cost(b: Bench) -> Outcome:
    """Microseconds of predict and update beside ova's, digits-sized."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 64))
    X /= np.linalg.norm(X, axis=1, keepdims=True)

    def taken(learner: loop.Learner) -> float:
        start = time.thread_time()
        for x in X:
            learner.predict(x)
            learner.update(x, np.eye(10)[0])
        return 1e6 * (time.thread_time() - start) / len(X)

    with blaming(b.source):
        mine = statistics.median(taken(plugins.PluginLearner(b.source, 64, 10, 1.0)) for _ in range(3))
    ova = statistics.median(taken(loop.OvaRidge(64, 10, 1.0, 4096)) for _ in range(3))
    text = f"{mine:.0f} us a round of predict and update, ova's plain twin {ova:.0f} (64 features, 10 classes); "
    return Outcome(PASS if mine < 2e4 else FAIL, text + "the rule is 20 ms", mine, 2e4, mine, mine, 3)


def features(b: Bench) -> Outcome:
    """Accuracy on the file given."""
    if not b.features:
        return Outcome(SKIPPED, "no recorded features were given (--features file.parquet or .npz)")
    place = recorded(b.features, True)
    T = min(b.size.digits_T, 400)
    mine = LearnerSpec(**(DIGITS | dict(kind=codes.PLUGIN)), path=b.source)
    common: dict[str, Any] = dict(T=T, beta=0.2, gate=GateSpec(kind="random"), record=FINAL, replications=3)
    jobs = [
        Job(f"{name}/{s}", RunSpec(**common, **(place | dict(learner=k)), seed=s))
        for name, k in ((codes.PLUGIN, mine), ("ova", LearnerSpec(**DIGITS))) for s in b.sets
    ]  # fmt: skip
    rows = b.play(jobs)
    rows = rows.assign(gate=rows["run"].str.split("/").str[0])
    cell = judges.difference(rows, codes.PLUGIN, "ova", "accuracy", b.level)
    found = all_of([("accuracy - ova's", *cell[:3])], -WORSE, "above")
    return of_finding(found, f"random gate, 20 % of {T} labels: {found.detail}")


BATTERY: tuple[Check, ...] = (
    Check("interface", "Interface", "finite scores and widths, predict without effect", True, interface),
    Check("width", "Honest width", "scores stay within radius * width of the truth", True, width),
    Check("determinism", "Determinism", "the same seed gives the same bytes, anywhere", True, determinism),
    Check("labels", "Labels", "built-in gates spend within their budgets through it", True, labels),
    Check("accuracy", "Accuracy", "no less accurate than one-versus-all ridge on digits", False, accuracy),
    Check("features", "Your features", "the same on the recorded features given", False, features),
    Check("cost", "Cost", "a round of predict and update", False, cost),
)
