"""Studies that need the engine and the oracles together: tables of cells, each played apart.

worst_found       the committed worst instances, replayed (``theory.falsify.tightness`` judges them)
determinism_play  the evader against thresholds, lots, and both: what ``theory.studies.determinism`` suggests
information       each gate's purchases over the D-optimal ones on the vectors that it met
digits_scorer     the best fixed scorer of every order of digits, and its mistakes where a gate bought
"""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from paper_repro import falsify
from sim import engine, sweeps, table
from sim.rules import log
from sim.spec import GateSpec, LearnerSpec, RecordSpec, RunSpec
from sim.tiers import TIERS, Tier
from sim.trace import trace
from theory.falsify import tightness
from theory.oracles import allocation, fit
from theory.studies.study import Study

Cells = tuple[dict[str, Any], ...]

PLAY_BETAS = (0.02, 0.05, 0.1, 0.2, 0.5)
PLAY_TWINS = {"random": GateSpec(kind="random"), "prefix": GateSpec(kind="prefix")}  # of llf_split, by its purse
PLAY_REPLICATIONS = {"smoke": 4, "standard": 8, "paper": 32}

INFORMATION_BETAS = {"smoke": (0.1,), "standard": (0.05, 0.1), "paper": (0.05, 0.1)}
INFORMATION_SIZES = {"smoke": (200, 1), "standard": (300, 2), "paper": (500, 8)}  # rounds, replications
INFORMATION_CONTEXTS: dict[str, dict[str, Any]] = {
    "isotropic": {},
    "power_law": dict(exponent=1.0),
    "zipf": dict(components=4, leak=0.1),
    "shift": dict(components=4),
    "free": {},
}

NORM_BOUNDS = (10.0, 40.0)
RUN = ["seed", "replication", "gate", "B"]


def per_set(tier: Tier, **axes: Any) -> Cells:
    """One cell a seed set and combination of values."""
    grid: list[dict[str, Any]] = [dict(seed=seed) for seed in range(tier.sets)]
    for name, values in axes.items():
        grid = [cell | {name: value} for cell in grid for value in values]
    return tuple(grid)


def worst_cells(tier: Tier) -> Cells:
    """One cell a committed instance; an instance belongs to no seed set, so they count as set 0."""
    return tuple(dict(seed=0, instance=path.stem) for path in sorted(falsify.INSTANCES.glob("*.json")))


def worst_found(seed: int, instance: str) -> pd.DataFrame:
    """The row of ``tightness.replayed`` (its ``seed`` is the instance's own)."""
    return tightness.replayed(falsify.INSTANCES / f"{instance}.json", falsify.play)


