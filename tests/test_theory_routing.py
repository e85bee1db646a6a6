"""Routing: the fast flows are the convex programs' flows, LLF keeps and meets its two bounds."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from theory import ledger, routing
from theory.judges import routing as judges
from theory.oracles.fit import beckmann, optimal_flow

BETAS = (0.01, 0.1, 0.3, 0.5, 0.8, 1.0)
entries = st.one_of(st.just(0.0), st.floats(0.01, 10.0))
fractions = st.one_of(st.just(1.0), st.floats(1e-6, 1.0))
demands = st.one_of(st.just(0.0), st.just(1.0), st.floats(0.01, 5.0))


@st.composite
def networks(draw, most_links=5, degree=4):
    """Links with degenerate ones among them: one link, equal, flat, free."""
    m, k = draw(st.integers(1, most_links)), draw(st.integers(1, degree + 1))
    rows = draw(st.lists(st.lists(entries, min_size=k, max_size=k), min_size=m, max_size=m))
    shape = draw(st.sampled_from(["any", "equal", "flat"]))
    if shape == "equal":
        rows = [rows[0]] * m
    if shape == "flat":
        rows = [[row[0], *[0.0] * (k - 1)] for row in rows]
    return routing.parallel(rows, scale=draw(st.lists(st.floats(0.5, 2.0), min_size=m, max_size=m)))


@pytest.fixture(scope="module")
def table():
    return pd.concat([routing.ratios(40, seed, BETAS) for seed in (1, 2, 3)], ignore_index=True)


@settings(max_examples=200)
@given(networks(), demands, fractions)
def test_property_fast_flows_are_the_convex_programs(links, demand, beta):
    """Optimum, and the followers beside LLF's leader (the plain equilibrium at beta -> 0)."""
    best = routing.optimum(links, demand)
    program = optimal_flow(links, demand)
    assert routing.cost(links, best) == pytest.approx(program.value, rel=1e-6, abs=1e-6)
    assert best.sum() == pytest.approx(demand, abs=1e-12)

    leader = routing.leader_flow(links, best, np.array([beta]))[0]
    rest = (1.0 - beta) * demand
    followers = routing.equilibrium(links, rest, leader)
    program = beckmann(links, rest, leader)
    assert routing.potential(links, leader + followers) == pytest.approx(program.value, rel=1e-6, abs=1e-6)


@settings(max_examples=200)
@given(networks(8), demands, st.integers(0, 9))
def test_property_used_links_share_the_least_latency(links, demand, seed):
    """Wardrop's condition, with and without a leader's flow; nothing is lost or negative."""
    for shift in (np.zeros(len(links.scale)), np.random.default_rng(seed).exponential(size=len(links.scale))):
        x = routing.equilibrium(links, demand, shift)
        level = routing.latency(links, x + shift)
        assert (x >= 0.0).all() and x.sum() == pytest.approx(demand, abs=1e-12)
        assert (level[x > 1e-9] <= level.min() * (1 + 1e-9) + 1e-9).all()


@given(networks(6), st.integers(0, 99))
def test_property_no_other_flow_is_cheaper_than_the_optimum(links, seed):
    others = np.random.default_rng(seed).dirichlet(np.full(len(links.scale), 0.5), size=50)
    assert (routing.cost(links, others) >= routing.cost(links, routing.optimum(links)) * (1 - 1e-12)).all()


@settings(max_examples=200)
@given(networks(8), fractions, st.floats(0.01, 5.0))
def test_property_llf_keeps_both_bounds(links, beta, demand):
    ratio = float(routing.ratio(links, beta, demand))
    assert 1 - 1e-12 <= ratio <= routing.general_bound(beta) * (1 + 1e-12)
    if links.linear:
        assert ratio <= routing.linear_bound(beta) * (1 + 1e-12)


@given(networks(8), st.lists(fractions, min_size=1, max_size=5))
def test_property_many_betas_at_once_are_each_alone(links, betas):
    alone = [float(routing.llf(links, beta)) for beta in betas]
    np.testing.assert_allclose(routing.llf(links, betas), alone, rtol=1e-12, atol=1e-12)


