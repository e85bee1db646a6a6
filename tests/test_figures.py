"""Every figure draws from small tables, labels its axes, fits its page and gives the same bytes twice."""

import figure_tables
import numpy as np
import pandas as pd
import pytest

from figures import digits_regret, exponents, gallery, information, preference_rounds, style, tables, tightness
from paper_repro import drawing


@pytest.fixture(scope="module")
def data() -> dict[str, pd.DataFrame]:
    return figure_tables.everything()


def check_page(figure) -> None:
    """Labels on all axes, nothing beyond the page."""
    assert figure.axes
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes)
    box = figure.get_tightbbox()
    assert min(box.x0, box.y0) >= -0.01
    assert np.all((box.x1, box.y1) <= figure.get_size_inches() + 0.01)


@pytest.mark.parametrize("name", gallery.FAMILIES)
def test_family_fits_its_page_gives_the_same_bytes_twice_and_leaves_the_tables_alone(name, data):
    family = gallery.FAMILIES[name]
    before = {table: data[table].copy(deep=True) for table in family.needs}
    figure = family.draw(data)
    first = gallery.encode(figure)
    check_page(figure)
    assert first["png"].startswith(b"\x89PNG")
    assert first["pdf"].startswith(b"%PDF")
    assert gallery.encode(family.draw(data)) == first
    for table, frame in before.items():
        pd.testing.assert_frame_equal(data[table], frame)


@pytest.mark.parametrize("name", gallery.FAMILIES)
def test_a_missing_empty_or_narrow_table_is_named(name, data):
    family = gallery.FAMILIES[name]
    for table in family.needs:
        without = {k: v for k, v in data.items() if k != table}
        for broken in (without, without | {table: data[table].iloc[:0]}, without | {table: data[table][[]]}):
            with pytest.raises(ValueError, match=f"{name}.*'{table}'"):
                family.draw(broken)


def test_families_are_numbered_and_described():
    assert [name.split("_")[0] for name in gallery.FAMILIES] == [f"f{i}" for i in range(1, 30)]
    assert all(f.name == name and f.title and f.caption and f.needs for name, f in gallery.FAMILIES.items())


@pytest.mark.parametrize("looks", [style.GATES, preference_rounds.METHODS], ids=["gates", "methods"])
def test_gates_and_methods_look_different(looks):
    assert len({look.marker for look in looks.values()}) == len({look.label for look in looks.values()}) == len(looks)


def test_one_figure_can_be_encoded_twice(data):
    figure = gallery.FAMILIES["f6_followers"].draw(data)
    assert gallery.encode(figure) == gallery.encode(figure)


def test_a_folder_holds_a_png_and_a_pdf_of_each_figure(data, tmp_path):
    names = ("f10_routing", "f2_exponents")
    paths = drawing.write(names, data, tmp_path / "new")
    assert paths == [tmp_path / "new" / f"{name}.{kind}" for name in names for kind in ("png", "pdf")]
    assert sorted(paths) == sorted((tmp_path / "new").iterdir())
    drawn = [gallery.encode(gallery.FAMILIES[name].draw(data)) for name in names]
    assert [path.read_bytes() for path in paths] == [data for files in drawn for data in files.values()]


def test_a_failed_save_leaves_nothing(data, tmp_path, monkeypatch):
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        drawing.write(["f2_exponents"], data, tmp_path)
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


@pytest.mark.parametrize("name", ["f12_preference_regret", "f15_preference_rounds", "f16_preference_labels"])
def test_one_run_draws_without_intervals(name, data):
    single = {table: data[table][data[table]["replication"] == 0] for table in gallery.FAMILIES[name].needs}
    drawn = gallery.FAMILIES[name].draw(single)
    legends = [ax.get_legend() for ax in drawn.axes]
    assert drawn.axes and not any("nan" in t.get_text() for box in legends if box for t in box.get_texts())


def texts(figure) -> str:
    return " ".join(t.get_text() for ax in figure.axes for t in ax.texts)


def test_a_broken_bound_is_called_broken():
    assert "BROKEN" not in texts(tightness.draw(dict(tightness=figure_tables.bounds())))
    rounding = tightness.draw(dict(tightness=figure_tables.bounds(1.0 + 1e-12)))
    assert "BROKEN" not in texts(rounding)
    broken = tightness.draw(dict(tightness=figure_tables.bounds(3.0)))
    assert "BROKEN" in texts(broken)
    assert broken.axes[0].get_xlim()[1] > 3.0


def test_a_ratio_of_0_keeps_a_place_on_the_log_axis():
    rows = figure_tables.bounds().assign(ratio=0.0)
    assert tightness.draw(dict(tightness=rows)).axes[0].get_xlim()[0] > 0.0


def test_a_gate_that_beats_the_scorer_stays_on_the_axis(data):
    low = digits_regret.draw(data).axes[0].get_ylim()[0]
    assert low < data["digits_regret"]["regret_all"].min() < 0.0


def test_controls_are_drawn_as_lines(data):
    panel = information.draw(data).axes[0]
    upright = [line for line in panel.lines if list(line.get_ydata()) == [0, 1]]
    assert [line.get_linestyle() for line in upright] == ["--", ":"]
    assert all(line.get_xdata()[0] == pytest.approx(0.4) for line in upright)
