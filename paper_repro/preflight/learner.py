"""The battery of a learner: finite answers, widths that can be trusted, accuracy beside one-versus-all ridge (ova).

Widths are tested where the truth is known: labels are drawn with chances linear in the features, so a score estimates
the chance of its class, and |score - chance| should stay below radius * width.  The radius is that of
Abbasi-Yadkori, Pal and Szepesvari (2011) at the information that the learner reports (sigma = 1/2, delta / K a class).
"""

import math
import statistics
import time
from typing import Any

import numpy as np
import pandas as pd

from paper_repro.preflight.bench import DIGITS, FINAL, Bench, Run, recorded
from paper_repro.preflight.checks import repeated
from paper_repro.preflight.outcome import SKIPPED, Check, Outcome, of_finding, over_sets, rule
from sim import loop, plugins
from sim.rules import codes, learners
from sim.sources import errors_of
from sim.spec import GateSpec, LearnerSpec, RunSpec
from theory import stats
from theory.judges import plugin as judges
from theory.ledger import FAIL, INCONCLUSIVE, PASS, Finding, all_of

GATES = ("always", "random", "margin", "llf_self_paced")
M, K, LAM, SIGMA, S, DELTA = 5, 3, 1.0, 0.5, 0.6, 0.05
ROUNDS, LOOK, HELD = 60, 10, 10  # rounds of a run; how often, and on how many fresh rows, widths are looked at
PURCHASES = ("every label", "wide rows only")
WORSE = 0.01  # accuracy that may be given up
SLOW = 2e4  # us a round of predict and update


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
    largest = []
    for every in (True, False):
        learner, excess, total = plugins.PluginLearner(source, M, K, LAM), 0.0, 0.0
        for t in range(ROUNDS):
            w2 = learner.predict(X[t])[1]
            total += w2
            if every or w2 * (t + 1) >= total:
                label = min(int(np.searchsorted(np.cumsum(chances[t]), luck[t])), K - 1)
                learner.update(X[t], np.eye(K)[label])
            if (t + 1) % LOOK == 0:
                alpha = learners.theory_radius(learner.state().psi, SIGMA, LAM, S, DELTA / K)
                for x, p in zip(X[ROUNDS:], chances[ROUNDS:], strict=True):
                    scores, w2 = learner.predict(x)
                    excess = max(excess, float(np.abs(scores - p).max()) / max(alpha * math.sqrt(w2), 1e-300))
        largest.append(excess)
    return largest[0], largest[1]


def width(b: Bench) -> Outcome:
    """The share of runs in which a score leaves its interval is at most delta."""
    reps = judges.enough(DELTA, b.level / 2)
    with errors_of(b.source):
        rows = [(*excesses(b.source, s, i), s) for s in b.sets for i in range(reps)]
    frame = pd.DataFrame(rows, columns=[*PURCHASES, "seed"])

    def outside(part: pd.DataFrame, scale: float = 1.0) -> Finding:
        cells = []
        for name in PURCHASES:
            k, n = int((part[name] > scale).sum()), len(part)
            cells.append((f"{name} {k}/{n}", stats.frequency(k, n)))
        return all_of(cells, DELTA, "below", b.level / 2)

    finding, verdict = over_sets(outside, frame, b.sets)
    values = frame[[*PURCHASES]].to_numpy()
    text = f"|score - chance| over radius * width: median of the runs' largest {np.median(values):.2g}, largest "
    text += f"{values.max():.2g} (1 is the edge); outside in {finding.detail}"
    if verdict == FAIL:
        text = f"overconfident: {text}; the rule is a width^2 of x^T (lam I + sum x x^T)^-1 x or more, scores in [0, 1]"
    return of_finding(finding, text, verdict, f"widths times 0.05: {outside(frame, 0.05).outcome}")


def interface(b: Bench) -> Outcome:
    """Finite scores and widths, predict without effect, widths that fall where labels are bought."""
    with errors_of(b.source):
        learner, rng = plugins.PluginLearner(b.source, M, K, LAM), np.random.default_rng(0)
        for n in range(40):
            x = rng.standard_normal(M) * (0.0 if n == 0 else 1.0)
            x /= max(float(np.linalg.norm(x)), 1.0)
            scores, w2 = learner.predict(x)
            scores = scores.copy()
            learner.predict(-x)
            again, same = learner.predict(x)
            if w2 != same or not np.array_equal(scores, again):
                text = f"predict changed its answer after {n} labels without an update; the rule: it has no effect"
                return rule(True, text, n)
            learner.update(x, np.eye(K)[n % K])
            after = learner.predict(x)[1]
            if after > w2 * (1.0 + 1e-9) + 1e-12:
                text = f"after label {n + 1} the width^2 of its own row grew from {w2:.4g} to {after:.4g}"
                return rule(True, f"{text}; the rule: a label bought does not make its row less certain", n)
    return rule(False, "scores and widths are finite, predict has no effect, widths fall where labels are bought", 40)


