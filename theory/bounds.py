"""The theorems as functions, one each.

Common assumptions: pair feedback, greedy leader, lam >= L^2, ||theta*|| <= S, sigma-sub-Gaussian
noise, any adapted follower; D_n = d log(1 + n L^2/(d lam)).  ``upper`` bounds hold on the event
E = {for all t: ||theta_hat_t - theta*||_{V_t} <= alpha_t}, which has probability at least 1 - delta.
None is tight in its constants; the ledger reports measured/bound.

Arguments are numbers, arrays or table columns that broadcast against each other; nothing is checked.
Regrets, radii, sigma and S are in units of reward, information in nats; n, T and B count labels and
rounds; d is the dimension, L the largest norm of a feature, lam ridge's regularisation.

[W26] is arXiv 2602.00952.  It states the two rates O~(d sqrt T) and O~(sqrt(dB) + c sqrt B); the
constants, the gates' exact rules and theorems 2-4 are derived here.
"""

import math

import numpy as np

from sim.rules.learners import WIDE, theory_radius

FLOOR_CONSTANT = math.exp(-0.5) / 8.0


def information_cap(n, d, lam, L, vectors=1):
    """D_n [nats], elementwise: the most that n labels can teach.

    Lemma 0 (elliptical potential, classical): psi <= D_n for any n vectors of norm <= L.
    """
    return np.asarray(d) * np.log1p(np.asarray(n) * vectors * np.square(L) / (np.asarray(d) * lam))


def potential_cap(psi):
    """Lemma 0: sum of w_t^2 over bought vectors <= 2 psi, if lam >= L^2."""
    return 2.0 * np.asarray(psi)


def count_cap(info):
    """Lemma 0: #{bought: w_t^2 >= tau^2} <= D_n / log(1 + tau^2), at tau^2 = WIDE."""
    return np.asarray(info) / math.log1p(WIDE)


def radius_cap(info, sigma, lam, S, delta):
    """alpha at psi = D_n: the largest radius that n labels allow [reward]."""
    return np.vectorize(theory_radius, otypes=[float])(info, sigma, lam, S, delta)


def theorem1(alpha, T, info):
    """R_T <= alpha_T sqrt(2 T D_T): every label bought.  Rate stated by [W26], constants derived.

    A wrong pick has <theta_hat, z> <= 0 < <theta*, z> <= alpha_t w_t; Cauchy-Schwarz and lemma 0.
    """
    return alpha * np.sqrt(2.0 * np.asarray(T) * info)


def theorem23(alpha_B, T, B, info_B):
    """R_T <= alpha_B [sqrt(2 B D_B) + (T - B) sqrt(exp(D_B/B) - 1)]: llf_fixed and llf_paced.

    Theorem 2: llf_fixed opens fewer than B times without a cap.  Theorem 3: llf_paced's
    thresholds never rise, at least one label stays unspent, the same bound.  Derived here.
    """
    bought = np.sqrt(2.0 * np.asarray(B) * info_B)
    unbought = (np.asarray(T) - B) * np.sqrt(np.expm1(np.asarray(info_B) / B))
    return alpha_B * (bought + unbought)


def c_beta(alpha_B, T, B, info_B):
    """The constant c of the form sqrt(dB) + c sqrt(B) that makes it theorem 3 (derived here).

    c_beta = ((1 - beta)/beta) alpha_B sqrt(B (exp(D_B/B) - 1)), beta = B/T: it grows as 1/beta.
    """
    beta = np.asarray(B) / np.asarray(T)
    return (1.0 - beta) / beta * alpha_B * np.sqrt(B * np.expm1(np.asarray(info_B) / B))


def stated_form(alpha_B, info_B, B, c):
    """sqrt(2) alpha_B sqrt(D_B) sqrt(B) + c sqrt(B): the form stated by [W26], constants written out."""
    return np.sqrt(2.0 * info_B) * alpha_B * np.sqrt(B) + c * np.sqrt(B)


def stated_beta_free(alpha_T, info_T, B):
    """alpha_T sqrt(2 D_T) sqrt(B): the stated form with the most generous beta-free constant.

    The constant is theorem 1's at beta = 1, all logarithms of T included (proposition 5).
    """
    return alpha_T * np.sqrt(2.0 * np.asarray(info_T)) * np.sqrt(B)


def floor(sigma, T, d, B):
    """Theorem 4 (derived here): any learner and gate with at most B labels has
    E R_T >= (exp(-1/2)/8) sigma T sqrt(d/B) on the hard instance, if B >= sigma^2 d^2/(4 S^2 L^2).

    Bretagnolle-Huber a coordinate, Jensen over coordinates; the expectation is also over fair
    signs of theta*.
    """
    return FLOOR_CONSTANT * sigma * np.asarray(T) * np.sqrt(np.asarray(d) / B)


def trivial(S, L, T):
    """S L T: no policy has more regret; a bound above it says nothing (VACUOUS)."""
    return np.asarray(S) * L * T
