"""theory.judges.routing on a table by hand: where the ratios come closest to their bounds, and what decides."""

import pandas as pd
import pytest

from theory.judges import routing
from theory.ledger import FAIL, PASS


def rows(*values):
    return {"routing": pd.DataFrame(values, columns=["kind", "beta", "ratio"])}


def test_the_closest_ratio_at_each_share_below_1_is_told():
    """Ratio / bound: 1.5 of 2, 1 of 2 and 2 of 4 for any latencies; at share 1 every ratio is 1 and tells nothing."""
    table = rows(("linear", 0.5, 1.5), ("linear", 0.5, 1.0), ("polynomial", 0.25, 2.0), ("linear", 1.0, 1.0))
    found = routing.any_latencies(table, 0.01)
    assert found.outcome == PASS
    assert found.detail.endswith("any latencies; largest ratio/bound at each beta < 1: 0.50000 at 0.25, 0.75000 at 0.5")
    assert (found.measured, found.bound) == (1.0, 1.0)  # share 1 is judged all the same


@pytest.mark.parametrize(("ratio", "outcome"), [(4 / 3.5, PASS), (4 / 3.5 + 1e-6, FAIL)])
def test_only_linear_instances_are_held_to_the_linear_bound(ratio, outcome):
    table = rows(("linear", 0.5, ratio), ("polynomial", 0.5, 2.0))
    found = routing.linear_latencies(table, 0.01)
    assert found.outcome == outcome and found.measured == ratio
    assert routing.any_latencies(table, 0.01).outcome == PASS
