"""The study ``digits_scorer``: the best fixed scorer of every order of digits, and its mistakes where a gate bought."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from sim import engine, sweeps, table
from sim.rules import log
from sim.spec import RecordSpec, RunSpec
from sim.tiers import TIERS, Tier
from theory.oracles import fit
from theory.studies.study import Study

NORM_BOUNDS = (10.0, 40.0)
RUN = ["seed", "replication", "gate", "B"]


def cells(tier: Tier) -> tuple[dict[str, Any], ...]:
    """One cell for each seed set and replication."""
    reps = range(tier.reps("digits"))
    return tuple(dict(seed=seed, replication=rep) for seed in range(tier.sets) for rep in reps)


def specs_of(seed: int) -> list[RunSpec]:
    """The sweep ``digits`` of one seed set, every round recorded.

    The held-out share shrinks to one row: it decides nothing, and testing every round costs most.
    """
    specs = [s for s in sweeps.SWEEPS["digits"](replace(TIERS["smoke"], sets=seed + 1)) if s.seed == seed]
    record, share = RecordSpec(mode="every"), dict(test_fraction=1e-6)
    return [
        s.model_copy(update=dict(record=record, replications=1, stream=s.stream.model_copy(update=share)))
        for s in specs
    ]


def play(seed: int, replication: int) -> pd.DataFrame:
    """The best fixed scorer of one order of digits, on all its rounds and on those each gate bought.

    A row a NORM_BOUNDS and run of the sweep: loss and gap (``best_fixed_scorer``: the certificate covers
    the mean logistic loss within ||W||_F <= norm_bound, not the mistakes, which are those of that very
    W); scorer, scorer_bought: W's mistakes on all T rounds and on the bought ones; labels and
    decision_hash of the replayed run, which must be the sweep's.
    """
    specs = specs_of(seed)
    data = engine.data_of(specs[0])
    assert data is not None
    _, X, y, _, _ = engine.replay_of(specs[0], data, replication)
    runs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", engine.IdleGate)
        for spec in specs:
            rows = engine.play(spec, first=replication).rows[0]
            labels, decisions = rows[:, log.COLUMNS.index("labels")], rows[-1, log.COLUMNS.index("decision_hash")]
            what = dict(
                gate=table.gate_name(spec.gate), B=spec.budget, labels=int(labels[-1]), decision_hash=int(decisions)
            )
            runs.append((what, np.diff(labels, prepend=0.0) > 0.0))
    parts = []
    for bound in NORM_BOUNDS:
        best = fit.best_fixed_scorer(X, y, data.K, bound)
        head = dict(seed=seed, replication=replication, norm_bound=bound, loss=best.value, gap=best.gap)
        head |= dict(scorer=fit.mistakes(best.solution, X, y))
        for what, bought in runs:
            parts.append(head | what | dict(scorer_bought=fit.mistakes(best.solution, X[bought], y[bought])))
    return pd.DataFrame(parts)


def regret(digits: pd.DataFrame, scorers: pd.DataFrame) -> pd.DataFrame:
    """Online mistakes minus the fixed scorer's, on both clocks: the sweep's runs joined with the scorers.

    regret_all, regret_bought: mistakes minus the scorer's on the same rounds (all T, or the bought
    ones).  Either may be negative: the scorer minimises a loss, not mistakes, and never moves.  Raises
    ValueError where a run has no scorer or where the replayed run decided otherwise.
    """
    runs = table.final(digits)[[*RUN, "beta", "T", "labels", "decision_hash", "mistakes", "mistakes_queried"]]
    both = runs.merge(scorers, on=RUN, how="left", suffixes=("", "_replayed"), validate="one_to_many")
    if both["scorer"].isna().any():
        raise ValueError(
            f"{int(both['scorer'].isna().sum())} runs of digits have no scorer; play digits_scorer for them"
        )
    other = both["decision_hash"] != both["decision_hash_replayed"]
    if other.any():
        raise ValueError(
            f"{int(other.sum())} replayed runs decide otherwise than the table's, {both.loc[other, 'gate'].iloc[0]} "
            "among them; play digits and digits_scorer again with one code version"
        )
    regrets = dict(
        regret_all=both["mistakes"] - both["scorer"],
        regret_bought=both["mistakes_queried"] - both["scorer_bought"],
    )
    return both.assign(**regrets).drop(columns=["decision_hash", "decision_hash_replayed", "labels_replayed"])


STUDY = Study("digits_scorer", cells, play, 0.6)
