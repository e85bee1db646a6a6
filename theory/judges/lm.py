"""Claims M5-M12: fine-tuned generative language models, answers and preferences, and their judges.

They read the last round of every run (``lm_runs``) and wall times (``lm_times``), whatever machine made them.
Mode *answers*: the gate buys the right answer among the candidates of a prompt; mode *preferences*: it buys which
answer of a pair is preferred.  Rows that are not ``tuned`` are the same gates on recorded features of the untuned
model, the simulator's prediction.  Gains of accuracy are averages over the data sets that were played and speak
of those alone: their error comes from replications within a data set.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from theory import orders, stats
from theory.judges.llm import CONSTANTS, gate_share
from theory.ledger import (
    C25,
    CLASSICAL,
    CONJECTURED,
    DERIVED,
    PASS,
    READ,
    Claim,
    Comparison,
    Control,
    Finding,
    Judge,
    Tables,
    all_of,
    compared,
    margin,
    nothing,
    within,
)  # fmt: skip
from theory.planted import edited, shifted
from theory.stats import PAIR, Estimate

RUNS, ORDERS, RANKING = ("lm_runs",), "f28_lm_orders", "f29_lm_preferences"
CELL = ["model", "B", "T", "N", "M", *PAIR]  # with the data set: one stream
STRATUM = ["data", "model"]
POINT = margin(0.01, "a point, twice S6's margin: held-out sets of texts have hundreds of pairs, not thousands")
LITTLE = margin(0.02, "two points, the standard error of 500 held-out pairs: less than that is not worth a gate")


def predictions(mode: str, method: str) -> Callable[[Tables], list[orders.Unit]]:
    """Online mistakes of each gate as predicted and tuned by a method, a unit a data set."""

    def found(tables: Tables) -> list[orders.Unit]:
        rows = tables["lm_runs"]
        rows = rows[(rows["mode"] == mode) & (~rows["tuned"] | (rows["method"] == method))]
        rows = rows.assign(world=np.where(rows["tuned"], "tuned", "predicted"))
        rows = rows.fillna(dict(N=0, M=0))  # not every mode has candidates, and a missing key would drop the row
        wide = rows.pivot_table(index=["data", *CELL, "gate"], columns="world", values="mistakes")
        return orders.units(wide.reindex(columns=["predicted", "tuned"]).dropna().reset_index(), ["data"], CELL)

    return found


def averaged(gains: pd.Series) -> Estimate:
    """Mean over data sets (and models) of paired gains, whose index holds STRATUM, PAIR and perhaps more.

    What one replication shows at several gates and budgets is averaged first.  Replications within a data set
    give the error, with the degrees of freedom of Welch and Satterthwaite, rounded down; endless where a data
    set has one replication.
    """
    each = gains.dropna().groupby([*STRATUM, *PAIR]).mean()
    sets = each.groupby(STRATUM).agg(["mean", "var", "count"]).to_numpy(float)
    mean, n = sets[:, 0].mean(), sets[:, 2]
    part = sets[:, 1] / n
    total = part.sum()
    freedom = total**2 / np.sum(part**2 / (n - 1)) if total > 0.0 else np.sum(n - 1)
    return stats.student(mean, np.sqrt(total) / len(n), int(np.nan_to_num(freedom)) + 1)._replace(n=len(each))


def compare(label: str, gains: pd.Series) -> list[Comparison]:
    """The average gain under a label that tells each data set's own; nothing where no run is paired."""
    own = gains.dropna().groupby(STRATUM[0]).mean()
    if own.empty:
        return []
    return [(f"{label} ({', '.join(f'{data} {gain:+.3f}' for data, gain in own.items())})", averaged(gains))]


def ranked(tables: Tables, columns: str, *index: str) -> pd.DataFrame:
    """Held-out ranking accuracy of tuned models in mode preferences, a column a method or gate, a row a replication."""
    rows = tables["lm_runs"]
    rows = rows[rows["tuned"] & (rows["mode"] == "preferences")]
    return rows.pivot_table(index=[*STRATUM, *index, "B", *PAIR], columns=columns, values="scorer")


def ssapo(tables: Tables, level: float) -> Finding:
    """M7: SSAPO's ranking accuracy is above its own ambiguity 0's and DPO's by ``POINT``."""
    rivals = ("ssapo_0", "dpo")
    wide = ranked(tables, "method", "gate").reindex(columns=["ssapo", *rivals])
    found = [c for rival in rivals for c in compare(f"ssapo - {rival}", wide["ssapo"] - wide[rival])]
    if len(found) < len(rivals):
        return nothing("SSAPO shares no run with a rival", POINT)
    return all_of(found, POINT, "above", level)


def gates_gain(tables: Tables, level: float) -> Finding:
    """M8: DPO on the labels of any gate ranks at most ``LITTLE`` better than on as many of random's."""
    rows = tables["lm_runs"]
    wide = ranked({"lm_runs": rows[(rows["method"] == "dpo") & ~rows["gate"].isin(orders.ENDS)]}, "gate")
    if "random" not in wide:
        return nothing("random has no run", LITTLE)
    others = [gate for gate in wide if gate != "random"]
    found = [c for gate in others for c in compare(f"{gate} - random", wide[gate] - wide["random"])]
    return all_of(found, LITTLE, "below", level)


