"""sim.sweeps and sim.tiers: every tier constructs, no configuration appears twice, the testing subset plays."""

import subprocess
import sys

import pytest

from sim import engine, sweeps, tiers
from sim.rules import codes, gates
from sim.spec import RecordSpec, RunSpec


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


def test_seed_sets_hold_the_same_configurations():
    tier = tiers.TIERS["standard"]
    for name in set(sweeps.SWEEPS) - {"trace"}:
        specs = sweeps.SWEEPS[name](tier)
        per_set = [
            {s.model_copy(update=dict(seed=0)).key() for s in specs if s.seed == seed} for seed in range(tier.sets)
        ]
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
    assert sorted(names) == sorted(set(sweeps.SWEEPS) - {"trace", "theorem2", "theorem3"} | {"theorem"})
    assert all(tier.reps(name) >= 1 for name in names)


def test_coverage_has_every_gate_in_every_arena():
    specs = sweeps.coverage(tiers.TIERS["smoke"])
    cells = {(s.follower.kind, s.stream.context, s.gate.kind, s.gate.purse) for s in specs}
    assert {(f, c, g.kind, g.purse) for f, c in sweeps.ARENAS for g in sweeps.ALL_GATES} <= cells


def test_theorem_sweeps_run_without_a_cap():
    for make, kind in ((sweeps.theorem2, "llf_fixed"), (sweeps.theorem3, "llf_paced")):
        assert all(s.gate.kind == kind and not s.gate.cap for s in make(tiers.TIERS["smoke"]))


def test_peek_pairs_differ_in_the_noise_of_the_last_round_alone():
    specs = sweeps.peek(tiers.TIERS["smoke"])
    for plain, other in zip(specs[::2], specs[1::2], strict=True):
        assert (plain.relabel_from, other.relabel_from) == (0, other.T)
        assert plain == other.model_copy(update=dict(relabel_from=0))


def test_the_oracle_costs_two_passes():
    specs = sweeps.digits(tiers.TIERS["smoke"])
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
