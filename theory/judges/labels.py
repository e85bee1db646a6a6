"""Judges of label efficiency (B12) and of exploitability (B13), paired over common random numbers."""

from dataclasses import replace

import numpy as np
import pandas as pd

from sim.table import final
from theory import stats
from theory.ledger import DERIVED, FAIL, W26, Claim, Finding, Tables, all_of, nothing
from theory.stats import PAIR

CONTROLS = ("random", "prefix", "margin", "dual")
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
    if y[i] > goal:
        return np.nan
    if i == 0:
        return float(np.exp(x[i]))
    share = (y[i - 1] - goal) / (y[i - 1] - y[i])
    return float(np.exp(x[i - 1] + share * (x[i] - x[i - 1])))


def saving(rows: pd.DataFrame, gate: str, control: str, level: float) -> tuple[float, float, float]:
    """Ratio of labels needed, gate over control, at the lowest mean regret that both reach, with its interval.

    rows: final rows of one context.  Replications are resampled together, since they share prompts and
    noise.  (NaN, -inf, inf) with fewer than two replications.
    """
    (la, ra), (lb, rb) = gate_curves(rows, gate), gate_curves(rows, control)

    def log_ratio(pick: np.ndarray) -> float:
        a, b = (la[pick].mean(axis=0), ra[pick].mean(axis=0)), (lb[pick].mean(axis=0), rb[pick].mean(axis=0))
        target = max(a[1].min(), b[1].min())
        return np.log(needed(*a, target) / needed(*b, target))

    if min(len(la), len(lb)) < 2:
        return np.nan, -np.inf, np.inf
    mean, low, high = stats.bootstrap(log_ratio, len(la), level)
    return float(np.exp(mean)), float(np.exp(low)), float(np.exp(high))


def efficiency(control: str):
    """B12's judge against one control: llf_paced needs fewer labels in every context process."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = final(tables["efficiency"])
        contexts = sorted(rows["context"].unique())
        found = []
        for context in contexts:
            own = rows[rows["context"] == context]
            found.append((context, *saving(own, "llf_paced", control, level / len(contexts))))
        result = all_of(found, 1.0, "below")
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
                ratio, low, high = saving(own, gate, control, level)
                out.append((context, gate, control, ratio, low, high))
    return pd.DataFrame(out, columns=["context", "gate", "control", "ratio", "low", "high"])


def paired(rows: pd.DataFrame, gate: str) -> pd.DataFrame:
    """Final rows of one gate at beta = 0.1, indexed by seed and replication."""
    own = rows[(rows["gate"] == gate) & np.isclose(rows["beta"], 0.1, rtol=0.02)]
    return own.set_index(PAIR)[["regret", "labels", "B"]].sort_index()


def exploited(tables: Tables, level: float) -> Finding:
    """B13a: under the evader llf_fixed and llf_paced buy at most 5 % of B and lose to random."""
    rows = final(tables["followers"])
    rows = rows[rows["follower"] == "evader"]
    random = paired(rows, "random")
    found, share = [], 0.0
    for gate in ("llf_fixed", "llf_paced"):
        own = paired(rows, gate)
        ratio = own["regret"] / random["regret"]
        found.append((f"{gate}/random regret", *stats.student(ratio, level / 2)))
        share = max(share, float((own["labels"] / own["B"]).max()))
    result = all_of(found, 1.0, "above")
    outcome = result.outcome if share <= 0.05 else FAIL
    note = f"largest share of B bought {share:.3g}; {result.detail}"
    return replace(result, outcome=outcome, detail=note)


def random_at(rows: pd.DataFrame, labels: pd.Series) -> pd.Series:
    """random's regret at the given labels: per replication, log-log line through its budgets."""
    own = rows[rows["gate"] == "random"]
    wide = own.pivot_table(index=PAIR, columns="B", values="regret").sort_index()
    b = np.log(wide.columns.to_numpy(float))
    y = np.log(wide.to_numpy(float))
    slope = (y[:, -1] - y[:, 0]) / (b[-1] - b[0])
    return pd.Series(np.exp(y[:, 0] + slope * (np.log(labels.to_numpy(float)) - b[0])), wide.index)


def split_no_worse(gate: str):
    """B13b's judge: llf_split against random at the labels that llf_split really bought."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = final(tables["followers"])
        found = []
        for follower in ("evader", "ball"):
            cell = rows[rows["follower"] == follower]
            own = paired(cell, gate)
            if own.empty:
                return nothing("no run to judge", 1.0)
            ratio = own["regret"] / random_at(cell, own["labels"])
            mean, low, high = stats.student(ratio, level / 2)
            found.append((f"{follower}: {gate}/random at {own['labels'].mean():.0f} labels", mean, low, high))
        return all_of(found, 1.0, "below")

    return judge


CLAIMS = (
    *(
        Claim(f"B12{letter}", "label efficiency", f"llf_paced needs fewer labels than {control} in every context",
              f"{W26}, controls chosen here", "ordering", ("efficiency",), "f4_efficiency", efficiency(control))
        for letter, control in zip("abcd", CONTROLS, strict=True)
    ),
    Claim("B13a", "exploitability", "Under the evader llf_fixed and llf_paced buy <= 5 % of B and lose to random",
          DERIVED, "ordering", ("followers",), "f6_followers", exploited),
    *(
        Claim(f"B13{letter}", "exploitability",
              f"llf_split ({purse} purse) is no worse than random at equal labels, evader and ball",
              DERIVED, "ordering", ("followers",), "f6_followers", split_no_worse(f"llf_split_{purse}"))
        for letter, purse in (("b", "prefix"), ("c", "random"))
    ),
)  # fmt: skip
