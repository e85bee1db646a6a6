"""Roughgarden's guarantees on parallel links: L1 for any latencies, L2 for linear ones."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from theory.ledger import CLASSICAL, Claim, Control, Finding, Tables, compared, within
from theory.planted import edited
from theory.routing import general_bound, linear_bound


def guarantee(rows: pd.DataFrame, bound: Callable[[ArrayLike], np.ndarray], what: str) -> Finding:
    """llf/OPT is at most ``bound(beta)``, recomputed from beta, on every instance given."""
    inner = rows[rows["beta"] < 1.0]
    closest = (inner["ratio"] / bound(inner["beta"])).groupby(inner["beta"]).max()
    near = ", ".join(f"{share:.5f} at {beta:.3g}" for beta, share in closest.items())
    compare = compared(rows["ratio"], bound(rows["beta"]))
    return within(compare, f"{what}; largest ratio/bound at each beta < 1: {near}")


def any_latencies(tables: Tables, level: float) -> Finding:
    """L1: ratio <= 1/beta on every instance of tables["routing"]."""
    return guarantee(tables["routing"], general_bound, "any latencies")


def linear_latencies(tables: Tables, level: float) -> Finding:
    """L2: ratio <= 4/(3 + beta) on the linear instances of tables["routing"]."""
    return guarantee(tables["routing"].query("kind == 'linear'"), linear_bound, "linear latencies")


def worse(judge: Callable[[Tables, float], Finding]) -> tuple[Control]:
    """The planted fault: every ratio 1 % larger, where the worst one lies on the bound."""
    return (Control("ratio 1 % larger", edited(judge, "routing", ratio=lambda t: 1.01 * t["ratio"])),)


CLAIMS = (
    Claim("L1", "routing", "LLF routing of a fraction beta: total latency <= OPT/beta for any latencies", CLASSICAL,
          "upper", ("routing",), "f10_routing", any_latencies, worse(any_latencies)),
    Claim("L2", "routing", "LLF routing, linear latencies: total latency <= 4/(3 + beta) OPT", CLASSICAL, "upper",
          ("routing",), "f10_routing", linear_latencies, worse(linear_latencies)),
)  # fmt: skip
