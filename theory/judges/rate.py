"""Rates and the stated form: B4, B5 and B11 exponents, B9 both readings, B10 the floor."""

from dataclasses import replace

import numpy as np
import pandas as pd

from sim.table import final
from theory import bounds, inequalities, stats
from theory.inequalities import information, on_event, radius_at
from theory.ledger import (
    DERIVED,
    FAIL,
    INCONCLUSIVE,
    PASS,
    REFUTED,
    THEORY_RADIUS,
    W26,
    Claim,
    Finding,
    Tables,
    all_of,
    nothing,
    within,
)  # fmt: skip
from theory.stats import curves
from theory.studies import nonmyopic

BAND = 0.1  # an exponent is met if its interval lies within +-0.1 of the claimed value
OCTAVES = 5  # the fit uses the last five doublings of T
PACED = ("llf_paced", "random", "periodic", "prefix")  # B11 speaks of gates that spread their labels
Comparison = tuple[str, float, float, float]


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


def below_ceiling(tables: Tables, level: float) -> Finding:
    """B5c: the mean regret of each follower at each d is below ``nonmyopic.ceiling``."""
    groups = list(tables["nonmyopic"].groupby(["follower", "d"]))
    found = []
    for (follower, d), cell in groups:
        ratio = (cell["regret"] / cell["ceiling"]).to_numpy(float)
        found.append((f"{follower}, d={d}", *stats.student(ratio, level / len(groups))))
    return all_of(sorted(found, key=lambda c: -c[1]), 1.0, "below")


def exponent_d_planned(tables: Tables, level: float) -> Finding:
    """B5b: a planning follower's exponent in d is below 1, from either end of the fitted ranges."""
    table = nonmyopic.fits(tables["nonmyopic"], level / len(nonmyopic.RANGES))
    rows = table[table["series"] == "patient"]
    ends = zip(rows["from"], rows["to"], rows["estimate"], rows["low"], rows["high"], strict=True)
    return all_of(
        [(f"patient, d = {a}..{b}", float(e), float(low), float(high)) for a, b, e, low, high in ends], 1.0, "below"
    )


def exponent_beta(tables: Tables, level: float) -> Finding:
    """B11: beta^{-1/2} within the band, for every paced gate."""
    found = beta_slopes(tables["hard"], level)
    return _exponents(found, -0.5, inside(found, -0.5 - BAND, -0.5 + BAND))


def stated_c_beta(tables: Tables, level: float) -> Finding:
    """B9a: the stated form with c = c_beta, on E."""
    rows = final(tables["stated"])
    betas = ", ".join(f"{b:.3g}" for b in sorted(on_event(rows)["beta"].round(4).unique()))
    return within(inequalities.stated_form(rows), f"beta in {betas}")


def _witness(cell: pd.DataFrame, level: float) -> tuple[float, float, tuple[str, float, float, float]]:
    """(stated bound, floor, best gate's regret with interval) of one (T, d, B)."""
    one = cell.iloc[[0]]
    info = information(one, one["T"])
    stated = float(bounds.stated_beta_free(radius_at(one, info), info, one["B"]).iloc[0])
    low = float(bounds.floor(one["sigma"], one["T"], one["d"], one["B"]).iloc[0])
    gates = [(str(g), *stats.student(c["regret"], level)) for g, c in cell.groupby("gate")]
    return stated, low, min(gates, key=lambda g: g[1])


def stated_free(tables: Tables, level: float) -> Finding:
    """B9b: with one beta-free c the stated form is violated at small beta on the hard instance."""
    cells = list(final(tables["witness"]).groupby(["T", "d", "B"]))
    count = sum(cell["gate"].nunique() for _, cell in cells)
    found, notes = [], []
    for (T, d, B), cell in cells:
        stated, floor, gate = _witness(cell, level / count)
        found.append((*gate, stated))
        notes.append(f"T={T} d={d} B={B}: stated <= {stated:.0f}, floor {floor:.0f}, best gate {gate[0]} {gate[1]:.0f}")
    if not found:
        return nothing("no run to judge")
    _, mean, low, high, stated = max(found, key=lambda f: f[1] / f[4])
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
    return replace(result, detail=f"regret/floor: {result.detail}")


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


CLAIMS = (
    Claim("B4a", "rate in T", "Against the ball follower R_T grows like T^(1/2): interval inside [0.4, 0.6]", W26,
          "exponent", ("horizon",), "f2_exponents", exponent_T),
    Claim("B4b", "rate in T", "No other follower makes R_T grow faster than T^0.6", W26, "exponent", ("horizon",),
          "f2_exponents", exponent_T_others),
    Claim("B5a", "rate in d", "R_T grows in d no faster than d^1", W26, "exponent", ("horizon",), "f2_exponents",
          exponent_d),
    Claim("B5b", "rate in d", "Nor against a follower that plans, found by search", W26, "exponent", ("nonmyopic",),
          "f17_nonmyopic", exponent_d_planned),
    Claim("B5c", "rate in d", "Mean R_T <= sqrt((T + 2 D_T)(lam S^2 + sigma^2 D_T)) for every follower, so d^(1/2)",
          DERIVED, "ordering", ("nonmyopic",), "f17_nonmyopic", below_ceiling),
    Claim("B9a", "stated form", "R_T <= sqrt2 alpha sqrt(D_B) sqrt(B) + c_beta sqrt(B), beta from 0.005 to 1",
          f"{W26}, constants derived here", "upper", ("stated",), "f3_regret_B", stated_c_beta,
          f"{THEORY_RADIUS}; c = c_beta (grows as 1/beta)"),
    Claim("B9b", "stated form", "The same form with one beta-free c (theorem 1's constant at beta = 1)", W26,
          "ordering", ("witness",), "f3_regret_B", stated_free, f"{THEORY_RADIUS}; most generous beta-free constant",
          REFUTED),
    Claim("B10", "theorem 4", "Every gate's mean regret on the hard instance is at least the floor", DERIVED,
          "ordering", ("hard",), "f3_regret_B", floor_holds),
    Claim("B11", "rate in beta", "Paced gates at fixed T: R grows like beta^(-1/2), interval inside [-0.6, -0.4]",
          DERIVED, "exponent", ("hard",), "f2_exponents", exponent_beta),
)  # fmt: skip
