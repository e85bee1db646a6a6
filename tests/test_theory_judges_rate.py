"""Judges of exponents, of the stated form and of the floor, on tables made by hand."""

import math

import numpy as np
import pandas as pd
import pytest
from tables import rows, theorem23

from theory import bounds, expected, stats
from theory.judges import rate
from theory.ledger import FAIL, INCONCLUSIVE, PASS, VACUOUS
from theory.studies import nonmyopic

LEVEL = 0.01


def horizon(power=0.5, dims=(4, 8), follower="ball", d_power=0.5, spread=0.0, first=64.0, **columns):
    """Regret d^d_power t^power on seven records up to T = 2048, with another start before the fitted octaves."""
    frames = []
    for d in dims:
        for r in range(6):
            t = np.array([32, 64, 128, 256, 512, 1024, 2048])
            own = power + spread * (r - 2.5)
            regret = np.where(t < first, 1e9, d**d_power * t**own)
            frames.append(
                rows(7, T=2048, t=t.tolist(), regret=regret.tolist(), d=d, replication=r, follower=follower, **columns)
            )
    return pd.concat(frames, ignore_index=True)


def test_the_fit_uses_the_last_five_octaves():
    found = rate.horizon_slopes(horizon(0.7))
    assert [(f, d, c[0]) for f, d, c in found] == [("ball", 4, "ball, d=4"), ("ball", 8, "ball, d=8")]
    assert all((c[1].value, *c[1].at(LEVEL)) == pytest.approx((0.7, 0.7, 0.7)) for _, _, c in found)
    assert all(c[1].n == 6 for _, _, c in found)
    bent = horizon(0.7)
    bent.loc[bent["t"] == 64, "regret"] *= 2.0  # T / 2^5, the first record of the fit
    assert rate.horizon_slopes(bent)[0][2][1].value < 0.65


@pytest.mark.parametrize(("power", "ball", "others"), [(0.5, PASS, PASS), (0.65, FAIL, FAIL), (0.35, FAIL, PASS)])
def test_exponent_in_T(power, ball, others):
    full = horizon(0.9, feedback="full")
    found = rate.exponent_T({"horizon": pd.concat([horizon(power), horizon(0.9, follower="iid"), full])}, LEVEL)
    assert (found.outcome, found.n) == (ball, 6) and found.measured == pytest.approx(power)
    assert found.bound == (0.6 if power > 0.5 else 0.4) or power == 0.5
    assert "ball, d=4 " in found.detail and "iid" not in found.detail
    table = pd.concat([horizon(power, follower="iid"), horizon(0.9), horizon(0.9, follower="iid", feedback="full")])
    steady = horizon(0.3, dims=(8,), follower="patient")
    plans = pd.concat([steady[steady["t"] == t].assign(T=t) for t in (64, 256, 2048)])
    found = rate.exponent_T_others({"horizon": table, "planned": plans}, LEVEL)
    assert (found.outcome, found.bound, found.n) == (others, 0.6, 6)
    assert found.measured == pytest.approx(max(power, 0.3))
    hasty = plans.assign(regret=plans["t"] ** 0.7)
    assert rate.exponent_T_others({"horizon": table, "planned": hasty}, LEVEL).outcome == FAIL


@pytest.mark.parametrize(("power", "outcome"), [(0.5, PASS), (0.2, PASS), (0.59, PASS), (0.61, FAIL)])
def test_exponent_in_T_with_full_feedback(power, outcome):
    parts = [horizon(power, feedback="full"), horizon(0.3, follower="iid", feedback="full"), horizon(0.9)]
    found = rate.exponent_T_full({"full": pd.concat(parts)}, LEVEL)
    assert (found.outcome, found.bound) == (outcome, 0.6)
    assert found.measured == pytest.approx(max(power, 0.3)) and "iid, d=8" in found.detail


def test_every_exponent_has_the_whole_level_to_pass_and_its_share_to_fail():
    noisy = horizon(0.5, spread=0.01)
    alone, two = (rate.exponent_T({"horizon": t}, LEVEL) for t in (noisy[noisy["d"] == 4], noisy))
    assert (alone.low, alone.high) == (two.low, two.high)
    assert (alone.low, alone.high) == rate.horizon_slopes(noisy)[0][2][1].at(LEVEL)


