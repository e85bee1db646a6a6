"""Judges of rates and of the stated form: B4, B5 exponents, B9 both readings, B10 floor, B11."""

import numpy as np
import pandas as pd

from sim.table import final
from theory import bounds, stats
from theory.judges.path import radius_at
from theory.ledger import FAIL, INCONCLUSIVE, PASS, Finding, Tables, all_of, within

BAND = 0.1  # an exponent is met if its interval lies within +-0.1 of the claimed value
OCTAVES = 5  # the fit uses the last five doublings of T
PACED = ("llf_paced", "random", "periodic", "prefix")
Comparison = tuple[str, float, float, float]


def curves(rows: pd.DataFrame, column: str) -> tuple[np.ndarray, np.ndarray]:
    """(x, values (n, points)): regret of every replication against ``column``."""
    wide = rows.pivot_table(index=["seed", "replication"], columns=column, values="regret")
    return wide.columns.to_numpy(float), wide.to_numpy(float)


def horizon_slopes(table: pd.DataFrame, level: float) -> list[tuple[str, int, Comparison]]:
    """(follower, d, comparison) of the exponent in T, every label bought."""
    tail = table[table["t"] >= table["T"] / 2**OCTAVES]
    cells = list(tail.groupby(["follower", "d"]))
    out = []
    for (follower, d), cell in cells:
        x, y = curves(cell, "t")
        out.append((str(follower), int(d), (f"{follower}, d={d}", *stats.slope(x, y, level / len(cells)))))
    return out


def dimension_slope(table: pd.DataFrame, level: float) -> Comparison:
    """Exponent in d of the ball's regret at the horizon."""
    x, y = curves(final(table[table["follower"] == "ball"]), "d")
    return (f"ball, d = {x.min():.0f}..{x.max():.0f}", *stats.slope(x, y, level))


def beta_slopes(table: pd.DataFrame, level: float) -> list[Comparison]:
    """Exponent in beta of the paced gates' regret on the hard instance."""
    rows = final(table)
    out = []
    for gate in PACED:
        x, y = curves(rows[rows["gate"] == gate], "beta")
        out.append((gate, *stats.slope(x, y, level / len(PACED))))
    return out


def inside(comparisons: list[Comparison], low: float, high: float) -> str:
    """PASS if every interval lies inside [low, high], FAIL if one lies outside, else INCONCLUSIVE."""
    if comparisons and all(c[2] >= low and c[3] <= high for c in comparisons):
        return PASS
    return FAIL if any(c[3] < low or c[2] > high for c in comparisons) else INCONCLUSIVE


def _exponents(comparisons: list[Comparison], claimed: float, outcome: str) -> Finding:
    worst = max(comparisons, key=lambda c: abs(c[1] - claimed))
    text = "; ".join(f"{name} {e:.3f} [{low:.3f}, {high:.3f}]" for name, e, low, high in comparisons)
    return Finding(worst[1], claimed, outcome, worst[2], worst[3], len(comparisons), text)


def exponent_T(tables: Tables, level: float) -> Finding:
    """B4, ball: the interval of the exponent in T lies inside [0.4, 0.6] for every d."""
    found = [c for follower, _, c in horizon_slopes(tables["horizon"], level) if follower == "ball"]
    return _exponents(found, 0.5, inside(found, 0.5 - BAND, 0.5 + BAND))


def exponent_T_others(tables: Tables, level: float) -> Finding:
    """B4, other followers: not faster than T^{0.6}."""
    found = [c for follower, _, c in horizon_slopes(tables["horizon"], level) if follower != "ball"]
    return all_of(found, 0.5 + BAND, "below")


def exponent_d(tables: Tables, level: float) -> Finding:
    """B5: no faster than d^1."""
    return all_of([dimension_slope(tables["horizon"], level)], 1.0, "below")


def exponent_beta(tables: Tables, level: float) -> Finding:
    """B11: beta^{-1/2} within the band, for every paced gate."""
    found = beta_slopes(tables["hard"], level)
    return _exponents(found, -0.5, inside(found, -0.5 - BAND, -0.5 + BAND))


