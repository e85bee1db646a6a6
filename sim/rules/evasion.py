"""Evaders: the worst vector that a gate leaves shut, exactly for gates on the width, cheaply for all.

``evade_along_rays`` scales the ball response along its ray, or tilts it away from theta_hat, until the
gate's own rule stays shut.  ``evade_exactly`` solves

    max <aim, z>   over   ||z|| <= L,  ||z||_P <= tau,  <theta_hat, z> <= 0,

a cone program whose two ellipsoids weigh into one: with W_s = (1 - s) I/L^2 + s P/tau^2,
z' W_s z <= 1 holds for every feasible z, and the least of these upper bounds over s in [0, 1] is
attained (strong duality).  In P's eigenbasis W_s is diagonal, the half-space costs one projection
(z = W_s^-1 (aim - kappa theta_hat)), and the best s balances ||z||/L against ||z||_P/tau, which is
monotone in s: one bisection.  Derived here; ``theory.oracles.replies.evader_response`` is the certificate.

The eigenbasis is by Jacobi's rotations and not by LAPACK, so that the plain and the compiled run
are the same bits on every machine.
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
    """Would the gate stay shut if the vector were shrunk to ``scale`` times itself?"""
    w = scale * width
    factor = 1.0 if g.leader == codes.GREEDY else 2.0
    view = leader.View(0, 1, w, scale * gap, factor * alpha * w, max(alpha * w - scale * gap, 0.0))
    return not decide(g, p, gates.signal(g, view, x.t, w * w, 1.0, x.scheduled, 0.0))[0]


def shut_scale(g, p, x, alpha, width, gap, decide=gates.decide):
    """Largest scale in [0, 1] at which the gate stays shut, by bisection (to 2^-30)."""
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
    """Scale v back to norm L if it is longer. Modifies ``v``."""
    norm = math.sqrt(learners.dot(v, v))
    if norm > L:
        for i in range(v.shape[0]):
            v[i] *= L / norm


def evade_along_rays(g, s, p, x, theta_star, alpha, z, candidate, out, decide=gates.decide):
    """Turn the ball response in ``z`` into an evasion; returns False (z kept) if none is worth it.

    Candidates in order: z scaled along its ray, then z tilted towards -theta_hat by a sine of
    j/TILTS (for gates that look at the gap);
    ``decide`` is the gate's rule.  Modifies ``z``, ``candidate`` and ``out`` (d,).
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
    """One Jacobi rotation that clears A[p, q]; U collects the rotations. Modifies both (d, d)."""
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
    """(values (d,), U (d, d) with eigenvectors in columns) of a symmetric P, in no order."""
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
    """z = W_s^-1 (a - kappa b) in the eigenbasis; returns (||z||^2/L^2, ||z||_P^2/tau^2). Modifies ``z``."""
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
    """The weighed response whose two norms are equal, by bisection over s. Modifies ``z``."""
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
    """argmax <aim, z> over ||z|| <= L, ||z||_P <= tau, <theta, z> <= 0. Modifies ``z`` (d,).

    values, U the eigenbasis of P; tau > 0.  The zero vector where aim is a positive multiple of theta.
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
    """Turn the ball response in ``z`` into the exact evasion; returns False (z kept) if not worth it.

    ``aim`` (d,) is what the ball response aimed at.  The largest width that the gate leaves shut is
    found by bisection on the gate's own rule, so the gate must look at nothing but the width.
    Modifies ``z`` and ``out`` (d,).
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
