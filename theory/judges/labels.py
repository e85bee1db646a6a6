"""Judges of label efficiency (B12) and of exploitability (B13), paired over common random numbers."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from sim.table import final
from theory import stats
from theory.ledger import (
    DERIVED,
    W26,
    Claim,
    Comparison,
    Control,
    Finding,
    Judge,
    Tables,
    all_of,
    margin,
    nothing,
)  # fmt: skip
from theory.planted import edited, posing, remade
from theory.stats import PAIR, Estimate

CONTROLS = ("random", "prefix", "margin", "dual")
NO_WORSE = margin(1.05, "a twentieth more regret is the least that a user would notice between two runs")
LLF = ("llf_paced", "llf_fixed", "llf_quantile", "llf_self_paced", "llf_split_prefix")


def gate_curves(rows: pd.DataFrame, gate: str) -> tuple[np.ndarray, np.ndarray]:
    """(labels, regret), each (n, points): replications against the betas below 1 of one gate."""
    own = rows[(rows["gate"] == gate) & (rows["beta"] < 0.999)]
    return stats.curves(own, "beta", "labels")[1], stats.curves(own, "beta")[1]


def needed(labels: np.ndarray, regret: np.ndarray, target: float) -> float:
    """Labels at which a mean curve (labels and regret, (points,)) first falls to ``target``; NaN if it never does.

    Log-log interpolation between measured budgets, clipped to the smallest measured number of labels,
    which only understates a gate's savings.
    """
    order = np.argsort(labels)
    x, y = np.log(np.maximum(labels[order], 1.0)), np.log(np.maximum(regret[order], 1e-12))
    y = np.minimum.accumulate(y)
    goal = np.log(target) + 1e-12
    i = int(np.argmax(y <= goal))
    if not y[i] <= goal:
        return np.nan
    if i == 0:
        return float(np.exp(x[i]))
    share = (y[i - 1] - goal) / (y[i - 1] - y[i])
    return float(np.exp(x[i - 1] + share * (x[i] - x[i - 1])))


def saving(rows: pd.DataFrame, gate: str, control: str) -> Estimate:
    """Ratio of labels needed, gate over control, at the lowest mean regret that both reach.

    rows: final rows of one context.  Replications are resampled together, since they share prompts and noise.
    """
    (la, ra), (lb, rb) = gate_curves(rows, gate), gate_curves(rows, control)

    def log_ratio(pick: np.ndarray) -> float:
        a, b = (la[pick].mean(axis=0), ra[pick].mean(axis=0)), (lb[pick].mean(axis=0), rb[pick].mean(axis=0))
        target = max(a[1].min(), b[1].min())
        return float(np.log(needed(*a, target) / needed(*b, target)))

    return stats.resampled(log_ratio, len(la)).mapped(np.exp)


def efficiency(control: str) -> Judge:
    """B12's judge against one control: llf_paced needs fewer labels in every context process."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = final(tables["efficiency"])
        found: list[Comparison] = [
            (str(context), saving(own, "llf_paced", control)) for context, own in rows.groupby("context")
        ]
        result = all_of(found, 1.0, "below", level)
        note = f"labels(llf_paced)/labels({control}) at the lowest regret both reach; {result.detail}"
        return replace(result, detail=note)

    return judge


def savings(tables: Tables, level: float) -> pd.DataFrame:
    """Every LLF gate against every control in every context: the table behind B12."""
    rows = final(tables["efficiency"])
    out = []
    for context, own in rows.groupby("context"):
        for gate in LLF:
            for control in CONTROLS:
                ratio = saving(own, gate, control)
                out.append((context, gate, control, ratio.value, *ratio.at(level)))
    return pd.DataFrame(out, columns=["context", "gate", "control", "ratio", "low", "high"])


