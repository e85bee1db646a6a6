"""Tables of the self-annotation loop: every method round by round (S6, S7), and bought labels (S9).

The loop is ``sim.preference.loop``: a linear model in which a label of one's own carries no new
information, so that differences between methods are expected to be small.  Nothing here speaks of
language models, where sampling and the reference change the model class.
"""

import pandas as pd

from sim.preference import loop
from sim.preference.data import PreferenceSpec

METHODS = ("dpo", "ridge", "self_L0", "L1", "L2", "L3", "feature", "spa", "rdpo", "dr_dpo")
GATES = ("random", "margin", "llf_paced", "llf_quantile")
SELF = "self-annotation"
SEED_LABELS = PreferenceSpec().N
SHORT = (200, 200, 200)  # pairs of each round where labels are bought: gates look at every pair
SNR = 4.0  # where labels are bought: at 1.5 a label at a near tie is a coin flip, whoever picks it


def rounds(seed: int, first: int, last: int, flip: float) -> pd.DataFrame:
    """Replications first to last - 1 of all methods on 50 seed labels, of which a share ``flip`` is flipped."""
    spec = PreferenceSpec(methods=METHODS, flip=flip, seed=seed)
    return pd.concat([loop.play(spec, r) for r in range(first, last)], ignore_index=True)


def labels(seed: int, replication: int, budgets: list[int]) -> pd.DataFrame:
    """DPO on 50 seed labels and up to b bought by each gate, and self-annotation from as many true labels.

    strategy is "self-annotation" or the gate; budget counts the seed labels too, ``labels`` are those really used;
    budget 50 is self-annotation from the seed labels alone.  Rows of the last round.  gain: accuracy minus that of
    self-annotation from exactly as many true labels, the first ones that come.
    """
    common = dict(rounds=SHORT, snr=SNR, seed=seed)
    played = [loop.play(PreferenceSpec(methods=("self_L0",), **common), replication).assign(strategy=SELF)]
    for b in budgets:
        table = loop.play(PreferenceSpec(methods=("dpo",), gates=GATES, B=b, **common), replication, False)
        played.append(table.assign(strategy=table["gate"]))
    bought = pd.concat(played, ignore_index=True)
    used = bought.loc[bought["round"] == len(SHORT), "labels"] - SEED_LABELS
    own = [
        loop.play(PreferenceSpec(methods=("self_L0",), gates=("prefix",), B=b, **common), replication, False)
        for b in sorted({*budgets, *used.tolist()} - {0})
    ]
    table = pd.concat([bought, *(t.assign(strategy=SELF) for t in own)], ignore_index=True)
    table = table[table["round"] == len(SHORT)].assign(budget=table["N"] + table["B"])
    base = table[table["strategy"] == SELF].set_index("labels")["accuracy"]
    table = table.assign(gain=table["accuracy"] - base.reindex(table["labels"]).to_numpy())
    shown = table["budget"].isin([SEED_LABELS, *(SEED_LABELS + b for b in budgets)])
    return table[shown].reset_index(drop=True)
