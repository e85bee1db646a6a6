"""The theorems as functions, one each, with status, assumptions, proof and source.

Common assumptions: pair feedback, greedy leader, lam >= L^2, ||theta*|| <= S, sigma-sub-Gaussian
noise, any adapted follower; D_n = d log(1 + n L^2/(d lam)).  ``upper`` bounds hold on the event
E = {for all t: ||theta_hat_t - theta*||_{V_t} <= alpha_t}, which has probability at least 1 - delta.
None is tight in its constants; the ledger reports measured/bound.

Status of each: *classical*, with a source; *stated* by [W26] (a rate; constants and proof are then derived here);
*derived here*.

Arguments are numbers, arrays or table columns that broadcast against each other; nothing is checked.
All but ``radius_cap`` and ``floor`` also take balls, numbers with a rigorous error (``theory.rigorous``).
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
    """D_n [nats], elementwise: the most that n labels can teach.  Classical (lemma 0, the elliptical potential).

    psi = log det V - log det lam I <= D_n for any n vectors of norm <= L (``vectors`` n of them where a label
    teaches several).  Any lam > 0.  Proof: det V <= (trace V / d)^d, and trace V <= d lam + n L^2.  Equality where
    the vectors spread evenly over an orthogonal basis, as on the hard instance.  Source: Abbasi-Yadkori, Pal,
    Szepesvari (NeurIPS 2011), lemma 10.
    """
    return np.asarray(d) * np.log1p(np.asarray(n) * vectors * np.square(L) / (np.asarray(d) * lam))


def potential_cap(psi):
    """sum of w_t^2 over bought vectors <= 2 psi, if lam >= L^2.  Classical (lemma 0).

    Proof: psi = sum log(1 + w_t^2), w_t^2 <= L^2/lam <= 1, and x <= 2 log(1 + x) on [0, 1].
    Source: Abbasi-Yadkori, Pal, Szepesvari (2011), lemma 11.
    """
    return 2.0 * np.asarray(psi)


def count_cap(info, square=WIDE):
    """#{bought: w_t^2 >= tau^2} <= D_n / log(1 + tau^2), at tau^2 = ``square``.  Classical (lemma 0); any lam > 0.

    Proof: each such label adds at least log(1 + tau^2) to psi, no label lowers it, and psi <= D_n.
    """
    return np.asarray(info) / np.log1p(square)


def radius_cap(info, sigma, lam, S, delta):
    """alpha at psi = D_n: the largest radius that n labels allow [reward].  Classical.

    alpha = sigma sqrt(psi + 2 log(1/delta)) + sqrt(lam) S rises in psi.  Any adapted sequence of vectors, so any
    follower and any gate.  Source: Abbasi-Yadkori, Pal, Szepesvari (2011), theorem 2.
    """
    return np.vectorize(theory_radius, otypes=[float])(info, sigma, lam, S, delta)


def theorem1(alpha, T, info):
    """R_T <= alpha_T sqrt(2 T D_T): every label bought.  Rate stated by [W26], constants derived here; on E.

    Proof: a wrong pick has <theta_hat, z> <= 0 < <theta*, z> <= <theta* - theta_hat, z> <= alpha_t w_t with z from
    pick to gold; alpha_t <= alpha_T; Cauchy-Schwarz and lemma 0.
    """
    return alpha * np.sqrt(2.0 * np.asarray(T) * info)


def misfit(alpha, T, info, eps):
    """Theorem 1 where the truth is only within eps of linear: with probability at least 1 - delta

        R_T <= (alpha_T + 2 eps sqrt(T)) sqrt(2 T D_T) + 2 eps T,    of order d sqrt(T) + eps T sqrt(d).

    Status: derived here; the order eps T sqrt(d) is known to be what linear bandits pay for misspecification
    (Lattimore, Szepesvari, Weisz 2020).  Assumptions: theorem 1's, one alternative, and payoffs <theta*, phi> + m
    with |m| <= eps [reward].  Proof: a label of a pair is off by at most 2 eps, and ||sum_s delta_s z_s||_P <=
    2 eps sqrt(n) for n labels (Cauchy and Schwarz, sum_s z_s z_s' <= V), so the radius grows by that much; a wrong
    pick costs at most (alpha + 2 eps sqrt(n)) w + 2 eps; sum as in theorem 1.
    """
    T = np.asarray(T)
    return (alpha + 2.0 * np.asarray(eps) * np.sqrt(T)) * np.sqrt(2.0 * T * info) + 2.0 * np.asarray(eps) * T


def theorem23(alpha_B, T, B, info_B):
    """R_T <= alpha_B [sqrt(2 B D_B) + (T - B) sqrt(exp(D_B/B) - 1)]: llf_fixed and llf_paced.  Derived here; on E.

    Assumes lam >= L^2, so that a gain g_t = log(1 + w_t^2) is at most log 2, and T >= B.  Write x = D_B/B and
    h(g) = sqrt(e^g - 1), so that w_t = h(g_t).

    Labels.  Theorem 2: each of N >= 1 openings of llf_fixed gains more than x, so N x < D_N; D_n/n falls in n,
    hence N < B without a cap.  Theorem 3: llf_paced buys where g > s = (D_B - psi)/b, b labels left.  For b > 1
    the next threshold (D_B - psi - g)/(b - 1) is below s; for b = 1 the purchase would lift psi above D_B.  So
    thresholds never rise above the first, x, and at least one label stays unspent.

    Regret.  As in theorem 1 a round costs at most alpha_B w_t.  N <= B rounds are bought, and T - N >= T - B are not,
    each with w_t <= h(x).  What is left to show is that the bought rounds and B - N of the others together have

        sum over the bought of h(g_t) + (B - N) h(x)  <=  B sqrt(2 x).

    h is concave on [0, log 2] (the sign of its second derivative is that of e^g - 2), so the sum is at most N h(y),
    y the mean gain of a bought round, with N y = psi <= D_B = B x.
    (a) x > log 2: no gate opens, N = 0, every w_t <= 1; and h(x) > 1, sqrt(2x) > 1: the theorem's bound exceeds
        alpha_B T.  (At x = log 2 no gate opens either, and (b) or (c) with N = 0 is enough.)
    (b) y < x <= log 2, or N = 0: the left side is at most B h(x), and h(x) <= sqrt(2x) there, since e^x - 1 <= 2x on
        [0, 1.25].
    (c) x <= y <= log 2: it rises in N <= B x/y, so it is at most B [x h(y)/y + (1 - x/y) h(x)], and the bracket is
        at most 0.993 sqrt(2x).  The supremum of the ratio is 0.9926 at y = log 2; the certificate, with the corner
        x = y = 0 done by hand, is ``theory.rigorous.constants.middle``.
    The gates as written take a gain within ``gates.INFO_TIE`` nats of the threshold for a tie and do not buy, so
    their unbought rounds have w_t <= h(x + INFO_TIE), a relative change of the second term by INFO_TIE/(2x).
    """
    bought = np.sqrt(2.0 * np.asarray(B) * info_B)
    unbought = (np.asarray(T) - B) * np.sqrt(np.expm1(np.asarray(info_B) / B))
    return alpha_B * (bought + unbought)


def c_beta(alpha_B, T, B, info_B):
    """The constant c of the form sqrt(dB) + c sqrt(B) that makes it theorem 3.  Derived here; assumptions of theorem 3.

    c_beta = ((1 - beta)/beta) alpha_B sqrt(B (exp(D_B/B) - 1)), beta = B/T: it grows as 1/beta.  Proof: c_beta sqrt(B)
    is theorem 3's second term, since T - B = B (1 - beta)/beta.
    """
    beta = np.asarray(B) / np.asarray(T)
    return (1.0 - beta) / beta * alpha_B * np.sqrt(B * np.expm1(np.asarray(info_B) / B))


def stated_form(alpha_B, info_B, B, c):
    """sqrt(2) alpha_B sqrt(D_B) sqrt(B) + c sqrt(B).  Form stated by [W26], constants written out here.

    With c = c_beta it is theorem 3, term by term, and holds on E.  Its first term is d sqrt(B), not the stated
    sqrt(dB): for that see theorems 6 and 7 of ``theory.expected``.
    """
    return np.sqrt(2.0 * info_B) * alpha_B * np.sqrt(B) + c * np.sqrt(B)


def stated_beta_free(alpha_T, info_T, B):
    """alpha_T sqrt(2 D_T) sqrt(B): the stated form with one c for every beta.  A reading of [W26], false.

    The constant is theorem 1's at beta = 1, all logarithms of T included, the most generous one.  Proposition 5
    (derived here): the form rises in B and the floor of theorem 4 falls, so below some beta they cross.
    """
    return alpha_T * np.sqrt(2.0 * np.asarray(info_T)) * np.sqrt(B)


def floor(sigma, T, d, B):
    """E R_T >= (exp(-1/2)/8) sigma T sqrt(d/B) on the hard instance, any learner and any gate with at most B labels.
    Theorem 4, derived here.

    Assumes Gaussian noise, d | T and B >= sigma^2 d^2/(4 S^2 L^2), so that ||theta*|| <= S; the expectation is also
    over fair signs of theta*.  Proof: the signs of coordinate i are told apart by n_i labels with relative entropy
    2 Delta^2 E[n_i]/sigma^2, Delta = sigma sqrt(d/B)/2; Bretagnolle-Huber a coordinate, Jensen over coordinates
    (sum n_i <= B).  The rate T/sqrt(B) is that of label-efficient prediction (Cesa-Bianchi, Lugosi, Stoltz 2005).
    ``expected.floor_sharp`` is 1.73 times higher.
    """
    return FLOOR_CONSTANT * sigma * np.asarray(T) * np.sqrt(np.asarray(d) / B)


def trivial(S, L, T):
    """S L T: no policy has more regret; a bound above it says nothing (VACUOUS).  Immediate: a round costs at most
    |<theta*, z>| <= S L.  No assumption but the two norms."""
    return np.asarray(S) * L * T
