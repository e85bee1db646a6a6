"""Tables that theory makes itself: routing instances, closed forms against certified programs.

routing       Roughgarden's guarantees on random and tight instances (claims L1, L2)
certificates  closed forms of the simulator against convex programs (claims O1-O3)
constants     the stated form's smallest constants over the hard instance's runs
"""

from typing import Any

import numpy as np
import pandas as pd

from sim.rules import followers
from sim.table import final
from sim.tiers import Tier
from theory.oracles import allocation, fit, replies
from theory.routing import ratios
from theory.studies.study import Study

SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.0)
INSTANCES = {"smoke": 10, "standard": 70, "paper": 300}


def cells(tier: Tier) -> tuple[dict[str, Any], ...]:
    """One cell a seed set, of ``INSTANCES`` instances."""
    return tuple(dict(seed=seed, instances=INSTANCES[tier.name]) for seed in range(tier.sets))


def routing_table(seed: int, instances: int) -> pd.DataFrame:
    """llf/OPT of random and all tight instances (``routing.ratios``)."""
    return ratios(instances, seed, SHARES)


def optimism_pair(rng: np.random.Generator) -> tuple[float, float, float]:
    """(closed form, certified value, gap) of one optimism program, d from 1 to 12."""
    d = int(rng.integers(1, 13))
    Z = rng.normal(size=(int(rng.integers(0, 40)), d))
    V, theta, phi, alpha = np.eye(d) + Z.T @ Z, rng.normal(size=d), rng.normal(size=d), float(rng.uniform(0, 5))
    found = replies.optimism(theta, V, alpha, phi)
    closed = float(theta @ phi + alpha * np.sqrt(phi @ np.linalg.solve(V, phi)))
    return closed, found.value, found.gap


def ball_pair(rng: np.random.Generator) -> tuple[float, float, float]:
    """(payoff of ``followers.ball``, certified value, gap) of one best response, d from 1 to 12."""
    d = int(rng.integers(1, 13))
    theta, truth, z = rng.normal(size=d), rng.normal(size=d), np.zeros(d)
    found = replies.ball_response(theta, truth, 1.0)
    followers.ball(theta, truth, 1.0, z)
    return float(truth @ z), found.value, found.gap


def hindsight_pair(rng: np.random.Generator) -> tuple[float, float, float]:
    """(sum of the B largest latencies, certified optimum, gap) of one allocation program."""
    latencies = rng.gamma(1.0, size=int(rng.integers(1, 200)))
    B = int(rng.integers(1, len(latencies) + 1))
    found = allocation.hindsight_labels(latencies, B)[0]
    return float(np.sort(latencies)[-B:].sum()), found.value, found.gap


PAIRS = {"optimism": optimism_pair, "ball": ball_pair, "hindsight": hindsight_pair}


def certificates_table(seed: int, instances: int) -> pd.DataFrame:
    """Instances of each pair: closed form, certified value, relative error, gap."""
    rows = []
    for index, (name, make) in enumerate(PAIRS.items()):
        rng = np.random.default_rng([seed, index])
        for instance in range(instances):
            closed, certified, gap = make(rng)
            error = abs(closed - certified) / (1.0 + abs(certified))
            rows.append((seed, name, instance, closed, certified, error, gap))
    return pd.DataFrame(rows, columns=["seed", "oracle", "instance", "closed", "certified", "error", "gap"])


def constants_table(hard: pd.DataFrame) -> pd.DataFrame:
    """``fit.smallest_constants`` over the final rows of the hard instance's sweep."""
    return fit.smallest_constants(final(hard))


STUDIES = (
    Study("routing", cells, routing_table, 3.0),
    Study("certificates", cells, certificates_table, 3.0),
)
