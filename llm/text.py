"""Texts and labels, from a file or a Hugging Face data set id, in one plain shape.

Classification: all prompts share the classes as candidate answers.  Multiple choice: every prompt
has candidates of its own and its label is the place of the gold one.  Training rows whose text (case
and white space apart) also stands in the test split are dropped with a warning, because a learner
that bought them would be tested on what it has seen.
"""

import hashlib
import json
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from llm import distractors
from llm.errors import DataError
from llm.spec import DataSpec
from sim.rules import draws, streams

TEXT_NAMES = ("text", "question", "prompt", "sentence", "query")
LABEL_NAMES = ("label", "qtype", "label_text", "intent", "answer")
NUMBERS = (bool, np.bool_, int, np.integer, float, np.floating)  # what a label may be beside a string
READERS: dict[str, Callable[..., pd.DataFrame]] = {
    ".parquet": pd.read_parquet,
    ".jsonl": lambda path: pd.read_json(path, lines=True),
    ".json": pd.read_json,
    ".csv": pd.read_csv,
}


class Duplicates(UserWarning):
    """Warning: training rows were dropped because their text also stands in the test split."""


class RareLabels(UserWarning):
    """Warning: some labels occur in the test split only, so that no learner can learn them."""


@dataclass(frozen=True)
class Data:
    """A data set of n training rows and n' test rows.

    texts, test_texts            the prompts
    y (n,), test_y (n',)         codes into ``classes`` or, in multiple choice, into the row's own candidates
    classes                      names of the classes; () in multiple choice
    candidates, test_candidates  the candidate answers of each row; None in classification
    groups (n,)                  codes of the arrival groups of a drifting stream; None if there are none
    """

    name: str
    texts: list[str]
    y: np.ndarray
    classes: tuple[str, ...]
    test_texts: list[str]
    test_y: np.ndarray
    candidates: list[list[str]] | None = None
    test_candidates: list[list[str]] | None = None
    groups: np.ndarray | None = None

    @property
    def K(self) -> int:
        """Number of classes, or the largest number of candidates that a prompt has."""
        if self.candidates is None:
            return len(self.classes)
        return max(len(c) for c in [*self.candidates, *(self.test_candidates or [])])

    def digest(self) -> str:
        """Hash (32 hex digits) of everything but the name; equal for equal content."""
        groups = None if self.groups is None else self.groups.tolist()
        parts: list[Any] = [self.texts, self.y.tolist(), self.classes, self.test_texts, self.test_y.tolist()]
        text = json.dumps([*parts, self.candidates, self.test_candidates, groups])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def load(spec: DataSpec) -> Data:
    """Read a data set, check it, split it into training and test rows, and drop duplicates.

    Warns Duplicates or RareLabels.  Raises FileNotFoundError for a missing file, and DataError for a
    missing column or split, an empty text or label, a text that is no string, a label that is neither
    string nor finite number, fewer than two labels, candidates that are no list of at least two distinct
    non-empty strings with the gold answer, or a data set id that the hub does not serve.
    """
    frame = read(spec)
    if spec.same_column:
        frame = distractors.added(frame, spec, held_out(frame, spec))
    text = _column(frame, spec, "text", spec.text_column, TEXT_NAMES)
    label = _column(frame, spec, "label", spec.label_column, LABEL_NAMES)
    for given in (spec.candidates_column, spec.same_column, spec.group_column):
        if given:
            _column(frame, spec, "named", given, ())
    frame = frame[~frame[label].astype(str).isin(spec.drop_labels)]
    if spec.split_column in frame:
        frame = frame[frame[spec.split_column].isin([*spec.train_splits, *spec.test_splits])]
    if len(frame) == 0:
        raise DataError(f"{spec.path}: no row is left; give other splits or labels to drop")
    _complete(frame, spec, text, label)
    _plain(frame, spec, text, label)
    test = held_out(frame, spec)
    if not test.any() or test.all():
        raise DataError(f"{spec.path}: {int(test.sum())} of {len(frame)} rows are test rows; both splits need rows")
    keep = _distinct(frame[text].astype(str).tolist(), test, spec)
    return _coded(frame[keep], test[keep], spec, text, label)


