"""Orders of arrival: which T of the training rows come in a replication, and when.

    iid    the simulator's permutation of a recorded file, its first T rows
    drift  the same rows, one of five groups of classes after another
    zipf   class frequencies ~ 1/rank, ranks dealt to the classes at random, as far as a class has
           rows: n_k = min(rows of class k, c/rank), with c such that T rows come; judged by the mean
           of the classes' own accuracies, a balanced test that throws no row away

An order is a function of (seed, replication) alone, so every gate meets the same prompts.
"""

import numpy as np

from llm.errors import DataError
from llm.spec import STREAMS
from sim.rules import draws
from sim.rules.streams import permutation

GROUPS = 5


def order(
    kind: str, y: np.ndarray, T: int, seed: int, replication: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Row numbers (T,) in order of arrival, out of n rows with class codes y (n,).

    kind    iid, drift or zipf
    groups  (n,) codes of a drifting stream's own groups; None deals the classes into GROUPS groups at random
    Raises DataError for another kind, or if there are fewer than T rows.
    """
    if kind not in STREAMS:
        raise DataError(f"unknown stream {kind!r}; valid: {', '.join(STREAMS)}")
    check(len(y), T)
    keys = draws.stream_keys(seed, replication)
    rows = permutation(keys[draws.PERMUTATION], len(y))
    dealt = keys[draws.COMPONENT]
    if kind == "zipf":
        return _zipf(rows, y, T, dealt, keys[draws.ORDER])
    rows = rows[:T]
    if kind == "iid":
        return rows
    place = _in_groups(y, dealt) if groups is None else _ranks(dealt, int(groups.max()) + 1)[groups]
    return rows[np.argsort(place[rows], kind="stable")]


def check(n: int, T: int) -> None:
    """Raise DataError if the n training rows do not suffice for T rounds."""
    if n < T:
        raise DataError(f"T = {T} rounds with {n} training rows; give --rounds {n} or fewer")


def weights(kind: str, test_y: np.ndarray) -> np.ndarray:
    """Weights (n',) of the test rows with class codes test_y (n',), sum 1.

    Equal weights; under zipf every class that is present gets the same total weight.
    """
    n = len(test_y)
    if kind != "zipf":
        return np.full(n, 1.0 / n)
    counts = np.bincount(test_y)
    return 1.0 / (counts[test_y] * np.count_nonzero(counts))


def _ranks(key: np.ndarray, n: int) -> np.ndarray:
    """A random rank 0..n-1 for each of n things."""
    ranks = np.empty(n, dtype=np.int64)
    ranks[permutation(key, n)] = np.arange(n)
    return ranks


def _in_groups(y: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Group 0..GROUPS-1 of every row: equally many classes a group, dealt at random."""
    K = int(y.max()) + 1
    return (_ranks(key, K) * GROUPS // K)[y]


def _zipf(rows: np.ndarray, y: np.ndarray, T: int, key: np.ndarray, shuffle: np.ndarray) -> np.ndarray:
    """The first n_k rows of every class, shuffled again: the rare ones would else all come early."""
    counts = np.bincount(y)
    quota = zipf_counts(counts, T, _ranks(key, len(counts)))
    seen = np.zeros(len(counts), dtype=np.int64)
    kept = []
    for i in rows:
        if seen[y[i]] < quota[y[i]]:
            seen[y[i]] += 1
            kept.append(i)
    return np.array(kept, dtype=np.int64)[permutation(shuffle, T)]


def zipf_counts(counts: np.ndarray, T: int, ranks: np.ndarray) -> np.ndarray:
    """How many rows of each class come, (K,): n_k = min(counts_k, c / (1 + rank_k)), rounded, with sum T.

    counts  (K,) rows that a class has, sum >= T;  ranks  (K,) from 0, most frequent first
    """
    low, high = 0.0, float(counts.max()) * len(counts)
    for _ in range(200):
        c = 0.5 * (low + high)
        if np.minimum(counts, c / (1.0 + ranks)).sum() < T:
            low = c
        else:
            high = c
    exact = np.minimum(counts, high / (1.0 + ranks))
    whole = np.floor(exact + 1e-9).astype(np.int64)
    room = whole < counts
    rest = np.where(room, exact - whole, -1.0)
    whole[np.argsort(-rest, kind="stable")[: T - int(whole.sum())]] += 1
    return whole
