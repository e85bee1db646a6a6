"""Overlays: theorem bounds on the grid of a table, in numbers."""

import math

import pandas as pd
import pytest
from tables import rows, theorem1, theorem23

from theory import bounds, overlay


def test_theorem_1_is_drawn_once_for_each_d_and_t_of_the_ball():
    table = pd.concat([
        rows(4, d=[2, 1, 1, 1], t=[8, 8, 3, 3], regret=[1.0, 2.0, 3.0, 4.0]), rows(follower="iid", d=5, t=5),
    ])  # fmt: skip
    found = overlay.horizon(table)
    assert found[["d", "t"]].to_numpy().tolist() == [[1, 3], [1, 8], [2, 8]]
    info = 2 * math.log1p(8 / 2)
    assert found["theorem1"].tolist() == pytest.approx([theorem1(3), theorem1(8), math.sqrt(16 * info)])
    assert found["trivial"].tolist() == [3.0, 8.0, 8.0] and list(found.index) == [0, 1, 2]


def test_the_hard_instances_bounds_are_drawn_once_a_budget():
    grid = dict(T=100, t=100, sigma=1.0)
    table = pd.concat([rows(3, B=[60, 30, 30], beta=[0.6, 0.3, 0.3], **grid), rows(t=50, T=100, B=9)])
    found = overlay.hard(table)
    assert list(found.columns[: len(overlay.GRID)]) == overlay.GRID and len(found.columns) == len(overlay.GRID) + 5
    assert found["B"].tolist() == [30, 60] and list(found.index) == [0, 1]
    for i, B in enumerate((30, 60)):
        info, top = math.log1p(B), math.log1p(100)
        alpha, alpha_T = (float(bounds.radius_cap(x, 1.0, 1.0, 1.0, 0.05)) for x in (info, top))
        row = found.iloc[i]
        assert row["floor"] == pytest.approx(math.exp(-0.5) / 8.0 * 100 * math.sqrt(1 / B))
        assert row["theorem3"] == pytest.approx(alpha * theorem23(100, B))
        assert row["stated_c_beta"] == pytest.approx(row["theorem3"])
        assert row["stated_beta_free"] == pytest.approx(alpha_T * math.sqrt(2 * top * B))
        assert row["trivial"] == 100.0