def test_the_exponent_shown_is_farthest_from_the_claim():
    table = pd.concat([horizon(0.52, dims=(4,)), horizon(0.45, dims=(8,))])
    found = rate.exponent_T({"horizon": table}, LEVEL)
    assert found.measured == pytest.approx(0.45) and found.bound == 0.4


@pytest.mark.parametrize(("d_power", "outcome"), [(0.5, PASS), (0.999, PASS), (1.01, FAIL)])
def test_exponent_in_d_of_the_ball_at_the_horizon(d_power, outcome):
    other = horizon(d_power=3.0, follower="iid")
    before = horizon(d_power=d_power)
    before.loc[before["t"] < 2048, "regret"] *= before["d"] ** 2
    rows_ = pd.concat([before, other, horizon(d_power=3.0, feedback="full")])
    found = rate.exponent_d({"horizon": rows_} | planned(0.1), LEVEL)
    assert (found.outcome, found.bound) == (outcome, 1.0) and found.measured == pytest.approx(d_power)
    assert "ball, d = 4..8" in found.detail


@pytest.mark.parametrize(("d_power", "outcome"), [(0.5, PASS), (0.999, PASS), (1.01, FAIL)])
def test_exponent_in_d_with_full_feedback(d_power, outcome):
    calm = horizon(d_power=0.2, follower="iid", feedback="full")
    parts = [horizon(d_power=d_power, feedback="full"), calm, horizon(d_power=3.0)]
    found = rate.exponent_d_full({"full": pd.concat(parts)}, LEVEL)
    assert (found.outcome, found.bound) == (outcome, 1.0) and found.measured == pytest.approx(d_power)
    assert "iid, d = 4..8 0.2" in found.detail


def hard(power=-0.5, gates=rate.EARLY, **columns):
    frames = [
        rows(6, gate=g, beta=b, T=1000, t=1000, B=int(1000 * b), d=2, sigma=1.0, regret=100.0 * b**power, **columns)
        for g in gates
        for b in (0.1, 0.2, 0.4)
    ]
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize(
    ("power", "outcome"), [(-0.5, PASS), (-0.41, PASS), (-0.39, FAIL), (-0.59, PASS), (-0.61, FAIL)]
)
def test_exponent_in_beta_of_the_paced_gates(power, outcome):
    found = rate.exponent_beta({"envelope": pd.concat([hard(power), hard(9.0, gates=("margin", "never"))])}, LEVEL)
    assert (found.outcome, found.n) == (outcome, 6) and found.measured == pytest.approx(power)
    assert found.bound == (-0.4 if power >= -0.5 else -0.6)
    early = hard(power).assign(t=10, regret=1.0)
    assert rate.exponent_beta({"envelope": pd.concat([hard(power), early])}, LEVEL).measured == pytest.approx(power)


def gapped(gate="prefix", gaps=(0.1, 0.2, 0.4), T=1000):
    """Of a gap, a gate pays gap T at most and 1/(beta gap) once it has learned: the worst gap grows as beta falls."""
    frames = [
        rows(4, gate=gate, beta=b, gap=gap, T=T, t=T, B=int(b * T), regret=min(gap * T, 9.0 / (b * gap)))
        for b in (0.001, 0.01, 0.1)
        for gap in gaps
    ]
    return pd.concat(frames, ignore_index=True)


def test_the_envelope_takes_the_worst_gap_of_every_beta():
    table = gapped()
    worst = table.groupby("beta")["regret"].max()
    found = rate.envelope(pd.concat([table, gapped("other", (0.9,))]), "prefix")
    assert found.value == pytest.approx(np.polyfit(np.log(worst.index), np.log(worst), 1)[0]) and found.n == 4
    fixed = rate.envelope(table[table["gap"] == 0.1], "prefix")
    assert found.value != pytest.approx(fixed.value)
    means = table.assign(regret=table["regret"] * np.where(table["replication"] == 0, 3.0, 1 / 3))
    assert rate.envelope(means, "prefix").value == pytest.approx(found.value)  # by means, not by single runs


def test_a_gate_that_never_buys_has_a_flat_envelope_and_is_the_control():
    """On theorem 4's own instance, whose gap falls with the budget, it would have the exponent -1/2."""
    never = pd.concat(
        [
            rows(4, gate="never", beta=b, gap=gap, T=1000, t=1000, regret=1000.0 * gap)
            for b in (0.04, 0.1, 0.3)
            for gap in (0.1, 0.35)
        ]
    )
    assert rate.envelope(never, "never").value == pytest.approx(0.0)
    (control,) = next(c for c in rate.CLAIMS if c.id == "B11").controls
    assert control.judge({"envelope": pd.concat([never, hard()])}, LEVEL).outcome == FAIL


