"""Claims M1-M4: what the gates do on real text and a really pretrained model, and their judges.

They read tables of final rounds (``llm_runs``) and of wall times (``llm_times``), whatever machine
made them.  *Frozen* runs replay recorded features through the simulator's own loop, so they are the
simulator's prediction; *finetune* runs train the model on the labels that the gate bought.
Accuracies are those of the logistic head (frozen) or of the trained head (finetune): ridge on
one-hot labels flatters gates that buy hard examples.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from theory import orders, stats
from theory.ledger import (
    CONJECTURED,
    PASS,
    Claim,
    Comparison,
    Control,
    Finding,
    Judge,
    Tables,
    all_of,
    compared,
    nothing,
    within,
)  # fmt: skip
from theory.planted import edited
from theory.stats import PAIR, Estimate

CONSTANTS = "constant radius and gate constants set before any data, the same for all sets"
HEAD = "head_accuracy_logistic"
SAVERS = ("llf_regret", "llf_self_paced")
CONTROLS = ("random", "prefix", "margin", "width", "entropy", "llf_regret", "llf_quantile", "llf_paced", "ratio")
OVERHEAD = 0.05


def frozen(tables: Tables) -> pd.DataFrame:
    """Frozen runs of each data set's longest horizon (shorter ones are there to compare with fine-tuning)."""
    rows = tables["llm_runs"]
    rows = rows[rows["mode"] == "frozen"]
    return rows[rows["T"] == rows.groupby("data")["T"].transform("max")]


def labels_of_random(own: pd.DataFrame, accuracy: float) -> float:
    """Labels at which random buying reaches ``accuracy``: linear in log labels, one replication.

    ``own`` holds random's runs and the run with every label; clipped to the measured range, which
    pulls the ratio of labels towards 1 and so understates both savings and losses.
    """
    curve = own.sort_values("labels")
    y = np.maximum.accumulate(curve[HEAD].to_numpy(float))
    return float(np.exp(np.interp(accuracy, y, np.log(curve["labels"].to_numpy(float).clip(1.0)))))


def label_ratios(rows: pd.DataFrame, gate: str) -> np.ndarray:
    """log(labels of the gate / labels random needs for the same accuracy), mean over budgets, a replication each."""
    out = []
    for _, own in rows.groupby(PAIR):
        base, mine = own[own["gate"].isin(("random", "all"))], own[own["gate"] == gate]
        if len(base) > 1 and len(mine):
            pairs = zip(mine["labels"].to_numpy(float), mine[HEAD].to_numpy(float), strict=True)
            out.append(float(np.mean([np.log(max(n, 1.0) / labels_of_random(base, reached)) for n, reached in pairs])))
    return np.array(out)


def saves(tables: Tables, level: float) -> Finding:
    """M1a: fewer labels than random at equal held-out accuracy, on every data set (iid stream)."""
    rows = frozen(tables)
    rows = rows[rows["stream"] == "iid"]
    found: list[Comparison] = []
    for data, own in rows.groupby("data"):
        for gate in SAVERS:
            logs = label_ratios(own, gate)
            if len(logs):
                found.append((f"{data}: labels({gate})/labels(random)", geometric(logs)))
    return all_of(found, 1.0, "below", level)


def geometric(logs: np.ndarray) -> Estimate:
    """Geometric mean of ratios given by their logarithms (n,)."""
    return stats.mean(logs).mapped(np.exp)


def paired_ratio(rows: pd.DataFrame, gate: str, rival: str) -> Estimate | None:
    """Mean ratio of online mistakes, gate over rival, paired over replications; None where they share none."""
    wide = rows.pivot_table(index=PAIR, columns="gate", values="mistakes")
    both = wide.reindex(columns=[gate, rival]).dropna().to_numpy(float)
    return geometric(np.log(both[:, 0] / both[:, 1])) if len(both) else None


def fewest_mistakes(stream: str) -> Judge:
    """M1b, M1c: llf_self_paced has fewer mistakes than every rival in every cell (data, budget) of a stream."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = frozen(tables)
        rows = rows[(rows["stream"] == stream) & (rows["gate"] != "all")]
        found: list[Comparison] = []
        for (data, B), own in rows.groupby(["data", "B"]):
            for rival in (g for g in CONTROLS if g in set(own["gate"])):
                ratio = paired_ratio(own, "llf_self_paced", rival)
                if ratio is not None:
                    found.append((f"{data} B={B}: llf_self_paced/{rival}", ratio))
        return all_of(sorted(found, key=lambda c: -c[1].value), 1.0, "below", level)

    return judge


def width_fails(tables: Tables, level: float) -> Finding:
    """M2: the pure width gate is not better than random at equal budgets, on every data set (iid)."""
    rows = frozen(tables)
    rows = rows[(rows["stream"] == "iid") & rows["gate"].isin(("width", "random"))]
    found: list[Comparison] = []
    for data, own in rows.groupby("data"):
        wide = own.pivot_table(index=PAIR, columns=["gate"], values=HEAD)
        if {"width", "random"} <= set(wide):
            gain = 100.0 * (wide["width"] - wide["random"]).dropna()
            found.append((f"{data}: accuracy(width) - accuracy(random) [points]", stats.mean(gain)))
    return all_of(found, 0.0, "below", level)


def both_worlds(tables: Tables) -> list[orders.Unit]:
    """Mistakes of each gate where it was played both frozen (predicted) and fine-tuned; data sets by kind of stream."""
    unit, cell = ["data", "stream"], ["B", "T", *PAIR]
    wide = tables["llm_runs"].pivot_table(index=[*unit, *cell, "gate"], columns="mode", values="mistakes")
    wide = wide.reindex(columns=["frozen", "finetune"]).dropna().reset_index()
    return orders.units(wide.rename(columns=dict(frozen="predicted", finetune="tuned")), unit, cell)


order_agreement = orders.judged(both_worlds)


def gate_share(times: pd.DataFrame) -> Finding:
    """The gate's share of the wall time of every run is under ``OVERHEAD``."""
    if times.empty:
        return nothing("no run that trains a model", OVERHEAD)
    share = times["seconds_gate"] / times["seconds_total"]
    return within(compared(share, OVERHEAD), "share of wall time spent in the gate")


