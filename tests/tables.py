"""Results tables made by hand, small enough that every bound is known: d = lam = S = L = 1 and sigma = 0, so that
D_n = log(1 + n) and alpha = 1."""

import math

import pandas as pd

USUAL = dict(
    run="x/0", replication=0, seed=0, gate="llf_paced", follower="ball", context="free", leader="greedy",
    feedback="pair", control="", radius_mode="theory", cap=True, relabel_from=0, decision_hash=7, T=8, t=8, d=1, M=1,
    B=4, beta=0.5, sigma=0.0, lam=1.0, S=1.0, L=1.0, delta=0.05, regret=0.0, labels=1, psi=0.0, potential=0.0, wide=0,
    conf_ratio_max=0.5, slack_width_max=0.0, slack_regret_max=0.0, gain_unbought_max=0.0, threshold_rise_max=0.0,
    latency=1.0, gap=0.0,
)  # fmt: skip


def rows(n=1, **columns):
    """n rows; a column is a value for all or a list of n. Replications count up unless they are given."""
    data = USUAL | dict(replication=list(range(n))) | columns
    return pd.DataFrame({k: v if isinstance(v, list) else [v] * n for k, v in data.items()})


def theorem1(t):
    """Theorem 1's bound at t."""
    return math.sqrt(2 * t * math.log(1 + t))


def theorem23(T, B):
    """Theorem 2's and 3's bound."""
    return math.sqrt(2 * B * math.log(1 + B)) + (T - B) * math.sqrt(math.exp(math.log(1 + B) / B) - 1)
