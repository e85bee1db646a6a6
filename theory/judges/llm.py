"""Claims M1-M4: what the gates do on real text and a really pretrained model, and their judges.

They read tables of final rounds (``llm_runs``) and of wall times (``llm_times``), whatever machine
made them.  *Frozen* runs replay recorded features through the simulator's own loop, so they are the
simulator's prediction; *finetune* runs train the model on the labels that the gate bought.
Accuracies are those of the logistic head (frozen) or of the trained head (finetune): ridge on
one-hot labels flatters gates that buy hard examples.
"""

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

from theory import stats
from theory.ledger import CONJECTURED, Claim, Finding, Tables, all_of, compared, nothing, within
from theory.stats import PAIR

CONSTANTS = "constant radius and gate constants set before any data, the same for all sets"
HEAD = "head_accuracy_logistic"
SAVERS = ("llf_regret", "llf_self_paced")
CONTROLS = ("random", "prefix", "margin", "width", "entropy", "llf_regret", "llf_quantile", "llf_paced", "ratio")
OVERHEAD = 0.05

Cell = tuple[str, float, float, float]


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


def geometric(logs: np.ndarray, level: float) -> tuple[float, float, float]:
    """Geometric mean of ratios given by their logarithms, with a Student interval."""
    with np.errstate(over="ignore"):  # few replications: an interval may be without end
        mean, low, high = np.exp(stats.student(logs, level))
    return float(mean), float(low), float(high)


def saves(tables: Tables, level: float) -> Finding:
    """M1a: fewer labels than random at equal held-out accuracy, on every data set (iid stream)."""
    rows = frozen(tables)
    rows = rows[rows["stream"] == "iid"]
    sets = sorted(rows["data"].unique())
    found: list[Cell] = []
    for data in sets:
        for gate in SAVERS:
            logs = label_ratios(rows[rows["data"] == data], gate)
            if len(logs):
                fit = geometric(logs, level / (len(sets) * len(SAVERS)))
                found.append((f"{data}: labels({gate})/labels(random)", *fit))
    return all_of(found, 1.0, "below")


def paired_ratio(rows: pd.DataFrame, gate: str, rival: str, level: float) -> tuple[float, float, float]:
    """Mean ratio of online mistakes, gate over rival, paired over replications, with its interval."""
    wide = rows.pivot_table(index=PAIR, columns="gate", values="mistakes")
    if not {gate, rival} <= set(wide):
        return np.nan, -np.inf, np.inf
    both = wide[[gate, rival]].dropna().to_numpy(float)
    if not len(both):
        return np.nan, -np.inf, np.inf
    return geometric(np.log(both[:, 0] / both[:, 1]), level)


def fewest_mistakes(stream: str):
    """M1b, M1c: llf_self_paced against the best rival in every cell (data, budget) of a stream."""

    def judge(tables: Tables, level: float) -> Finding:
        rows = frozen(tables)
        rows = rows[(rows["stream"] == stream) & (rows["gate"] != "all")]
        cells = rows.groupby(["data", "B"])
        found: list[Cell] = []
        for (data, B), own in cells:
            rivals = [g for g in CONTROLS if g in set(own["gate"])]
            fits = {
                g: paired_ratio(own, "llf_self_paced", g, level / (len(cells) * max(len(rivals), 1))) for g in rivals
            }
            fits = {g: f for g, f in fits.items() if f[0] == f[0]}
            if fits:
                worst = max(fits, key=lambda g: fits[g][0])
                found.append((f"{data} B={B}: llf_self_paced/{worst}", *fits[worst]))
        return all_of(sorted(found, key=lambda c: -c[1]), 1.0, "below")

    return judge