def planned(power=0.5, ceiling=2.0, dims=(2, 4, 8)):
    """The study's table: a planner and the ball, regret d^power, 6 replications."""
    data = [
        dict(follower=f, d=d, T=64, t=64, seed=0, replication=r, regret=(d if f == "ball" else 1.0) * d**power,
             ceiling=ceiling * d, trivial=64.0)
        for f in ("ball", "patient") for d in dims for r in range(6)
    ]  # fmt: skip
    return {"nonmyopic": pd.DataFrame(data)}


@pytest.mark.parametrize(("power", "outcome"), [(0.5, PASS), (0.999, PASS), (1.01, FAIL)])
def test_exponent_in_d_of_the_planner(power, outcome):
    """The study's own ball rises as d^(1 + power) and is not what the row speaks of."""
    found = rate.exponent_d({"horizon": horizon(d_power=0.1)} | planned(power), LEVEL)
    assert (found.outcome, found.bound, found.n) == (outcome, 1.0, 6) and found.measured == pytest.approx(power)
    assert "patient, d = 2..8" in found.detail and "patient, d = 4..8" in found.detail


def test_the_planners_exponents_have_the_whole_level_to_pass():
    table = planned(0.5)["nonmyopic"]
    wild = {"nonmyopic": table.assign(regret=table["regret"] * (1 + 0.01 * table["replication"] * table["d"]))}
    found = rate.exponent_d({"horizon": horizon(d_power=0.1)} | wild, LEVEL)
    ends = [e.at(LEVEL) for _, e in nonmyopic.slopes(wild["nonmyopic"], "patient")]
    assert (found.low, found.high) in ends and found.outcome == PASS


def test_the_mean_is_below_the_ceiling_in_every_cell():
    regret = planned(1.0, ceiling=1.0)["nonmyopic"]
    table = regret.assign(regret=regret["d"] * np.where(regret["follower"] == "ball", 1.0, 0.5))
    found = rate.below_ceiling({"nonmyopic": table}, LEVEL)
    assert (found.outcome, found.measured, found.bound, found.n) == (PASS, 1.0, 1.0, 6)  # 6 replications
    assert found.detail.startswith("worst: ball, d=2. ball, d=2 1 [1, 1]; ")
    assert found.detail.endswith("0.5 [0.5, 0.5]")
    assert rate.below_ceiling({"nonmyopic": table.assign(regret=1.001 * table["regret"])}, LEVEL).outcome == FAIL
    open_ = table[table["d"] == 4]
    wild = open_["follower"] == "ball"
    open_ = open_.assign(regret=open_["regret"].where(~wild, 4.0 * (0.2 + open_["replication"] % 2)))
    text = rate.below_ceiling({"nonmyopic": open_}, LEVEL).detail
    assert text.index("; patient, d=4") > text.index(". ball, d=4")  # by the mean
    few = table[(table["d"] == 2) & (table["follower"] == "ball")].iloc[:2].assign(regret=[1.0, 2.0])
    found = rate.below_ceiling(
        {"nonmyopic": pd.concat([few, table[(table["d"] > 2) & (table["follower"] == "patient")]])}, LEVEL
    )
    assert (found.low, found.high) == pytest.approx(stats.mean([0.5, 1.0]).at(LEVEL))


