"""The study ``information``: each gate's purchases over the best possible ones on the vectors that it met."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from sim import engine, sweeps
from sim.spec import LearnerSpec, RunSpec
from sim.table import gate_name
from sim.tiers import Tier
from sim.trace import trace
from theory.oracles import allocation
from theory.studies.study import Study

BETAS = {"smoke": (0.1,), "standard": (0.05, 0.1), "paper": (0.05, 0.1)}
SIZES = {"smoke": (200, 1), "standard": (300, 1), "paper": (500, 8)}  # rounds, replications
CONTEXTS: dict[str, dict[str, Any]] = {
    "isotropic": {},
    "power_law": dict(exponent=1.0),
    "zipf": dict(components=4, leak=0.1),
    "shift": dict(components=4),
    "free": {},
}


def cells(tier: Tier) -> tuple[dict[str, Any], ...]:
    """One cell for each seed set, context and budget ratio."""
    T, replications = SIZES[tier.name]
    return tuple(
        dict(seed=seed, context=context, beta=beta, T=T, replications=replications)
        for seed in range(tier.sets) for context in CONTEXTS for beta in BETAS[tier.name]
    )  # fmt: skip


def play(seed: int, context: str, beta: float, T: int, replications: int) -> pd.DataFrame:
    """``bought_information`` of every buying gate: hard negatives from a pool, or the ball follower."""
    follower = "ball" if context == "free" else "hard_negative"
    arena = sweeps.arena(follower, context, 8, **CONTEXTS[context])
    rows = []
    for gate in sweeps.BUYERS:
        spec = RunSpec(
            T=T, beta=beta, **arena, learner=LearnerSpec(sigma=0.25), gate=gate, record=sweeps.FINAL, seed=seed
        )
        for replication in range(replications):
            row = dict(seed=seed, replication=replication, context=context, gate=gate_name(gate), beta=beta)
            rows.append(row | bought_information(spec, replication))
    return pd.DataFrame(rows)


def bought_information(spec: RunSpec, replication: int) -> dict[str, float]:
    """T, B, labels; psi [nats]; share of the best B labels' information, and of the best ``labels``'.

    The optimum is D-optimal in hindsight (``allocation.d_optimal``, ``gap`` its certificate) on
    the run's own vectors: a gate is not charged for the rounds that its purchases brought about, nor
    praised for them.  share = 0 where nothing is bought; share_labels has no value there (NaN).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", engine.IdleGate)
        Z, bought = trace(spec, replication)
    lam, labels = spec.learner.lam, int(bought.sum())
    psi = allocation.gain(Z / np.sqrt(lam), bought.astype(float))
    best = allocation.d_optimal(Z, lam, spec.budget)
    most = best.value - Z.shape[1] * float(np.log(lam))
    share = psi / most if most > 0.0 else 0.0
    same = np.nan if labels == 0 else share
    if 0 < labels < spec.budget:
        same = allocation.information_share(Z, lam, bought)
    numbers = dict(T=spec.T, B=spec.budget, labels=labels, psi=psi, optimum=most)
    return numbers | dict(share=share, share_labels=same, gap=best.gap)


STUDY = Study("information", cells, play, 2.5)
