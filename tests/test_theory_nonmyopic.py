"""theory.studies.nonmyopic: the energy identity, the ceiling, the study, its judges and its figure."""

import math

import numpy as np
import pandas as pd
import pytest
import strategies as own
from hypothesis import given
from hypothesis import strategies as st
from tables import rows

from figures import nonmyopic as figure
from paper_repro.falsify import play
from sim.spec import FollowerSpec, RunSpec
from sim.sweeps import PLANNERS
from sim.tiers import TIERS
from theory import bounds
from theory.judges import rate
from theory.ledger import FAIL, INCONCLUSIVE, PASS, all_of
from theory.studies import nonmyopic


@given(st.integers(1, 6), st.integers(1, 25), own.rngs, st.sampled_from([0.3, 1.0, 4.0]))
def test_property_the_energy_identity(d, T, rng, lam):
    """Phi_T - Phi_0 = sum of steps along any adaptive path, by dense algebra."""
    truth, V, b = rng.normal(size=d), lam * np.eye(d), np.zeros(d)
    energy = start = lam * truth @ truth
    for _ in range(T):
        theta = np.linalg.solve(V, b)
        z = rng.normal(size=d) + rng.integers(0, 3) * (truth - theta)  # follows the leader's error
        eta, r, w2 = rng.normal(), (theta - truth) @ z, z @ np.linalg.solve(V, z)
        energy += nonmyopic.energy_step(r, w2, eta)
        V, b = V + np.outer(z, z), b + z * (truth @ z + eta)
    error = np.linalg.solve(V, b) - truth
    assert energy == pytest.approx(error @ V @ error, abs=1e-8 * (1 + start + T))


@given(st.integers(1, 64), st.integers(1, 10**6), own.floats(1.0, 20.0), own.floats(0.0, 3.0), own.floats(0.1, 2.0))
def test_property_the_ceiling_is_below_theorem_1(d, T, lam, sigma, S):
    """Every label: it is never above sqrt(1 + 2 D_T/T) times theorem 1's bound, and far below at large d."""
    info = bounds.information_cap(T, d, lam, 1.0)
    first = bounds.theorem1(bounds.radius_cap(info, sigma, lam, S, 0.05), T, info)
    if info >= 1.0:
        assert nonmyopic.ceiling(T, d, lam, sigma, S) <= first * math.sqrt(1.0 + 2.0 * float(info) / T)


def test_the_ceiling_in_numbers():
    info = 8 * math.log1p(8192 / 8)
    assert nonmyopic.ceiling(8192, 8) == pytest.approx(math.sqrt((8192 + 2 * info) * (1 + info)))
    assert nonmyopic.ceiling(8192, 8, sigma=0.0, S=2.0) == pytest.approx(2.0 * math.sqrt(8192 + 2 * info))
    with pytest.raises(ValueError, match="lemma 0's sum of squares needs lam >= L"):
        nonmyopic.ceiling(100, 2, lam=0.5)


def test_parameters_that_were_found_are_legal_and_played_on_other_seeds():
    for d, shape in PLANNERS.items():
        follower = nonmyopic.follower_of("patient", d)
        assert follower.kind == "patient" and follower.price == shape["price"] and follower.period == shape["period"]
    for name, tier in TIERS.items():
        assert all(cell["seed"] < nonmyopic.SEARCH_SEED for cell in nonmyopic.cells(tier))
        assert set(nonmyopic.DIMS[name]) <= set(PLANNERS)
    with pytest.raises(ValueError, match="give 'ball', or 'patient' at d in"):
        nonmyopic.follower_of("patient", 5)
    with pytest.raises(ValueError, match="follower 'evader'"):
        nonmyopic.follower_of("evader", 4)


def test_planner_of_a_point_outside_is_clipped():
    follower = nonmyopic.shaped(np.array([-3.0, 2.0, 9.0, 99.0]))
    assert (follower.price, follower.turn, follower.haste, follower.period) == (-1.0, 1.0, 4.0, 256)


@pytest.fixture(scope="module")
def table():
    study = nonmyopic.study(play)
    cells = [c for d in (4, 8) for c in nonmyopic.cells(TIERS["smoke"]) if c["d"] == d]
    return pd.concat([study.play(**(c | dict(T=1024, replications=12))) for c in cells], ignore_index=True)


def test_the_study_plays_what_its_cells_say(table):
    assert tuple(table.columns) == nonmyopic.COLUMNS and len(table) == 4 * 12
    assert (table["t"] == table["T"]).all() and (table["regret"] > 0).all()
    again = nonmyopic.play(play, seed=0, follower="patient", d=4, T=1024, replications=12)
    own_rows = table[(table["follower"] == "patient") & (table["d"] == 4)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, own_rows)


