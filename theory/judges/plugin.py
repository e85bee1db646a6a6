"""Judges of the preflight: what a researcher's own gate, follower or learner is asked before a full run.

A judge takes results tables and an error level and returns a ledger.Finding.  Runs of one (seed,
replication) share prompts and noise, so differences are paired, and whatever is pooled over arenas is
resampled by (seed, replication), never by run.  Derived here; the intervals are ``theory.stats``'s.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from scipy.stats import binom

from theory import stats
from theory.judges.rate import BAND
from theory.ledger import FAIL, INCONCLUSIVE, PASS, VACUOUS, Finding, all_of, broken, compared, inside
from theory.stats import PAIR, curves

ARENA = "arena"
NAN = float("nan")


RARE, POWER = 0.1, 0.999  # a true share of RARE times the promise is to be decided with probability POWER


@cache
def enough(share: float, level: float) -> int:
    """Runs after which an exact interval of error ``level`` lies below ``share`` with probability POWER, if the true
    share of failures is RARE * share (a multiple of 10)."""
    n = 10
    while stats.frequency(int(binom.ppf(POWER, n, RARE * share)), n).at(level)[1] > share:
        n += 10
    return n


def budget(rows: pd.DataFrame) -> Finding:
    """Labels <= B in every run with the cap off; VACUOUS where no label was bought at all."""
    over = rows["labels"] - rows["B"]
    worst = rows.iloc[int(over.to_numpy().argmax())]
    labels, B = float(worst["labels"]), float(worst["B"])
    if not rows["labels"].any():
        return Finding(0.0, B, VACUOUS, 0.0, 0.0, len(rows), "no label was bought in any run")
    note = f"{int((over > 0).sum())} of {len(rows)} runs buy more than B"
    return Finding(labels, B, FAIL if (over > 0).any() else PASS, labels, labels, len(rows), note)


def claimed(rows: pd.DataFrame, level: float) -> Finding:
    """A gate's own claim: on E the regret of every round is at most what latency() said before it.

    rows: run, replication, t, rho (regret of the round), claimed, ratio (confidence ratio up to the round's end),
    S, L, delta.  A violation while E holds FAILs.  Off E one may happen, in a share of runs of at most delta.
    VACUOUS where no claim is below the trivial bound S L.
    """
    above = _broken(rows)
    runs = rows.assign(broken=above).groupby(["run", "replication"])
    off, n = int(runs["broken"].any().sum()), runs.ngroups
    low, high = stats.frequency(off, n).at(level)
    on = above & (rows["ratio"] <= 1.0)
    useful = float((rows["claimed"] < rows["S"] * rows["L"]).mean())
    worst = worst_claim(rows)
    text = f"{int(on.sum())} violations in {len(rows)} rounds; {off} of {n} runs have one, a share of {low:.2g} to "
    text += f"{high:.2g}; claims below the trivial bound in {useful:.0%} of rounds"
    failed = bool(on.any()) or low > float(rows["delta"].iloc[0])
    outcome = FAIL if failed else (PASS if useful > 0.0 else VACUOUS)
    value = float(worst["rho"])
    return Finding(value, float(worst["claimed"]), outcome, value, value, len(rows), text)


def _broken(rows: pd.DataFrame) -> pd.Series:
    """Where the regret is not within the claim; a claim that is not a number is none."""
    return broken(compared(rows["rho"], rows["claimed"]))


def worst_claim(rows: pd.DataFrame) -> pd.Series:
    """The round that exceeds its claim most, among the violations on E if there are any."""
    on = _broken(rows) & (rows["ratio"] <= 1.0)
    shown = on if on.any() else rows["ratio"] <= 1.0
    excess = (rows["rho"] - rows["claimed"]).fillna(np.inf).where(shown, -np.inf)
    return rows.iloc[int(excess.to_numpy().argmax())]


def difference(rows: pd.DataFrame, ours: str, rival: str, column: str) -> stats.Estimate:
    """Mean over (seed, replication) of column(ours) - column(rival)."""
    wide = rows[rows["gate"].isin((ours, rival))].pivot_table(index=PAIR, columns="gate", values=column)
    return stats.mean((wide[ours] - wide[rival]).dropna())


def differences(rows: pd.DataFrame, ours: str, column: str, level: float) -> pd.DataFrame:
    """arena, rival, mean, low, high, n: ours minus every rival in every arena, ``level`` split over all of them."""
    arenas, rivals = sorted(rows[ARENA].unique()), [g for g in sorted(rows["gate"].unique()) if g != ours]
    share = level / max(len(arenas) * len(rivals), 1)
    out = []
    for arena in arenas:
        for rival in rivals:
            gap = difference(rows[rows[ARENA] == arena], ours, rival, column)
            out.append((arena, rival, gap.value, *gap.at(share), gap.n))
    return pd.DataFrame(out, columns=[ARENA, "rival", "mean", "low", "high", "n"])


def listed(differences: pd.DataFrame, bound: float, side: str) -> Finding:
    """``ledger.all_of`` on the arenas of ``differences``, by the intervals that it shows."""
    rows = differences.to_dict("records")
    cells = [(r[ARENA], stats.fixed(r["mean"], r["low"], r["high"], len(rows))) for r in rows]
    return all_of(cells, bound, side, 0.5)  # the intervals have their level already


def outcome_of(differences: pd.DataFrame) -> Finding:
    """PASS if ours has less in every arena, FAIL if more in one, by the intervals of ``differences``."""
    return listed(differences, 0.0, "below")


def ranks(rows: pd.DataFrame, column: str, level: float) -> pd.DataFrame:
    """gate, rank, low, high: mean rank (1 is least) over arenas, with Student's interval over (seed, replication).

    Arenas are fixed, not a sample; ties share their mean rank.
    """
    wide = rows.pivot_table(index=[*PAIR, ARENA], columns="gate", values=column)
    placed = wide.rank(axis=1).groupby(level=PAIR).mean()
    found = []
    for gate in placed.columns:
        values = placed[gate].to_numpy(float)
        rank = stats.mean(values)
        found.append((gate, rank.value, *rank.at(level / placed.shape[1])))
    return pd.DataFrame(found, columns=["gate", "rank", "low", "high"]).sort_values("rank").reset_index(drop=True)


def exponents(rows: pd.DataFrame, column: str, level: float) -> pd.DataFrame:
    """gate, estimate, low, high: log-log slope of the mean regret against ``column`` (T or beta).

    Each interval errs with ``level``: one row is judged, the others are shown beside it.
    """
    gates = sorted(rows["gate"].unique())
    out = []
    for gate in gates:
        x, y = curves(rows[rows["gate"] == gate], column)
        if (y.mean(axis=0) <= 0.0).any():
            out.append((gate, NAN, -np.inf, np.inf))
        else:
            fit = stats.slope(x, y)
            out.append((gate, fit.value, *fit.at(level)))
    return pd.DataFrame(out, columns=["gate", "estimate", "low", "high"])


def exponent_finding(found: pd.DataFrame, ours: str, claimed: float, two_sided: bool) -> Finding:
    """Ours inside claimed +- BAND (two_sided), or at most claimed + BAND."""
    row = found[found["gate"] == ours].iloc[0]
    cell = (ours, stats.fixed(row["estimate"], row["low"], row["high"]))
    result = inside([cell], claimed - BAND if two_sided else -np.inf, claimed + BAND, 0.5)
    note = "; ".join(f"{r.gate} {r.estimate:.2f} [{r.low:.2f}, {r.high:.2f}]" for r in found.itertuples())
    return replace(result, bound=claimed, n=len(found), detail=note)


def agreed(pooled: str, alone: list[str]) -> str:
    """The ledger's rule: a verdict holds if every seed set alone gives it, else INCONCLUSIVE."""
    return pooled if set(alone) <= {pooled} else INCONCLUSIVE
