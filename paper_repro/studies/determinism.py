"""The study ``determinism_play``: the evader against thresholds, lots, and both.

``theory.studies.determinism`` computes that a gate should mix; here the gates are played.
"""

from typing import Any

import pandas as pd

from paper_repro import falsify
from sim import sweeps, table
from sim.spec import GateSpec, RunSpec
from sim.tiers import Tier
from theory.studies.study import Study

BETAS = (0.02, 0.05, 0.1, 0.2, 0.5)
TWINS = {"random": GateSpec(kind="random"), "prefix": GateSpec(kind="prefix")}  # of llf_split, by its purse
REPLICATIONS = {"smoke": 4, "standard": 8, "paper": 32}


def cells(tier: Tier) -> tuple[dict[str, Any], ...]:
    """One cell for each seed set and budget ratio."""
    size = dict(T=tier.T_pool, replications=REPLICATIONS[tier.name])
    return tuple(dict(seed=seed, beta=beta, **size) for seed in range(tier.sets) for beta in BETAS)


def play(seed: int, beta: float, T: int, replications: int) -> pd.DataFrame:
    """Final rows of llf_paced and of llf_split with both purses against the evader, each with a twin.

    The twin (``random``, ``prefix``) has no threshold and gets as many labels as its llf_split bought on
    average, so the two differ only in where labels go.  The arena is the sweep ``followers``'.
    """
    common: dict[str, Any] = dict(T=T, **sweeps.arena("evader", "free", 8), record=sweeps.FINAL, seed=seed)
    common |= dict(replications=replications)

    def final(**options: Any) -> pd.DataFrame:
        return table.final(falsify.play(RunSpec(**options, **common)))

    frames = [final(beta=beta, gate=GateSpec(kind="llf_paced"))]
    for split in sweeps.SPLITS:
        frames.append(final(beta=beta, gate=split))
        labels = max(1, round(float(frames[-1]["labels"].mean())))
        frames.append(final(B=labels, gate=TWINS[split.purse]))
    rows = pd.concat(frames, ignore_index=True).assign(beta=beta)
    return rows[["seed", "replication", "gate", "beta", "T", "B", "labels", "regret", "regret_queried"]]


STUDY = Study("determinism_play", cells, play, 1.0)