def read(spec: DataSpec) -> pd.DataFrame:
    """The rows of a file or data set id as they are; raises FileNotFoundError or DataError."""
    file = Path(spec.path)
    reader = READERS.get(file.suffix.lower())
    if reader is None:
        return _hub(spec)
    if not file.is_file():
        raise FileNotFoundError(f"no data file {spec.path!r}; give a .parquet, .jsonl or .csv file or a data set id")
    try:
        return reader(file)
    except (ValueError, OSError) as error:
        raise DataError(f"{spec.path} cannot be read as {file.suffix} ({error})") from error


def _hub(spec: DataSpec) -> pd.DataFrame:
    """Every split of a Hugging Face data set, coded labels replaced by their names."""
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"data {spec.path!r} is no file, and reading a data set id needs the extra 'llm'; install it "
            "(pip install 'budgeted-stackelberg[llm]') or give a .parquet, .jsonl or .csv file"
        ) from None
    try:
        splits = datasets.load_dataset(spec.path)
    except Exception as error:
        raise DataError(
            f"data set {spec.path!r}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}; the "
            "hub cannot be reached or has no such set; give a .parquet, .jsonl or .csv file instead"
        ) from error
    frames = []
    for split, rows in splits.items():
        frame = rows.to_pandas()
        for column, feature in rows.features.items():
            if hasattr(feature, "int2str"):
                frame[column] = feature.int2str(frame[column].tolist())
        frames.append(frame.assign(**{spec.split_column: split}))
    return pd.concat(frames, ignore_index=True)


def _column(frame: pd.DataFrame, spec: DataSpec, what: str, given: str, usual: Sequence[str]) -> str:
    present = [given] if given in frame else [] if given else [c for c in usual if c in frame]
    if not present:
        tried = repr(given) if given else " or ".join(usual)
        option = f"name it with --{what}-column" if usual else "check its name"
        raise DataError(
            f"{spec.path}: no {what} column {tried} among {', '.join(map(str, frame.columns[:12]))}; {option}"
        )
    return present[0]


def _complete(frame: pd.DataFrame, spec: DataSpec, text: str, label: str) -> None:
    for column in (text, label):
        missing = frame[column].isna() | (frame[column].astype(str).str.strip() == "")
        if missing.any():
            where = int(np.argmax(missing.to_numpy()))
            raise DataError(
                f"{spec.path}: {int(missing.sum())} rows have nothing in column {column!r} (first: row "
                f"{frame.index[where]}); drop them or fill them in"
            )


def _plain(frame: pd.DataFrame, spec: DataSpec, text: str, label: str) -> None:
    """Raise DataError for cells that would only become texts by being written out as Python objects."""
    for column, allowed, rule in ((text, str, "strings"), (label, (str, *NUMBERS), "strings or numbers")):
        for row, value in zip(frame.index, frame[column], strict=True):
            if not isinstance(value, allowed):
                raise DataError(
                    f"{spec.path}: row {row} of column {column!r} holds {_brief(value)}; its values must be {rule}: "
                    "convert them, or name another column"
                )
            if isinstance(value, float | np.floating) and np.isinf(value):
                raise DataError(
                    f"{spec.path}: row {row} of column {column!r} holds {value}, but a label must be finite; drop it"
                )


def _brief(value: Any) -> str:
    """A value and its type, short enough for a message of one line."""
    text = " ".join(repr(value).split())
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"


def held_out(frame: pd.DataFrame, spec: DataSpec) -> np.ndarray:
    """Mask (n,) of the test rows: by split, or a held-out share drawn from seed set 0."""
    return named(frame, spec) if has_test(frame, spec) else drawn(len(frame), spec)


def has_test(frame: pd.DataFrame, spec: DataSpec) -> bool:
    """Whether a column names test rows."""
    return spec.split_column in frame and bool(named(frame, spec).any())


def named(frame: pd.DataFrame, spec: DataSpec) -> np.ndarray:
    """Mask (n,) of the rows of a test split."""
    return frame[spec.split_column].isin(spec.test_splits).to_numpy()


def drawn(n: int, spec: DataSpec) -> np.ndarray:
    """Mask (n,) of the share of n things that is held out, drawn from seed set 0; at least one."""
    order = streams.permutation(draws.stream_keys(0, 0)[draws.PERMUTATION], n)
    mask = np.zeros(n, dtype=bool)
    mask[order[n - max(1, round(spec.test_fraction * n)) :]] = True
    return mask