def overhead(tables: Tables, level: float) -> Finding:
    """M4: the gate's share of the wall time of every fine-tuning run."""
    rows = tables["llm_times"]
    return gate_share(rows[rows["mode"] == "finetune"])


def needed_labels(runs: pd.DataFrame, shares: tuple[float, ...] = (0.9, 0.95, 0.99)) -> pd.DataFrame:
    """Labels to reach a share of the all-labels accuracy: median over replications, range, reached.

    Interpolated in log labels along each gate's budgets; a replication whose largest budget does not
    get there counts as not reached.
    """
    rows = []
    for (data, mode, stream, gate), own in runs.groupby(["data", "mode", "stream", "gate"]):
        if gate == "all":
            continue
        whole = (runs["data"] == data) & (runs["mode"] == mode) & (runs["stream"] == stream) & (runs["gate"] == "all")
        goal = {key: float(part[HEAD].iloc[-1]) for key, part in runs[whole].groupby(PAIR)}
        for share in shares:
            got = [crossing(part, share * goal[key]) for key, part in own.groupby(PAIR) if key in goal]
            hit = [g for g in got if g == g]
            spread = (np.median(hit), min(hit), max(hit)) if hit else (np.nan,) * 3
            rows.append((data, mode, stream, gate, share, *spread, len(hit), len(got)))
    names = ["data", "mode", "stream", "gate", "share", "labels", "least", "most", "reached", "of"]
    return pd.DataFrame(rows, columns=names)


def crossing(own: pd.DataFrame, goal: float) -> float:
    """Labels at which one replication's accuracy first reaches ``goal``; NaN if none does."""
    curve = own.sort_values("labels")
    x, y = np.log(curve["labels"].to_numpy(float).clip(1.0)), np.maximum.accumulate(curve[HEAD].to_numpy(float))
    if y[-1] < goal:
        return np.nan
    return float(np.exp(np.interp(goal, y, x)))


def changed(column: str, gate: str, change: Callable[[pd.Series], pd.Series]):
    """For ``planted.edited``: a column changed in the rows of a gate."""
    return {column: lambda t: t[column].where(t["gate"] != gate, change(t[column]))}


def twice(stream: str, of: str, factor: float) -> Judge:
    """``fewest_mistakes`` with one gate's mistakes multiplied."""
    return edited(fewest_mistakes(stream), "llm_runs", **changed("mistakes", of, lambda m: factor * m))


CLAIMS = (
    Claim("M1a", "real text", "llf_regret and llf_self_paced need fewer labels than random at equal accuracy (iid)",
          CONJECTURED, "ordering", ("llm_runs",), "f22_llm_accuracy", saves,
          (Control("llf_regret 20 points less accurate",
                   edited(saves, "llm_runs", **changed(HEAD, "llf_regret", lambda a: a - 0.2))),), CONSTANTS),
    *(
        Claim(f"M1{letter}", "real text",
              f"llf_self_paced makes the fewest online mistakes of all gates, {name} streams", CONJECTURED, "ordering",
              ("llm_runs",), "f23_llm_mistakes", fewest_mistakes(stream),
              (Control("almost none of its mistakes", twice(stream, "llf_self_paced", 1e-30), outcome=PASS),
               Control("a thousand times its mistakes", twice(stream, "llf_self_paced", 1e3))), CONSTANTS)
        for letter, stream, name in (("b", "iid", "iid"), ("c", "drift", "drifting"))
    ),
    Claim("M2", "real text", "The pure width gate is less accurate than random at equal budgets (iid)", CONJECTURED,
          "ordering", ("llm_runs",), "f22_llm_accuracy", width_fails,
          (Control("width 20 points more accurate",
                   edited(width_fails, "llm_runs", **changed(HEAD, "width", lambda a: a + 0.2))),), CONSTANTS),
    Claim("M3", "real text", "Recorded-stream simulator and fine-tuned model order the gates alike", CONJECTURED,
          "ordering", ("llm_runs",), "f24_llm_orders", order_agreement,
          orders.controls(both_worlds), CONSTANTS),
    Claim("M4", "real text", "The gate takes under 5 % of the wall time of fine-tuning", CONJECTURED, "upper",
          ("llm_times",), "f24_llm_orders", overhead,
          (Control("a gate 100 times slower",
                   edited(overhead, "llm_times", seconds_gate=lambda t: 100.0 * t["seconds_gate"])),)),
)  # fmt: skip