def paired(rows: pd.DataFrame, gate: str) -> pd.DataFrame:
    """Final rows of one gate at beta = 0.1, indexed by seed and replication."""
    own = rows[(rows["gate"] == gate) & np.isclose(rows["beta"], 0.1, rtol=0.02)]
    return own.set_index(PAIR)[["regret", "labels", "B"]].sort_index()


def exploited(tables: Tables, level: float) -> Finding:
    """B13a: under the evader llf_fixed and llf_paced lose to random with the same budget."""
    rows = final(tables["followers"])
    rows = rows[rows["follower"] == "evader"]
    random = paired(rows, "random")
    found: list[Comparison] = []
    share = 0.0
    for gate in ("llf_fixed", "llf_paced"):
        own = paired(rows, gate)
        found.append((f"{gate}/random regret", stats.mean(own["regret"] / random["regret"])))
        share = max(share, float((own["labels"] / own["B"]).max()))
    result = all_of(found, 1.0, "above", level)
    return replace(result, detail=f"largest share of B bought {share:.3g}; {result.detail}")


def random_at(rows: pd.DataFrame, labels: pd.Series) -> pd.Series:
    """random's regret at the given labels: per replication, log-log line through its budgets."""
    own = rows[rows["gate"] == "random"]
    wide = own.pivot_table(index=PAIR, columns="B", values="regret").sort_index()
    b = np.log(wide.columns.to_numpy(float))
    y = np.log(wide.to_numpy(float))
    slope = (y[:, -1] - y[:, 0]) / (b[-1] - b[0])
    return pd.Series(np.exp(y[:, 0] + slope * (np.log(labels.to_numpy(float)) - b[0])), wide.index)


def split_no_worse(gate: str) -> Judge:
    """B13b's judge: llf_split against random at the labels that llf_split really bought, up to ``NO_WORSE``."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = final(tables["followers"])
        found: list[Comparison] = []
        for follower in ("evader", "ball"):
            cell = rows[rows["follower"] == follower]
            own = paired(cell, gate)
            if own.empty:
                return nothing("no run to judge", NO_WORSE)
            ratio = stats.mean(own["regret"] / random_at(cell, own["labels"]))
            found.append((f"{follower}: {gate}/random at {own['labels'].mean():.0f} labels", ratio))
        return all_of(found, NO_WORSE, "below", level)

    return judge


def times(column: str, factor: float, *gates: str) -> dict[str, Callable[[pd.DataFrame], pd.Series]]:
    """For ``planted.edited``: a column of some gates multiplied."""
    return {column: lambda t: t[column].where(~t["gate"].isin(gates), factor * t[column])}


CLAIMS = (
    *(
        Claim(f"B12{letter}", "label efficiency", f"llf_paced needs fewer labels than {control} in every context",
              f"{W26}, controls chosen here", "ordering", ("efficiency",), "f4_efficiency", efficiency(control),
              (Control(f"{control} itself, ten labels charged for one, in llf_paced's place",
                       remade(efficiency(control), "efficiency", posing(control, "llf_paced", labels=10.0))),))
        for letter, control in zip("abcd", CONTROLS, strict=True)
    ),
    Claim("B13a", "exploitability", "Under the evader llf_fixed and llf_paced lose to random with the same budget",
          DERIVED, "ordering", ("followers",), "f6_followers", exploited,
          (Control("their regret divided by 4",
                   edited(exploited, "followers", **times("regret", 0.25, "llf_fixed", "llf_paced"))),)),
    *(
        Claim(f"B13{letter}", "exploitability",
              f"llf_split ({purse} purse) has at most 1.05 times random's regret at equal labels, evader and ball",
              DERIVED, "ordering", ("followers",), "f6_followers", split_no_worse(f"llf_split_{purse}"),
              (Control("four times random's regret in its place",
                       remade(split_no_worse(f"llf_split_{purse}"), "followers",
                              posing("random", f"llf_split_{purse}", regret=4.0))),))
        for letter, purse in (("b", "prefix"), ("c", "random"))
    ),
)  # fmt: skip
