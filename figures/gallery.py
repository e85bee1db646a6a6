"""The families of figures by name, and saving a figure so that equal figures give equal bytes."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from matplotlib.figure import Figure

from figures import (
    constants,
    coverage,
    determinism,
    digits,
    digits_regret,
    efficiency,
    exponents,
    followers,
    information,
    ledger,
    llm_accuracy,
    llm_mistakes,
    llm_orders,
    nonmyopic,
    preference_labels,
    preference_regret,
    preference_rounds,
    preference_solvers,
    preference_worst,
    regret_budget,
    regret_horizon,
    routing,
    style,
    tightness,
    trace,
)
from figures.tables import Tables


class Family(NamedTuple):
    """One family: its name, what it shows, the tables it needs and how it is drawn from them."""

    name: str
    title: str
    caption: str
    needs: tuple[str, ...]
    draw: Callable[[Tables], Figure]


_TEXTS = (
    (
        regret_horizon,
        "Regret against the rounds played, every label bought",
        "Mean regret over all rounds with 95 % t-intervals (shaded). Left: the ball follower, one line for each "
        "dimension d, with theorem 1's bound (dashed), the trivial bound and a guide of slope 1/2; the legend gives "
        "the fitted exponents. Right: every follower at one dimension.",
    ),
    (
        exponents,
        "Measured exponents against the claimed ones",
        "Slopes of log-log fits of the regret with their intervals, beside the claimed value (black bar) and band.",
    ),
    (
        regret_budget,
        "Regret against the budget on the hard instance",
        "Left: mean regret of each gate between the floor of theorem 4 and the ceilings: theorem 3, the stated form "
        "with the constant c(β) and with a β-free constant. Right: the same regret over the floor; markers are moved "
        "a little sideways so that intervals stay apart.",
    ),
    (
        efficiency,
        "Label efficiency",
        "Mean regret against the labels really bought, one line a gate through its budgets, a panel for each context. "
        "The star and the dotted line mark the regret with every label bought.",
    ),
    (
        trace,
        "Two gates round by round",
        "One run of the fixed and the paced gate: the gain of each round and the threshold it is compared with, labels "
        "bought (so far, in blocks of rounds, and the budget), information bought, and latency.",
    ),
    (
        followers,
        "Every gate against every follower",
        "Left: mean regret over that of the follower's best gate. Right: labels bought under the evader, with the "
        "budget dashed.",
    ),
    (
        coverage,
        "Coverage of the confidence ellipsoid",
        "Left: distance of the estimate from the truth in units of the radius, quantiles over the runs of all gates, "
        "by follower. Right: share of runs that never left the ellipsoid up to round t, with exact binomial intervals: "
        "the cell that covers least under the radius of theory, and the control whose radius is far too small.",
    ),
    (
        digits,
        "Handwritten digits",
        "Held-out accuracy, mistakes over all rounds and mistakes over bought rounds against the labels really bought, "
        "over permuted orders. Dotted: every label bought.",
    ),
    (
        ledger,
        "The ledger",
        "Measured value over bound of each claim (the line marks 1), with its verdict. Claims without a finite ratio "
        "are marked at the left.",
    ),
    (
        routing,
        "Where largest-latency-first comes from",
        "Parallel links, a leader who routes a share β of the flow, largest latency first: total latency over the "
        "optimum, over random and tight instances, with the two guarantees. The tight examples lie on them.",
    ),
    (
        constants,
        "The constant that the stated form needs",
        "With C fitted where every label is bought, the smallest c for each budget ratio on the hard instance, beside "
        "the derived c(β) and the smallest c that theorem 4 allows any algorithm. All grow like 1/β: none is β-free.",
    ),
    (
        preference_regret,
        "Preference game: sup-regret against mismatch",
        "Largest regret found by search (a lower bound of the supremum), geometric mean over data sets with 95 % "
        "intervals, log-log slopes in the legend. Dotted: theorem R1 for ε = δ, averaged over data sets; the dashed "
        "policy has another ε.",
    ),
    (
        preference_worst,
        "Preference game: which pairs the followers move",
        "Left: mean landing place under the window follower. Middle: shares moved (least confident first) and flipped "
        "(most confident first). Right: weights under the reweighting follower.",
    ),
    (
        preference_solvers,
        "Preference game: solver times",
        "Reference measurement (benchmarks/preference.py): median seconds against the number of pairs, and the slowest "
        "solver's time over the own method's.",
    ),
    (
        preference_rounds,
        "Preference game: self-annotation round by round",
        "Accuracy on clean pairs with 95 % intervals; below, the paired difference from seed DPO after the last round. "
        "The feature ball's gain is there before the first round.",
    ),
    (
        preference_labels,
        "Preference game: buying against self-annotating",
        "Accuracy against true labels really used, and the paired gain over self-annotation at equal true labels, 95 % "
        "intervals.",
    ),
    (
        nonmyopic,
        "A follower that plans",
        "Every label bought: mean regret against the dimension for the myopic ball follower and for the planner whose "
        "parameters a search found (on other seeds), with fitted exponents, and the ceiling sqrt((T + 2D)(λS² + σ²D)) "
        "that holds for every follower; right: the share of it that is reached.",
    ),
    (
        tightness,
        "How tight the bounds are",
        "Measured over bound of every deterministic claim, on the event E. Lines: median, 95 % and largest over runs "
        "(each run's largest ratio; for B3a, rounds with a wrong pick), with every bound (grey) and with those below "
        "the trivial one (blue). Crosses, diamonds, pluses: the worst instances found by search, replayed; for L1 and "
        "L2, Pigou's links; for S4a and S4b every sample is a search. Right of the line a bound is broken.",
    ),
    (
        determinism,
        "The price of determinism",
        "One round against the exact evader: best deterministic gate, any mixture (lines), and a threshold with blind "
        "buying below it (dots), which is always optimal. Median and range over designs. Patience: what a label costs "
        "the follower over what it is worth to the leader; a label at the widest vector is worth four rounds of the "
        "largest damage. Bottom right: simulated regret under the evader; random and prefix have their split gate's "
        "labels.",
    ),
    (
        information,
        "Share of the optimal information",
        "Information bought over that of the best B labels in hindsight (D-optimal, certified) on the vectors that the "
        "run itself met; ticks: over the best labels as many as it bought. Dashed: random; dotted: prefix.",
    ),
    (
        digits_regret,
        "Regret on digits against a certified scorer",
        "Online mistakes minus those of the best fixed linear scorer on the same rounds, on both clocks, for two norm "
        "bounds. The certificate covers the scorer's mean logistic loss (value and gap in the titles), not its "
        "mistakes; 0 is the scorer, and a gate may go below it.",
    ),
    (
        llm_accuracy,
        "Real text: accuracy against labels bought",
        "Reference measurement (python -m llm, frozen model): held-out accuracy of a logistic head on the labels that "
        "each gate bought, iid streams, a panel a data set. Cells with fewer than 150 labels are left out: LLF paced "
        "hardly opens at these budgets in 384 dimensions.",
    ),
    (
        llm_mistakes,
        "Real text: online mistakes",
        "Reference measurement (python -m llm, frozen model): mistakes over all rounds of the online ridge scorer, a "
        "row a stream and a column a data set. Cells with fewer than 150 labels are left out.",
    ),
    (
        llm_orders,
        "Real text: the simulator's order and the fine-tuned model's",
        "Reference measurement (python -m llm): mistakes on the same stream when features are recorded (simulator) and "
        "when the model is fine-tuned on the bought labels; right, the wall time of a fine-tuning run.",
    ),
)
FAMILIES: dict[str, Family] = {
    room.NAME: Family(room.NAME, title, caption, tuple(room.NEEDS), room.draw) for room, title, caption in _TEXTS
}


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write name.png and name.pdf; a reader never sees a part of a file.

    The layout is settled once, before the first file, and no date or version enters the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    formats = (("png", {"Software": None}), ("pdf", {"CreationDate": None, "Producer": None, "Creator": None}))
    return [_write(figure, folder / f"{name}.{kind}", kind, metadata) for kind, metadata in formats]


def _write(figure: Figure, path: Path, kind: str, metadata: dict) -> Path:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            figure.savefig(out, format=kind, dpi=style.DPI, metadata=metadata)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path
