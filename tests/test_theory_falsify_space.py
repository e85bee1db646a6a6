"""What a search varies, point by point, and the ratio of a claim on tables made by hand."""

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from tables import rows, theorem1, theorem23

from sim.spec import FollowerSpec, GateSpec, RecordSpec, StreamSpec
from theory.falsify import space
from theory.falsify.space import NAMES, TARGETS, Target, planted
from theory.ledger import compared


def point(**values):
    """A point of [0, 1]^k: 0.5, but for the named coordinates (B_ stands for "B" and so on)."""
    u = np.full(len(NAMES), 0.5)
    for name, value in values.items():
        u[NAMES.index(next(n for n in NAMES if n.split("/")[0] == name))] = value
    return u


def spec(claim="B9a", **values):
    return space.instance(point(**values), TARGETS[claim])


def test_the_targets_fix_what_their_claims_fix():
    assert list(TARGETS) == [
        "B2", "B3a", "B3b", "B7", "B8", "B9a",
        *(f"{c}-{v}" for v in ("useful", "noisy") for c in ("B3b", "B7", "B8", "B9a")),
    ]  # fmt: skip
    always, path, final = GateSpec(kind="always"), RecordSpec(), RecordSpec(mode="final")
    fixed, paced = (GateSpec(kind=f"llf_{k}", cap=False) for k in ("fixed", "paced"))
    want = {
        "B2": (always, path, 2000, False), "B3b": (always, path, 2000, True), "B7": (fixed, final, 2000, False),
        "B8": (paced, final, 2000, False), "B9a": (GateSpec(kind="llf_paced"), final, 2000, False),
        "B3a": (GateSpec(kind="always", latency="regret"), RecordSpec(mode="every"), 200, False),
    }  # fmt: skip
    for name, target in TARGETS.items():
        claim, _, variant = name.partition("-")
        assert (target.gate, target.record, target.rounds, target.full) == want[claim]
        assert (target.useful, target.quiet) == (bool(variant), 1.0 if variant == "noisy" else 0.0)
        assert target.claim == name and target.scale == 1.0


def test_the_ends_of_the_box():
    low, high = (space.instance(np.full(len(NAMES), x), TARGETS["B9a"]) for x in (0.0, 1.0))
    assert (low.T, low.B, low.seed) == (1, 1, 0) and (high.T, high.B, high.seed) == (2000, 2000, 999)
    assert low.stream == StreamSpec(context="isotropic", d=1, N=8, components=1, exponent=0.0, leak=0.0)
    assert low.follower == FollowerSpec(kind="iid", tremble=1e-4, M=1)
    assert (low.learner.sigma, low.learner.lam, low.learner.delta) == (0.0, 1.0, 0.01)
    assert high.stream == StreamSpec(context="free", d=8, N=2, components=1)
    assert high.follower == FollowerSpec(kind="patient", tremble=1.0, price=1.0, turn=1.0, haste=4.0, period=16)
    assert (high.learner.sigma, high.learner.lam, high.learner.delta) == (4.0, 100.0, 0.99)
    assert space.instance(np.full(len(NAMES), 7.0), TARGETS["B9a"]) == high


def test_followers_and_contexts_share_the_axis_evenly():
    kinds = [spec(follower=(i + 0.5) / 7, d=0.0, sigma=0.4).follower.kind for i in range(7)]
    assert kinds == list(space.FOLLOWERS)
    contexts = [spec(follower=0.0, context=(i + 0.5) / 4).stream.context for i in range(4)]
    assert contexts == list(space.CONTEXTS)
    assert {spec(follower=(i + 0.5) / 7, d=0.0, sigma=0.4).stream.context for i in (3, 4, 5, 6)} == {"free"}


def test_the_middle_of_the_box():
    pool = spec(follower=0.0, T=1.0)
    assert (pool.T, pool.B, pool.stream.d, pool.stream.components) == (2000, 45, 5, 3)
    assert (pool.stream.exponent, pool.stream.leak, pool.follower.M) == (2.0, 0.444, 4)
    assert pool.follower.tremble == 0.01 and pool.learner.sigma == pytest.approx(4 * (4 / 9) ** 2, rel=1e-2)
    assert pool.learner.lam == pytest.approx(100 ** (4 / 9), rel=1e-2) and pool.learner.delta == 0.5
    patient = spec(follower=1.0)
    assert (patient.follower.price, patient.follower.turn, patient.follower.haste, patient.follower.period) == (
        0.0,
        0.444,
        2.0,
        9,
    )
    assert spec(follower=0.0, B=0.0).B == 1 and spec("B3b", follower=0.0, B=0.0).B == pool.B == 45
    assert spec("B9a-noisy", follower=0.0, sigma=0.0).learner.sigma == 1.0
    assert spec("B9a-noisy", follower=0.0, sigma=1.0).learner.sigma == 4.0


