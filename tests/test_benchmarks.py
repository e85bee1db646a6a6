"""The benchmarks run, write their tables and judge their own goals; nothing here depends on how fast."""

import csv
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "benchmarks"
ALSO = ["date", "processor", "python", "threads", "commit", "versions"]
LIBRARIES = ("jax", "torch", "obp", "mabwiser", "contextualbandits", "coba", "river")


def run(name, *words, out):
    """The benchmark's standard output, in a fresh process that warns where it likes."""
    command = [sys.executable, str(FOLDER / f"{name}.py"), "--quick", "--out", str(out), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def read(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def load(name):
    """A module of benchmarks/, by its own name: what Numba keeps on disk must be loadable by the scripts."""
    sys.path.insert(0, str(FOLDER))
    try:
        return import_module(name)
    finally:
        sys.path.remove(str(FOLDER))


@pytest.fixture(scope="module")
def linucb(compiled, tmp_path_factory):
    out = tmp_path_factory.mktemp("linucb")
    printed = run("linucb", out=out)
    return out, printed


def test_linucb_writes_its_table_with_the_circumstances(linucb):
    out, _ = linucb
    rows = read(out / "linucb.csv")
    assert list(rows[0]) == ["name", "K", "d", "us_per_round", "min", "max", "ratio", "version", "note", *ALSO]
    assert {(r["K"], r["d"]) for r in rows} == {("5", "5"), ("10", "20"), ("16", "64")}
    assert all(float(r["us_per_round"]) > 0 for r in rows if not r["note"].startswith("skipped"))
    assert "numpy 2" in rows[0]["versions"] and rows[0]["threads"] == "1"
    assert (out / "linucb.svg").stat().st_size > 1000
    assert (out / "linucb.inc").read_text().startswith("| ")


def test_rivals_that_are_not_installed_are_named_as_skipped(linucb):
    out, _ = linucb
    skipped = {r["name"] for r in read(out / "linucb.csv") if r["note"] == "skipped: not installed"}
    assert skipped == {name for name in LIBRARIES if find_spec(name) is None}


def test_linucb_judges_its_goals_and_says_a_miss(linucb):
    out, printed = linucb
    goals = read(out / "linucb_targets.csv")
    assert list(goals[0]) == ["target", "measured", "verdict", *ALSO]
    assert {g["verdict"] for g in goals} <= {"met", "MISSED", "not measured"}
    assert all(g["target"] in printed for g in goals)
    unmeasured = {g["target"] for g in goals if g["verdict"] == "not measured"}
    assert find_spec("jax") is None or not any("JAX" in text for text in unmeasured)


def rows_of(linucb, **changed):
    """Times that meet every goal, but for those ``changed``: name -> microseconds at every size."""
    us = {
        "engine's rules, features given": (0.09, 0.5, 3.9),
        "engine's rules, features drawn": (0.1, 0.6, 4.2),
        "engine's update alone": (0.01, 0.1, 1.0),
        "whole game, 1 label in 10": (0.15, 0.9, 5.0),
        "whole game, every label": (0.15, 0.9, 5.0),
        "NumPy loop": (12.0, 14.0, 20.0),
        "JAX scan, float64": (0.5, 2.0, 9.0),
        "JAX scan + vmap of 64, float64": (0.1, 0.6, 4.0),
        "dgemm": (40_000.0,) * 3,
    } | changed
    return [
        {"name": name, "K": K, "d": d, "us_per_round": str(time)}
        for name, times in us.items()
        for (K, d), time in zip(linucb.SIZES, times, strict=True)
    ]


def test_every_goal_can_be_met_and_can_be_missed(compiled):
    module = load("linucb")
    goals = module.targets(rows_of(module), 1000, ([2.0], [1.05]))
    assert all(goal.met for goal in goals), [g for g in goals if not g.met]
    slow = {
        "engine's rules, features given": (1.0, 1.0, 100.0),
        "engine's rules, features drawn": (1.0, 2.0, 1.0),
        "engine's update alone": (1.0, 1.0, 100.0),
        "whole game, 1 label in 10": (9.0, 9.0, 900.0),
        "whole game, every label": (9.0, 9.0, 900.0),
    }
    missed = module.targets(rows_of(module, **slow), 1000, ([2.0], [1.2]))
    jax_20 = "(10,20) no slower than JAX scan, the faster precision"
    assert [g.target for g in missed if g.met] == [jax_20]
    assert all(g.met is None for g in module.targets(rows_of(module), 1000, None)[-1:])


def test_the_times_allowed_follow_the_core(compiled):
    module = load("linucb")
    half = rows_of(module, dgemm=(80_000.0,) * 3)
    first = module.targets(half, 1000, None)[0]
    assert first.measured == "0.09 us; 0.2 allowed at 25 GFLOP/s"


def test_the_arrays_play_the_games_that_the_rules_play(compiled):
    """Same theta from the engine's rules and from every array rival, on the same features and rewards."""
    np = pytest.importorskip("numpy")
    ours, rivals = load("ours"), load("rivals")
    a = ours.instance(5, 6, 300)
    ours.same_game(a)
    theta = ours.given(a.g, a.X, a.Y, np.zeros(300, dtype=np.int64))
    np.testing.assert_allclose(rivals.numpy_loop(a.X, a.Y), theta, rtol=1e-9)
    np.testing.assert_allclose(rivals.numpy_batch(a.X[:, None], a.Y[:, None])[0], theta, rtol=1e-9)
    if find_spec("torch"):
        import torch

        X, Y = torch.as_tensor(a.X[:, None]), torch.as_tensor(a.Y[:, None])
        np.testing.assert_allclose(rivals.torch_batch(X, Y)[0].numpy(), theta, rtol=1e-9)


@pytest.mark.slow
def test_scaling_writes_exponents(compiled, tmp_path):
    run("scaling", out=tmp_path)
    rows = read(tmp_path / "scaling.csv")
    columns = ["variable", "value", "cpu_seconds", "peak_growth_mb", "T", "d", "N", "replications"]
    assert list(rows[0]) == columns + ALSO
    assert {r["variable"] for r in rows} == {"T", "d", "N", "replications"}
    assert len(read(tmp_path / "scaling_targets.csv")) == 5
    run("scaling", "--long", out=tmp_path)
    assert float(read(tmp_path / "scaling_long.csv")[0]["minutes_for_1e9_rounds"]) > 0


def test_the_exponent_of_a_power_law_is_found(compiled):
    slope, low, high = load("scaling").exponent([1.0, 2.0, 4.0, 8.0], [3.0, 12.1, 48.0, 191.0])
    assert low < slope < high
    assert slope == pytest.approx(2.0, abs=0.01)


@pytest.mark.slow
def test_cold_start_sees_edits_of_the_rules(compiled, tmp_path):
    run("cold_start", out=tmp_path)
    assert list(read(tmp_path / "cold_start.csv")[0])[:5] == ["what", "seconds", "min", "max", "heavy_modules"]
    goals = {g["target"]: g["verdict"] for g in read(tmp_path / "cold_start_targets.csv")}
    assert goals["an edit of gates.py names another cache folder"] == "met"
    assert goals["an edit of any compiled file changes the digest"] == "met"


@pytest.mark.slow
def test_profile_of_a_tier_adds_up(compiled, tmp_path):
    printed = run("profile_tier", out=tmp_path)
    rows = read(tmp_path / "profile.csv")
    assert list(rows[0]) == ["stage", "part", "core_seconds", "share", *ALSO]
    assert {"simulate", "verify", "figures", "report"} <= {r["stage"] for r in rows}
    assert sum(float(r["share"].rstrip("%")) for r in rows) == pytest.approx(100.0, abs=0.5)
    assert "the three largest costs" in printed
