"""Slow obvious twins, written from the definitions (game.md) and not from the rules.

Only the random bits come from ``sim.rules.draws``; everything else is plain NumPy and Python.
"""

import itertools
import math

import numpy as np

from sim.rules import draws

MASK = 2**64 - 1
TIE = 1e-12
INFO_TIE = 1e-9


# ---------------------------------------------------------------------- random numbers


def splitmix64(state, gamma, n):
    """Draw number n of the published generator, in Python integers."""
    z = (state + n * gamma) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def bell(raw):
    """The standardised sum of the four 16-bit words of ``raw``."""
    words = [(raw >> shift) & 0xFFFF for shift in (0, 16, 32, 48)]
    variance = 4 * (65536**2 - 1) / 12
    return (sum(words) - 4 * 65535 / 2) / math.sqrt(variance)


# ---------------------------------------------------------------------- learner and bounds


def ridge(lam, Z, y):
    """(P, theta, psi, squared widths just before each update) by dense linear algebra."""
    n, d = Z.shape
    V, squares = lam * np.eye(d), []
    for z in Z:
        squares.append(z @ np.linalg.inv(V) @ z)
        V = V + np.outer(z, z)
    psi = np.linalg.slogdet(V)[1] - d * math.log(lam)
    return np.linalg.inv(V), np.linalg.solve(V, Z.T @ y), psi, np.array(squares)


def capacity(n, d, lam, L):
    """D_n = d log(1 + n L^2 / (d lam))."""
    return d * math.log(1 + n * L**2 / (d * lam))


def logistic(x):
    """The chance of a response that is ahead by x."""
    return 1 / (1 + np.exp(-x))


def project(V, u, S):
    """The point of the ball ||v|| <= S nearest to u in the norm of V: eigenvalues, and bisection on the multiplier."""
    if np.linalg.norm(u) <= S:
        return u
    values, Q = np.linalg.eigh(V)
    c = values * (Q.T @ u)
    low, high = 0.0, np.linalg.norm(c) / S
    for _ in range(200):
        nu = (low + high) / 2
        low, high = (nu, high) if np.linalg.norm(c / (values + nu)) > S else (low, nu)
    return Q @ (c / (values + high))


def newton(k, Z, won):
    """``ridge`` for choices ``won`` (n,): a projected Newton step of 2/3 of the length for each."""
    kappa = logistic(k.S * k.L) * (1 - logistic(k.S * k.L))
    P, _, psi, squares = ridge(k.lam, Z, won)
    V, theta = k.lam * np.eye(Z.shape[1]), np.zeros(Z.shape[1])
    for z, y in zip(Z, won, strict=True):
        V = V + np.outer(z, z)
        theta = project(V, theta + 2 / 3 / kappa * (y - logistic(theta @ z)) * np.linalg.solve(V, z), k.S)
    return P, theta, psi, squares


def theory_radius(psi, k):
    """alpha_t of Abbasi-Yadkori, Pal, Szepesvari; for choices the one that ``sim.rules.choice`` proves."""
    if k.feedback == "choice":
        m = logistic(k.S * k.L)
        return math.sqrt(k.lam * k.S**2 + (4 / 9 * m**2 * psi + 2 / 3 * math.log(1 / k.delta)) / (m * (1 - m)) ** 2)
    return k.sigma * math.sqrt(psi + 2 * math.log(1 / k.delta)) + math.sqrt(k.lam) * k.S


# ---------------------------------------------------------------------- leader and followers


def pick(scores, payoffs, shown):
    """Best score; a tie goes against the leader."""
    best = max(scores[k] for k in shown)
    tied = [k for k in shown if scores[k] >= best - TIE * max(1.0, abs(best))]
    return min(tied, key=lambda k: payoffs[k])


def best_regret(scores, payoffs, gold, M):
    """The largest regret over all sets of M alternatives."""
    others = [k for k in range(len(scores)) if k != gold]
    sets = itertools.combinations(others, M)
    return max(payoffs[gold] - payoffs[pick(scores, payoffs, sorted((gold, *a)))] for a in sets)


def regret_latency(theta, P, alpha, Phi, shown, a):
    """max_k [<theta, phi_k - phi_a> + alpha ||phi_k - phi_a||_P]_+."""
    worst = 0.0
    for k in shown:
        z = Phi[k] - Phi[a]
        worst = max(worst, theta @ z + alpha * math.sqrt(max(z @ P @ z, 0.0)) if k != a else 0.0)
    return worst


def ball_search(theta, aim, L, rng, tries=4000):
    """Best <aim, z> of random feasible z with ||z|| <= L and <theta, z> <= 0."""
    z = rng.normal(size=(tries, len(aim)))
    z *= L / np.linalg.norm(z, axis=1, keepdims=True)
    flipped = np.where((z @ theta > 0)[:, None], -z, z)
    return max(0.0, float((flipped @ aim).max()))


# ---------------------------------------------------------------------- gates