def folded(text: str) -> str:
    """A text without case and white space: equal for texts that a reader takes for the same."""
    return " ".join(text.casefold().split())


def _distinct(texts: list[str], test: np.ndarray, spec: DataSpec) -> np.ndarray:
    """Mask (n,) without the training rows whose text is in the test split."""
    plain = [folded(t) for t in texts]
    seen = {p for p, held in zip(plain, test, strict=True) if held}
    keep = np.array([bool(held) or p not in seen for p, held in zip(plain, test, strict=True)])
    dropped = int((~keep).sum())
    if not (keep & ~test).any():
        raise DataError(f"{spec.path}: all {dropped} training rows also stand in the test split; give another split")
    if dropped:
        warnings.warn(f"{spec.path}: {dropped} training rows also stand in the test split: dropped", Duplicates, 3)
    return keep


def _coded(frame: pd.DataFrame, test: np.ndarray, spec: DataSpec, text: str, label: str) -> Data:
    texts = np.array(frame[text].astype(str).tolist(), dtype=object)
    groups = None
    if spec.group_column:
        groups = np.unique(frame[spec.group_column].astype(str).to_numpy()[~test], return_inverse=True)[1]
    if spec.candidates_column or spec.same_column:
        column = spec.candidates_column or distractors.COLUMN
        sets = [_answers(cell, row, column, spec) for row, cell in zip(frame.index, frame[column], strict=True)]
        y = np.array([_gold(g, c, i, spec) for g, c, i in zip(frame[label], sets, frame.index, strict=True)])
        train_sets, test_sets = list(compress(sets, ~test)), list(compress(sets, test))
        return Data(
            spec.name, list(texts[~test]), y[~test], (), list(texts[test]), y[test], train_sets, test_sets, groups
        )
    names, y = np.unique(frame[label].astype(str).to_numpy(), return_inverse=True)
    if len(names) < 2 or len(set(y[~test])) < 2:
        raise DataError(f"{spec.path}: one label only ({names[0]!r}) to learn from; a choice needs at least two")
    unseen = sorted(set(y[test]) - set(y[~test]))
    if unseen:
        shown = ", ".join(repr(names[k]) for k in unseen[:5])
        warnings.warn(
            f"{spec.path}: {len(unseen)} labels stand in the test split only ({shown}); they count as mistakes",
            RareLabels,
            stacklevel=3,
        )
    classes = tuple(str(c) for c in names)
    return Data(spec.name, list(texts[~test]), y[~test], classes, list(texts[test]), y[test], groups=groups)


def _answers(cell: Any, row: Any, column: str, spec: DataSpec) -> list[str]:
    """The candidates of a row, checked: a list of at least two non-empty strings, each once."""
    if not isinstance(cell, list | tuple | np.ndarray):
        raise DataError(
            f"{spec.path}: row {row} of column {column!r} holds {_brief(cell)}; candidates must be a "
            "list of strings, which .parquet and .jsonl can hold and .csv cannot"
        )
    for answer in cell:
        if not isinstance(answer, str):
            raise DataError(
                f"{spec.path}: row {row} has the candidate {_brief(answer)}; candidates must be strings: convert them"
            )
    answers = [str(a) for a in cell]
    if not all(a.strip() for a in answers):
        raise DataError(f"{spec.path}: row {row} has an empty answer among its candidates {answers[:6]}; leave it out")
    if len(answers) < 2 or len(set(answers)) < len(answers):
        raise DataError(f"{spec.path}: row {row} has candidates {answers}; give at least two, each once")
    return answers


def _gold(gold: Any, candidates: list[str], row: Any, spec: DataSpec) -> int:
    """Place of the gold answer: its text, or failing that its index."""
    if str(gold) in candidates:
        return candidates.index(str(gold))
    whole = isinstance(gold, int | np.integer) and not isinstance(gold, bool)
    if whole and 0 <= int(gold) < len(candidates):
        return int(gold)
    raise DataError(
        f"{spec.path}: row {row}: the candidates {candidates[:6]} lack the gold {gold!r}; give its text or its index"
    )
