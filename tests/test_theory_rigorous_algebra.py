"""Steps of the proofs, for all reals by z3; every statement has a wrong neighbour that z3 refutes with numbers."""

from fractions import Fraction

import numpy as np
import pytest

from theory.rigorous import algebra
from theory.rigorous.algebra import Statement, counterexample
from theory.studies import determinism

pytest.importorskip("z3", reason="z3-solver (extra dev) is not installed: no algebra is proved")


@pytest.mark.parametrize("builder", algebra.STATEMENTS, ids=lambda builder: builder.__name__)
def test_the_statement_is_true_of_all_reals(builder):
    assert counterexample(builder) is None


def energy_without_noise_term(Phi, r, w2, eta):
    true = algebra.energy_scalars(Phi, r, w2, eta)
    g = (eta - r) / (1 + w2)
    moved = 2 * g * r + g * g * w2 + (r + g * w2) * (r + g * w2)
    return true._replace(conclusions=(moved == (-r * r + 2 * eta * r) / (1 + w2),))


def energy_with_undamped_update(a, b, c, u, v, e, f, g):
    """The wrong learner: it moves by twice the step."""
    halved = algebra.energy_matrix([[a, b], [b, c]], [u, v], [e, f], g)
    doubled = algebra.energy_matrix([[a, b], [b, c]], [u, v], [e, f], 2 * g)
    eta = [x.arg(1) for x in halved.conclusions[:2]]
    return Statement((), (doubled.conclusions[0].arg(0) == eta[0], doubled.conclusions[1].arg(0) == eta[1]))


def openings_with_rising_share(B, N, D_B, D_N, psi):
    true = algebra.openings(B, N, D_B, D_N, psi)
    return true._replace(premises=tuple(p for i, p in enumerate(true.premises) if i != 2))


def threshold_falls_on_a_tie(rest, labels, gain):
    true = algebra.threshold_falls(rest, labels, gain)
    return true._replace(premises=(labels > 1, gain >= rest / labels))


def threshold_falls_with_less_than_a_label(rest, labels, gain):
    true = algebra.threshold_falls(rest, labels, gain)
    return true._replace(premises=(labels > Fraction(1, 2), labels < 1, true.premises[1]))


def label_stays_without_lemma_0(D_B, psi, gain):
    return algebra.label_stays(D_B, psi, gain)._replace(premises=(psi <= D_B,))


def split_is_mixed_for_any_b(w, v, b_w, b_v, q, damage_w, damage_v, cost_w, cost_v):
    true = algebra.split_is_mixed(w, v, b_w, b_v, q, damage_w, damage_v, cost_w, cost_v)
    cost, _, split, best = true.premises
    return true._replace(premises=(cost, b_w <= 1, split, best))


def split_is_mixed_if_labels_please_the_follower(w, v, b_w, b_v, q, damage_w, damage_v, cost_w, cost_v):
    true = algebra.split_is_mixed(w, v, b_w, b_v, q, damage_w, damage_v, cost_w, cost_v)
    return true._replace(premises=true.premises[1:])


def mixing_gains_nothing_from_the_patient(b_0, b_v, damage_0, damage_v, worth_0, worth_v, patience):
    true = algebra.mixing_gains_nothing(b_0, b_v, damage_0, damage_v, worth_0, worth_v, patience)
    natural = (b_0 >= 0, b_v >= 0, b_v <= 1, damage_v >= 0, worth_v >= 0)
    return true._replace(premises=(2 * patience == 1, *true.premises[1:], *natural))


def threshold_deters_at_any_width(w, m, damage_w, damage_m, worth_w, u):
    true = algebra.threshold_deters(w, m, damage_w, damage_m, worth_w, u)
    return true._replace(premises=(damage_m >= u, *true.premises[1:]))


WRONG = (
    energy_without_noise_term, energy_with_undamped_update, openings_with_rising_share, threshold_falls_on_a_tie,
    threshold_falls_with_less_than_a_label, label_stays_without_lemma_0, split_is_mixed_for_any_b,
    split_is_mixed_if_labels_please_the_follower, mixing_gains_nothing_from_the_patient, threshold_deters_at_any_width,
)  # fmt: skip


@pytest.mark.parametrize("builder", WRONG, ids=lambda builder: builder.__name__)
def test_a_wrong_neighbour_is_refuted_by_numbers(builder):
    found = counterexample(builder)
    assert found is not None and all(found.values())


def test_the_numbers_refute_it():
    """z3's example for the tie: the threshold stays instead of falling."""
    found = counterexample(threshold_falls_on_a_tie)
    rest, labels, gain = (Fraction(found[name]) for name in ("rest", "labels", "gain"))
    statement = threshold_falls_on_a_tie(rest, labels, gain)
    assert statement.premises == (True, True) and statement.conclusions == (False,)


def test_premises_that_nothing_satisfies_prove_nothing():
    with pytest.raises(ValueError, match="no numbers satisfy the premises"):
        counterexample(lambda x: Statement((x > 1, x < 1), (x == 0,)))


@pytest.mark.parametrize("patience", [1.0, 0.1])
def test_the_statements_speak_of_the_game_that_is_solved(patience):
    """A rising b on the study's own arena and the width that is played against it satisfy the premises at every w."""
    game = determinism.arena(*determinism.learned(0, "isotropic", 32), patience)
    b = np.sort(np.random.default_rng(0).random(game.widths.size))
    v = int(np.argmax(game.damage - b * game.cost))
    for w in range(game.widths.size):
        q = b[v] if w <= v else 1.0
        statement = algebra.split_is_mixed(
            game.widths[w], game.widths[v], b[w], b[v], q, game.damage[w], game.damage[v], game.cost[w], game.cost[v]
        )
        assert all(statement.premises) and all(statement.conclusions)
