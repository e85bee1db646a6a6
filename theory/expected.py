"""Bounds in expectation: what any gate pays on the queried clock, what a coin guarantees, what confidence costs.

Where ``bounds`` argues on the event E and pays for d directions in every round, these argue with one identity and
pay for them once.  Write r = <theta_hat - theta*, z>, w = ||z||_P, eta the label's noise and
Phi = ||theta_hat - theta*||_V^2.  A bought label moves Phi by (-r^2 + 2 eta r + eta^2 w^2) / (1 + w^2), an unbought
round does not move it, and a wrong pick costs at most |r|.  So for every follower that chooses z before eta is
drawn, and every gate that decides before the label,

    E sum_bought r^2 / (1 + w^2)  <=  lam S^2 + sigma^2 E sum_bought w^2 / (1 + w^2)  <=  lam S^2 + sigma^2 D_B  =: K

(x / (1 + x) <= log(1 + x), lemma 0), the ``energy_budget``.  With Cauchy and Schwarz that is theorem 6; theorems 7
and 8 carry it over to the rounds that were not bought, by a threshold or by a coin.

Assumptions throughout: pair feedback, greedy leader, one alternative or the free game, lam >= L^2, ||theta*|| <= S,
conditionally centred noise of variance at most sigma^2; E over noise and coins.  For a pool with M >= 2 and pair
feedback the compared pair need not hold the gold response, and nothing is claimed.

Full feedback, any M (the setting of [W26]): a bought round teaches the m = M + 1 shown vectors Z (m, d) with
labels whose noises are uncorrelated given the past.  With r = Z (theta_hat - theta*) and W = Z P Z' before the round,
Woodbury's formula moves Phi by -r'(I + W)^-1 r + 2 r'(I + W)^-1 eta + eta' W (I + W)^-1 eta, so that

    E sum_bought r'(I + W)^-1 r  <=  lam S^2 + sigma^2 E sum_bought log det(I + W)  <=  lam S^2 + sigma^2 D_{mB}  =: K,

and a wrong pick p of gold g costs rho <= |r_p - r_g| <= sqrt((2 + ||phi_p - phi_g||_P^2) r'(I + W)^-1 r), where
||phi_p - phi_g||_P^2 <= 4 L^2/lam.  That gives theorems 6 and 8 with another constant (``theorem6_full``,
``theorem8_full``).  Theorem 7 has no such form here: the gates' threshold looks at one pair of the m vectors.

Status: all derived here.  Theorem 6 has the rate of the first term of [W26]'s O~(sqrt(dB) + c sqrt(B)), theorem 7
its whole form with c ~ d/beta; [W26] (arXiv 2602.00952) states rates only.

>>> K = energy_budget(sigma=1.0, lam=1.0, S=1.0, d=8, B=1000, L=1.0)
>>> int(theorem6(1000, 8, K, 1.0, 1.0)), int(theorem8(10_000, 1000, K)), int(floor_sharp(1.0, 10_000, 8, 1000))
(206, 2817, 117)
"""

import functools
import math

import numpy as np
from scipy.integrate import simpson
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import chi, norm

from theory.bounds import information_cap


def energy_budget(sigma, lam, S, d, B, L, vectors=1):
    """K = lam S^2 + sigma^2 D_B [reward^2]: the most squared error that B labels can be asked about.

    vectors  how many a label teaches: 1 with pair feedback, M + 1 with full feedback
    """
    return lam * np.square(S) + np.square(sigma) * information_cap(B, d, lam, L, vectors)


def wrong_sign_probability(u: float) -> float:
    """p(u), the root of (1 - 2p) log((1 - p)/p) = 2 u^2 in (0, 1/2): the least error of a test between two
    means whose binary relative entropy is 2 u^2.  Raises ValueError for u < 0."""
    if u < 0.0:
        raise ValueError(f"u = {u:g}: the rule is u >= 0 (half the separation of the means in noise units)")
    if u == 0.0:
        return 0.5
    return float(brentq(lambda p: (1.0 - 2.0 * p) * math.log((1.0 - p) / p) - 2.0 * u * u, 1e-300, 0.5, xtol=1e-15))


@functools.cache
def best_separation() -> float:
    """The u that maximises u p(u): the coordinate size of the hardest instance of theorem 4' (about 0.558)."""
    found = minimize_scalar(lambda u: -u * wrong_sign_probability(u), bounds=(0.1, 2.0), options=dict(xatol=1e-10))
    return float(found.x)