def final_rows(spec: RunSpec) -> pd.DataFrame:
    """The last round of every replication, a gate that can never open included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", engine.IdleGate)
        return table.final(table.from_log("study/0", engine.play(spec)))


def determinism_cells(tier: Tier) -> Cells:
    size = dict(T=tier.T_pool, replications=PLAY_REPLICATIONS[tier.name])
    return tuple(cell | size for cell in per_set(tier, beta=PLAY_BETAS))


def determinism_play(seed: int, beta: float, T: int, replications: int) -> pd.DataFrame:
    """Final rows of llf_paced and of llf_split with both purses against the evader, each with a twin.

    The twin (``random``, ``prefix``) has no threshold and gets as many labels as its llf_split bought on
    average, so the two differ only in where labels go.  The arena is the sweep ``followers``'.
    """
    common: dict[str, Any] = dict(T=T, **sweeps.arena("evader", "free", 8), record=sweeps.FINAL, seed=seed)
    common |= dict(replications=replications)
    frames = [final_rows(RunSpec(beta=beta, gate=GateSpec(kind="llf_paced"), **common))]
    for split in sweeps.SPLITS:
        frames.append(final_rows(RunSpec(beta=beta, gate=split, **common)))
        labels = max(1, round(float(frames[-1]["labels"].mean())))
        frames.append(final_rows(RunSpec(B=labels, gate=PLAY_TWINS[split.purse], **common)))
    rows = pd.concat(frames, ignore_index=True).assign(beta=beta)
    return rows[["seed", "replication", "gate", "beta", "T", "B", "labels", "regret", "regret_queried"]]


def information_cells(tier: Tier) -> Cells:
    T, replications = INFORMATION_SIZES[tier.name]
    grid = per_set(tier, context=tuple(INFORMATION_CONTEXTS), beta=INFORMATION_BETAS[tier.name])
    return tuple(cell | dict(T=T, replications=replications) for cell in grid)


def information(seed: int, context: str, beta: float, T: int, replications: int) -> pd.DataFrame:
    """``bought_information`` of every buying gate: hard negatives from a pool, or the ball follower."""
    follower = "ball" if context == "free" else "hard_negative"
    arena = sweeps.arena(follower, context, 8, **INFORMATION_CONTEXTS[context])
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


def gate_name(gate: GateSpec) -> str:
    """A gate as the results table calls it."""
    return f"llf_split_{gate.purse}" if gate.kind == "llf_split" else gate.kind


def scorer_cells(tier: Tier) -> Cells:
    return per_set(tier, replication=range(tier.reps("digits")))


def digits_specs(seed: int) -> list[RunSpec]:
    """The sweep ``digits`` of one seed set, every round recorded.

    The held-out share shrinks to one row: it decides nothing, and testing every round costs most.
    """
    specs = [s for s in sweeps.digits(replace(TIERS["smoke"], sets=seed + 1)) if s.seed == seed]
    record, share = RecordSpec(mode="every"), dict(test_fraction=1e-6)
    return [
        s.model_copy(update=dict(record=record, replications=1, stream=s.stream.model_copy(update=share)))
        for s in specs
    ]


def digits_scorer(seed: int, replication: int) -> pd.DataFrame:
    """The best fixed scorer of one order of digits, on all its rounds and on those each gate bought.

    A row a NORM_BOUNDS and run of the sweep: loss and gap (``best_fixed_scorer``: the certificate covers
    the mean logistic loss within ||W||_F <= norm_bound, not the mistakes, which are those of the W that
    was found); scorer, scorer_bought: W's mistakes on all T rounds and on the bought ones; labels and
    decision_hash of the replayed run, which must be the sweep's.
    """
    specs = digits_specs(seed)
    data = engine.data_of(specs[0])
    assert data is not None
    _, X, y, _, _ = engine.replay_of(specs[0], data, replication)
    runs = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", engine.IdleGate)
        for spec in specs:
            rows = engine.play(spec, first=replication).rows[0]
            labels, decisions = rows[:, log.COLUMNS.index("labels")], rows[-1, log.COLUMNS.index("decision_hash")]
            what = dict(gate=gate_name(spec.gate), B=spec.budget, labels=int(labels[-1]), decision_hash=int(decisions))
            runs.append((what, np.diff(labels, prepend=0.0) > 0.0))
    parts = []
    for bound in NORM_BOUNDS:
        found = fit.best_fixed_scorer(X, y, data.K, bound)
        head = dict(seed=seed, replication=replication, norm_bound=bound, loss=found.value, gap=found.gap)
        head |= dict(scorer=fit.mistakes(found.solution, X, y))
        for what, bought in runs:
            parts.append(head | what | dict(scorer_bought=fit.mistakes(found.solution, X[bought], y[bought])))
    return pd.DataFrame(parts)


def digits_regret(digits: pd.DataFrame, scorers: pd.DataFrame) -> pd.DataFrame:
    """Online mistakes minus the fixed scorer's, on both clocks: the sweep's runs joined with ``digits_scorer``.

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


WORST_FOUND = Study("worst_found", worst_cells, worst_found, 0.1)
DETERMINISM_PLAY = Study("determinism_play", determinism_cells, determinism_play, 1.0)
INFORMATION = Study("information", information_cells, information, 2.5)
DIGITS_SCORER = Study("digits_scorer", scorer_cells, digits_scorer, 0.6)
STUDIES = (WORST_FOUND, DETERMINISM_PLAY, INFORMATION, DIGITS_SCORER)
