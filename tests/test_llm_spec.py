"""llm.spec: gates by name, budgets, cells and their digests."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm.spec import CHOICES, Cell, DataSpec, FinetuneSpec, StudySpec, choice
from sim.setup import build

DATA = DataSpec(path="texts.parquet")


def study(**options):
    """A study of 100 rounds of some file."""
    return StudySpec(**{"data": DATA, "rounds": 100, "replications": 2, **options})


def test_every_named_gate_makes_a_run_of_the_simulator():
    for gate in CHOICES:
        cell = Cell(gate, 10, 100, "iid", 0, 0, "frozen", "x")
        g = build(study().run_of(cell), 4, 3)
        assert (g.T, g.B, g.N, g.d) == (100, 10, 3, 4)


def test_constants_change_a_gate_and_nothing_else():
    changed = choice("llf_self_paced:c=0.2,p=2")
    assert (changed.gate.c, changed.gate.p, changed.gate.kind) == (0.2, 2.0, "llf_self_paced")
    assert choice("llf_regret:radius_c=0.07").radius == ("fixed", 0.07)
    assert choice("llf_self_paced") == CHOICES["llf_self_paced"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(gates=("widht",)), "unknown gate 'widht'; valid: llf_self_paced"),
        (dict(gates=("llf_self_paced:c",)), "is not name:constant=number"),
        (dict(gates=("llf_self_paced:c=x",)), "is not name:constant=number"),
        (dict(gates=("llf_self_paced:q=1",)), "q"),
        (dict(gates=("random", "random")), "give at least one, each once"),
        (dict(gates=()), "give at least one, each once"),
        (dict(budgets=(0.0,)), "give a ratio in"),
        (dict(budgets=(-1.0,)), "give a ratio in"),
        (dict(budgets=(float("nan"),)), "give a ratio in"),
        (dict(budgets=(2.5,)), "whole number of labels"),
        (dict(budgets=(101,)), "the rule is 1 <= B <= T"),
        (dict(budgets=(0.001,)), "gives B = 0"),
        (dict(budgets=(True,)), "not a number"),
        (dict(streams=("shift",)), "unknown stream 'shift'"),
        (dict(mode="both"), "frozen"),
        (dict(model=dict(dtype="float64")), "unknown dtype 'float64'"),
        (dict(model=dict(pooling="max")), "unknown pooling 'max'"),
        (dict(rounds=0), "rounds = 0"),
        (dict(steps=3), "Extra inputs"),
    ],
)
def test_bad_studies_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        study(**options)


def test_budgets_are_ratios_below_one_and_counts_from_one():
    spec = study(budgets=(0.05, 1, 100))
    assert [spec.labels(b) for b in spec.budgets] == [5, 1, 100]


def test_all_labels_is_one_cell_a_stream_and_replication():
    cells = study(gates=("random", "all"), budgets=(0.1, 0.2), streams=("iid", "drift")).cells("x")
    assert len(cells) == len(set(cells)) == 2 * 2 * (2 + 1)
    assert {c.B for c in cells if c.gate == "all"} == {100}


def test_a_cells_key_follows_the_constants_of_its_gate():
    cell = Cell("llf_self_paced", 10, 100, "iid", 0, 0, "frozen", "x")
    same = cell._replace(gate="llf_self_paced:c=0.1,p=4")
    assert cell.key() != cell._replace(gate="llf_self_paced:c=0.2").key()
    assert cell.key() != cell._replace(replication=1).key()
    assert cell.key() != same.key()  # the name stands in the table


def test_the_shared_digest_follows_what_determines_the_numbers():
    base = study().digest("data", "model", "code")
    assert base == study(replications=5, gates=("random",)).digest("data", "model", "code")
    for other in (study(lam=2.0), study(center=True), study(logistic_c=1.0), study(mode="finetune")):
        assert other.digest("data", "model", "code") != base
    assert len({study().digest(*x) for x in (("a", "b", "c"), ("b", "a", "c"), ("a", "b", "d"))}) == 3


@pytest.mark.parametrize(
    ("path", "name"),
    [("a/banking77/data.parquet", "banking77"), ("x/notes.jsonl", "notes"), ("owner/set", "owner/set")],
)
def test_data_are_named_after_their_file_or_id(path, name):
    assert DataSpec(path=path).name == name


@given(st.floats(1e-3, 0.999), st.integers(1000, 10**6))
def test_property_a_ratio_never_buys_more_than_its_share(ratio, T):
    assert study(rounds=T, budgets=(0.5,)).labels(ratio) <= ratio * T * (1 + 1e-9)


def test_growth_needs_refits():
    with pytest.raises(ValueError, match="refit_growth = 2: refits need refit_epochs >= 1, not 0"):
        FinetuneSpec(refit_growth=2.0, refit_epochs=0)
    assert FinetuneSpec(refit_growth=2.0).refit_epochs == 12 and FinetuneSpec(refit_epochs=0).refit_growth == 0.0
