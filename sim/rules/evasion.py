"""Evaders: the most harmful vector of a round whose label the gate still does not buy.

``evade_along_rays`` is cheap and answers every gate: it shrinks the ball response along its ray, or
tilts it away from theta_hat, until the gate's own rule says no.  ``evade_exactly`` answers gates that
open above a width tau; its vector solves

    max <aim, z>   over   ||z|| <= L,  ||z||_P <= tau,  <theta_hat, z> <= 0.

This is a cone program whose two ellipsoids combine into one: with W_s = (1 - s) I/L^2 + s P/tau^2
every feasible z has z' W_s z <= 1, and the least of the upper bounds that follow for s in [0, 1]
is attained (strong duality).  In P's eigenbasis W_s is diagonal, the half-space costs one
projection (z = W_s^-1 (aim - kappa theta_hat)), and the best s balances ||z||/L against
||z||_P/tau, whose ratio is monotone in s: one bisection.  Derived here;
``theory.oracles.replies.evader_response`` solves the cone program independently.

The leader knows axis 2 better than axis 1 (P is smaller there).  To stay below a width of 0.6 the
evader turns from the diagonal, where it would like to go, towards axis 2:

>>> import numpy as np
>>> from sim.rules import evasion
>>> values, U = evasion.spectrum(np.diag([1.0, 1.0, 0.25]))
>>> z, theta, aim = np.zeros(3), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0])
>>> evasion.narrow(values, U, theta, aim, tau=0.6, L=1.0, z=z)
>>> z.round(3).tolist()
[0.0, 0.383, 0.924]

The eigenbasis is computed by Jacobi's rotations and not by LAPACK, so that the plain and the
compiled run are the same bits on every machine.
"""

import math

import numpy as np

from sim.rules import codes, gates, leader, learners

TILTS = 8
BISECTIONS = 30
WORTH = 0.01  # an evasion that keeps less of the payoff than this share is not worth making
SWEEPS = 30
HALVINGS = 80
PARALLEL = 1e-9  # sine below which aim counts as a multiple of theta_hat, as in the ball response


def stays_shut(g, p, x, alpha, width, gap, scale, decide=gates.decide):
    """Whether the gate would not buy if the vector were shrunk to ``scale`` times itself.

    g, p, x      the gate's constants, its purse and a signal that holds the round and the plan
    width, gap   of the vector at scale 1; alpha the confidence radius
    decide       the gate's rule
    """
    w = scale * width
    factor = 1.0 if g.leader == codes.GREEDY else 2.0
    view = leader.View(0, 1, w, scale * gap, factor * alpha * w, max(alpha * w - scale * gap, 0.0))
    return not decide(g, p, gates.signal(g, view, x.t, w * w, 1.0, x.scheduled, 0.0))[0]


def shut_scale(g, p, x, alpha, width, gap, decide=gates.decide):
    """Largest scale in [0, 1] at which the gate does not buy, by bisection to 2^-30.

    Arguments as ``stays_shut``.  Assumes that the gate buys from some scale on.
    """
    if stays_shut(g, p, x, alpha, width, gap, 1.0, decide):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(BISECTIONS):
        mid = 0.5 * (low + high)
        if stays_shut(g, p, x, alpha, width, gap, mid, decide):
            low = mid
        else:
            high = mid
    return low


def shrink_to(v, L):
    """Scale v (d,) back to norm L if it is longer, in place."""
    norm = math.sqrt(learners.dot(v, v))
    if norm > L:
        for i in range(v.shape[0]):
            v[i] *= L / norm


def evade_along_rays(g, s, p, x, theta_star, alpha, z, candidate, out, decide=gates.decide):
    """Turn the ball response in ``z`` into one that the gate does not buy; False (z kept) if none pays.

    The candidates, in order: z itself, then z tilted towards -theta_hat by a sine of j/TILTS (which
    helps against gates that look at the gap).  Each is shrunk until the gate stays shut; the first
    that keeps a share of WORTH of the payoff is taken.

    s  the leader's regression;  theta_star  (d,);  other arguments as ``stays_shut``
    Modifies ``z`` and the buffers ``candidate`` and ``out`` (d,).
    """
    theta = s.theta[:, 0]
    norm = math.sqrt(learners.dot(theta, theta))
    target = WORTH * abs(learners.dot(theta_star, z))
    for j in range(TILTS):
        if j > 0 and norm == 0.0:
            return False
        sine = j / TILTS
        for i in range(z.shape[0]):
            candidate[i] = math.sqrt(1.0 - sine * sine) * z[i]
            if j > 0:
                candidate[i] -= sine * g.L * theta[i] / norm
        shrink_to(candidate, g.L)
        payoff = learners.dot(theta_star, candidate)
        if j == 0:
            payoff = abs(payoff)  # a tie goes against the leader on either side
        gap = max(-learners.dot(theta, candidate), 0.0)
        width = math.sqrt(learners.square_width(s.P, candidate, out))
        scale = shut_scale(g, p, x, alpha, width, gap, decide)
        if scale * payoff > target:
            for i in range(z.shape[0]):
                z[i] = scale * candidate[i]
            return True
    return False


