"""Hard candidates from the data themselves: the answers to other prompts of the same kind."""

import warnings

import numpy as np
import pandas as pd

from llm.errors import DataError
from llm.spec import DataSpec

COLUMN = "candidates of the same kind"


class Alone(UserWarning):
    """Warning: rows were left out because no other row of their kind has another answer."""


def added(frame: pd.DataFrame, spec: DataSpec, held: np.ndarray) -> pd.DataFrame:
    """The rows, split into training and test rows, with a column COLUMN of candidates.

    Candidates are the distinct answers of the rows that share ``spec.same_column`` and the split.  Where the split is
    drawn (``held`` (n,) marks its test rows) a test row's are those of all rows of its kind, as few are test rows; what
    a training row rejects is never a test row's answer alone.  Rows without a rival are left out (warns Alone).

    Raises DataError for a column that is missing or where no row
    has a rival.
    """
    if spec.candidates_column:
        raise DataError(f"give candidates_column {spec.candidates_column!r} or same_column, not both")
    for column in (spec.same_column, spec.label_column):
        if column not in frame:
            raise DataError(f"{spec.path}: no column {column!r} among {', '.join(map(str, frame.columns[:12]))}")
    drawn = spec.split_column not in frame or not frame[spec.split_column].isin(spec.test_splits).any()
    if drawn:
        frame = frame.assign(**{spec.split_column: np.where(held, spec.test_splits[0], spec.train_splits[0])})
    keys = [spec.split_column, spec.same_column]
    answers = _distinct(frame, keys, spec).reindex(pd.MultiIndex.from_frame(frame[keys])).to_numpy()
    if drawn:
        of_all = _distinct(frame, [spec.same_column], spec).reindex(frame[spec.same_column]).to_numpy()
        answers = np.where(held, of_all, answers)
    out = frame.assign(**{COLUMN: answers})
    rivals = out[COLUMN].map(len) > 1
    if not rivals.any():
        raise DataError(f"{spec.path}: no two rows share {spec.same_column!r} and differ in their answers")
    if not rivals.all():
        left = int((~rivals).sum())
        warnings.warn(f"{spec.path}: {left} rows are alone in {spec.same_column!r}: left out", Alone, 3)
    return out[rivals]


def _distinct(frame: pd.DataFrame, keys: list[str], spec: DataSpec) -> pd.Series:
    """Distinct answers, in the order of the rows, of every group."""
    return frame.groupby(keys, dropna=False)[spec.label_column].agg(lambda a: list(dict.fromkeys(a.dropna())))
