"""Figures of the preference game draw from small tables, fit their page and save the same bytes twice."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from figures import (
    gallery,
    preference_labels,
    preference_regret,
    preference_rounds,
    preference_solvers,
    preference_worst,
)

ROOMS = (preference_regret, preference_worst, preference_solvers, preference_rounds, preference_labels)
IDS = [room.NAME for room in ROOMS]


def regret_table(rng):
    rows = product(("regular", "near_separable"), ("dpo", "matched", "fixed"), (0.025, 0.1, 0.2, 0.8), range(3))
    table = pd.DataFrame(list(rows), columns=["regime", "policy", "delta", "replication"])
    bound = np.minimum(table["delta"], 0.69)
    return table.assign(
        seed=0, regret=table["delta"] * rng.uniform(0.5, 1.0, len(table)), r1_bound=bound, r1_measured=0.1
    )


def worst_table(rng):
    rows = product(("window", "flip", "reweight"), (0.1, 0.4), range(9), (0, 1))
    table = pd.DataFrame(list(rows), columns=["ball", "eps", "pair", "seed"])
    n = len(table)
    return table.assign(margin=rng.normal(size=n), moved=rng.random(n), landed=-1.0, weight=rng.exponential(size=n))


def bench_table(rng):
    rows = product(("program (9)", "reweighting"), (50, 100, 200), ("closed form", "cvxpy"))
    table = pd.DataFrame(list(rows), columns=["problem", "N", "solver"])
    slow = table["solver"] == "cvxpy"
    seconds = table["N"] * np.where(slow, 1e-3, 1e-6)
    return table.assign(seconds=seconds, ratio=np.where(slow, 1000.0, 1.0))


def rounds_table(rng):
    rows = product([*preference_rounds.METHODS, "something new"], (0.0, 0.25), range(4), range(3))
    table = pd.DataFrame(list(rows), columns=["method", "flip", "round", "replication"])
    return table.assign(seed=0, accuracy=0.8 + 0.01 * rng.normal(size=len(table)))


def labels_table(rng):
    rows = product((preference_labels.SELF, "random", "llf_split", "something new"), (50, 200), range(3))
    table = pd.DataFrame(list(rows), columns=["strategy", "budget", "replication"])
    gain = 0.01 * rng.normal(size=len(table))
    return table.assign(seed=0, labels=table["budget"], accuracy=0.8 + gain, gain=gain)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return dict(
        preference_regret=regret_table(rng), preference_worst=worst_table(rng), bench_preference=bench_table(rng),
        preference_rounds=rounds_table(rng), preference_labels=labels_table(rng),
    )  # fmt: skip


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
def test_family_fits_its_page_saves_the_same_bytes_twice_and_leaves_the_tables_alone(room, data, tmp_path):
    before = {table: data[table].copy(deep=True) for table in room.NEEDS}
    figure = room.draw(data)
    png, pdf = (path.read_bytes() for path in gallery.save(figure, tmp_path, room.NAME))
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)
    box = figure.get_tightbbox()
    assert min(box.x0, box.y0) >= -0.01
    assert np.all((box.x1, box.y1) <= figure.get_size_inches() + 0.01)
    assert png.startswith(b"\x89PNG")
    assert [path.read_bytes() for path in gallery.save(room.draw(data), tmp_path, room.NAME)] == [png, pdf]
    for table, frame in before.items():
        pd.testing.assert_frame_equal(data[table], frame)


@pytest.mark.parametrize("room", ROOMS, ids=IDS)
def test_a_missing_empty_or_narrow_table_is_named(room, data):
    for table in room.NEEDS:
        without = {k: v for k, v in data.items() if k != table}
        for broken in (without, without | {table: data[table].iloc[:0]}, without | {table: data[table][[]]}):
            with pytest.raises(ValueError, match=f"{room.NAME}.*'{table}'"):
                room.draw(broken)


def test_families_are_numbered_and_methods_look_different():
    assert [name.split("_")[0] for name in IDS] == [f"f{i}" for i in range(12, 17)]
    looks = preference_rounds.METHODS.values()
    assert len({look.marker for look in looks}) == len({look.label for look in looks}) == len(looks)


def test_one_run_draws_without_intervals(data):
    names = ("preference_regret", "preference_rounds", "preference_labels")
    single = {name: data[name][data[name]["replication"] == 0] for name in names}
    for room in (preference_regret, preference_rounds, preference_labels):
        assert room.draw(single).axes
