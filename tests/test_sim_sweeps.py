"""sim.sweeps and sim.tiers: every tier constructs, no configuration appears twice, the testing subset plays."""

import subprocess
import sys
from collections import Counter

import pytest

from sim import engine, sweeps, tiers
from sim.experiments.rates import GAPS
from sim.rules import codes, gates
from sim.rules.followers import POOL
from sim.spec import RecordSpec, RunSpec
from theory.judges.rate import EARLY


@pytest.mark.parametrize("tier", tiers.TIERS.values(), ids=lambda t: t.name)
@pytest.mark.parametrize("name", sweeps.SWEEPS)
def test_a_sweep_is_a_tuple_of_distinct_specs(name, tier):
    specs = sweeps.SWEEPS[name](tier)
    assert isinstance(specs, tuple) and specs
    assert all(isinstance(s, RunSpec) for s in specs)
    assert len({s.key() for s in specs}) == len(specs) == len(set(specs))
    assert sweeps.SWEEPS[name](tier) == specs
    seeds = {s.seed for s in specs}
    assert seeds == set(range(tier.sets)) or name == "trace"
    assert all(sweeps.cost(s) > 0 for s in specs)


def alike(spec):
    """What the seed sets share: all but the seed and the rounds that ``peek`` draws with it."""
    drawn = 0 < spec.relabel_from < spec.T
    return spec.model_copy(update=dict(seed=0, relabel_from=1 if drawn else spec.relabel_from)).key()


def test_seed_sets_hold_the_same_configurations():
    tier = tiers.TIERS["standard"]
    for name in set(sweeps.SWEEPS) - {"trace"}:
        specs = sweeps.SWEEPS[name](tier)
        per_set = [Counter(alike(s) for s in specs if s.seed == seed) for seed in range(tier.sets)]
        assert all(one == per_set[0] for one in per_set)


def test_names():
    assert set(sweeps.TESTING) <= set(sweeps.SWEEPS)
    assert all(tiers.TIERS[name].name == name for name in tiers.TIERS)
    honest = set(gates.GATES) - {"control_peek"}
    assert {g.kind for g in sweeps.ALL_GATES} == honest
    assert {g.kind for g in sweeps.BUYERS} == honest - {"always", "never"}


@pytest.mark.parametrize("tier", tiers.TIERS.values(), ids=lambda t: t.name)
def test_a_tier_counts_the_replications_of_every_sweep(tier):
    names = [name for name, _ in tier.replications]
    assert sorted(names) == sorted(
        set(sweeps.SWEEPS) - {"trace", "theorem2", "theorem3", "noise", "choice"} | {"theorem"}
    )
    assert all(tier.reps(name) >= 1 for name in names)


def test_coverage_has_every_gate_in_every_arena():
    specs = sweeps.SWEEPS["coverage"](tiers.TIERS["smoke"])
    cells = {(s.follower.kind, s.stream.context, s.gate.kind, s.gate.purse) for s in specs}
    assert {(f, c, g.kind, g.purse) for f, c in sweeps.ARENAS for g in sweeps.ALL_GATES} <= cells


def test_theorem_sweeps_run_without_a_cap():
    for name, kind in (("theorem2", "llf_fixed"), ("theorem3", "llf_paced")):
        assert all(s.gate.kind == kind and not s.gate.cap for s in sweeps.SWEEPS[name](tiers.TIERS["smoke"]))


@pytest.mark.parametrize("tier", ["smoke", "standard"])
def test_peek_pairs_differ_in_the_noise_from_a_recorded_round_on_alone(tier):
    """Of every gate and horizon a run as it is and four with other labels: from the last round on, and from three
    others, drawn by the seed set among the recorded ones."""
    specs = sweeps.SWEEPS["peek"](tiers.TIERS[tier])
    plain = {s.key() for s in specs if s.relabel_from == 0}
    twins = {}
    for spec in specs:
        if spec.relabel_from:
            assert spec.relabel_from in spec.record.rounds(spec.T)
            twins.setdefault(spec.model_copy(update=dict(relabel_from=0)).key(), []).append(spec)
    assert set(twins) == plain
    for found in twins.values():
        rounds = [s.relabel_from for s in found]
        assert len(set(rounds)) == 4 and max(rounds) == found[0].T
    kinds = {s.gate.kind for s in specs}
    assert {"control_peek", "llf_oracle"} <= kinds and {g.kind for g in sweeps.ALL_GATES} <= kinds
    drawn = {s.relabel_from for s in specs if 0 < s.relabel_from < s.T}
    assert len(drawn) > 10  # not the same rounds for all


def test_full_feedback_has_every_dimension_and_budgets():
    tier = tiers.TIERS["standard"]
    specs = sweeps.SWEEPS["full"](tier)
    assert all(s.learner.feedback == "full" and s.follower.M == 3 for s in specs)
    every = {(s.follower.kind, s.stream.d) for s in specs if s.budget == s.T}
    assert every == {(f, d) for f in POOL for d in tier.dims}
    assert {s.gate.kind for s in specs if s.budget < s.T} == {"random"}


def test_the_envelope_has_the_same_gaps_at_every_beta():
    for tier in tiers.TIERS.values():
        gaps = {}
        for s in sweeps.SWEEPS["envelope"](tier):
            gaps.setdefault((s.gate.kind, s.budget), []).append(s.hard_delta)
        assert all(len(some) == len(set(some)) * tier.sets and set(some) == set(GAPS) for some in gaps.values())
        budgets = {}
        for gate, budget in gaps:
            budgets.setdefault(gate, set()).add(budget)
        assert set(budgets) >= {*EARLY, "never"} and len({frozenset(b) for b in budgets.values()}) == 1


def test_a_sweep_of_one_replication_does_not_grow():
    for tier in tiers.TIERS.values():
        single = {name for name, make in sweeps.SWEEPS.items() if all(s.replications == 1 for s in make(tier))}
        assert single == {"trace"} <= set(tier.fixed) <= set(sweeps.SWEEPS)


def test_the_oracle_costs_two_passes():
    specs = sweeps.SWEEPS["digits"](tiers.TIERS["smoke"])
    oracle, random = (next(s for s in specs if s.gate.kind == kind) for kind in ("llf_oracle", "random"))
    assert sweeps.cost(oracle) == 2 * sweeps.cost(random)
    assert sweeps.cost(RunSpec(T=100, replications=3)) == pytest.approx(300 * (1 + 1 / 16))


@pytest.mark.parametrize("name", sweeps.TESTING)
def test_testing_sweeps_play(compiled, name):
    for spec in sweeps.SWEEPS[name](tiers.TIERS["smoke"]):
        short = dict(T=40, B=None, beta=0.5, replications=2, record=RecordSpec(mode="final"))
        result = compiled(RunSpec(**(spec.model_dump() | short)))
        assert [len(rows) for rows in result.rows] == [1, 1]


def test_rules_and_specs_do_not_load_the_compiler():
    """The plain engine must work where numba is absent."""
    code = (
        "import sys; from sim import engine, sweeps, table; from sim.spec import RunSpec\n"
        "engine.play(RunSpec(T=3), compiled=False); sys.exit('numba' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_status_codes_have_advice():
    assert set(engine._ADVICE) == {codes.NOT_FINITE, codes.INVERSE_LOST}