def test_the_first_tenth_of_an_axis_is_its_end():
    assert spec(follower=0.0, lam=0.95).learner.lam == float(f"{100 ** (0.85 / 0.9):.3g}") == 77.4
    assert spec(follower=0.0, lam=0.1).learner.lam == 1.0 and spec(follower=0.0, lam=0.11).learner.lam > 1.0
    assert spec(follower=0.0, sigma=0.1).learner.sigma == 0.0 and spec(follower=0.0, sigma=0.2).learner.sigma > 0.0
    assert spec(follower=0.0, leak=0.1).stream.leak == 0.0 and spec(follower=0.0, leak=0.12).stream.leak > 0.0
    assert spec(follower=1.0, leak=0.1).follower.turn == 0.0


def test_an_evader_is_exact_only_against_a_gate_of_widths():
    evader = dict(follower=0.78)
    assert spec("B9a", leak=0.51, **evader).follower.kind == "evader"
    by_width = Target("x", space.inequalities.theorem1, GateSpec(kind="llf_fixed"), RecordSpec())
    other = Target("x", space.inequalities.theorem1, GateSpec(kind="margin"), RecordSpec())
    assert by_width.gate.by_width and not other.gate.by_width
    for target, leak, exact in ((by_width, 0.51, True), (by_width, 0.5, False), (other, 0.9, False)):
        assert target.factory(point(leak=leak, **evader)).follower.exact is exact
    assert spec(follower=0.0, leak=0.9).follower.exact is False
    with pytest.raises(ValidationError, match="sigma = 0"):
        spec("B8", follower=0.55, sigma=0.0)


def on(table, claim="B9a", **changes):
    return TARGETS[claim].worst(table.assign(**changes))


def test_the_ratio_and_its_row():
    table = rows(2, T=1000, t=1000, B=300, regret=[1.0, 2.0])
    found = on(table)
    top = theorem23(1000, 300)
    assert found == pytest.approx(dict(t=1000.0, measured=2.0, bound=top, trivial=1000.0, ratio=2.0 / top))
    assert TARGETS["B9a"].ratio(table) == found["ratio"]
    assert on(table, conf_ratio_max=1.1) == {} and TARGETS["B9a"].ratio(table.assign(conf_ratio_max=1.1)) == -np.inf
    assert on(table, "B9a-useful")["ratio"] == found["ratio"] and on(table, "B9a-useful", B=1) == {}
    assert on(table, "B9a-noisy") == {} and on(table, "B9a-noisy", sigma=1.0) != {}
    assert on(table, "B9a-noisy", sigma=1.9, S=2.0) == {} == on(table, "B9a-noisy", sigma=1.9, L=2.0)
    assert on(table, "B9a-noisy", sigma=2.0, S=2.0) != {}


def test_a_claim_about_all_labels_skips_other_runs():
    table = rows(2, t=[3, 8], regret=[1.0, 2.0], B=8)
    found = on(table, "B3b")
    assert (found["t"], found["ratio"]) == (3.0, pytest.approx(1.0 / theorem1(3)))
    assert on(table, "B3b", B=7) == {}


def test_of_several_things_about_a_record_the_tightest_is_kept():
    def measure(table):
        one, two = compared(table["regret"], 4.0, 9.0), compared(table["labels"], [0.0, 2.0, 2.0], 9.0)
        return pd.concat([one, two])

    target = Target("x", measure, GateSpec(kind="always"), RecordSpec())
    found = target.rows(rows(3, t=[1, 2, 3], regret=[1.0, 2.0, np.nan], labels=[9, 3, 1]))
    assert found["t"].tolist() == [1, 2, 3] and found["ratio"].tolist() == [0.25, 1.5, 0.5]
    half = planted(planted(target, 0.5), 0.5)
    assert half.rows(rows(3, t=[1, 2, 3], regret=1.0, labels=1))["ratio"].tolist() == [1.0, 2.0, 2.0]
    assert half.claim == "x x 0.5 x 0.5" and half.scale == 0.25


def test_a_plant_keeps_the_rows_that_say_something():
    table = rows(1, T=1000, t=1000, B=1, regret=5.0)
    assert planted(TARGETS["B9a-useful"], 1e-3).worst(table) == {}


def test_a_broken_condition_counts_on_and_off_the_event():
    table = rows(1, T=1000, t=1000, B=300, labels=300, conf_ratio_max=2.0)
    assert on(table, "B7") == {} and on(table, "B8")["ratio"] == pytest.approx(301 / 300)
    assert on(table, "B7", labels=301)["ratio"] == pytest.approx(301 / 300)
    assert on(table, "B8", labels=1, threshold_rise_max=2e-9, conf_ratio_max=0.5)["ratio"] == pytest.approx(2.0)


def test_an_unknown_id_is_refused():
    with pytest.raises(ValueError, match=r"no search for claim 'B1'; valid: B2, B3a, B3b"):
        space.target_of("B1")
    assert space.target_of("B2") is TARGETS["B2"]