@given(networks(4, degree=3), st.floats(0.1, 3.0))
def test_property_potential_is_the_integral_of_latency(links, top):
    rng = np.random.default_rng(0)
    x, shift = top * rng.random((2, len(links.scale)))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    points = shift + 0.5 * x * (nodes[:, None] + 1.0)
    integral = (0.5 * x * weights[:, None] * routing.latency(links, points)).sum()
    assert routing.potential(links, x, shift) == pytest.approx(integral, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("beta", [0.01, 0.1, 0.5, 0.9, 0.999])
def test_linear_example_meets_its_bound(beta):
    links = routing.tight(beta)
    assert links.linear
    assert float(routing.ratio(links, beta)) == pytest.approx(4 / (3 + beta), rel=1e-12)


@pytest.mark.parametrize("beta", [0.005, 0.1, 0.5, 0.9, 0.999])
def test_steep_examples_approach_one_over_beta(beta):
    """Up to 1e-3 of the bound at STEEP, and as the closed form says at every power."""
    found = [float(routing.ratio(routing.tight(beta, p), beta)) for p in (1.0, 4.0, 100.0, 1e5, routing.STEEP)]
    closed = [1 / (1 - (1 - beta) * p * (1 + p) ** (-1 - 1 / p)) for p in (1.0, 4.0, 100.0, 1e5, routing.STEEP)]
    np.testing.assert_allclose(found, closed, rtol=1e-9)
    assert found == sorted(found)
    assert found[-1] == pytest.approx(1 / beta, rel=1e-3)


def test_degenerate_networks():
    assert routing.ratio(routing.parallel([[0.0], [0.0]]), 0.5) == 1.0
    assert routing.llf(routing.parallel([[1.0, 2.0]]), 0.3) == pytest.approx(3.0)
    assert routing.llf(routing.parallel([[1.0, 2.0]] * 4), 0.3) == pytest.approx(1.5)
    assert routing.llf(routing.parallel([[2.0], [1.0], [3.0]]), 0.4) == pytest.approx(1.0)
    assert (routing.equilibrium(routing.parallel([[1.0, 2.0], [0.0, 1.0]]), 0.0) == 0.0).all()
    pigou = routing.parallel([[0.0, 1.0], [1.0, 0.0]])
    assert routing.llf(pigou, 1e-9) == pytest.approx(1.0)
    assert routing.llf(pigou, 1.0) == pytest.approx(0.75)
    np.testing.assert_allclose(routing.equilibrium(pigou), [1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(routing.optimum(pigou), [0.5, 0.5], atol=1e-12)


def test_leader_fills_the_slowest_links_first():
    links = routing.parallel([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]])
    best = np.array([0.2, 0.5, 0.3])
    found = routing.leader_flow(links, best, np.array([0.1, 0.4, 1.0]))
    np.testing.assert_allclose(found, [[0.1, 0.0, 0.0], [0.2, 0.0, 0.2], best])


def test_table_has_its_columns_and_repeats_by_seed(table):
    assert tuple(table.columns) == routing.COLUMNS
    again = routing.ratios(40, 2, BETAS)
    pd.testing.assert_frame_equal(table[table["seed"] == 2].reset_index(drop=True), again)
    assert set(table["kind"]) == {"linear", "polynomial"}
    assert len(again) == len(BETAS) * (40 + 2 * (len(BETAS) - 1))
    assert routing.ratios(0, 0, [1.0]).empty


def test_the_bounds_by_hand():
    np.testing.assert_allclose(routing.general_bound([0.25, 1.0]), [4.0, 1.0], rtol=1e-15)
    np.testing.assert_allclose(routing.linear_bound([0.25, 1.0]), [16 / 13, 1.0], rtol=1e-15)


def test_random_instances_are_linear_and_polynomial_by_turns(table):
    kinds = table.groupby(["seed", "instance"])["kind"].first().unstack("seed").iloc[:40]
    assert (kinds[::2] == "linear").all(axis=None) and (kinds[1::2] == "polynomial").mean(axis=None) > 0.5
    assert routing.tight(0.5, 0.2).scale.tolist() == [0.5, 1.0]


def test_random_coefficients_span_four_decades():
    rng = np.random.default_rng(0)
    drawn = np.concatenate([routing.random_links(rng, 8, 3).coefficients.ravel() for _ in range(50)])
    there = drawn[drawn > 0.0]
    assert 0.01 <= there.min() < 0.02 and 50.0 < there.max() <= 100.0
    assert len(there) / len(drawn) == pytest.approx(0.6, abs=0.05)


def test_judges_pass_on_every_seed_set(table):
    for name, judge in (("L1", judges.any_latencies), ("L2", judges.linear_latencies)):
        claim = ledger.Claim(name, "origin", "", "classical", "upper", ("routing",), "", judge, judges.worse(judge))
        row = ledger.judge(claim, {"routing": table}, 0.01)
        assert (row["verdict"], row["sound"], len(row["by_set"].split())) == (ledger.PASS, True, 3)
        assert "at 0.01" in row["detail"]
        assert judge({"routing": table.iloc[:0]}, 0.01).outcome == ledger.INCONCLUSIVE


@pytest.mark.parametrize(
    ("judge", "kind"),
    [(judges.any_latencies, "polynomial"), (judges.any_latencies, "linear"), (judges.linear_latencies, "linear")],
)
def test_judges_fail_where_one_ratio_is_too_large(table, judge, kind):
    """Whatever the bound column says; a NaN ratio fails too."""
    for factor in (1 + 1e-6, np.nan):
        bad = table.copy()
        row = bad.index[(bad["kind"] == kind) & (bad["beta"] == 0.3)][0]
        limit = routing.linear_bound(0.3) if judge is judges.linear_latencies else routing.general_bound(0.3)
        bad.loc[row, ["ratio", "bound"]] = [limit * factor, 1e9]
        assert judge({"routing": bad}, 0.01).outcome == ledger.FAIL
    loose = table.copy()
    loose.loc[loose["kind"] == "polynomial", "ratio"] = 1.0 / loose["beta"]
    assert judges.linear_latencies({"routing": loose}, 0.01).outcome == ledger.PASS


def test_judges_fail_for_a_leader_who_fills_the_fastest_links(monkeypatch):
    def fastest_first(links, best, beta):
        order = np.argsort(routing.latency(links, best))
        out = np.zeros((len(beta), len(best)))
        before = np.cumsum(best[order]) - best[order]
        out[:, order] = np.clip(beta[:, None] * best.sum() - before, 0.0, best[order])
        return out

    monkeypatch.setattr(routing, "leader_flow", fastest_first)
    bad = {"routing": routing.ratios(40, 0, BETAS)}
    assert judges.any_latencies(bad, 0.01).outcome == ledger.FAIL
    assert judges.linear_latencies(bad, 0.01).outcome == ledger.FAIL


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: routing.parallel([[1.0, -2.0]]), r"coefficients\[0, 1\] = -2.*>= 0.*drop or correct"),
        (lambda: routing.parallel([[np.nan]]), r"coefficients\[0, 0\] = nan.*finite.*drop or correct"),
        (lambda: routing.parallel([]), r"shape \(0,\).*\(links, terms\).*a row for each link"),
        (lambda: routing.parallel([[1.0]], powers=[-1.0]), r"powers\[0\] = -1.*>= 0"),
        (lambda: routing.parallel([[1.0]], scale=[0.0]), r"scale\[0\] = 0.*> 0"),
        (lambda: routing.parallel([[1.0]], powers=[0.0, 1.0]), r"powers \(2,\).*must be \(1,\)"),
        (lambda: routing.llf(routing.tight(0.5), 0.0), r"beta = 0.0.*\(0, 1\].*call equilibrium"),
        (lambda: routing.llf(routing.tight(0.5), 1.5), r"beta = 1.5.*\(0, 1\]"),
        (lambda: routing.llf(routing.tight(0.5), [0.5, np.nan]), r"beta = nan.*\(0, 1\]"),
        (lambda: routing.ratios(3, 0, [-0.1]), r"beta = -0.1.*\(0, 1\]"),
        (lambda: routing.ratios(-1, 0, [0.5]), r"n = -1.*>= 0"),
        (lambda: routing.ratios(3, 0, []), r"0 betas.*at least one"),
        (lambda: routing.equilibrium(routing.tight(0.5), np.nan), r"demand = nan.*finite.*give"),
        (lambda: routing.optimum(routing.tight(0.5), -1.0), r"demand = -1.*>= 0.*give"),
        (lambda: routing.equilibrium(routing.tight(0.5), 1.0, [0.1]), r"shift has shape \(1,\).*must be \(2,\)"),
        (lambda: routing.equilibrium(routing.tight(0.5), 1.0, [0.1, -1.0]), r"shift = -1.*>= 0"),
        (lambda: routing.equilibrium(routing.parallel([[1.0]], [400.0]), 1e3), r"overflows.*lower the demand"),
        (lambda: routing.tight(1.0), r"beta = 1.0.*\(0, 1\).*every instance has ratio 1"),
        (lambda: routing.tight(0.5, np.inf), r"power = inf.*finite and > 0"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