def spec_of(b: Bench, gate: str, T: int, **more: Any) -> RunSpec:
    """A run on digits with this learner."""
    place, beta = recorded("digits", True) | dict(learner=b.learner), None if gate == "always" else 0.2
    return RunSpec(T=T, beta=beta, **place, gate=GateSpec(kind=gate), record=FINAL, **more)


def determinism(b: Bench) -> Outcome:
    """The same seed gives the same bytes, where labels are bought by confidence and by margin."""
    return repeated(b, [spec_of(b, gate, 50) for gate in ("llf_self_paced", "margin")])


def beside_ova(b: Bench, specs: list[RunSpec]) -> pd.DataFrame:
    """Final rows of runs with this learner and with ova; the column gate names the learner, arena the gate."""
    ova = [spec.model_copy(update=dict(learner=LearnerSpec(**DIGITS))) for spec in specs]
    rows = b.play([
        Run(f"{name}/{spec.seed}", spec)
        for name, named in ((codes.PLUGIN, specs), ("ova", ova)) for spec in named
    ])  # fmt: skip
    return rows.assign(arena=rows["gate"], gate=rows["run"].str.split("/").str[0])


def accuracy(b: Bench) -> Outcome:
    """On digits no more than a hundredth less accurate than ova, under every gate."""
    T, reps = min(b.size.digits_T, 400), min(b.size.digits_reps, 3)
    rows = beside_ova(b, [spec_of(b, gate, T, seed=s, replications=reps) for gate in GATES for s in b.sets])

    def judge(part: pd.DataFrame) -> Finding:
        return judges.listed(judges.differences(part, codes.PLUGIN, "accuracy", b.level), -WORSE, "above")

    b.kept["accuracy"] = rows.groupby(["arena", "gate"])[["accuracy", "labels", "mistakes"]].mean().reset_index()
    finding, verdict = over_sets(judge, rows, b.sets)
    return of_finding(finding, f"accuracy minus ova's by gate: {finding.detail}", verdict)


def features(b: Bench) -> Outcome:
    """Accuracy on the file given."""
    if not b.features:
        return Outcome(SKIPPED, "no recorded features were given (--features file.parquet or .npz)")
    T, place = min(b.size.digits_T, 400), recorded(b.features, True) | dict(learner=b.learner)
    common: dict[str, Any] = dict(T=T, beta=0.2, gate=GateSpec(kind="random"), record=FINAL, replications=3)
    rows = beside_ova(b, [RunSpec(**common, **place, seed=s) for s in b.sets])
    gap = judges.difference(rows, codes.PLUGIN, "ova", "accuracy")
    finding = all_of([("accuracy - ova's", gap)], -WORSE, "above", b.level)
    return of_finding(finding, f"random gate, 20 % of {T} labels: {finding.detail}")


def labels(b: Bench) -> Outcome:
    """No built-in gate buys more than B through it, and llf_self_paced buys at all."""
    T = min(b.size.digits_T, 200)
    rows = b.play([Run(g, spec_of(b, g, T)) for g in ("random", "margin", "llf_self_paced", "llf_paced")])
    over = int((rows["labels"] > rows["B"]).sum())
    self_paced = int(rows[rows["gate"] == "llf_self_paced"]["labels"].iloc[0])
    text = f"labels of B = {int(rows['B'].iloc[0])}: " + ", ".join(f"{r.gate} {r.labels}" for r in rows.itertuples())
    if not self_paced and not over:
        return Outcome(INCONCLUSIVE, f"{text}; llf_self_paced, which compares gap and width, never buys through it")
    return rule(over > 0, text, len(rows))


def cost(b: Bench) -> Outcome:
    """Microseconds of predict and update beside ova's, digits-sized."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 64))
    X /= np.linalg.norm(X, axis=1, keepdims=True)

    def microseconds(learner: loop.Learner) -> float:
        start = time.thread_time()
        for x in X:
            learner.predict(x)
            learner.update(x, np.eye(10)[0])
        return 1e6 * (time.thread_time() - start) / len(X)

    with errors_of(b.source):
        us = statistics.median(microseconds(plugins.PluginLearner(b.source, 64, 10, 1.0)) for _ in range(3))
    ova = statistics.median(microseconds(loop.OvaRidge(64, 10, 1.0, 4096)) for _ in range(3))
    text = f"{us:.0f} us a round of predict and update, ova's plain twin {ova:.0f} (64 features, 10 classes); "
    return Outcome(PASS if us < SLOW else FAIL, text + "the rule is 20 ms", us, SLOW, us, us, 3)


BATTERY: tuple[Check, ...] = (
    Check("interface", "Interface", "finite scores and widths, predict without effect", True, interface),
    Check("width", "Honest width", "scores stay within radius * width of the truth", True, width),
    Check("determinism", "Determinism", "the same seed gives the same bytes, anywhere", True, determinism),
    Check("labels", "Labels", "built-in gates spend within their budgets through it", True, labels),
    Check("accuracy", "Accuracy", "no less accurate than one-versus-all ridge on digits", False, accuracy),
    Check("features", "Your features", "the same on the recorded features given", False, features),
    Check("cost", "Cost", "a round of predict and update", False, cost),
)
