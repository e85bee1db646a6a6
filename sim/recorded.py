"""Recorded streams: features and labels read from a file, so that real data can be played.

A .npz holds ``X`` (n, m) and ``y`` (n,); a .parquet holds a ``label`` column and either one list
column ``features`` or numeric columns.  The name ``digits`` means scikit-learn's bundled set
(1,797 rows, 64 features, 10 classes).  A feature is a real number; truth values are 0 and 1, decimals
become floats.  Columns of words beside numeric ones are notes and left out; dates, numbers written as text
and nested values are refused.  Rows are scaled to norm 1; labels, of any one kind that can be sorted, are
coded 0..K-1 in sorted order.
"""

import decimal
import numbers
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

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
    Raises FileNotFoundError if there is no such file, and ValueError for another suffix, a damaged file, a wrong
    shape, a missing column, a feature that is no finite real number, a label that is missing or no plain value, or
    fewer than two classes.
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
        X, y = _readable(path, lambda: _arrays(path))
        return check(X, y, path, center)
    if file.suffix == ".parquet":
        return check(*_columns(_readable(path, lambda: pd.read_parquet(file)), path), path, center)
    raise ValueError(f"{path}: suffix {file.suffix!r} is not known; give .npz or .parquet")


def _readable(path: str, read: Callable[[], Any]) -> Any:
    """What ``read`` returns; whatever a damaged or hostile file makes a parser raise becomes one ValueError."""
    try:
        return read()
    except Exception as error:
        text = (str(error) or type(error).__name__).partition("\n")[0]
        raise ValueError(
            f"{path} cannot be read ({text}); write it with numpy.savez or DataFrame.to_parquet"
        ) from error


def _arrays(path: str) -> tuple[np.ndarray, np.ndarray]:
    with open(path, "rb") as file:  # a parser that fails would leave its own file open
        archive = np.load(file, allow_pickle=False)
        if isinstance(archive, np.ndarray):
            raise ValueError("it is one array and no .npz")
        missing = {"X", "y"} - set(archive.files)
        if missing:
            raise ValueError(f"no array {sorted(missing)}: a .npz must hold X (n, m) and y (n,)")
        X, y = archive["X"], archive["y"]
    if not (isinstance(X, np.ndarray) and isinstance(y, np.ndarray)):
        raise ValueError("X or y is no array")
    return X, y


def _columns(frame: pd.DataFrame, path: str) -> tuple[np.ndarray, np.ndarray]:
    if "label" not in frame:
        raise ValueError(f"{path}: no column 'label' among {list(frame.columns)[:8]}")
    if not frame.columns.is_unique:
        raise ValueError(f"{path}: columns {list(frame.columns)[:8]} share a name; every column needs its own")
    y = frame["label"].to_numpy()
    if "features" in frame:
        return _lists(frame["features"], path), y
    rest = frame.drop(columns="label")
    columns = {name: _column(rest[name], f"{path}: column {name!r}") for name in rest}
    kept = [values for values in columns.values() if values is not None]
    if not kept:
        raise ValueError(f"{path}: no numeric feature column beside 'label'")
    return np.column_stack(kept), y


def _lists(cells: pd.Series, path: str) -> np.ndarray:
    """The list column ``features`` as an array (n, m)."""
    rows = [np.asarray(cell) for cell in cells]
    for i, (cell, row) in enumerate(zip(cells, rows, strict=True)):
        if row.ndim != 1:
            raise ValueError(f"{path}: features[{i}] is {_shown(cell)}; the rule is a list of numbers in every row")
    if len({len(row) for row in rows}) > 1:
        raise ValueError(f"{path}: the lists in 'features' differ in length; every row needs the same width")
    return np.array([_numbers(row, f"{path}: features[{i}]") for i, row in enumerate(rows)])


def _column(cells: pd.Series, where: str) -> np.ndarray | None:
    """A column as floats (n,); None for words, which are no feature."""
    if isinstance(cells.dtype, pd.CategoricalDtype):
        cells = cells.astype(object)
    values = cells.to_numpy()
    if any(isinstance(v, str) for v in values):
        written = next((v for v in values if _is_number(v)), None)
        if written is not None:
            raise ValueError(
                f"{where} is text with the number {written!r} in it; write numbers, or leave the column out"
            )
        return None
    return _numbers(values, where)


