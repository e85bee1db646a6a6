"""Losses against their formulas in plain Python numbers, and the ranking identity."""

import math

import numpy as np
import pytest
import strategies as own
import torch
from hypothesis import given
from hypothesis import strategies as st

from llm.generative import objective
from llm.generative.objective import PreferenceSettings

logs = st.lists(st.tuples(*[own.floats(-30.0, -0.1)] * 4, st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5)
settings = st.builds(PreferenceSettings, own.floats(0.01, 2.0), own.floats(0.0, 0.45))


def tensors(pairs):
    """(sums (2n,), counts (2n,), reference sums (2n,)) in float64, better answer first."""
    a = torch.tensor(pairs, dtype=torch.float64)
    return a[:, :2].reshape(-1), a[:, 4:].reshape(-1), a[:, 2:4].reshape(-1)


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def by_hand(kind, pairs, o, moved=None):
    """The mean loss of pairs (better, worse, their references, their tokens)."""
    total = 0.0
    for i, (w, v, rw, rv, nw, nv) in enumerate(pairs):
        h = (w - rw) - (v - rv)
        if kind == "dpo":
            total += softplus(-o.beta * h)
        elif kind == "ipo":
            total += ((w - rw) / nw - (v - rv) / nv - 1 / (2 * o.beta)) ** 2
        elif kind == "rdpo":
            total += ((1 - o.q) * softplus(-o.beta * h) - o.q * softplus(o.beta * h)) / (1 - 2 * o.q)
        else:
            f, c = moved[0][i], moved[1][i]
            total += (1 - f) * softplus(-o.beta * h) + f * softplus(c - o.beta * h)
    return total / len(pairs)


@given(pairs=logs, o=settings, kind=st.sampled_from(["dpo", "ipo", "rdpo"]))
def test_a_loss_is_its_formula(pairs, o, kind):
    got = objective.preference(kind, *tensors(pairs), o)
    assert float(got) == pytest.approx(by_hand(kind, pairs, o), rel=1e-9, abs=1e-9)


@given(pairs=logs, o=settings, data=st.data())
def test_the_moved_loss_is_its_formula_never_below_dpo_and_dpo_where_nothing_moves(pairs, o, data):
    n = len(pairs)
    f = data.draw(st.lists(own.floats(0.0, 1.0), min_size=n, max_size=n))
    c = data.draw(st.lists(own.floats(0.0, 3.0), min_size=n, max_size=n))
    moved = tuple(torch.tensor(a, dtype=torch.float64) for a in (f, c))
    got, plain = (float(objective.preference(k, *tensors(pairs), o, moved)) for k in ("moved", "dpo"))
    assert got == pytest.approx(by_hand("moved", pairs, o, (f, c)), rel=1e-9, abs=1e-9)
    assert got >= plain - 1e-12
    still = (torch.zeros(n, dtype=torch.float64), moved[1])
    assert float(objective.preference("moved", *tensors(pairs), o, still)) == pytest.approx(plain, rel=1e-12)


@given(pairs=logs, weight=own.floats(0.0, 2.0))
def test_the_loss_of_answers_is_its_formula(pairs, weight):
    sums, counts, _ = tensors(pairs)
    told = [(w / nw, v / nv) for w, v, _, _, nw, nv in pairs]
    want = sum(-w + weight * softplus(v - w) for w, v in told) / len(pairs)
    assert float(objective.answers(sums, counts, weight)) == pytest.approx(want, rel=1e-9)


@given(margins=st.lists(own.floats(0.0, 5.0), min_size=2, max_size=8), eps=own.floats(0.0, 2.0))
def test_the_follower_moves_the_least_sure_pairs_within_its_budget(margins, eps):
    share, shift = objective.follower(np.array(margins), eps)
    low = min(margins) - 0.05
    np.testing.assert_allclose(shift, np.array(margins) - low, atol=1e-12)
    left = len(margins) * eps
    for i in sorted(range(len(margins)), key=lambda i: margins[i]):  # stable: among equals the lowest index
        want = min(1.0, left / (margins[i] - low))
        assert share[i] == pytest.approx(want, abs=1e-9)
        left = max(0.0, left - (margins[i] - low))
    assert not objective.follower(np.array(margins), 0.0)[0].any()


def test_one_margin_or_none_is_left_alone():
    for margins in ([], [1.0]):
        share, shift = objective.follower(np.array(margins), 1.0)
        assert share.tolist() == shift.tolist() == [0.0] * len(margins)


def losses(chosen, ref, beta):
    """DPO losses by the function that training uses."""
    o = objective.PreferenceSettings(beta, 0.1)
    rows = [(torch.tensor(a).float(), torch.tensor(b).float()) for a, b in zip(chosen, ref, strict=True)]
    return np.array([float(objective.preference("dpo", a, torch.ones(2), b, o)) for a, b in rows])


@given(rng=own.rngs, n=st.integers(1, 60), beta=own.floats(0.01, 2.0))
def test_the_ranking_identity_holds_on_random_numbers(rng, n, beta):
    chosen, ref = rng.normal(-20.0, 5.0, (2, n, 2))
    assert objective.ranking_identity(losses(chosen, ref, beta), chosen, ref, beta) == 0


@pytest.mark.parametrize("fault", ["another reference", "winner and loser swapped", "another beta"])
def test_the_ranking_identity_finds_a_loss_that_is_not_dpos(fault):
    rng = np.random.default_rng(0)
    chosen, ref = rng.normal(-20.0, 5.0, (2, 60, 2))
    told = {
        "another reference": lambda: losses(chosen, ref + np.array([0.0, 3.0]), 0.1),
        "winner and loser swapped": lambda: losses(chosen[:, ::-1].copy(), ref, 0.1),
        "another beta": lambda: losses(chosen, ref, 0.2),
    }[fault]()
    assert objective.ranking_identity(told, chosen, ref, 0.1) > 0
