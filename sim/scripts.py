"""Schedules: the vectors that a committed follower plays, read from a .npy file and checked."""

from pathlib import Path

import numpy as np

SLACK = 1e-9  # relative; a vector written at norm L may come back a rounding error longer


def load(path: str, d: int, L: float) -> np.ndarray:
    """The schedule (T', d) in the file ``path``, float64, T' >= 1, one row a round, every norm at most L.

    Raises ValueError if the file is missing, holds no array of real numbers, has another shape, or if
    a row is not finite or longer than L.
    """
    if not Path(path).is_file():
        raise ValueError(f"follower.path = {path!r} is no file; write the schedule with numpy.save")
    try:
        raw = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path} is no .npy array ({error}); write it with numpy.save") from error
    if not isinstance(raw, np.ndarray) or raw.dtype.kind not in "fiu":
        raise ValueError(f"{path} holds no array of real numbers; write one (T', d) array with numpy.save")
    if raw.ndim != 2 or raw.shape[0] < 1 or raw.shape[1] != d:
        raise ValueError(f"{path} has shape {raw.shape}; the rule is (T', d) with T' >= 1 and d = {d}, a row a round")
    vectors = np.array(raw, dtype=np.float64, order="C")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if bad.size:
        raise ValueError(f"{path}: row {bad[0]} is not finite; give finite numbers")
    norms = np.sqrt((vectors**2).sum(axis=1))
    if norms.max() > L * (1.0 + SLACK):
        worst = int(np.argmax(norms))
        raise ValueError(f"{path}: row {worst} has norm {norms[worst]:g} > L = {L:g}; scale it down or raise learner.L")
    return vectors
