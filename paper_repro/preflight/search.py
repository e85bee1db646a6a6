"""Where a gate breaks: searches for the instance that comes nearest to it, by ``theory.falsify.search``.

What a search finds was selected, so a loss counts only if runs of fresh seeds confirm it.
"""

import numpy as np
import pandas as pd

from paper_repro.preflight.bench import EVERY, FINAL, Bench, Job, rows_of
from paper_repro.preflight.outcome import SKIPPED, Outcome, rule
from paper_repro.preflight.signals import claim_of, claims, record
from sim import engine, table
from sim.runlog import RunLog
from sim.spec import GateSpec, RunSpec
from theory import inequalities, stats
from theory.falsify import search
from theory.falsify.space import Target
from theory.ledger import FAIL, INCONCLUSIVE, PASS, compared

MANY, FRESH = 10**9, 1000  # evaluations (the seconds end a search); seed sets that no search has seen
ROUNDS, CONFIRM = 300, 10
AVERAGED = 4  # replications whose mean a search sees, or it would find luck


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


def play_of(b: Bench, name: str):
    """spec -> results table, as ``falsify`` wants one."""

    def play(spec: RunSpec) -> pd.DataFrame:
        return table.from_log(name, RunLog(spec, engine.setup_of(spec), rows_of(spec, 0, b.compiled)))

    def beside(spec: RunSpec) -> pd.DataFrame:
        ours = spec.model_copy(update=dict(replications=AVERAGED))
        theirs = ours.model_copy(update=dict(gate=GateSpec(kind="random")))
        rival = float(np.mean([rows[-1, 1] for rows in rows_of(theirs, 0, True)]))
        rows = play(ours)
        return rows.iloc[[0]].assign(regret=rows["regret"].mean(), rival=rival)

    def claimed(spec: RunSpec) -> pd.DataFrame:
        found = record(spec)
        log = RunLog(spec, found.setup, [found.rows])
        return table.from_log(name, log).assign(latency=claims(b.source, found))

    return dict(budget=play, random=beside, latency=claimed)[name]


def _found(b: Bench, name: str, target: Target, seed: int) -> search.Found | None:
    try:
        found = search.search(target, play_of(b, name), MANY, seed, b.size.search)
        b.kept.setdefault("instances", {})[name] = found
        return found
    except ValueError as error:
        if not str(error).startswith("no instance"):
            raise
        return None


def falsified(b: Bench) -> Outcome:
    """No instance is found in which it exceeds its budget, or its claimed latency on E."""
    targets = [("budget", Target("labels <= B", labels, b.uncapped, FINAL, rounds=longest(b)))]
    if claim_of(b.source) is not None:
        targets.append(("latency", Target("regret <= latency()", inequalities.latency, b.gate, EVERY, rounds=60)))
    said, worst = [], 0.0
    broken = False
    for name, target in targets:
        found = _found(b, name, target, 0)
        if found is None:
            said.append(f"{target.claim}: the claim says nothing about any instance tried")
            continue
        worst = max(worst, found.ratio)
        broken = broken or found.ratio > 1.0 + 1e-9
        verb = "BROKEN, measured/bound" if found.ratio > 1.0 + 1e-9 else "largest measured/bound"
        said.append(
            f"{target.claim}: {verb} {found.ratio:.4g} in round {found.record['t']:.0f} of {summary(found.spec)}"
        )
    outcome = rule(broken, f"search of {b.size.search:g} s each; " + "; ".join(said), len(targets))
    return Outcome(outcome.verdict, outcome.message, worst, 1.0, worst, worst, len(targets))


def weakest(b: Bench) -> Outcome:
    """No instance is found, and confirmed on fresh seeds, in which it loses to random with the same budget."""
    found = _found(b, "random", Target("regret <= random's", against_random, b.gate, FINAL, rounds=longest(b)), 1)
    if found is None:
        return Outcome(SKIPPED, "no instance could be played in the time")
    verdicts, gaps = [], []
    for i in range(b.size.sets):
        ours, theirs = (
            found.spec.model_copy(update=dict(gate=g, seed=FRESH + i, replications=CONFIRM, record=FINAL))
            for g in (b.gate, GateSpec(kind="random"))
        )
        rows = b.play([Job("weak/0", ours), Job("weak/1", theirs)])
        gap = rows[rows["gate"] == "plugin"]["regret"].to_numpy() - rows[rows["gate"] == "random"]["regret"].to_numpy()
        gaps.extend(gap)
        low, high = stats.student(gap, b.level)[1:]
        verdicts.append(FAIL if low > 0 else (PASS if high <= 0 else INCONCLUSIVE))
    mean, low, high = stats.student(gaps, b.level)
    pooled = FAIL if low > 0 else (PASS if high <= 0 else INCONCLUSIVE)
    text = f"worst against random in {b.size.search:g} s: {summary(found.spec)}, regret {found.record['measured']:.3g} "
    text += f"against {found.record['bound']:.3g} (random's + S L); on fresh seeds the difference is {mean:.3g} "
    text += f"[{low:.3g}, {high:.3g}]"
    verdict = pooled if set(verdicts) == {pooled} else INCONCLUSIVE
    return Outcome(verdict, text, float(mean), 0.0, float(low), float(high), len(gaps))