def _is_number(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


def _numbers(values: np.ndarray, where: str) -> np.ndarray:
    """Real numbers of any type as float64, of the same shape; what is missing becomes NaN.

    Raises ValueError for complex numbers, dates, text and nested values.
    """
    if values.dtype.kind == "O":
        return np.array([_number(v, where) for v in values.flat], dtype=np.float64).reshape(values.shape)
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"{where} has type {values.dtype}; features must be real numbers: convert the values, or leave them out"
        )
    with np.errstate(over="ignore"):  # a longer float may become infinite, which is refused
        return np.asarray(values, dtype=np.float64)


def _number(value: Any, where: str) -> float:
    if value is None or value is pd.NA:
        return np.nan
    if not isinstance(value, numbers.Real | decimal.Decimal | np.bool_):
        raise ValueError(f"{where} holds {_shown(value)}; features must be real numbers: convert it, or leave it out")
    try:
        return float(value)
    except (OverflowError, ValueError):  # an integer of many digits; a signalling NaN
        return np.inf


def _shown(value: Any) -> str:
    """A value of a file for a message: its type and the beginning of its text."""
    text = "an integer" if isinstance(value, int) else repr(value)
    return f"{type(value).__name__} {text[:40]}{'...' * (len(text) > 40)}"


def _plain_labels(y: np.ndarray, path: str) -> None:
    """Raise ValueError for a label that is missing, nested or of another kind than the others."""
    if y.dtype.kind == "V":
        raise ValueError(f"{path}: the labels have type {y.dtype}; a label is one number or one text")
    if y.dtype.kind == "O":
        for i, label in enumerate(y):
            if isinstance(label, Iterable) and not isinstance(label, str | bytes):
                raise ValueError(f"{path}: label {i} is {_shown(label)}; a label is one number or one text")
    if pd.isna(y).any():
        raise ValueError(f"{path}: {int(pd.isna(y).sum())} labels are missing; every row needs one")


def _classes(y: np.ndarray, path: str) -> tuple[np.ndarray, np.ndarray]:
    _plain_labels(y, path)
    try:
        return np.unique(y, return_inverse=True)
    except TypeError as error:
        kinds = ", ".join(sorted({type(label).__name__ for label in y}))
        raise ValueError(f"{path}: labels of the types {kinds} have no common order; write them all as text") from error


def _halved(X: np.ndarray, axis: int | None = None) -> np.ndarray:
    """X over a power of two that brings the largest entry (of a row, for axis 1) into [1/2, 1).

    Squares and sums then neither overflow nor vanish, and a power of two costs no rounding.
    """
    exponents = np.frexp(np.abs(X).max(axis=axis, keepdims=True))[1]
    return np.ldexp(X, -exponents)


def check(X: np.ndarray, y: np.ndarray, path: str, center: bool = False) -> Recorded:
    """Validate X (n, m) and y (n,), center on request, scale rows to norm 1, code the labels.

    ``path`` names the source in messages.  Raises ValueError as ``load``.
    """
    if X.ndim != 2 or y.ndim != 1 or len(X) != len(y) or X.shape[1] < 1 or len(X) < 1:
        raise ValueError(f"{path}: X has shape {X.shape} and y {y.shape}; they must be (n, m) and (n,) with one n > 0")
    X = np.ascontiguousarray(_numbers(X, f"{path}: X"))
    bad = ~np.isfinite(X)
    if bad.any():
        i, j = np.argwhere(bad)[0]
        raise ValueError(f"{path}: X[{i}, {j}] = {X[i, j]} (and {bad.sum() - 1} more); features must be finite")
    classes, codes = _classes(y, path)
    if len(classes) < 2:
        raise ValueError(f"{path}: one class only ({classes[0]!r}); a choice needs at least two")
    if center:
        X = _halved(X)
        X = X - X.mean(axis=0)
    X = _halved(X, axis=1)
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