def floor_sharp(sigma, T, d, B, u: float | None = None):
    """Theorem 4' (derived here): E R_T >= u p(u) sigma T sqrt(d/B), at the best u 0.1314 sigma T sqrt(d/B).

    The instance shows +-e_i in turn, d | T, theta*_i = +-Delta with fair signs and Delta = u sigma sqrt(d/B) / L, for
    any learner and any gate with at most B labels, if B >= u^2 sigma^2 d^2 / (S L)^2.  Proof: n_i labels of
    coordinate i separate its two signs by the relative entropy 2 u^2 n_i d / B; by the data-processing inequality
    and joint convexity a sign is wrong with probability at least p(u sqrt(n_i d / B)); p of the relative entropy is
    convex, so Jensen's inequality over coordinates (sum n_i <= B) gives p(u); each wrong round costs L Delta.
    Theorem 4 (``bounds.floor``) bounds the same error by Bretagnolle and Huber, a factor 1.73 lower.  ``u`` = 1/2
    is the instance that the simulator plays (``hard_instance``).
    """
    u = best_separation() if u is None else u
    return u * wrong_sign_probability(u) * sigma * np.asarray(T) * np.sqrt(np.asarray(d) / B)


def theorem6(B, d, K, lam, L):
    """Theorem 6 (derived here), the queried clock: E sum_bought rho <= sqrt((B + 2 D_B) K) = O~(sqrt(d B)).

    For any gate that decides before the label and any adaptive follower.  Proof: Cauchy and Schwarz on the identity
    of the module with sum_bought (1 + w^2) <= B + 2 D_B (lemma 0, lam >= L^2).
    """
    return np.sqrt((np.asarray(B) + 2.0 * information_cap(B, d, lam, L)) * K)


def theorem7(T, B, d, K, lam, L):
    """Theorem 7 (derived here): llf_fixed and llf_paced, all rounds:
    E R_T <= sqrt((B + 2 D_B) K) + T sqrt(exp(D_B/B) - 1) sqrt(K), which is O~(sqrt(dB) + c sqrt(B)) with c ~ d/beta.

    Proof: bought rounds by theorem 6; an unbought round has w <= sqrt(exp(D_B/B) - 1) by the gates' thresholds,
    |r| <= sqrt(Phi) w, and E Phi <= K by the identity (Jensen for the square root).
    """
    unbought = np.asarray(T) * np.sqrt(np.expm1(information_cap(B, d, lam, L) / np.asarray(B)))
    return theorem6(B, d, K, lam, L) + unbought * np.sqrt(K)


def theorem8(T, B, K):
    """Theorem 8 (derived here): a coin of probability B/T in every round, hidden from the follower, guarantees
    E R_T <= T sqrt(2 K / B) = O~(sigma T sqrt(d/B)) against every adaptive follower.

    Proof: with p the least conditional probability of a purchase, p E sum_all r^2/(1 + w^2) <= E sum_bought
    r^2/(1 + w^2) <= K, and 1 + w^2 <= 2; Cauchy and Schwarz over all T rounds gives sqrt(2 T K / p).  K counts the
    labels that are really bought: under a coin without a cap take K at their largest number.  A gate that gives a
    share s of its budget to such a coin has the bound with s B in the place of B, whatever it does with the rest.
    """
    return np.asarray(T) * np.sqrt(2.0 * np.asarray(K) / B)


def theorem8_random(T, B, K, S, L):
    """Theorem 8 for the gate ``random``, which buys with probability (labels left)/(rounds left), exactly B in all:
    E R_T <= 2 sqrt(T (T + 1) K / (B + 1)) + S L (T - B)/(B + 1).

    Proof (derived here): its purchases are a uniform B-subset of the rounds.  Weigh round t by p_t = b/m, b labels
    and m rounds left, as long as b >= 1: E sum_t |r| <= sqrt(E sum p_t r^2/(1 + w^2)) sqrt(2 E sum 1/p_t), the first
    factor is at most sqrt(K).  b is hypergeometric, so E[1/(b + 1)] <= (T + 1)/((B + 1)(m + 1)), and with
    1/b <= 2/(b + 1), E sum m/b <= 2 T (T + 1)/(B + 1).  After the last label (T - B)/(B + 1) rounds are left on
    average, each costs at most S L.
    """
    T, B = np.asarray(T), np.asarray(B)
    return 2.0 * np.sqrt(T * (T + 1.0) * K / (B + 1.0)) + np.asarray(S) * L * (T - B) / (B + 1.0)


