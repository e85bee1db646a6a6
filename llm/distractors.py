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

    Candidates are the distinct answers of the rows that share ``spec.same_column``
    and the split (``held`` (n,) marks the test rows).  Rows without a rival are left out (warns Alone).

    Unchanged where the spec names no such column.  Raises DataError for a column that is missing or where no row
    has a rival.
    """
    if not spec.same_column:
        return frame
    if spec.candidates_column:
        raise DataError(f"give candidates_column {spec.candidates_column!r} or same_column, not both")
    for column in (spec.same_column, spec.label_column):
        if column not in frame:
            raise DataError(f"{spec.path}: no column {column!r} among {', '.join(map(str, frame.columns[:12]))}")
    if spec.split_column not in frame or not held_by_name(frame, spec).any():
        frame = frame.assign(**{spec.split_column: np.where(held, spec.test_splits[0], spec.train_splits[0])})
    keys = [spec.split_column, spec.same_column]
    answers = frame.groupby(keys, dropna=False)[spec.label_column].agg(lambda a: list(dict.fromkeys(a.dropna())))
    out = frame.assign(**{COLUMN: answers.reindex(pd.MultiIndex.from_frame(frame[keys])).to_numpy()})
    rivals = out[COLUMN].map(len) > 1
    if not rivals.any():
        raise DataError(f"{spec.path}: no two rows share {spec.same_column!r} and differ in their answers")
    if not rivals.all():
        left = int((~rivals).sum())
        warnings.warn(f"{spec.path}: {left} rows are alone in {spec.same_column!r}: left out", Alone, 3)
    return out[rivals]


def held_by_name(frame: pd.DataFrame, spec: DataSpec) -> pd.Series:
    """Rows whose split is a test split."""
    return frame[spec.split_column].isin(spec.test_splits)