def stated_c_beta(tables: Tables, level: float) -> Finding:
    """B9a: the stated form with c = c_beta, on E."""
    rows = final(tables["stated"])
    rows = rows[rows["conf_ratio_max"] <= 1.0]
    info = bounds.information_cap(rows["B"], rows["d"], rows["lam"], rows["L"])
    alpha = radius_at(rows, info)
    c = bounds.c_beta(alpha, rows["T"], rows["B"], info)
    bound = pd.Series(bounds.stated_form(alpha, info, rows["B"], c), rows.index)
    betas = ", ".join(f"{b:.3g}" for b in sorted(rows["beta"].round(4).unique()))
    return within(rows["regret"], bound, bounds.trivial(rows["S"], rows["L"], rows["T"]), f"beta in {betas}")


def _witness(cell: pd.DataFrame, level: float) -> tuple[float, float, tuple[str, float, float, float]]:
    """(stated bound, floor, best gate's regret with interval) of one (T, d, B)."""
    one = cell.iloc[[0]]
    info = bounds.information_cap(one["T"], one["d"], one["lam"], one["L"])
    stated = float(bounds.stated_beta_free(radius_at(one, info), info, one["B"]).iloc[0])
    low = float(bounds.floor(one["sigma"], one["T"], one["d"], one["B"]).iloc[0])
    gates = [(str(g), *stats.student(c["regret"], level)) for g, c in cell.groupby("gate")]
    return stated, low, min(gates, key=lambda g: g[1])


def stated_free(tables: Tables, level: float) -> Finding:
    """B9b: with one beta-free c the stated form is violated at small beta on the hard instance."""
    cells = list(final(tables["witness"]).groupby(["T", "d", "B"]))
    count = sum(cell["gate"].nunique() for _, cell in cells)
    worst, notes = None, []
    for (T, d, B), cell in cells:
        stated, low, gate = _witness(cell, level / count)
        notes.append(f"T={T} d={d} B={B}: stated <= {stated:.0f}, floor {low:.0f}, best gate {gate[0]} {gate[1]:.0f}")
        if worst is None or gate[1] / stated > worst[1] / worst[4]:
            worst = (*gate, stated)
    if worst is None:
        return Finding(np.nan, np.nan, INCONCLUSIVE, np.nan, np.nan, 0, "no run to judge")
    _, mean, low, high, stated = worst
    outcome = FAIL if low > stated else (PASS if high <= stated else INCONCLUSIVE)
    return Finding(mean, stated, outcome, low, high, count, "witness " + "; ".join(notes))


def floor_holds(tables: Tables, level: float) -> Finding:
    """B10: every gate's mean regret on the hard instance is at least theorem 4's floor."""
    cells = list(final(tables["hard"]).groupby(["gate", "beta"]))
    found = []
    for (gate, beta), cell in cells:
        low = bounds.floor(cell["sigma"], cell["T"], cell["d"], cell["B"])
        found.append((f"{gate} beta={beta:.3g}", *stats.student(cell["regret"] / low, level / len(cells))))
    result = all_of(sorted(found, key=lambda c: c[1]), 1.0, "above")
    return Finding(
        result.measured, 1.0, result.outcome, result.low, result.high, result.n, f"regret/floor: {result.detail}"
    )


def exponents(tables: Tables, level: float) -> pd.DataFrame:
    """All fitted exponents with their claimed values, for the figures."""
    half = 0.5 + BAND
    rows = [
        ("T", c, 0.5, 0.5 - BAND if f == "ball" else -np.inf, half, "inside" if f == "ball" else "at most", "B4", f, d)
        for f, d, c in horizon_slopes(tables["horizon"], level)
    ]
    rows.append(("d", dimension_slope(tables["horizon"], level), 1.0, -np.inf, 1.0, "at most", "B5", "ball", 0))
    rows += [
        ("beta", c, -0.5, -0.5 - BAND, -0.5 + BAND, "inside", "B11", "hard_instance", 0)
        for c in beta_slopes(tables["hard"], level)
    ]
    names = ["quantity", "claimed", "claimed_low", "claimed_high", "relation", "claim", "follower", "d"]
    frame = pd.DataFrame([(r[0], *r[2:]) for r in rows], columns=names)
    frame[["label", "estimate", "low", "high"]] = [r[1] for r in rows]
    return frame
