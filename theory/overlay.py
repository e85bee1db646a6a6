"""Bounds on the grid of a results table, as tables: figures draw them without knowing theory."""

import pandas as pd

from sim.table import final
from theory import bounds, expected
from theory.inequalities import information, radius_at, theorem6, theorem8

GRID = ["T", "d", "B", "beta", "sigma", "lam", "S", "L", "delta"]


def horizon(table: pd.DataFrame) -> pd.DataFrame:
    """Theorem 1 against t for each d (ball runs): columns d, t, theorem1, trivial [reward]."""
    rows = table[table["follower"] == "ball"].drop_duplicates(["d", "t"]).sort_values(["d", "t"])
    info = information(rows, rows["t"])
    return pd.DataFrame(
        {
            "d": rows["d"],
            "t": rows["t"],
            "theorem1": bounds.theorem1(radius_at(rows, info), rows["t"], info),
            "trivial": bounds.trivial(rows["S"], rows["L"], rows["t"]),
        }
    ).reset_index(drop=True)


def hard(table: pd.DataFrame) -> pd.DataFrame:
    """Bounds on the hard instance, a row a budget in ascending order [reward].

    GRID and: floor (theorem 4), theorem3, stated_c_beta and stated_beta_free (both readings of [W26]'s
    form), trivial.
    """
    rows = final(table)[GRID].drop_duplicates().sort_values("B").reset_index(drop=True)
    info, info_T = information(rows, rows["B"]), information(rows, rows["T"])
    alpha = radius_at(rows, info)
    c = bounds.c_beta(alpha, rows["T"], rows["B"], info)
    return rows.assign(
        floor=bounds.floor(rows["sigma"], rows["T"], rows["d"], rows["B"]),
        theorem3=bounds.theorem23(alpha, rows["T"], rows["B"], info),
        stated_c_beta=bounds.stated_form(alpha, info, rows["B"], c),
        stated_beta_free=bounds.stated_beta_free(radius_at(rows, info_T), info_T, rows["B"]),
        trivial=bounds.trivial(rows["S"], rows["L"], rows["T"]),
    )


def bait(table: pd.DataFrame) -> pd.DataFrame:
    """Theorems 8 and 9 for each d of the sweep ``bait`` [reward].

    Columns d, closed (llf_fixed under bait), guarantee (``random`` under anyone), trivial.
    """
    rows = final(table)
    rows = rows[rows["gate"] == "random"].drop_duplicates("d").sort_values("d").reset_index(drop=True)
    constants = rows[["T", "B", "d", "sigma", "S"]].to_numpy(float)
    closed = [expected.theorem9(int(T), int(B), int(d), sigma, S) for T, B, d, sigma, S in constants]
    trivial = bounds.trivial(rows["S"], rows["L"], rows["T"])
    return pd.DataFrame({"d": rows["d"], "closed": closed, "guarantee": theorem8(rows), "trivial": trivial})


def guaranteed(table: pd.DataFrame) -> pd.DataFrame:
    """Theorem 8 for each gate, dimension and follower of a sweep: gate, follower, d, guarantee [reward], NaN
    without a coin."""
    rows = final(table).drop_duplicates(["gate", "follower", "d"]).reset_index(drop=True)
    return rows[["gate", "follower", "d"]].assign(guarantee=theorem8(rows))


def queried(table: pd.DataFrame) -> pd.DataFrame:
    """Theorem 6 on both clocks: gate, follower, d, queried, all: mean regret over the bound on bought rounds."""
    rows = final(table)
    bound = theorem6(rows)
    rows = rows.assign(queried=rows["regret_queried"] / bound, all=rows["regret"] / bound)
    return rows.groupby(["gate", "follower", "d"])[["queried", "all"]].mean().reset_index()