def theorem6_full(B, K, lam, L):
    """Theorem 6 with full feedback (derived here): E sum_bought rho <= sqrt((2 + 4 L^2/lam) B K), any M and follower.

    K is ``energy_budget`` with vectors = M + 1.  Cauchy and Schwarz on the module's identity for full feedback.
    """
    return np.sqrt((2.0 + 4.0 * np.square(L) / lam) * np.asarray(B) * K)


def theorem8_full(T, B, K, S, L, lam):
    """Theorem 8 with full feedback for ``random`` (derived here): ``theorem8_random`` with 2 + 4 L^2/lam in the place
    of its 2 = sup (1 + w^2), K with vectors = M + 1, and rounds that cost at most 2 S L."""
    T, B = np.asarray(T), np.asarray(B)
    wide = 2.0 + 4.0 * np.square(L) / lam
    return np.sqrt(2.0 * wide * T * (T + 1.0) * K / (B + 1.0)) + 2.0 * np.asarray(S) * L * (T - B) / (B + 1.0)


def bait_labels(threshold: float, lam: float = 1.0, L: float = 1.0) -> int:
    """Labels a coordinate until L e_i leaves a gate shut that opens above log(1 + w^2) > ``threshold`` [nats]:
    n = ceil(1/(exp(s) - 1) - lam/L^2), at least 0.  Raises ValueError for a threshold that is not positive."""
    if not threshold > 0.0:
        raise ValueError(f"threshold = {threshold:g}: the rule is > 0 nats (a gate at 0 never stays shut)")
    return max(0, math.ceil(1.0 / math.expm1(threshold) - lam / (L * L) - 1e-9))


def bait_round(n: int, d: int, sigma: float, S: float) -> float:
    """Theorem 9 (derived here): the mean regret of a round of phase 2 of the follower ``bait``, L = lam = 1 [reward].

    Phase 1 shows e_i until every coordinate has n labels; theta_hat is then parallel to sqrt(n) theta* + sigma g with
    g standard normal.  Phase 2 shows for ever the unit vector of best response: the gate stays shut, theta_hat stays,
    and every round costs S times the sine of the angle between theta_hat and theta*,

        S sigma ||g_perp|| / sqrt(sigma^2 ||g_perp||^2 + (S sqrt(n) + sigma g_par)^2),  ||g_perp||^2 ~ chi^2_{d-1},

    and S where the angle is obtuse (S sqrt(n) + sigma g_par <= 0), because theta* itself is then shown.  The mean is a
    double integral (Simpson's rule, error below 1e-4 S).  Raises ValueError for d < 2 (there is no direction to
    hide in) or n < 1.
    """
    if d < 2 or n < 1:
        raise ValueError(f"d = {d}, n = {n}: the rule is d >= 2 dimensions and n >= 1 labels a coordinate")
    if sigma == 0.0:
        return 0.0

    par = np.linspace(-9.0, 9.0, 2001)[:, None]
    perp = np.linspace(0.0, chi.ppf(1.0 - 1e-12, d - 1), 801)[None, :]
    along = S * math.sqrt(n) + sigma * par
    with np.errstate(invalid="ignore"):  # 0/0 where neither vector has a part across: such a round costs nothing
        sine = np.where(along > 0.0, sigma * perp / np.hypot(sigma * perp, along), 1.0)
    return float(simpson(simpson(S * sine * norm.pdf(par) * chi.pdf(perp, d - 1), perp[0]), par[:, 0]))


def theorem9(T: int, B: int, d: int, sigma: float, S: float) -> float:
    """Theorem 9 (derived here): ``bait`` against llf_fixed, E R_T >= (T - d n) ``bait_round``, L = lam = 1 [reward].

    n = ``bait_labels`` at the threshold D_B/B; d n < B by theorem 2.  For large B it is about
    T sigma sqrt(d - 1) sqrt(D_B/B), so theorem 7's order d/sqrt(B) is tight and a threshold on confidence that the
    follower can see costs sqrt(d) more than a coin.
    """
    n = bait_labels(float(information_cap(B, d, 1.0, 1.0)) / B)
    return (T - d * n) * bait_round(n, d, sigma, S) if n >= 1 else T * S