def width_fails(tables: Tables, level: float) -> Finding:
    """M2: the pure width gate is not better than random at equal budgets, on every data set (iid)."""
    rows = frozen(tables)
    rows = rows[(rows["stream"] == "iid") & rows["gate"].isin(("width", "random"))]
    sets = sorted(rows["data"].unique())
    found: list[Cell] = []
    for data in sets:
        wide = rows[rows["data"] == data].pivot_table(index=PAIR, columns=["gate"], values=HEAD)
        if {"width", "random"} <= set(wide):
            gain = 100.0 * (wide["width"] - wide["random"]).dropna()
            found.append(
                (f"{data}: accuracy(width) - accuracy(random) [points]", *stats.student(gain, level / len(sets)))
            )
    return all_of(found, 0.0, "below")


def orders(runs: pd.DataFrame) -> pd.DataFrame:
    """Simulator against model: mean mistakes of each gate in both modes, a row a cell and gate."""
    cell = ["data", "stream", "B", "T", "gate"]
    wide = runs.pivot_table(index=[*cell, *PAIR], columns="mode", values="mistakes").reset_index()
    if not {"frozen", "finetune"} <= set(wide):
        return pd.DataFrame(columns=[*cell, *PAIR, "frozen", "finetune"])
    return wide.dropna(subset=["frozen", "finetune"]).reset_index(drop=True)


def order_agreement(tables: Tables, level: float) -> Finding:
    """M3: mean Kendall's tau of the gates' online mistakes, recorded-stream simulator against fine-tuned model.

    Hoeffding's interval for numbers in [-1, 1]: the taus of a few gates take so few values that their
    spread says nothing (two perfect agreements have none).
    """
    both = orders(tables["llm_runs"])
    cells = [own for _, own in both.groupby(["data", "stream", "B", *PAIR]) if len(own) > 2]
    if not cells:
        return nothing("no stream was played in both modes", 0.0)
    taus = [float(kendalltau(own["frozen"], own["finetune"]).statistic) for own in cells]
    half = np.sqrt(2.0 * np.log(2.0 / level) / len(taus))
    mean = float(np.mean(taus))
    gates = sum(len(own) for own in cells) / len(cells)
    label = f"mean tau of {len(taus)} streams, {gates:.1f} gates each"
    return all_of([(label, mean, max(mean - half, -1.0), min(mean + half, 1.0))], 0.0, "above")


def overhead(tables: Tables, level: float) -> Finding:
    """M4: the gate's share of the wall time of every fine-tuning run."""
    rows = tables["llm_times"]
    rows = rows[rows["mode"] == "finetune"]
    if rows.empty:
        return nothing("no fine-tuning run", OVERHEAD)
    share = rows["seconds_gate"] / rows["seconds_total"]
    return within(compared(share, OVERHEAD), "share of wall time spent in the gate")


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


CLAIMS = (
    Claim("M1a", "real text", "llf_regret and llf_self_paced need fewer labels than random at equal accuracy (iid)",
          CONJECTURED, "ordering", ("llm_runs",), "f22_llm_accuracy", saves, CONSTANTS),
    Claim("M1b", "real text", "llf_self_paced makes the fewest online mistakes of all gates, iid streams", CONJECTURED,
          "ordering", ("llm_runs",), "f23_llm_mistakes", fewest_mistakes("iid"), CONSTANTS),
    Claim("M1c", "real text", "llf_self_paced makes the fewest online mistakes of all gates, drifting streams",
          CONJECTURED, "ordering", ("llm_runs",), "f23_llm_mistakes", fewest_mistakes("drift"), CONSTANTS),
    Claim("M2", "real text", "The pure width gate is less accurate than random at equal budgets (iid)", CONJECTURED,
          "ordering", ("llm_runs",), "f22_llm_accuracy", width_fails, CONSTANTS),
    Claim("M3", "real text", "Recorded-stream simulator and fine-tuned model order the gates alike (tau > 0)",
          CONJECTURED, "ordering", ("llm_runs",), "f24_llm_orders", order_agreement, CONSTANTS),
    Claim("M4", "real text", "The gate takes under 5 % of the wall time of fine-tuning", CONJECTURED, "upper",
          ("llm_times",), "f24_llm_orders", overhead),
)  # fmt: skip
