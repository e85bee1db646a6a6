"""How tight each ``upper`` claim is: measured/bound, typically and at worst.

Two sources, one measure (``theory.inequalities``; for L1 and L2 ``routing``'s bounds):
    runs         every run of the sweeps that a claim needs: the largest ratio along its path, on E
    worst found  the instance that a search found (``search``), replayed by a handed ``play``
"bound not trivial" keeps only rows whose bound is below S L t, which a run could break; "noisy" asks
for sigma >= S L besides.  A ratio above 1 (but for ROUNDING) is a violation.  B3a's ratio needs
neighbouring rounds, so it comes from the sweep that records every one: a sample is a round with a
wrong pick there (the other sweeps keep regret - latency, not the ratio).  The routing study's random
instances stand for runs, Pigou's two links (``routing.tight``) for the worst.  The preference game's
regret bounds are judged on adversaries that were searched in the first place.
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from theory import routing
from theory.falsify import search
from theory.falsify.space import target_of
from theory.inequalities import RUN, honest

COLUMNS = ("claim", "source", "quantile", "ratio", "n", "unit", "useful", "seed", "detail")
QUANTILES = (0.5, 0.95, 1.0)
RUNS, WORST, NOT_TRIVIAL, NOISY = "runs", "worst found", ", bound not trivial", ", bound not trivial, noisy"
VARIANTS = {"": "", "useful": NOT_TRIVIAL, "noisy": NOISY}
SEARCHED = ("B2", "B3a", "B3b", "B7", "B8", "B9a")
ROUNDS = "B3a"  # a sample is a round
ROUTES: dict[str, tuple[tuple[str, ...], Callable]] = {
    "L1": (("linear", "polynomial"), routing.general_bound),
    "L2": (("linear",), routing.linear_bound),
}
# Measured, bound, trivial bound: R1's is the regret of theta = 0; R2 speaks of DPO too, whose regret has none.
REGRETS = {"S4a": ("r1_measured", "r1_bound", math.log(2.0)), "S4b": ("r2_measured", "r2_bound", math.inf)}

Tables = Mapping[str, pd.DataFrame]
Needs = Mapping[str, tuple[str, ...]]


def sweeps(needs: Needs) -> Needs:
    """The sweeps whose runs are looked at, by claim, from what the ledger says that each claim needs.

    B3a is judged on what every run carries along, but its ratio needs a record of every round: ``trace``.
    """
    return {claim: ("trace",) if claim == ROUNDS else needs[claim] for claim in SEARCHED}


def judged(claim: str, table: pd.DataFrame) -> pd.DataFrame:
    """run, replication, ratio and useful (bound below the trivial one), a row each time a claim speaks."""
    table = honest(table).reset_index(drop=True)
    rows = target_of(claim).rows(table)
    rows = rows[rows["measured"] > 0.0] if claim == ROUNDS else rows
    return table.loc[rows.index, RUN].assign(ratio=rows["ratio"], useful=rows["bound"] < rows["trivial"])


def worst_of_each_run(rows: pd.DataFrame) -> pd.Series:
    """The largest ratio of every run."""
    return rows.groupby(RUN)["ratio"].max()


def spread(claim: str, source: str, ratio: pd.Series, **more: object) -> pd.DataFrame:
    """QUANTILES of the samples ``ratio``, a row each; no row where there is no sample."""
    if ratio.empty:
        return pd.DataFrame()
    row = dict(claim=claim, source=source, n=len(ratio), seed=-1) | more
    return pd.DataFrame([row | dict(quantile=q, ratio=float(ratio.quantile(q))) for q in QUANTILES])


def of_runs(claim: str, names: tuple[str, ...], tables: Tables) -> pd.DataFrame:
    """The distribution of one claim over the sweeps ``names``, with every bound and with those not trivial."""
    samples = (lambda rows: rows["ratio"]) if claim == ROUNDS else worst_of_each_run
    parts = [judged(claim, tables[name]) for name in names]
    n = sum(map(len, parts))
    more = dict(
        unit="rounds with a wrong pick" if claim == ROUNDS else "runs",
        useful=sum(int(rows["useful"].sum()) for rows in parts) / n if n else float("nan"),
        detail=f"{n} rows of {', '.join(names)}",
    )
    every, useful = (pd.concat(map(samples, kept)) for kept in (parts, [rows[rows["useful"]] for rows in parts]))
    return pd.concat([spread(claim, RUNS, every, **more), spread(claim, RUNS + NOT_TRIVIAL, useful, **more)])


def of_routes(claim: str, table: pd.DataFrame) -> pd.DataFrame:
    """L1 and L2, beta < 1: random instances as runs, the tight ones (last in every seed set) as worst."""
    kinds, bound = ROUTES[claim]
    planted = 2 * int((table["beta"].drop_duplicates() < 1.0).sum())
    tight = table["instance"] > table.groupby("seed")["instance"].transform("max") - planted
    keep = (table["beta"] < 1.0) & table["kind"].isin(kinds)
    ratio = table["ratio"] / bound(table["beta"])
    detail, more = "parallel links, leader's shares below 1", dict(unit="instances", useful=1.0)
    found = spread(claim, RUNS, ratio[keep & ~tight], detail=detail, **more)
    worst = table.loc[ratio[keep].idxmax()]
    said = f"{worst['kind']}, {worst['links']} links, share {worst['beta']:g}"
    row = dict(claim=claim, source=WORST, quantile=1.0, n=int(keep.sum()), seed=int(worst["seed"]), detail=said)
    return pd.concat([found, pd.DataFrame([row | more | dict(ratio=float(ratio[keep].max()))])])


def of_regrets(claim: str, table: pd.DataFrame) -> pd.DataFrame:
    """S4a, S4b: a sample is the tightest adversary that a search found for one data set, mismatch and policy."""
    measured, bound, trivial = REGRETS[claim]
    kept = table.dropna(subset=[bound]).reset_index(drop=True)
    ratio, useful = kept[measured] / kept[bound], kept[bound] < trivial
    more: dict[str, Any] = dict(
        unit="searches", useful=float(useful.mean()), detail="adversaries found by projected ascent"
    )
    parts = [spread(claim, RUNS, ratio, **more), spread(claim, RUNS + NOT_TRIVIAL, ratio[useful], **more)]
    for source, part in ((WORST, ratio), (WORST + NOT_TRIVIAL, ratio[useful])):
        if len(part):
            top = kept.iloc[int(part.index[int(np.argmax(part.to_numpy()))])]
            said = f"{top['regime']}, {top['policy']}, delta {top['delta']:g}"
            row = dict(claim=claim, source=source, quantile=1.0, n=len(part), seed=int(top["seed"]), detail=said)
            parts.append(pd.DataFrame([more | row | dict(ratio=float(part.max()))]))
    return pd.concat(parts)


def replayed(path: Path, play: search.Play) -> pd.DataFrame:
    """One row: a saved instance, played and judged again.  Raises ValueError where the claim is silent."""
    spec = search.load(path).spec
    claim, _, variant = path.stem.partition("-")
    row = target_of(path.stem).worst(play(spec))
    if not row:
        raise ValueError(f"{path.name}: {path.stem} says nothing about this instance any more; search it again")
    said = f"{spec.follower.kind}, d={spec.stream.d} T={spec.T} B={spec.budget} sigma={spec.learner.sigma:g}"
    return pd.DataFrame(
        [
            dict(
                claim=claim, source=WORST + VARIANTS[variant], quantile=1.0, ratio=row["ratio"], n=1, unit="runs",
                useful=float(row["bound"] < row["trivial"]), seed=spec.seed, detail=said,
            )
        ]
    )  # fmt: skip


def tightness_table(tables: Tables, worst: pd.DataFrame, needs: Needs) -> pd.DataFrame:
    """COLUMNS: both sources of every claim whose tables are given.

    ``worst`` holds ``replayed`` rows, ``needs`` the tables that each claim of the ledger needs.
    quantile 0.5, 0.95, 1 of the ratio over n samples of ``unit`` (1 for what was found); useful: share
    of rows on E whose bound is below the trivial one; seed: of the instance, -1 for a distribution.
    """
    parts = [of_runs(claim, names, tables) for claim, names in sweeps(needs).items() if set(names) <= set(tables)]
    parts += [of_routes(claim, tables["routing"]) for claim in ROUTES if "routing" in tables]
    parts += [of_regrets(claim, tables["preference_regret"]) for claim in REGRETS if "preference_regret" in tables]
    found = pd.concat([*parts, worst], ignore_index=True)[list(COLUMNS)]
    order = {claim: i for i, claim in enumerate((*SEARCHED, *ROUTES, *REGRETS))}
    return found.sort_values("claim", key=lambda c: c.map(order).fillna(len(order)), kind="stable", ignore_index=True)
