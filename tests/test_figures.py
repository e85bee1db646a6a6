"""Every family of figures draws from small tables, labels its axes, and saves the same bytes twice."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from figures import exponents, gallery, llm_orders, style, tables

GATES = ("random", "prefix", "llf_fixed", "llf_paced", "llf_split_prefix")
CONSTANT = dict(
    context="isotropic", follower="ball", leader="greedy", feedback="pair", gate="always", radius_mode="theory",
    radius_c=1.0, control="", T=64, d=4, B=64, beta=1.0, delta=0.05,
)  # fmt: skip


def sweep(*cells: dict, rounds: tuple[int, ...] = (64,), repeats: int = 3) -> pd.DataFrame:
    """A results table with made-up numbers that grow with the round."""
    rng = np.random.default_rng(7)
    rows = []
    for cell, replication, t in product(cells, range(repeats), rounds):
        row = CONSTANT | cell
        labels = min(t, row["B"]) // (1 + replication)
        ratio = (0.3 + 0.1 * rng.random()) / row["radius_c"]
        rows.append(
            row | dict(
                seed=0, replication=replication, t=t, regret=np.sqrt(t) * (1 + rng.random()), regret_queried=labels / 4,
                labels=labels, psi=np.log1p(t), gain=1 / t, threshold=0.1, latency=2 / np.sqrt(t), conf_ratio=ratio,
                conf_ratio_max=ratio, accuracy=0.5 + 0.4 * rng.random(),
            )
        )  # fmt: skip
    return pd.DataFrame(rows)


def grid(**axes: tuple) -> list[dict]:
    """All combinations of the values, as cells; a budget ratio follows from B."""
    cells = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [cell | dict(beta=cell.get("B", 64) / 64) for cell in cells]


def sweeps() -> dict[str, pd.DataFrame]:
    octaves = (1, 2, 4, 8, 16, 32, 64)
    buyers = grid(gate=GATES, B=(8, 32))
    every = [dict(gate="always")]
    return dict(
        horizon=sweep(*grid(d=(4, 8)), *grid(follower=("iid", "evader"), d=(8,)), rounds=octaves),
        coverage=sweep(*grid(follower=("iid", "ball"), gate=GATES), rounds=octaves),
        hard=sweep(*buyers),
        efficiency=sweep(*[c | dict(context=x) for c in buyers + every for x in ("isotropic", "shift")]),
        followers=sweep(*[c | dict(beta=b) for b in (0.05, 0.1) for c in grid(follower=("iid", "evader"), gate=GATES)]),
        trace=sweep(dict(gate="llf_fixed"), dict(gate="llf_paced"), rounds=tuple(range(1, 65)), repeats=1),
        digits=sweep(*buyers, *every),
        controls=sweep(*[c | dict(radius_mode="scaled", radius_c=0.05) for c in grid(follower=("ball", "iid"))]),
    )


def theory_tables() -> dict[str, pd.DataFrame]:
    t = np.array([1, 8, 64])
    horizon = [pd.DataFrame(dict(d=d, t=t, theorem1=9 * np.sqrt(d * t), trivial=1.0 * t)) for d in (4, 8)]
    bounds = dict(floor=1.0, theorem3=90.0, stated_c_beta=99.0, stated_beta_free=70.0, trivial=64.0)
    fits = [
        ("T", "ball, d=4", 0.5, 0.45, 0.55, 0.5, 0.4, 0.6, "inside", "B4"),
        ("d", "ball, T=64", 0.5, 0.4, 0.6, 1.0, np.nan, 1.0, "at most", "B5"),
        ("beta", "llf_paced", -0.3, -0.35, -0.25, -0.5, -0.6, -0.4, "inside", "B11"),
    ]
    routes = [("linear", 0.5, 1.1, 8 / 7), ("polynomial", 0.5, 1.5, 2.0), ("linear", 1.0, 1.0, 1.0)]
    claims = [("B1", np.nan, "PASS", "PASS"), ("B9b", 3.0, "REFUTED", "REFUTED"), ("B14", 0.0, "PASS", "FAIL")]
    return dict(
        routing=pd.DataFrame([*routes, ("polynomial", 1.0, 1.0, 1.0)], columns=["kind", "beta", "ratio", "bound"]),
        constants=pd.DataFrame(
            dict(beta=[0.1, 0.3, 1.0], C=0.2, c_measured=[9.0, 3.0, 0.0], c_beta=[90.0, 30, 0], c_floor=[1.0, 0, 0])
        ),
        overlay_horizon=pd.concat(horizon),
        overlay_hard=pd.DataFrame([dict(T=64, d=4, B=b, beta=b / 64) | bounds for b in (8, 32)]),
        exponents=pd.DataFrame(fits, columns=list(exponents.NEEDS["exponents"])),
        verdicts=pd.DataFrame(
            [dict(id=i, statement="R < $5", tightness=x, verdict=v, expected=e) for i, x, v, e in claims]
        ),
    )


def llm_tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    cells = grid(data=("a", "b"), mode=("frozen", "finetune"), stream=("iid", "drift"), gate=("random", "width", "all"))
    runs = [
        c | dict(B=b, T=64, seed=0, replication=r, labels=b, head_accuracy_logistic=rng.random(), mistakes=64 - b)
        for c, b, r in product(cells, (8, 32), range(3))
    ]
    parts = {f"seconds_{part}": 1.0 for part in (*llm_orders.PARTS, "total")}
    times = [dict(mode="finetune", gate=gate) | parts for gate in ("random", "width")]
    return dict(llm_runs=pd.DataFrame(runs), llm_times=pd.DataFrame(times))


@pytest.fixture(scope="module")
def data() -> dict[str, pd.DataFrame]:
    return sweeps() | theory_tables() | llm_tables()


# The families of the studies are tested beside their tables.
OWN = [n for n in gallery.FAMILIES if int(n[1:].split("_")[0]) <= 11 or n.split("_")[1] == "llm"]


def check_page(figure) -> None:
    """Labels on all axes, nothing beyond the page."""
    assert figure.axes
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)
    box = figure.get_tightbbox()
    assert min(box.x0, box.y0) >= -0.01
    assert np.all((box.x1, box.y1) <= figure.get_size_inches() + 0.01)


@pytest.mark.parametrize("name", OWN)
def test_family_fits_its_page_saves_the_same_bytes_twice_and_leaves_the_tables_alone(name, data, tmp_path):
    family = gallery.FAMILIES[name]
    before = {table: data[table].copy(deep=True) for table in family.needs}
    figure = family.draw(data)
    png, pdf = (path.read_bytes() for path in gallery.save(figure, tmp_path, name))
    check_page(figure)
    assert png.startswith(b"\x89PNG")
    assert pdf.startswith(b"%PDF")
    assert [path.read_bytes() for path in gallery.save(family.draw(data), tmp_path, name)] == [png, pdf]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{name}.pdf", f"{name}.png"]
    for table, frame in before.items():
        pd.testing.assert_frame_equal(data[table], frame)


@pytest.mark.parametrize("name", OWN)
def test_a_missing_empty_or_narrow_table_is_named(name, data):
    family = gallery.FAMILIES[name]
    for table in family.needs:
        without = {k: v for k, v in data.items() if k != table}
        for broken in (without, without | {table: data[table].iloc[:0]}, without | {table: data[table][[]]}):
            with pytest.raises(ValueError, match=f"{name}.*'{table}'"):
                family.draw(broken)


def test_families_are_described_and_gates_look_different():
    assert [name.split("_")[0] for name in gallery.FAMILIES] == [f"f{i}" for i in range(1, 25)]
    assert all(f.name == name and f.title and f.caption and f.needs for name, f in gallery.FAMILIES.items())
    looks = style.GATES.values()
    assert len({look.marker for look in looks}) == len({look.label for look in looks}) == len(looks)


def test_one_figure_can_be_saved_twice(data, tmp_path):
    figure = gallery.FAMILIES["f6_followers"].draw(data)
    first, again = ([path.read_bytes() for path in gallery.save(figure, tmp_path / "new", "x")] for _ in range(2))
    assert first == again


def test_a_failed_save_leaves_nothing(data, tmp_path, monkeypatch):
    figure = gallery.FAMILIES["f2_exponents"].draw(data)
    monkeypatch.setattr(figure, "savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        gallery.save(figure, tmp_path, "x")
    assert not list(tmp_path.iterdir())


def test_mean_interval_is_the_t_interval():
    runs = pd.DataFrame(dict(gate=["a"] * 4 + ["b"], seed=0, replication=[0, 1, 2, 3, 0], regret=[1.0, 2, 3, 4, 9]))
    a, b = tables.summary(runs, ["gate"], "regret").itertuples()
    assert a.n == 4
    assert a.mean == 2.5
    assert a.high - a.mean == pytest.approx(3.182446 * np.sqrt(5 / 3) / 2, rel=1e-6)
    assert b.n == 1
    assert b.mean == 9
    assert np.isnan(b.low)
    assert np.isnan(b.high)


def test_exact_share_interval():
    low, high = tables.exact_share(np.array([0, 10, 20]), np.array([20, 20, 20]))
    assert low[0] == 0
    assert high[2] == 1
    assert high[0] == pytest.approx(1 - 0.025 ** (1 / 20))
    assert low[2] == pytest.approx(0.025 ** (1 / 20))
    assert low[1] == pytest.approx(0.27196, abs=1e-4)
    assert high[1] == pytest.approx(0.72804, abs=1e-4)


@pytest.mark.parametrize(
    ("low", "high", "relation", "answer"),
    [
        (0.45, 0.55, "inside", "inside"),
        (0.35, 0.45, "inside", "straddles"),
        (0.10, 0.30, "inside", "outside"),
        (0.10, 0.30, "at most", "inside"),
        (0.55, 0.65, "at most", "straddles"),
        (0.65, 0.75, "at most", "outside"),
    ],
)
def test_state_of_an_exponent(low, high, relation, answer):
    row = dict(low=low, high=high, claimed_low=0.4, claimed_high=0.6, relation=relation)
    assert exponents.state(pd.Series(row)) == answer