def test_the_stated_form_with_its_constant_is_theorem_3():
    top = theorem23(1000, 300)
    sizes = dict(T=1000, t=1000, B=300, beta=0.3)
    found = rate.stated_c_beta({"stated": rows(2, regret=[0.0, top], **sizes)}, LEVEL)
    assert (found.outcome, found.n, found.measured, found.bound) == (PASS, 2, top, pytest.approx(top))
    assert found.detail.endswith("beta in 0.3")
    assert rate.stated_c_beta({"stated": rows(regret=top + 1e-4, **sizes)}, LEVEL).outcome == FAIL
    assert (
        rate.stated_c_beta({"stated": rows(2, regret=[0.0, 1e4], conf_ratio_max=[1.0, 1.1], **sizes)}, LEVEL).outcome
        == PASS
    )
    off = rate.stated_c_beta(
        {"stated": rows(2, beta=[0.3, 0.4], conf_ratio_max=[1.0, 1.1], T=1000, t=1000, B=300)}, LEVEL
    )
    assert off.detail.endswith("beta in 0.3")
    many = rows(3, beta=[0.4, 0.30001, 0.3], T=1000, t=1000, B=300)
    assert rate.stated_c_beta({"stated": many}, LEVEL).detail.endswith("beta in 0.3, 0.4")
    assert (
        rate.stated_c_beta({"stated": rows(2, regret=[0.0, 1e4], t=[1000, 999], T=1000, B=300)}, LEVEL).outcome == PASS
    )
    assert rate.stated_c_beta({"stated": rows(B=1)}, LEVEL).outcome == VACUOUS


def witness(regret, gates=("random",), B=4, T=1000, n=6):
    return pd.concat([rows(n, gate=g, T=T, t=T, B=B, d=2, sigma=1.0, regret=regret) for g in gates], ignore_index=True)


def stated_free(T, B):
    """sqrt(2 D_T) alpha_T sqrt(B) at d = 2, sigma = 1."""
    info = 2 * math.log1p(T / 2)
    return float(bounds.radius_cap(info, 1.0, 1.0, 1.0, 0.05)) * math.sqrt(2 * info * B)


def test_the_beta_free_form_is_decided_by_the_best_gate():
    stated = stated_free(1000, 4)
    low = float(expected.floor_sharp(1.0, 1000, 2, 4, u=0.5))
    found = rate.stated_free({"witness": witness(stated * (1 - 1e-12))}, LEVEL)
    assert (found.outcome, found.measured, found.bound, found.n) == (PASS, pytest.approx(1.0), 1.0, 6)
    assert found.detail == (
        f"regret of the best gate/stated form; witness T=1000 d=2 B=4: stated <= {stated:.0f}, "
        f"floor {low:.0f}, best gate random {stated:.0f}"
    )
    assert rate.stated_free({"witness": witness(stated * 1.001)}, LEVEL).outcome == FAIL
    better = pd.concat([witness(stated * 2), witness(stated / 2, gates=("llf_paced",))])
    found = rate.stated_free({"witness": better}, LEVEL)
    assert (found.outcome, found.measured) == (PASS, pytest.approx(0.5))
    wild = witness([stated * x for x in (0.0, 1.8) * 3], gates=("wild",))
    both = rate.stated_free({"witness": pd.concat([wild, witness(stated * 0.8)])}, LEVEL)
    assert both.measured == pytest.approx(0.8)  # the best gate by its mean
    apart = witness([stated * x for x in (0.5, 1.5, 0.5, 1.5, 0.5, 1.5)])
    found = rate.stated_free({"witness": apart}, LEVEL)
    assert found.outcome == INCONCLUSIVE
    want = stats.mean(apart["regret"] / stated).at(LEVEL)
    assert (found.low, found.high) == pytest.approx(want)
    both = rate.stated_free({"witness": pd.concat([apart, witness(stated * 9, gates=("always",))])}, LEVEL)
    assert (both.low, both.high) == pytest.approx(want)  # gates are no comparisons: the best one speaks for its cell
    assert rate.stated_free({"witness": witness(1.0).assign(t=1)}, LEVEL).outcome == INCONCLUSIVE


@pytest.mark.parametrize(
    ("one", "two", "outcome"), [(0.9, 0.8, PASS), (1.1, 0.8, FAIL), (0.8, 1.1, FAIL), (1.1, 1.2, FAIL)]
)
def test_the_beta_free_form_needs_every_cell_and_one_refutes_it(one, two, outcome):
    table = pd.concat([witness(share * stated_free(1000, B), B=B) for B, share in ((4, one), (16, two))])
    found = rate.stated_free({"witness": table}, LEVEL)
    assert (found.outcome, found.bound) == (outcome, 1.0) and found.measured == pytest.approx(max(one, two))
    assert found.detail.count("stated <= ") == 2


def test_an_open_cell_is_shown_by_its_mean():
    quiet = witness([share * stated_free(1000, 16) for share in [0.8, 0.82] * 3], B=16)
    wild = witness([share * stated_free(1000, 4) for share in [0.1, 1.7] * 3])
    found = rate.stated_free({"witness": pd.concat([quiet, wild])}, LEVEL)
    assert found.measured == pytest.approx(0.9) and found.outcome == INCONCLUSIVE


