"""Tables of the self-annotation loop: every method round by round (S6, S7), and bought labels (S9).

The loop is ``sim.preference.loop``: a linear model in which a label of one's own carries no new
information, so that differences between methods are expected to be small.  Nothing here speaks of
language models, where sampling and the reference change the model class.
"""

import numpy as np
import pandas as pd

from sim.preference import loop
from sim.preference.data import PreferenceSpec

METHODS = ("dpo", "self_L0", "L1", "L2", "L3", "feature", "spa", "rdpo", "dr_dpo")
GATES = ("random", "margin", "llf_paced", "llf_quantile", "llf_split")
SELF = "self-annotation"
SHORT = (200, 200, 200)  # pairs of each round where labels are bought: gates look at every pair


def rounds(seed: int, first: int, last: int, flip: float) -> pd.DataFrame:
    """Replications first to last - 1 of all methods on 50 seed labels, of which a share ``flip`` is flipped."""
    spec = PreferenceSpec(methods=METHODS, flip=flip, seed=seed)
    return pd.concat([loop.play(spec, r) for r in range(first, last)], ignore_index=True)


def labels(seed: int, replication: int, budgets: list[int]) -> pd.DataFrame:
    """Self-annotation that starts from 50 + b true labels, and DPO on labels bought by each gate.

    strategy is "self-annotation" or the gate; budget counts the seed labels too, ``labels`` are those
    really used; budget 50 is self-annotation from the seed labels alone.  Rows of the last round.  gain:
    accuracy minus self-annotation's at the same true labels, on its curve through its own budgets (linear
    in the logarithm of the labels).
    """
    common = dict(rounds=SHORT, seed=seed)
    alone = loop.play(PreferenceSpec(methods=("self_L0",), **common), replication)
    parts = [alone.assign(strategy=SELF, budget=alone["N"])]
    for b in budgets:
        own = loop.play(PreferenceSpec(methods=("self_L0",), gates=("prefix",), B=b, **common), replication)
        dpo = loop.play(PreferenceSpec(methods=("dpo",), gates=GATES, B=b, **common), replication)
        played = pd.concat([own, dpo])
        played = played[played["gate"] != "never"]
        parts.append(played.assign(strategy=played["gate"].replace({"prefix": SELF}), budget=played["N"] + b))
    table = pd.concat(parts, ignore_index=True)
    curve = table[(table["strategy"] == SELF) & (table["round"] == len(SHORT))].sort_values("labels")
    base = np.interp(np.log(table["labels"]), np.log(curve["labels"]), curve["accuracy"])
    return table[table["round"] == len(SHORT)].assign(gain=table["accuracy"] - base).reset_index(drop=True)