def test_planning_wins_a_constant_and_stays_below_the_ceiling(table):
    mean = table.groupby(["d", "follower"])["regret"].mean().unstack()
    assert (mean["patient"] > 1.05 * mean["ball"]).all()
    assert rate.below_ceiling({"nonmyopic": table}, 0.05).outcome == PASS
    assert all_of(nonmyopic.slopes(table, "patient"), 1.0, "below", 0.05).outcome == PASS


def ball_at_every_d():
    """A horizon table: the ball's regret is d^0.2."""
    return pd.concat([
        rows(4, d=d, T=64, t=64, regret=[d**0.2 * (1 + 0.01 * r) for r in range(4)]) for d in (4, 8)
    ])  # fmt: skip


def test_the_judges_can_fail(table):
    above = table.assign(regret=table["ceiling"] * (1.2 + 0.01 * table["replication"]))
    assert rate.below_ceiling({"nonmyopic": above}, 0.01).outcome == FAIL
    steep = table.assign(regret=table["d"] ** 1.3 * (1.0 + 0.001 * table["replication"]))
    assert all_of(nonmyopic.slopes(steep, "patient"), 1.0, "below", 0.01).outcome == FAIL
    calm = ball_at_every_d()
    assert rate.exponent_d({"horizon": calm, "nonmyopic": steep}, 0.01).outcome == FAIL
    assert rate.exponent_d({"horizon": calm, "nonmyopic": table}, 0.05).outcome == PASS
    wide = table.assign(regret=table["ceiling"] * (0.5 + 0.1 * table["replication"]))
    assert rate.below_ceiling({"nonmyopic": wide}, 1e-6).outcome == INCONCLUSIVE


def test_fits_recover_planted_exponents(table):
    noise = 1.0 + 0.001 * (table["replication"] % 3)
    power = table["follower"].map({"ball": 0.5, "patient": 0.8})
    planted = table.assign(regret=table["d"] ** power * noise)
    ((label, slope),) = nonmyopic.slopes(planted, "patient")
    assert label == "patient, d = 4..8" and slope.value == pytest.approx(0.8) and slope.n == 12
    fits = nonmyopic.fits(planted).set_index("series")["estimate"]
    assert fits["ball"] == pytest.approx(0.5) and fits["patient"] == pytest.approx(0.8)
    assert fits["patient - ball"] == pytest.approx(0.3)
    assert fits["ceiling"] == pytest.approx(
        math.log(nonmyopic.ceiling(1024, 8) / nonmyopic.ceiling(1024, 4)) / math.log(2)
    )


def test_search_repeats_and_finds_a_better_follower(monkeypatch):
    monkeypatch.setattr(nonmyopic, "SEARCH_REPLICATIONS", 2)
    first, second = (nonmyopic.search(play, 4, generations=1, T=256) for _ in range(2))
    assert first == second
    ball = play(nonmyopic.run(FollowerSpec(kind="ball"), 4, 256, nonmyopic.SEARCH_SEED, 2))
    assert first[1] > float(ball[ball["t"] == 256]["regret"].mean())


def test_a_committed_schedule_is_legal_and_earns_less_than_the_ball(monkeypatch, tmp_path):
    monkeypatch.setattr(nonmyopic, "SEARCH_REPLICATIONS", 2)
    path, value = nonmyopic.committed(play, 2, 2, tmp_path, generations=1, T=128)
    spec = nonmyopic.run(FollowerSpec(kind="schedule", path=str(path)), 2, 128, nonmyopic.SEARCH_SEED, 2)
    assert isinstance(spec, RunSpec)
    got = play(spec)
    assert float(got[got["t"] == 128]["regret"].mean()) == pytest.approx(value)
    ball = play(nonmyopic.run(FollowerSpec(kind="ball"), 2, 128, nonmyopic.SEARCH_SEED, 2))
    assert value < float(ball[ball["t"] == 128]["regret"].mean())


def test_the_figure_shows_both_followers_the_ceiling_and_the_guides(table):
    drawn = figure.draw({"nonmyopic": table, "nonmyopic_fits": nonmyopic.fits(table)})
    left, right = drawn.axes
    drawn.draw_without_rendering()
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert len(labels) == 5 and labels[0].startswith("ball (myopic): exponent") and "slope 1" in labels[4]
    dashed = next(line for line in left.lines if line.get_linestyle() == "--")
    np.testing.assert_allclose(dashed.get_ydata(), [nonmyopic.ceiling(1024, d) for d in (4, 8)])
    assert right.get_ylim()[1] > 1.0
    with pytest.raises(ValueError, match="nonmyopic_fits"):
        figure.draw({"nonmyopic": table})
