"""Descriptions of studies: what is refused, what follows from them."""

import pytest
from pydantic import ValidationError

from llm.generative.spec import LmSpec, TuneSpec
from llm.spec import DataSpec

DATA = DataSpec(path="x.parquet")


def test_one_cell_a_gate_replication_and_kind_and_adpo_has_no_prediction():
    spec = LmSpec(data=DATA, mode="preferences", gates=("random", "adpo"), replications=2)
    cells = spec.cells("digest")
    told = [(c.gate, c.tuned, c.replication) for c in cells]
    own = [("random", False), ("random", True), ("adpo", True)]
    assert told == [(*one, r) for r in range(2) for one in own]
    assert len({c.key() for c in cells}) == len(cells)


@pytest.mark.parametrize(("budget", "T", "B"), [(0.2, 200, 40), (0.29, 100, 29), (0.58, 50, 29), (7, 20, 7), (9, 9, 9)])
def test_a_budget_is_a_share_or_a_number(budget, T, B):
    assert LmSpec(data=DATA, budget=budget, rounds=T).labels == B


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(gates=("llf_paced",)), "'llf_paced' counts one vector a label; use it with --teaches pair"),
        (dict(gates=("adpo",)), "buys preferences; use it in mode preferences"),
        (dict(gates=("d_optimal",)), "buys preferences; use it in mode preferences"),
        (dict(gates=("entropy",)), "has no reading on candidate answers"),
        (dict(gates=("randm",)), "unknown gate 'randm'"),
        (dict(gates=("random", "random")), "give each once"),
        (dict(budget=0.001), "gives B = 0: give 1 <= B <= T"),
        (dict(budget=300), "gives B = 300: give 1 <= B <= T"),
        (dict(candidates=3, alternatives=3), "1 <= M < N"),
        (dict(follower="ball"), "ball"),
        (dict(mode="answer"), "answer"),
        (dict(mode="preferences", methods=("dpo", "ppo")), "ppo"),
        (dict(mode="preferences", methods=("spa", "ssapo"), gates=("random", "margin")), "random"),
        (dict(mode="preferences", methods=()), "method"),
        (dict(mode="preferences", methods=("dpo", "dpo")), "each once"),
    ],
)
def test_studies_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        LmSpec(data=DATA, **change)


def test_methods_that_annotate_play_on_random_alone():
    LmSpec(data=DATA, mode="preferences", methods=("spa",), gates=("random",))
    LmSpec(data=DATA, mode="preferences", methods=("spa", "dpo"), gates=("random", "margin"))


def test_potential_gates_play_where_a_label_teaches_a_pair():
    assert LmSpec(data=DATA, gates=("llf_paced",), teaches="pair").played == ("llf_paced",)


@pytest.mark.parametrize("change", [dict(flip=0.5), dict(layers=0), dict(epochs=0.0), dict(eps=-1.0), dict(beta=0.0)])
def test_constants_outside_their_range_are_refused(change):
    with pytest.raises(ValidationError):
        TuneSpec(**change)