@pytest.mark.parametrize("swap", [False, True])
def test_the_cell_shown_has_the_largest_ratio(swap):
    sizes = [(4, 0.9), (16, 0.8)] if not swap else [(4, 0.8), (16, 0.9)]
    table = pd.concat([witness(share * stated_free(1000, B), B=B) for B, share in sizes])
    assert rate.stated_free({"witness": table}, LEVEL).measured == pytest.approx(0.9)


def test_the_floor_holds_for_every_gate_and_budget():
    table = hard(gates=("random", "margin"))
    low = expected.floor_sharp(1.0, 1000, 2, table["B"], u=0.5)
    at = table.assign(regret=low * np.where(table["gate"] == "random", 1.0000001, 3.0))
    found = rate.floor_holds({"hard": at}, LEVEL)
    assert (found.outcome, found.bound, found.n) == (PASS, 1.0, 6) and found.measured == pytest.approx(1.0)
    assert found.detail.startswith("regret/floor: worst: random") and found.detail.endswith("3 [3, 3]")
    assert rate.floor_holds({"hard": at.assign(regret=0.999 * at["regret"])}, LEVEL).outcome == FAIL
    foreseeing = at.assign(gate="llf_oracle", regret=0.1 * at["regret"])
    assert rate.floor_holds({"hard": pd.concat([at, foreseeing])}, LEVEL).outcome == PASS
    wild = at.assign(regret=low * (1.2 + (at["replication"] % 2)))
    found = rate.floor_holds({"hard": wild}, LEVEL)
    assert found.low == pytest.approx(stats.mean([1.2, 2.2] * 3).at(LEVEL)[0])


def test_the_floor_is_that_of_the_instance_and_above_theorem_4s():
    low = float(expected.floor_sharp(1.0, 1000, 2, 100, u=0.5))
    assert low > float(bounds.floor(1.0, 1000, 2, 100))
    between = rows(6, gate="random", beta=0.1, T=1000, t=1000, B=100, d=2, sigma=1.0, regret=0.99 * low)
    assert rate.floor_holds({"hard": between}, LEVEL).outcome == FAIL


def test_ten_labels_for_one_are_the_floors_control():
    table = hard(gates=("random",))
    low = expected.floor_sharp(1.0, 1000, 2, table["B"], u=0.5)
    tight = pd.concat([table.assign(beta=table["beta"] / 10, B=table["B"] // 10), table]).assign(
        regret=np.concatenate([low * 10**0.5, low])
    )
    assert rate.floor_holds({"hard": tight.assign(regret=1.01 * tight["regret"])}, LEVEL).outcome == PASS
    found = rate.overspent({"hard": tight}, LEVEL)
    assert found.outcome == FAIL and found.measured == pytest.approx(10**-0.5)
    assert "beta=0.01" not in found.detail  # only where some gate has a tenth of the budget to be compared with


def test_all_exponents_are_listed_with_what_is_claimed():
    parts = [horizon(), horizon(follower="iid"), horizon(0.9, feedback="full")]
    table = rate.exponents({"horizon": pd.concat(parts), "envelope": hard()}, LEVEL)
    listed = table.set_index("label")
    names = ["quantity", "claimed", "claimed_low", "claimed_high", "relation", "claim", "follower", "d"]
    inf = math.inf
    assert listed.loc["ball, d=4", names].tolist() == ["T", 0.5, 0.4, 0.6, "inside", "B4", "ball", 4]
    assert listed.loc["iid, d=8", names].tolist() == ["T", 0.5, -inf, 0.6, "at most", "B4", "iid", 8]
    assert listed.loc["ball, d = 4..8", names].tolist() == ["d", 1.0, -inf, 1.0, "at most", "B5", "ball", 0]
    assert listed.loc["prefix", names].tolist() == ["beta", -0.5, -0.6, -0.4, "inside", "B11", "hard_instance", 0]
    assert listed["estimate"].tolist() == pytest.approx([0.5] * 5 + [-0.5] * len(rate.EARLY))
    assert (listed["low"] <= listed["estimate"] + 1e-12).all() and (listed["high"] >= listed["estimate"] - 1e-12).all()
