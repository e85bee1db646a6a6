"""Recorded streams: features and labels read from a file, so that real data can be played.

A .npz holds ``X`` (n, m) and ``y`` (n,); a .parquet holds a ``label`` column and either one list
column ``features`` or numeric columns.  The name ``digits`` means scikit-learn's bundled set
(1,797 rows, 64 features, 10 classes).  Rows are scaled to norm 1; labels of any kind are coded
0..K-1 in sorted order.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd


class Recorded(NamedTuple):
    """A checked stream: X (n, m) float64 rows of norm at most 1, y (n,) int64 codes, K classes."""

    X: np.ndarray
    y: np.ndarray
    K: int


def load(path: str, center: bool = False) -> Recorded:
    """Read and check a recorded stream.

    path    a .npz or .parquet file, or ``digits``
    center  subtract the mean row before scaling (labels are not used)
    The last four streams are kept in memory and read again when their file changes.
    Raises FileNotFoundError if there is no such file, and ValueError for another suffix, a wrong shape,
    a missing column, NaN or infinity, a missing label, or fewer than two classes.
    """
    file = Path(path)
    stamp = (file.stat().st_mtime_ns, file.stat().st_size) if path != "digits" and file.is_file() else (0, 0)
    return _load(path, center, stamp)


@lru_cache(maxsize=4)
def _load(path: str, center: bool, stamp: tuple[int, int]) -> Recorded:
    """``stamp`` (time, size) keeps a rewritten file from being served from memory."""
    if path == "digits":
        from sklearn.datasets import load_digits

        data = load_digits()
        return check(data.data, data.target, path, center)
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"no file {path!r}; give a .npz with X and y, a .parquet with a label column, or 'digits'"
        )
    if file.suffix == ".npz":
        with np.load(file, allow_pickle=False) as archive:
            missing = {"X", "y"} - set(archive.files)
            if missing:
                raise ValueError(f"{path}: no array {sorted(missing)}; a .npz must hold X (n, m) and y (n,)")
            return check(archive["X"], archive["y"], path, center)
    if file.suffix == ".parquet":
        return check(*_columns(pd.read_parquet(file), path), path, center)
    raise ValueError(f"{path}: suffix {file.suffix!r} is not known; give .npz or .parquet")


def _columns(frame: pd.DataFrame, path: str) -> tuple[np.ndarray, np.ndarray]:
    if "label" not in frame:
        raise ValueError(f"{path}: no column 'label' among {list(frame.columns)[:8]}")
    y = frame["label"].to_numpy()
    if "features" in frame:
        rows = list(frame["features"])
        if len({len(r) for r in rows}) > 1:
            raise ValueError(f"{path}: the lists in 'features' differ in length; every row needs the same width")
        return np.array(rows, dtype=float), y
    X = frame.drop(columns="label").select_dtypes("number")
    if X.shape[1] == 0:
        raise ValueError(f"{path}: no numeric feature column beside 'label'")
    return X.to_numpy(dtype=float), y


def check(X: np.ndarray, y: np.ndarray, path: str, center: bool = False) -> Recorded:
    """Validate X (n, m) and y (n,), center on request, scale rows to norm 1, code the labels.

    ``path`` names the source in messages.  Raises ValueError as ``load``.
    """
    if X.ndim != 2 or y.ndim != 1 or len(X) != len(y) or X.shape[1] < 1 or len(X) < 1:
        raise ValueError(f"{path}: X has shape {X.shape} and y {y.shape}; they must be (n, m) and (n,) with one n > 0")
    X = np.ascontiguousarray(X, dtype=np.float64)
    bad = ~np.isfinite(X)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise ValueError(f"{path}: X[{i}, {j}] = {X[i, j]} (and {bad.sum() - 1} more); features must be finite")
    if pd.isna(y).any():
        raise ValueError(f"{path}: {int(pd.isna(y).sum())} labels are missing; every row needs one")
    classes, codes = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"{path}: one class only ({classes[0]!r}); a choice needs at least two")
    if center:
        X = X - X.mean(axis=0)
    norms = np.sqrt((X * X).sum(axis=1, keepdims=True))
    return Recorded(X / np.where(norms > 0, norms, 1.0), codes.astype(np.int64), len(classes))


def split(data: Recorded, order: np.ndarray, T: int, test_fraction: float, path: str):
    """Rows to play and rows held out: (X (T, m), y (T,), test X, test y), taken in the given ``order`` (n,).

    The first T rows are played, the last ``test_fraction`` of all rows are held out.
    Raises ValueError if fewer than T rows are left beside the held-out share.
    """
    n = len(data.y)
    n_test = max(1, round(test_fraction * n))
    if n - n_test < T:
        raise ValueError(f"T = {T} with {n} rows in {path!r} of which {n_test} are held out; give T <= {n - n_test}")
    train, test = order[:T], order[n - n_test :]
    return data.X[train], data.y[train], data.X[test], data.y[test]
