"""Value of commitment in one round against the evader: D1-D3, on certified programs (``studies.determinism``)."""

from functools import partial

from theory.ledger import CONJECTURED, DERIVED, Claim, Finding, Tables, compared, within
from theory.planted import shifted

TOLERANCE = 1e-6  # in units of the largest damage
GENEROUS, WORTHWHILE = 0.1, 0.05  # the follower's share of a label's worth; a price that one would notice


def split_is_optimal(tables: Tables, level: float) -> Finding:
    """D1: the best mixture is worth no more than the best split of threshold and coin."""
    rows = tables["determinism"]
    return within(compared(rows["form_gap"].abs(), TOLERANCE), "value of the best mixture minus the best split's")


def zero_sum(tables: Tables, level: float) -> Finding:
    """D2: where both sides weigh a label alike, a deterministic threshold is worth as much as any mixture."""
    rows = tables["determinism"]
    rows = rows[rows["patience"] == 1.0]
    return within(compared(rows["price"].abs(), TOLERANCE), "price of determinism at patience 1")


def worth_mixing(tables: Tables, level: float) -> Finding:
    """D3: where labels cost the follower a tenth of their worth, every deterministic gate falls short."""
    rows = tables["determinism"]
    rows = rows[(rows["patience"] == GENEROUS) & rows["beta"].between(0.1, 0.8)]
    return within(compared(-rows["price"], -WORTHWHILE), "minus the price of determinism [largest damage]")


_claim = partial(Claim, needs=("determinism",), figure="f19_determinism", kind="certificate")

CLAIMS = (
    _claim("D1", "commitment", "The best mixture of gates is a threshold and one coin below it, value to 1e-6", DERIVED,
           judge=split_is_optimal, controls=(shifted(split_is_optimal, "determinism", "form_gap", 1e-5),)),
    _claim("D2", "commitment", "Where both sides weigh a label alike, a deterministic threshold is optimal, to 1e-6",
           DERIVED, judge=zero_sum, controls=(shifted(zero_sum, "determinism", "price", 1e-5),)),
    _claim("D3", "commitment", "Where a label costs the follower a tenth, determinism costs 5 % of the largest damage",
           CONJECTURED, judge=worth_mixing, controls=(shifted(worth_mixing, "determinism", "price", -5.0),)),
)  # fmt: skip
