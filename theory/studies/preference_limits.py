"""How far the preference game's inequalities reach: slopes, prices and suprema, instance by instance (S11 to S14).

linear    theorem R3: DPO's regret is at least delta ||theta|| - m_min/N - log 2 at an explicit target
price     what SGPO pays where nothing has moved: its excess loss on the given pairs is at least eps^2/(2 Lambda)
pieces    the follower's worst value with K tangents, or K chord nodes, in the place of the loss
reach     the follower's worst value on a line cut at -w, which on the whole line is approached and not attained

A row says measured <= bound.  ``says``: whether the bound is more than what holds anyway.  ``planted``: the bound
that a planted fault would give, which must break.  Pairs Z (N, d) and policies as in ``sup_regret``; regrets are exact.
"""

from functools import partial

import numpy as np
import pandas as pd

from sim.preference import ball, tangents, window
from sim.preference.losses import logistic
from theory.studies import sup_regret as search
from theory.studies.preference_regret import LOG2, REGIMES, sample

MISMATCHES, RADII, EXCESS = (0.2, 0.4, 0.8, 1.6, 3.2), (0.0125, 0.025, 0.1, 0.4), (0.01, 0.05, 0.3)
PIECES, ENDS = (3, 6, 12, 24), (10.0, 100.0, 1000.0, 10_000.0)
COLUMNS = ["check", "instance", "measured", "bound", "says", "planted"]
Row = tuple[str, str, float, float, bool, float]


def linear(regime: str, rng: np.random.Generator) -> list[Row]:
    """Theorem R3: all budget moves the pair of least margin against DPO.  Planted: 5 % of the budget unspent."""
    Z = sample(regime, rng)
    dpo = ball.sgpo_feature(Z, 0.0).theta
    m, norm = Z @ dpo, float(np.linalg.norm(dpo))
    against = (np.arange(len(Z)) == m.argmin())[:, None] * (-dpo / norm)
    rows: list[Row] = []
    for delta in MISMATCHES:
        targets = Z + np.stack([against, 0.95 * against]) * len(Z) * delta
        least = search.minimiser(targets, np.stack([dpo, dpo]), 2 * search.NEWTON)[1]
        full, short = search.risk(targets, dpo) - least
        floor = delta * norm - m.min() / len(Z) - LOG2
        rows.append(("linear", f"{regime}, delta {delta:g}", floor, full, floor > 0.0, short))
    return rows


def price(regime: str, rng: np.random.Generator) -> list[Row]:
    """SGPO's excess mean loss against eps^2/(2 Lambda), Lambda = lambda_max(mean zz')/4, where its policy is not 0.

    Its gradient there has norm eps, and the loss is Lambda-smooth.  Planted: the policy of half the radius.
    """
    Z = sample(regime, rng)
    least = ball.sgpo_feature(Z, 0.0).value
    steepest = float(np.linalg.eigvalsh(Z.T @ Z / len(Z)).max()) / 4.0
    rows: list[Row] = []
    for eps in RADII:
        own, half = (ball.sgpo_feature(Z, share * eps).theta for share in (1.0, 0.5))
        if np.any(own):
            excess, planted = (float(logistic(Z @ theta).mean()) - least for theta in (own, half))
            rows.append(("price", f"{regime}, eps {eps:g}", eps**2 / (2.0 * steepest), excess, True, planted))
    return rows


def pieces(rng: np.random.Generator) -> list[Row]:
    """Tangents at K even points of the window never exceed the exact worst value, chords through them never fall
    short, and neither is off by more than h^2/32, h the distance of the points.  Planted: half the distance.
    """
    xi = np.abs(rng.normal(size=200))
    lo, hi = float(window.window_low(xi)), float(xi.max())
    rows: list[Row] = []
    for eps in EXCESS:
        exact = float(window.follower_window(xi, lo, eps).value)
        for K in PIECES:
            nodes = np.linspace(lo, hi, K)
            lines = tangents.tangents(lo, hi, K)
            below = float(window.follower_window(xi, lo, eps, lines.__call__).value)
            chords = partial(np.interp, xp=nodes, fp=logistic(nodes))
            above = float(window.follower_window(xi, lo, eps, chords).value)
            allowed, name = (nodes[1] - nodes[0]) ** 2 / 32.0, f"eps {eps:g}, K {K}"
            rows += [
                ("pieces", f"tangents below, {name}", below, exact, True, exact),
                ("pieces", f"chords above, {name}", exact, above, True, above),
                ("pieces", f"tangents, {name}", exact - below, allowed, True, allowed / 4.0),
                ("pieces", f"chords, {name}", above - exact, allowed, True, allowed / 4.0),
            ]
    return rows


def reach(rng: np.random.Generator) -> list[Row]:
    """By how much the worst value on the line cut at -w stays below mean loss + eps, the value on the whole line.

    "between"   eps min_i (l(-xi_i) - l(w))/(xi_i + w) <= shortfall <= eps min_i l(-xi_i)/(xi_i + w), where one pair
                can carry the budget.  Planted: the shortfall of a window 10 % longer
    "attained"  the shortfall against 0, which an equilibrium on the whole line would need.  Planted, and true: against
                the cut line's own worst value
    """
    xi = rng.normal(size=20)
    rows: list[Row] = []
    for eps in EXCESS:
        for w in ENDS:
            reply = window.follower_window(xi, -w, eps)
            short, longer = (
                float(logistic(xi).mean()) + eps - float(window.follower_window(xi, -end, eps).value)
                for end in (w, 1.1 * w)
            )
            low = eps * float(((logistic(-xi) - logistic(w)) / (xi + w)).min())
            high = eps * float((logistic(-xi) / (xi + w)).min())
            atoms, masses = window.worst_case(xi, -w, reply)
            own = float(masses @ logistic(atoms)) - float(logistic(xi).mean()) - eps
            name = f"eps {eps:g}, w {w:g}"
            rows += [
                ("between", f"from below, {name}", low, short, True, longer),
                ("between", f"from above, {name}", short, high, True, longer),
                ("attained", name, short, 0.0, True, -own),
            ]
    return rows


def limits(seed: int, dataset: int) -> pd.DataFrame:
    """All checks on the data sets of one number, a row an instance (COLUMNS)."""
    rows: list[Row] = []
    for i, regime in enumerate(REGIMES):
        rows += linear(regime, np.random.default_rng([seed, 7, i, dataset]))
        rows += price(regime, np.random.default_rng([seed, 8, i, dataset]))
    rows += pieces(np.random.default_rng([seed, 9, dataset])) + reach(np.random.default_rng([seed, 10, dataset]))
    return pd.DataFrame(rows, columns=COLUMNS).assign(seed=seed, replication=dataset)
