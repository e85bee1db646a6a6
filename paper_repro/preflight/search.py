"""Where a gate breaks: the instances that ``theory.falsify.search`` finds to be worst for it.

An instance that was searched for is worse than chance would have it, so a loss counts only if runs of fresh seeds
confirm it.
"""

from typing import Any

import numpy as np
import pandas as pd

from paper_repro.preflight.bench import EVERY, FINAL, Bench, Run, rows_of
from paper_repro.preflight.outcome import SKIPPED, Outcome
from paper_repro.preflight.signals import claims, latency_of, transcribe
from sim import engine, table
from sim.rules import log
from sim.runlog import RunLog
from sim.spec import GateSpec, RunSpec
from theory import inequalities, stats
from theory.falsify import search
from theory.falsify.space import Target
from theory.judges.plugin import agreed
from theory.ledger import FAIL, INCONCLUSIVE, PASS, compared

MANY, FRESH = 10**9, 1000  # evaluations (the seconds end a search); seed sets that no search has seen
ROUNDS, CONFIRM = 300, 10  # most rounds of a searched run; replications a seed set that confirm it
AVERAGED = 4  # replications whose mean a search sees, because the worst of single runs is luck
BROKEN = 1.0 + 1e-9  # measured/bound above which a claim is broken
RANDOM = GateSpec(kind="random")


def summary(spec: RunSpec) -> str:
    """The numbers of an instance on one line."""
    s, f, k = spec.stream, spec.follower, spec.learner
    text = f"{f.kind}/{s.context} d={s.d} T={spec.T} B={spec.budget} sigma={k.sigma:g} lam={k.lam:g} delta={k.delta:g}"
    return f"{text} seed={spec.seed}"


def labels(rows: pd.DataFrame) -> pd.DataFrame:
    """Labels against B."""
    return compared(rows["labels"], rows["B"], rows["T"] + 1.0)


def against_random(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean regret against random's (column ``rival``) with the same budget, prompts and noise, plus S L."""
    scale = rows["S"] * rows["L"]
    return compared(rows["regret"], rows["rival"] + scale, scale * rows["T"])


def longest(b: Bench) -> int:
    """Rounds of a searched run, so that a search sees a few tens of instances of a slow gate too."""
    return max(20, min(ROUNDS, int(b.size.search * 1e5 / (AVERAGED * b.cost))))


def play_of(b: Bench, name: str) -> search.Play:
    """What a search plays: a run's results table, for the search of this name."""

    def play(spec: RunSpec) -> pd.DataFrame:
        return table.from_log(name, RunLog(spec, engine.setup_of(spec), rows_of(spec, 0, b.compiled)))

    def beside_random(spec: RunSpec) -> pd.DataFrame:
        spec = spec.model_copy(update=dict(replications=AVERAGED))
        random = rows_of(spec.model_copy(update=dict(gate=RANDOM)), 0, True)
        rows = play(spec)
        rival = float(np.mean([r[-1, log.COLUMNS.index("regret")] for r in random]))
        return rows.iloc[[0]].assign(regret=rows["regret"].mean(), rival=rival)

    def with_claims(spec: RunSpec) -> pd.DataFrame:
        played = transcribe(spec)
        rows = table.from_log(name, RunLog(spec, played.setup, [played.rows]))
        return rows.assign(latency=claims(b.source, played))

    return dict(budget=play, random=beside_random, latency=with_claims)[name]


def worst_instance(b: Bench, name: str, target: Target, seed: int) -> search.Found | None:
    """The instance that comes nearest to breaking the target, kept for the report; None where none could be judged."""
    try:
        instance = search.search(target, play_of(b, name), MANY, seed, b.size.search)
    except ValueError as error:
        if not str(error).startswith("no instance"):
            raise
        return None
    b.kept.setdefault("instances", {})[name] = instance
    return instance


def falsified(b: Bench) -> Outcome:
    """No instance is found in which it exceeds its budget, or its claimed latency on E."""
    targets = [("budget", Target("labels <= B", labels, b.uncapped, FINAL, rounds=longest(b)))]
    if latency_of(b.source) is not None:
        targets.append(("latency", Target("regret <= latency()", inequalities.latency, b.gate, EVERY, rounds=60)))
    texts, ratios = [], [0.0]
    for name, target in targets:
        instance = worst_instance(b, name, target, 0)
        if instance is None:
            texts.append(f"{target.claim}: the claim says nothing about any instance tried")
            continue
        ratios.append(instance.ratio)
        verb = "BROKEN, measured/bound" if instance.ratio > BROKEN else "largest measured/bound"
        where = f"in round {instance.record['t']:.0f} of {summary(instance.spec)}"
        texts.append(f"{target.claim}: {verb} {instance.ratio:.4g} {where}")
    text, worst = f"search of {b.size.search:g} s each; " + "; ".join(texts), max(ratios)
    return Outcome(FAIL if worst > BROKEN else PASS, text, worst, 1.0, worst, worst, len(targets))


def loses(gaps: np.ndarray, level: float) -> tuple[str, float, float, float]:
    """(verdict, mean, low, high) of differences in regret: PASS below 0, FAIL above, by their Student interval."""
    gap = stats.mean(gaps)
    mean, (low, high) = gap.value, gap.at(level)
    return FAIL if low > 0 else (PASS if high <= 0 else INCONCLUSIVE), float(mean), float(low), float(high)


def weakest(b: Bench) -> Outcome:
    """No instance is found, and confirmed on fresh seeds, in which it loses to random with the same budget."""
    target = Target("regret <= random's", against_random, b.gate, FINAL, rounds=longest(b))
    instance = worst_instance(b, "random", target, 1)
    if instance is None:
        return Outcome(SKIPPED, "no instance could be played in the time")
    gaps = []
    for s in b.sets:
        fresh: dict[str, Any] = dict(seed=FRESH + s, replications=CONFIRM, record=FINAL)
        runs = [Run(g.kind, instance.spec.model_copy(update=dict(gate=g, **fresh))) for g in (b.gate, RANDOM)]
        rows = b.play(runs).groupby("run")["regret"]
        gaps.append(rows.get_group(b.gate.kind).to_numpy() - rows.get_group(RANDOM.kind).to_numpy())
    verdict, mean, low, high = loses(np.concatenate(gaps), b.level)
    verdict = agreed(verdict, [loses(gap, b.level)[0] for gap in gaps])
    text = f"worst against random in {b.size.search:g} s: {summary(instance.spec)}, regret "
    text += f"{instance.record['measured']:.3g} against {instance.record['bound']:.3g} (random's + S L); on fresh "
    text += f"seeds the difference is {mean:.3g} [{low:.3g}, {high:.3g}]"
    return Outcome(verdict, text, mean, 0.0, low, high, sum(map(len, gaps)))