def rotate(A, U, p, q):
    """One Jacobi rotation that makes A[p, q] zero; U collects the rotations.  Both (d, d), in place."""
    tau = (A[q, q] - A[p, p]) / (2.0 * A[p, q])
    t = (1.0 if tau >= 0.0 else -1.0) / (abs(tau) + math.sqrt(1.0 + tau * tau))
    c = 1.0 / math.sqrt(1.0 + t * t)
    s = t * c
    for k in range(A.shape[0]):
        a, b = A[k, p], A[k, q]
        A[k, p], A[k, q] = c * a - s * b, s * a + c * b
    for k in range(A.shape[0]):
        a, b = A[p, k], A[q, k]
        A[p, k], A[q, k] = c * a - s * b, s * a + c * b
        a, b = U[k, p], U[k, q]
        U[k, p], U[k, q] = c * a - s * b, s * a + c * b


def spectrum(P):
    """Eigenvalues (d,) and eigenvectors (d, d, in columns) of a symmetric P (d, d), in no order."""
    d = P.shape[0]
    A, U, values = P.copy(), np.zeros((d, d)), np.zeros(d)
    for i in range(d):
        U[i, i] = 1.0
    for _ in range(SWEEPS):
        turned = False
        for p in range(d):
            for q in range(p + 1, d):
                if abs(A[p, q]) > 1e-16 * math.sqrt(abs(A[p, p] * A[q, q])):
                    rotate(A, U, p, q)
                    turned = True
        if not turned:
            break
    for i in range(d):
        values[i] = A[i, i]
    return values, U


def weighed(s, values, tau, L, a, b, z):
    """Write z = W_s^-1 (a - kappa b) into ``z`` (d,) and return (||z||^2/L^2, ||z||_P^2/tau^2).

    Everything is in P's eigenbasis: ``values`` (d,) its eigenvalues, ``a`` and ``b`` (d,) the aim and
    the leader's estimate; kappa >= 0 is such that <b, z> <= 0.
    """
    cross, square = 0.0, 0.0
    for i in range(z.shape[0]):
        weight = (1.0 - s) / (L * L) + s * values[i] / (tau * tau)
        z[i] = a[i] / weight
        cross += b[i] * z[i]
        square += b[i] * b[i] / weight
    if cross > 0.0:
        for _ in range(2):  # the second projection removes what cancellation left of the first
            rest = learners.dot(b, z) / square
            for i in range(z.shape[0]):
                z[i] -= rest * b[i] / ((1.0 - s) / (L * L) + s * values[i] / (tau * tau))
    ball, width = 0.0, 0.0
    for i in range(z.shape[0]):
        ball += z[i] * z[i] / (L * L)
        width += values[i] * z[i] * z[i] / (tau * tau)
    return ball, width


def balance(values, tau, L, a, b, z):
    """``weighed`` at the s where the two returned numbers are equal, by bisection; arguments as there."""
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        s = 0.5 * (low + high)
        ball, width = weighed(s, values, tau, L, a, b, z)
        if width > ball:
            low = s
        else:
            high = s
    return weighed(high, values, tau, L, a, b, z)


def narrow(values, U, theta, aim, tau, L, z):
    """z = argmax <aim, z> over ||z|| <= L, ||z||_P <= tau, <theta, z> <= 0; ``z`` (d,) in place.

    values, U  eigenvalues and eigenvectors of P, from ``spectrum``;  tau > 0
    z is the zero vector where aim is a positive multiple of theta.
    """
    d = z.shape[0]
    a, b, x = np.zeros(d), np.zeros(d), np.zeros(d)
    for i in range(d):
        z[i] = 0.0
        a[i], b[i] = learners.dot(U[:, i], aim), learners.dot(U[:, i], theta)
    ball, width = weighed(0.0, values, tau, L, a, b, x)
    if math.sqrt(ball) <= PARALLEL * L * math.sqrt(learners.dot(a, a)):
        return
    if width > ball:
        ball, width = weighed(1.0, values, tau, L, a, b, x)
        if ball > width:
            ball, width = balance(values, tau, L, a, b, x)
    size = math.sqrt(max(ball, width))
    for k in range(d):
        for i in range(d):
            z[i] += U[i, k] * x[k] / size


def evade_exactly(g, s, p, x, theta_star, alpha, z, aim, out, decide=gates.decide):
    """Turn the ball response in ``z`` into the exact evasion; False (z kept) if that does not pay.

    It pays where more than a share of WORTH of the payoff is kept.  The largest width at which the
    gate does not buy is found by bisection on the gate's own rule ``decide``, so the gate must look at
    nothing but the width.

    aim  (d,) what the ball response aimed at;  other arguments as ``evade_along_rays``
    Modifies ``z`` and the buffer ``out`` (d,).
    """
    values, U = spectrum(s.P)
    widest = g.L * math.sqrt(values.max())
    tau = widest * shut_scale(g, p, x, alpha, widest, 0.0, decide)
    if tau >= widest:
        return True
    if tau <= 0.0:
        return False
    response = np.zeros(z.shape[0])
    narrow(values, U, s.theta[:, 0], aim, tau, g.L, response)
    gap = max(-learners.dot(s.theta[:, 0], response), 0.0)
    width = math.sqrt(learners.square_width(s.P, response, out))
    scale = shut_scale(g, p, x, alpha, width, gap, decide)
    payoff = scale * abs(learners.dot(theta_star, response))
    if payoff <= WORTH * abs(learners.dot(theta_star, z)):
        return False
    for i in range(z.shape[0]):
        z[i] = scale * response[i]
    return True