class Gatekeeper:
    """One gate with its whole history in lists; formulas as in game.md, part 1."""

    def __init__(self, spec):
        self.spec, self.gate, self.past = spec, spec.gate, []
        k, d = spec.learner, spec.stream.d
        self.d_full = capacity(spec.budget, d, k.lam, k.L)
        self.d_half = capacity(max(spec.budget // 2, 1), d, k.lam, k.L)

    def share(self, values, value):
        """Share of the last ``window`` values strictly below ``value``."""
        kept = values[-self.gate.window :]
        return sum(v < value for v in kept) / len(kept) if kept else 0.0

    def wishes(self, t, x):
        """(opens by confidence, forced by schedule) of round t, 0-based, budget apart."""
        kind, T, B = self.gate.kind, self.spec.T, self.spec.budget
        bought = [p for p in self.past if p["bought"]]
        left, rounds_left = B - len(bought), T - t
        psi = sum(p["gain"] for p in bought)
        if kind in ("always", "prefix"):
            return False, True
        if kind == "never":
            return False, False
        if kind == "random":
            return False, x["coin"] < left / rounds_left
        if kind == "periodic":
            return False, math.floor((t + 1) * B / T) > math.floor(t * B / T)
        if kind == "llf_oracle":
            return False, x["scheduled"] == 1
        if kind == "llf_fixed":
            return x["gain"] > self.d_full / B + INFO_TIE, False
        if kind == "llf_paced":
            return left > 0 and x["gain"] > max(self.d_full - psi, 0) / left + INFO_TIE, False
        if kind == "llf_regret":
            return x["latency"] > self.gate.threshold, False
        if kind == "llf_self_paced":
            pace = min(1, (left / B) / (rounds_left / T))
            return x["gap"] < self.gate.c * x["width"] * pace**self.gate.p, False
        if kind == "llf_quantile":
            share = self.share([-p["latency"] for p in self.past], -x["latency"])
            return left / rounds_left > share, left >= rounds_left
        if kind == "margin":
            share = self.share([p["gap"] for p in self.past], x["gap"])
            return left / rounds_left > share, left >= rounds_left
        if kind == "dual":
            eta = self.gate.eta or 1 / math.sqrt(B)
            spent = sum(p["bought"] - B / T for p in self.past[1:])
            price = self.past[0]["latency"] * math.exp(eta * spent) if self.past else 0.0
            return x["latency"] > price, False
        if kind == "bbq":
            return math.exp(x["gain"]) - 1 > (t + 1) ** -self.gate.kappa, False
        own = [p for p in bought if p["own"]]
        own_left = B // 2 - len(own)
        rest = max(self.d_half - sum(p["gain"] for p in own), 0)
        first = own_left > 0 and x["gain"] > rest / own_left + INFO_TIE
        spare = left - own_left
        return first, x["coin"] < spare / rounds_left if self.gate.purse == "random" else spare > 0

    def step(self, t, x):
        """(bought, reason) of round t; remembers it."""
        left = self.spec.budget - sum(p["bought"] for p in self.past)
        own, forced = self.wishes(t, x)
        looks = self.gate.kind not in ("always", "never", "random", "periodic", "prefix", "llf_oracle")
        if left <= 0 and self.gate.cap:
            bought, reason = False, "out_of_budget"
        elif own or forced:
            bought, reason = True, "opened" if own else "forced"
        else:
            bought, reason = False, "certified" if looks and x["certified"] else "below_threshold"
        self.past.append(dict(x, bought=bought, own=bought and own))
        return bought, reason


# ---------------------------------------------------------------------- one whole run


def _numbers(key, start, n):
    return draws.bits(key, start, np.arange(n, dtype=np.uint64))


def _present(spec, keys, t, theta, theta_star):
    """(Phi, shown, doubt): the ball game's pair, or an isotropic pool with hard negatives.

    ``doubt`` is how far rounding may push the score of the ball response from its tie at 0.
    """
    k, d, N = spec.learner, spec.stream.d, spec.N
    if spec.follower.kind == "ball":
        u = draws.bell(_numbers(keys[draws.FOLLOWER], t * d, d))
        aim = theta_star + spec.follower.tremble * np.linalg.norm(theta_star) / math.sqrt(d) * u
        z = aim
        if theta @ aim > 0:
            z = aim - (theta @ aim) / (theta @ theta) * theta
            z = z - (theta @ z) / (theta @ theta) * theta  # once more, against cancellation
        sine = np.linalg.norm(z) / np.linalg.norm(aim)
        doubt = 4e-16 * k.L * np.linalg.norm(theta) / sine if sine > 1e-9 else 0.0
        z = k.L * z / np.linalg.norm(z) if np.linalg.norm(z) > 1e-9 * np.linalg.norm(aim) else 0.0 * z
        first = draws.uniform(_numbers(keys[draws.ORDER], t, 1))[0] < 0.5
        return np.array([z, 0 * z] if first else [0 * z, z]), [0, 1], doubt
    u = draws.bell(_numbers(keys[draws.FEATURES], t * N * d, N * d)).reshape(N, d)
    Phi = (k.L / 2) * u / np.linalg.norm(u, axis=1, keepdims=True)
    gold = int(np.argmax(Phi @ theta_star))
    others = [j for j in np.argsort(-(Phi @ theta), kind="stable") if j != gold]
    return Phi, sorted([gold, *map(int, others[: spec.follower.M])]), 0.0


def game(spec, replication=0):
    """Every round of a run with a greedy leader and pair or choice feedback, as a list of dicts.

    Covers the followers ball and hard_negative (isotropic) and the gates always, prefix,
    random, llf_fixed, llf_paced and llf_regret.  Stops before a round in which the ball response
    is so nearly parallel to theta_hat that rounding, and not the rule, breaks the tie.
    """
    k, d = spec.learner, spec.stream.d
    keys = draws.stream_keys(spec.seed, replication)
    u = draws.bell(_numbers(keys[draws.THETA], 0, d))
    theta_star = k.S * u / np.linalg.norm(u)
    gate = Gatekeeper(spec)
    Z, y, squares = np.zeros((0, d)), np.zeros(0), []

    def fit():
        P, theta, psi, _ = newton(k, Z, y) if k.feedback == "choice" else ridge(k.lam, Z, y)
        alpha = theory_radius(psi, k)
        diff = theta - theta_star
        return P, theta, psi, alpha, math.sqrt(diff @ np.linalg.inv(P) @ diff) / alpha

    P, theta, psi, alpha, ratio = fit()
    sums = dict.fromkeys(
        ("regret", "regret_queried", "mistakes", "mistakes_queried", "labels", "latency_sum", "width_sum_bought"), 0.0
    )
    sums |= dict.fromkeys(("below_threshold", "opened", "certified", "out_of_budget", "forced"), 0)
    ratios, slack_width, slack_regret, unbought, thresholds, decisions, rows = [ratio], [], [], [0.0], [], 0, []
    for t in range(spec.T):
        Phi, shown, doubt = _present(spec, keys, t, theta, theta_star)
        if doubt > TIE:
            return rows
        payoffs, scores = Phi @ theta_star, Phi @ theta
        gold, a = int(np.argmax(payoffs)), pick(scores, payoffs, shown)
        rest = [j for j in shown if j != a]
        widths = [math.sqrt((Phi[j] - Phi[a]) @ P @ (Phi[j] - Phi[a])) for j in rest]
        w, rival = max(widths), rest[int(np.argmax(widths))]
        rho, tight = payoffs[gold] - payoffs[a], regret_latency(theta, P, alpha, Phi, shown, a)
        x = dict(
            latency=tight if spec.gate.latency_used == "regret" else alpha * w,
            width=w,
            gain=math.log(1 + w * w),
            gap=min(scores[a] - scores[j] for j in rest),
            certified=int(tight <= 0),
            coin=draws.uniform(_numbers(keys[draws.COIN], t, 1))[0],
            scheduled=0,
        )
        left = spec.budget - sums["labels"]
        thresholds.append(
            {
                "llf_fixed": gate.d_full / spec.budget + 1e-9,
                "llf_paced": (gate.d_full - psi) / left + INFO_TIE if left else math.inf,
                "llf_regret": spec.gate.threshold,
            }.get(spec.gate.kind, 0.0)
        )
        bought, reason = gate.step(t, x)
        radius = alpha
        if bought:
            lo, hi = min(a, rival), max(a, rival)
            luck = draws.uniform(_numbers(keys[draws.NOISE], t * 2 * (spec.follower.M + 1), 2))
            squares.append(w * w)
            Z = np.vstack([Z, Phi[lo] - Phi[hi]])
            mean = theta_star @ Z[-1]
            won = luck[0] < logistic(mean)
            y = np.append(y, won if k.feedback == "choice" else mean + k.sigma * draws.gaussian(*luck))
            P, theta, psi, alpha, ratio = fit()
        else:
            unbought.append(x["gain"])
        sums["regret"] += rho
        sums["mistakes"] += rho > 0
        sums["regret_queried"] += rho * bought
        sums["mistakes_queried"] += (rho > 0) * bought
        sums["labels"] += bought
        sums["latency_sum"] += radius * w
        sums["width_sum_bought"] += radius * w * bought
        sums[reason] += 1
        ratios.append(ratio)
        slack_width.append(rho - radius * w)
        slack_regret.append(rho - tight)
        decisions = (decisions * 1103515245 + bought + 1) % 2147483647
        finite = [s for s in thresholds if s < math.inf]
        rows.append(
            dict(
                sums,
                t=t + 1,
                psi=psi,
                potential=sum(squares),
                wide=sum(s >= 0.25 for s in squares),
                radius=radius,
                conf_ratio=ratio,
                conf_ratio_max=max(ratios),
                slack_width_max=max(slack_width),
                slack_regret_max=max(slack_regret),
                gain_unbought_max=max(unbought),
                latency=x["latency"],
                gain=x["gain"],
                threshold=thresholds[-1],
                threshold_rise_max=max(np.diff(finite), default=-math.inf),
                decision_hash=decisions,
                accuracy=math.nan,
            )
        )
    return rows