def refits(tables: Tables, level: float) -> Finding:
    """M9: no run refits more often than lemma 0 allows; where that is more than its labels, the bound says nothing."""
    rows = tables["lm_runs"]
    rows = rows[rows["refit_bound"].notna()]
    if rows.empty:
        return nothing("no run refits as its information grows")
    return within(compared(rows["refits"], rows["refit_bound"], rows["labels"]), "refits of a run")


def identity(tables: Tables, level: float) -> Finding:
    """M10: no held-out pair on whose ranking the policy and its DPO loss disagree."""
    rows = tables["lm_runs"]
    rows = rows[rows["identity_pairs"] > 0]
    return within(compared(rows["identity_wrong"], 0.0), f"{int(rows['identity_pairs'].sum())} pairs")


def overhead(tables: Tables, level: float) -> Finding:
    """M11: the gate's share of the wall time of every run that tunes a model."""
    rows = tables["lm_times"]
    return gate_share(rows[rows["tuned"]])


def learns(tables: Tables, level: float) -> Finding:
    """M12: labels bought at random raise the held-out accuracy of the model's own score by ``POINT``."""
    rows = tables["lm_runs"]
    rows = rows[rows["tuned"] & (rows["mode"] == "answers") & (rows["gate"] == "random")]
    rows = rows.set_index([*STRATUM, *PAIR])
    return all_of(compare("after - before", rows["scorer"] - rows["scorer_before"]), POINT, "above", level)


def scoring(judge: Judge, key: str, source: str, gain: float) -> Judge:
    """A judge of ranking on tables in which every other method, or gate, ranks by ``gain`` better than ``source``."""

    def scorer(table: pd.DataFrame) -> pd.Series:
        same = [c for c in ("mode", "method", "gate", "B", *STRATUM, *PAIR) if c != key]
        own = table[table[key] == source].groupby(same)["scorer"].mean()
        others = own.reindex(pd.MultiIndex.from_frame(table[same])).to_numpy() + gain
        return table["scorer"].where(table[key] == source, others)

    return edited(judge, "lm_runs", scorer=scorer)


def tuned_by(gain: float) -> Judge:
    """M12's judge where tuning raises every score's accuracy by ``gain``."""
    return edited(learns, "lm_runs", scorer=lambda t: t["scorer_before"] + gain)


def alike(id: str, mode: str, method: str, what: str) -> Claim:
    """The row of one mode: does the simulator order the gates as the tuned model does?"""
    found = predictions(mode, method)
    return Claim(
        id, "language model", f"{what}: simulator and tuned model order the gates' online mistakes alike", CONJECTURED,
        "ordering", RUNS, ORDERS, orders.judged(found), orders.controls(found), CONSTANTS,
    )  # fmt: skip


ALL = (
    alike("M5", "answers", "sft", "Answers"),
    alike("M6", "preferences", "dpo", "Preferences, DPO"),
    Claim("M7", "language model", "SSAPO ranks held-out pairs better than its eps = 0 and than DPO, by a point",
          f"{C25}, {READ}", "ordering", RUNS, RANKING, ssapo,
          (Control("both rivals 0.9 points behind", scoring(ssapo, "method", "ssapo", -0.009)),
           Control("both rivals 1.1 points behind", scoring(ssapo, "method", "ssapo", -0.011), outcome=PASS))),
    Claim("M8", "language model", "DPO on any gate's labels ranks at most two points better than on random's, equal "
          "budgets", f"{CONJECTURED}, after arXiv 2604.02766", "ordering", RUNS, RANKING, gates_gain,
          (Control("every gate 2.1 points ahead", scoring(gates_gain, "gate", "random", 0.021)),
           Control("every gate 1.9 points ahead", scoring(gates_gain, "gate", "random", 0.019), outcome=PASS)),
          CONSTANTS),
    Claim("M9", "language model", "Refits on determinant growth by 1 + C: at most 1 + D_B/log(1 + C) in every run",
          CLASSICAL, "upper", RUNS, ORDERS, refits,
          (Control("a refit more than allowed",
                   edited(refits, "lm_runs", refits=lambda t: np.floor(t["refit_bound"]) + 1.0)),)),
    Claim("M10", "language model", "The policy ranks a pair rightly iff its DPO loss is below "
          "-log sigma(beta log pi_ref(y_l)/pi_ref(y_w))", DERIVED, "certificate", RUNS, RANKING, identity,
          (shifted(identity, "lm_runs", "identity_wrong", 1, "a pair more on which they disagree"),)),
    Claim("M11", "language model", "The gate takes under 5 % of the wall time of every tuned run", CONJECTURED, "upper",
          ("lm_times",), ORDERS, overhead,
          (Control("a gate that takes 6 % of the time",
                   edited(overhead, "lm_times", seconds_gate=lambda t: 0.06 * t["seconds_total"])),)),
    Claim("M12", "language model", "Answers: tuning on labels bought at random raises the held-out accuracy of the "
          "model's own score by a point", CONJECTURED, "ordering", RUNS, ORDERS, learns,
          (Control("tuning gains 0.9 points", tuned_by(0.009)),
           Control("tuning gains 1.1 points", tuned_by(0.011), outcome=PASS))),
)  # fmt: skip
UNPLAYED = ("M6", "M7", "M8", "M10")  # preferences have no reference run yet; paper-repro llm judges them on one's own
CLAIMS = tuple(claim for claim in ALL if claim.id not in UNPLAYED)  # the ledger's
