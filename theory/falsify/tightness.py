"""How tight each ``upper`` claim is: measured/bound, typically and at worst.

Two sources, one measure (``falsify_space.Target``; for L1 and L2 ``routing``'s bounds):
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
from theory.judges.path import honest

COLUMNS = ("claim", "source", "quantile", "ratio", "n", "unit", "useful", "seed", "detail")
QUANTILES = (0.5, 0.95, 1.0)
RUNS, WORST, NOT_TRIVIAL, NOISY = "runs", "worst found", ", bound not trivial", ", bound not trivial, noisy"
VARIANTS = {"": "", "useful": NOT_TRIVIAL, "noisy": NOISY}
GAMES = ("horizon", "coverage", "theorem2", "theorem3", "hard", "stated", "witness", "efficiency", "followers")
SWEEPS: dict[str, tuple[str, ...]] = {
    "B2": (*GAMES, "digits"),
    "B3a": ("trace",),
    "B3b": ("horizon",),
    "B7": ("theorem2",),
    "B8": ("theorem3",),
    "B9a": ("stated",),
}
ROUTES: dict[str, tuple[tuple[str, ...], Callable]] = {
    "L1": (("linear", "polynomial"), routing.general_bound),
    "L2": (("linear",), routing.linear_bound),
}
# Measured, bound, trivial bound: R1's is the regret of theta = 0; R2 speaks of DPO too, whose regret has none.
REGRETS = {"S4a": ("r1_measured", "r1_bound", math.log(2.0)), "S4b": ("r2_measured", "r2_bound", math.inf)}

Tables = Mapping[str, pd.DataFrame]


def judged(claim: str, table: pd.DataFrame) -> pd.DataFrame:
    """run, replication, ratio and useful (bound below the trivial one), a row each time a claim speaks."""
    target, table = target_of(claim), honest(table).reset_index(drop=True)
    if claim == "B3a":
        parts = [target.rows(rows) for _, rows in table.groupby(["run", "replication"], sort=False)]
        rows = pd.concat([part[part["measured"] > 0.0] for part in parts])
    else:
        rows = target.rows(table)
    useful = rows["bound"] < rows["trivial"]
    return table.loc[rows.index, ["run", "replication"]].assign(ratio=rows["ratio"], useful=useful)


def worst_of_each_run(rows: pd.DataFrame) -> pd.Series:
    """The largest ratio of every run."""
    return rows.groupby(["run", "replication"])["ratio"].max()


def spread(claim: str, source: str, ratio: pd.Series, **more: object) -> pd.DataFrame:
    """QUANTILES of the samples ``ratio``, a row each; no row where there is no sample."""
    if ratio.empty:
        return pd.DataFrame()
    row = dict(claim=claim, source=source, n=len(ratio), seed=-1) | more
    return pd.DataFrame([row | dict(quantile=q, ratio=float(ratio.quantile(q))) for q in QUANTILES])


def of_runs(claim: str, tables: Tables) -> pd.DataFrame:
    """The distribution of one claim over its sweeps, with every bound and with those not trivial."""
    every, useful, rows_seen, rows_useful = [], [], 0, 0
    for name in SWEEPS[claim]:
        rows = judged(claim, tables[name])
        kept = rows[rows["useful"]]
        every.append(rows["ratio"] if claim == "B3a" else worst_of_each_run(rows))
        useful.append(kept["ratio"] if claim == "B3a" else worst_of_each_run(kept))
        rows_seen, rows_useful = rows_seen + len(rows), rows_useful + len(kept)
    more = dict(
        unit="rounds with a wrong pick" if claim == "B3a" else "runs",
        useful=rows_useful / rows_seen if rows_seen else float("nan"),
        detail=f"{rows_seen} rows of {', '.join(SWEEPS[claim])}",
    )
    return pd.concat(
        [spread(claim, RUNS, pd.concat(every), **more), spread(claim, RUNS + NOT_TRIVIAL, pd.concat(useful), **more)]
    )


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


def tightness_table(tables: Tables, worst: pd.DataFrame) -> pd.DataFrame:
    """COLUMNS: both sources of every claim whose tables are given; ``worst`` holds ``replayed`` rows.

    quantile 0.5, 0.95, 1 of the ratio over n samples of ``unit`` (1 for what was found); useful: share
    of rows on E whose bound is below the trivial one; seed: of the instance, -1 for a distribution.
    """
    parts = [of_runs(claim, tables) for claim, needs in SWEEPS.items() if all(n in tables for n in needs)]
    parts += [of_routes(claim, tables["routing"]) for claim in ROUTES if "routing" in tables]
    parts += [of_regrets(claim, tables["preference_regret"]) for claim in REGRETS if "preference_regret" in tables]
    found = pd.concat([*parts, worst], ignore_index=True)[list(COLUMNS)]
    order = {claim: i for i, claim in enumerate((*SWEEPS, *ROUTES, *REGRETS))}
    return found.sort_values("claim", key=lambda c: c.map(order).fillna(len(order)), kind="stable", ignore_index=True)
