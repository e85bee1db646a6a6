"""The self-annotation loop (SSAPO of [C25]) in a linear model, beside its rivals and beside bought labels.

    0. fit the seed labels (round 0);
    then in each round
    1. new pairs arrive; if there is a gate, it buys true labels of some of them, and the policy is
       fitted anew to all true labels so far;
    2. the policy labels the other pairs by its own implicit reward;
    3. the follower replies to their margins, at the same reference as the leader's;
    4. the leader fits them, held near the policy by the prox term.

Methods "dpo" and "ridge" skip 2 to 4: with the gate "never" DPO is the seed policy, with another gate
it is DPO on seed and bought labels.  Under the gate "prefix" the first B pairs are bought as they come, so
"self_L0" under "prefix" is self-annotation that starts from as many true labels as any gate buys;
``compare`` gives it those labels with the seed.

Deviations from [C25]: labels of one's own carry no new information in a linear model whose pairs do
not depend on the policy, so self-annotation is expected to change little; seed labels are not
replayed in the rounds.
"""

import numpy as np
import pandas as pd

from sim.preference import buying, data, steps
from sim.preference.data import BUYERS, PreferenceSpec

COLUMNS = {
    "method": "see sim.preference.steps",
    "gate": "who buys true labels; never: nobody",
    "round": "0 is the policy of the seed labels",
    "labels": "true labels used so far, seed labels included",
    "accuracy": "share of held-out pairs judged as a clean label would, in expectation over labels",
    "loss": "clean held-out log loss [nats]",
    "regret": "loss minus that of theta* [nats]",
    "norm": "||theta||_2",
    "moved": "mean share of the round's pairs that the follower moved",
    "flip": "share of the annotator's labels flipped",
    "eps": "radius",
    "snr": "||theta*||",
    "N": "seed labels",
    "B": "budget of true labels beyond the seed",
    "seed": "seed set",
    "replication": "replication within the seed set",
}


SELF = "self-annotation"


def play(spec: PreferenceSpec, replication: int, alone: bool = True) -> pd.DataFrame:
    """Play every method of the spec in one replication: tidy rows, one for each method, gate and round (COLUMNS).

    Every method is played without purchases (gate "never"; not where ``alone`` is False), those in BUYERS under
    every gate too.  Equal arguments give equal bytes.  Raises ValueError on a negative replication.
    """
    if replication < 0:
        raise ValueError(f"replication = {replication} is not allowed; give replication >= 0")
    rows = []
    for method in spec.methods:
        for gate in (*(("never",) if alone else ()), *(spec.gates if method in BUYERS else ())):
            rows += _run(spec, replication, method, gate)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def compare(spec: PreferenceSpec, budgets: tuple[int, ...], replication: int) -> pd.DataFrame:
    """Bought labels against self-annotation with as many true labels: rows strategy, budget, round, scores.

    budgets  numbers of true labels, seed included, all above spec.N
    Strategy "self-annotation" is method self_L0 with ``budget`` seed labels; every gate of spec.gates
    starts from the first spec.N of them and buys the rest (method "dpo").  The column ``labels`` counts
    those in hand: a gate may buy fewer.  Raises ValueError without gates, or on a budget up to N.
    """
    if not spec.gates or min(budgets, default=0) <= spec.N:
        raise ValueError(f"gates = {spec.gates}, budgets = {budgets}: give gates, and budgets above N = {spec.N}")
    frames = []
    for budget in budgets:
        told = spec.model_dump() | {"N": budget, "gates": (), "B": 0}
        rows = _run(PreferenceSpec(**told), replication, "self_L0", "never")
        frames.append(pd.DataFrame(rows).assign(strategy=SELF, budget=budget, N=spec.N))
        buyer = PreferenceSpec(**(spec.model_dump() | {"B": budget - spec.N}))
        for gate in spec.gates:
            rows = _run(buyer, replication, "dpo", gate)
            frames.append(pd.DataFrame(rows).assign(strategy=gate, budget=budget))
    table = pd.concat(frames, ignore_index=True)
    return table[["strategy", "budget", *(c for c in COLUMNS if c not in ("method", "gate", "B"))]]


def _run(spec: PreferenceSpec, replication: int, method: str, gate: str) -> list[dict]:
    """The rows of one method under one gate."""
    true = data.seed_pairs(spec, replication)
    theta, moved = steps.learn(method, spec, true), 0.0
    shop = None if gate == "never" else buying.open_shop(spec, gate, true)
    rows = [_row(spec, replication, method, gate, 0, len(true), theta, moved)]
    for r, n in enumerate(spec.rounds):
        pairs = data.sample(spec, replication, data.ROUND + r, n)
        rest = pairs.x
        if shop is not None:
            shop, bought = buying.visit(shop, theta, pairs)
            rest = pairs.x[~bought]
            if bought.any():
                true = np.vstack([true, data.labelled(spec, data.Pairs(*(column[bought] for column in pairs)))])
                theta = steps.learn(method, spec, true)
        if method not in steps.UNANNOTATED and len(rest) >= 2:
            theta, moved = steps.annotate(method, spec, rest, theta)
        rows.append(_row(spec, replication, method, gate, r + 1, len(true), theta, moved))
    return rows


def _row(spec, replication, method, gate, r, labels, theta, moved) -> dict:
    score = data.judge(spec, replication, theta)
    return {
        "method": method,
        "gate": gate,
        "round": r,
        "labels": labels,
        **score._asdict(),
        "norm": float(np.linalg.norm(theta)),
        "moved": moved,
        "flip": spec.flip,
        "eps": spec.eps,
        "snr": spec.snr,
        "N": spec.N,
        "B": spec.B,
        "seed": spec.seed,
        "replication": replication,
    }
