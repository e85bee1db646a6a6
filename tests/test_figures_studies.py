"""The figures of the oracle studies, from small made-up tables."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from figures import determinism, digits_regret, information, tightness
from figures.gallery import save

ROOMS = (tightness, determinism, information, digits_regret)
GATES = ("llf_paced", "llf_split_random", "random", "prefix", "unlisted")


def bounds(largest: float = 0.9) -> pd.DataFrame:
    rows = []
    for claim, source in product(("B2", "B3b"), ("runs", "runs, bound not trivial")):
        rows += [
            dict(claim=claim, source=source, quantile=q, ratio=largest * q**3, n=40, unit="runs", useful=0.5)
            for q in (0.5, 0.95, 1.0)
        ]
    rows += [
        dict(claim="B3b", source=source, quantile=1.0, ratio=0.95, n=1, unit="runs", useful=1.0)
        for source in tightness.FOUND
    ]
    return pd.DataFrame(rows)


def made() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(3)
    game = [
        dict(
            seed=s, design=design, labels=16, patience=p, beta=b, pure=-0.2, split=b - 0.2, mixed=b - 0.2, price=b,
            blind=b, threshold=0.4,
        )
        for s, design, p, b in product((0, 1), ("isotropic", "power_law"), (1.0, 0.1), (0.1, 0.5, 1.0))
    ]  # fmt: skip
    runs = [dict(seed=0, replication=r, gate=g) for g, r in product(GATES, range(3))]
    play = [x | dict(beta=b, labels=100 * b, regret=9 / b + rng.random()) for x in runs for b in (0.1, 0.5)]
    shares = [
        x | dict(context=c, beta=b, labels=5, share=s, share_labels=s if x["gate"] != "prefix" else np.nan)
        for x, c, b, s in product(runs, ("isotropic", "shift", "new"), (0.05, 0.1), (0.4,))
    ]
    digits = [
        x | dict(
            B=B, T=100, labels=B, norm_bound=R, scorer=10, loss=0.5, gap=1e-9, regret_all=300 / B - 20, regret_bought=3
        )
        for x, B, R in product(runs, (10, 20), (10.0, 40.0))
    ]  # fmt: skip
    return dict(
        tightness=bounds(),
        determinism=pd.DataFrame(game),
        determinism_play=pd.DataFrame(play),
        information=pd.DataFrame(shares),
        digits_regret=pd.DataFrame(digits),
    )


@pytest.fixture(scope="module")
def data():
    return made()


@pytest.mark.parametrize("room", ROOMS, ids=lambda r: r.NAME)
def test_family_fits_its_page_and_saves_the_same_bytes_twice(room, data, tmp_path):
    figure = room.draw(data)
    first = [path.read_bytes() for path in save(figure, tmp_path, room.NAME)]
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)
    box = figure.get_tightbbox()
    assert min(box.x0, box.y0) >= -0.01
    assert np.all((box.x1, box.y1) <= figure.get_size_inches() + 0.01)
    assert [path.read_bytes() for path in save(room.draw(data), tmp_path, room.NAME)] == first


@pytest.mark.parametrize("room", ROOMS, ids=lambda r: r.NAME)
def test_a_missing_empty_or_narrow_table_is_named(room, data):
    for name in room.NEEDS:
        without = {k: v for k, v in data.items() if k != name}
        for broken in (without, without | {name: data[name].iloc[:0]}, without | {name: data[name][[]]}):
            with pytest.raises(ValueError, match=f"{room.NAME}.*'{name}'"):
                room.draw(broken)


def texts(figure) -> str:
    return " ".join(t.get_text() for ax in figure.axes for t in ax.texts)


def test_a_broken_bound_is_called_broken():
    assert "BROKEN" not in texts(tightness.draw(dict(tightness=bounds())))
    rounding = tightness.draw(dict(tightness=bounds(1.0 + 1e-12)))
    assert "BROKEN" not in texts(rounding)
    broken = tightness.draw(dict(tightness=bounds(3.0)))
    assert "BROKEN" in texts(broken)
    assert broken.axes[0].get_xlim()[1] > 3.0


def test_a_ratio_of_0_keeps_a_place_on_the_log_axis():
    rows = bounds().assign(ratio=0.0)
    assert tightness.draw(dict(tightness=rows)).axes[0].get_xlim()[0] > 0.0


def test_a_gate_that_beats_the_scorer_stays_on_the_axis(data):
    low = digits_regret.draw(data).axes[0].get_ylim()[0]
    assert low < data["digits_regret"]["regret_all"].min() < 0.0


def test_controls_are_drawn_as_lines(data):
    panel = information.draw(data).axes[0]
    upright = [line for line in panel.lines if list(line.get_ydata()) == [0, 1]]
    assert [line.get_linestyle() for line in upright] == ["--", ":"]
    assert all(line.get_xdata()[0] == pytest.approx(0.4) for line in upright)
