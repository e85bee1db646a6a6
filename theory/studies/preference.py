"""Studies of the preference game: tables made in cells, and their sizes in each tier.

preference_certificates  closed forms against programs and explicit adversaries (S1, S3, S8)
preference_line          SGPO against DPO on the margin line (S2a)
preference_contrast      regrets at targets of known distance (S2b)
preference_regret        sup-regret against mismatch in three regimes (S4, S5)
preference_limits        slopes, prices and suprema, instance by instance (S11 to S14)
preference_capped        DPO on separable pairs under caps on its norm
preference_worst         which pairs are moved and where to
preference_rounds        self-annotation round by round, all methods, with and without flips (S6, S7, S10)
preference_labels        labels bought through gates against self-annotation (S9)
"""

from typing import Any

from sim.tiers import Tier
from theory.studies import preference_certificates as certificates
from theory.studies import preference_limits as limits
from theory.studies import preference_line as line
from theory.studies import preference_regret as regret
from theory.studies import preference_rounds as rounds
from theory.studies import preference_worst as worst
from theory.studies.study import Study, batch

Cells = tuple[dict[str, Any], ...]
DELTAS = {
    "smoke": (0.025, 0.1, 0.2, 0.8),
    "standard": (0.003125, 0.00625, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8),
    "paper": (0.003125, 0.00625, 0.0125, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6),
}
INSTANCES = {"smoke": 4, "standard": 30, "paper": 300}  # of each check in each seed set
DATASETS = {  # in each seed set, at the first look
    "smoke": {"regular": 2, "noisy": 1, "near_separable": 2},
    "standard": {"regular": 4, "noisy": 2, "near_separable": 16},
    "paper": {"regular": 50, "noisy": 24, "near_separable": 50},
}
BLOCK = 5  # replications of the loop in a cell
FLIPS = (0.0, 0.25)
BLOCKS = {"smoke": 1, "standard": 4, "paper": 60}
BUYS = {  # replications in each seed set at the first look, budgets, budgets of the paced gate
    "smoke": (3, (200,), (400,)),
    "standard": (16, (200, 300), (400, 500)),
    "paper": (100, (200, 300, 400), (400, 500, 600)),
}
LINES = {"smoke": 2, "standard": 6, "paper": 20}


def certificate_cells(tier: Tier) -> Cells:
    """One cell a check and seed set."""
    n = INSTANCES[tier.name]
    return tuple(dict(seed=s, check=c, instances=n) for s in range(tier.sets) for c in certificates.CHECKS)


def regret_cells(tier: Tier, look: int = 0) -> Cells:
    """One cell a data set: all mismatches, since each search starts from the one before.

    Later looks add the regimes whose intervals are judged.
    """
    return tuple(
        dict(seed=s, regime=regime, dataset=i, deltas=list(DELTAS[tier.name]))
        for s in range(tier.sets)
        for regime, n in DATASETS[tier.name].items()
        if not look or regime != "noisy"
        for i in batch(n, look)
    )


def line_cells(tier: Tier) -> Cells:
    """One cell a data set."""
    return tuple(dict(seed=s, dataset=i) for s in range(tier.sets) for i in range(LINES[tier.name]))


def capped_cells(tier: Tier) -> Cells:
    """One cell a data set, mismatch 0.1."""
    return tuple(cell | dict(delta=0.1) for cell in line_cells(tier))


def worst_cells(tier: Tier) -> Cells:
    """One cell a seed set."""
    return tuple(dict(seed=s) for s in range(tier.sets))


def round_cells(tier: Tier, look: int = 0) -> Cells:
    """One cell a block of replications and share of flipped labels."""
    return tuple(
        dict(seed=s, first=BLOCK * i, last=BLOCK * (i + 1), flip=flip)
        for s in range(tier.sets)
        for flip in FLIPS
        for i in batch(BLOCKS[tier.name], look)
    )


def label_cells(tier: Tier, look: int = 0) -> Cells:
    """One cell a replication, all budgets."""
    n, budgets, paced = BUYS[tier.name]
    told = dict(budgets=list(budgets), paced=list(paced))
    return tuple(dict(seed=s, replication=r) | told for s in range(tier.sets) for r in batch(n, look))


STUDIES: tuple[Study, ...] = (
    Study("preference_certificates", certificate_cells, certificates.certificates, 0.8),
    Study("preference_line", line_cells, line.line, 0.1),
    Study("preference_contrast", line_cells, line.contrast, 0.15),
    Study("preference_regret", regret_cells, regret.regret, 1.5, regret_cells),
    Study("preference_limits", line_cells, limits.limits, 0.1),
    Study("preference_capped", capped_cells, line.capped, 0.2),
    Study("preference_worst", worst_cells, worst.worst, 0.05),
    Study("preference_rounds", round_cells, rounds.rounds, 1.0, round_cells),
    Study("preference_labels", label_cells, rounds.labels, 0.7, label_cells),
)
