"""Preference pairs from a file: a prompt, two answers, and which of them is preferred.

Either columns ``chosen`` and ``rejected``, or two answers (``response1``/``response2``, ``output1``/``output2``) and a
label 1 or 2 (``majority`` or ``label``; 0 is a tie).  Ties, equal answers and empty ones (a model that said nothing
cannot be scored) are left out with a warning.  The two answers stand in a
drawn order.  A column ``input`` is read as the end of the prompt.
"""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from llm import text
from llm.errors import DataError
from llm.generative.pools import Pools, number_of_row
from llm.spec import DataSpec

PROMPTS = ("prompt", "instruction", "question")
PAIRS = (("response1", "response2"), ("output1", "output2"), ("answer1", "answer2"))
WINNERS = ("majority", "label", "preferred", "winner")


class Ties(UserWarning):
    """Warning: pairs without a preference were left out."""


def load(spec: DataSpec) -> Pools:
    """Read preference pairs as pools of two answers.

    Without a test split ``test_fraction`` of the prompts is held out, with all their pairs; with one, training
    pairs whose prompt is also a test prompt are dropped (warns text.Duplicates).  Warns Ties.  Raises
    FileNotFoundError, or DataError for a missing column, a text that is none, or a label other than 0, 1 and 2.
    """
    frame = text.read(spec)
    if spec.split_column in frame:
        frame = frame[frame[spec.split_column].isin([*spec.train_splits, *spec.test_splits])]
    if len(frame) == 0:
        raise DataError(f"{spec.path}: no row is left; give other splits")
    prompts, a, b, winner = _read(frame, spec)
    both = [(x.strip(), y.strip()) for x, y in zip(a, b, strict=True)]
    usable = (winner > 0) & np.array([x != y and bool(x) and bool(y) for x, y in both])
    if not usable.any():
        raise DataError(f"{spec.path}: every pair is a tie or has equal or empty answers; a preference needs a winner")
    if not usable.all():
        left = int((~usable).sum())
        warnings.warn(f"{spec.path}: {left} pairs are ties, or have equal or empty answers: left out", Ties, 2)
    held, leak = _held_out(frame, spec, prompts, usable)
    sides = []
    for side, mask in (("train", ~held & ~leak), ("test", held)):
        rows = np.flatnonzero(mask & usable)
        if not len(rows):
            raise DataError(f"{spec.path}: no {side} pair is left; give other splits")
        turned = [np.random.default_rng(number_of_row(spec.name, side, int(i))).random() < 0.5 for i in rows]
        answers = [[b[i], a[i]] if t else [a[i], b[i]] for i, t in zip(rows, turned, strict=True)]
        gold = np.array([(winner[i] - 1) ^ t for i, t in zip(rows, turned, strict=True)], dtype=np.int64)
        sides.append(([prompts[i] for i in rows], answers, gold))
    return Pools(spec.name, *sides[0], *sides[1])


def _read(frame: pd.DataFrame, spec: DataSpec) -> tuple[list[str], list[str], list[str], np.ndarray]:
    """Prompts, first and second answers, and the winners (n,) as 1, 2 or 0."""
    prompt = _found(frame, spec, "prompt", (spec.text_column,) if spec.text_column else PROMPTS)
    first, second, winner = _sides(frame, spec)
    if "input" in frame:
        ends = [x if isinstance(x, str) else "" for x in frame["input"]]
        whole = [f"{p}\n{x}".strip() if isinstance(p, str) else p for p, x in zip(frame[prompt], ends, strict=True)]
        frame = frame.assign(**{prompt: whole})
    a, b = (_texts(frame, spec, c, blank=True) for c in (first, second))
    return _texts(frame, spec, prompt, blank=False), a, b, winner


def _held_out(
    frame: pd.DataFrame, spec: DataSpec, prompts: list[str], usable: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Masks (n,): test pairs, and training pairs whose prompt is a test prompt."""
    plain = np.unique([text.folded(p) for p in prompts], return_inverse=True)[1]
    if not text.has_test(frame, spec):
        return text.drawn(int(plain.max()) + 1, spec)[plain], np.zeros(len(prompts), dtype=bool)
    held = text.named(frame, spec)
    leak = ~held & np.isin(plain, plain[held & usable])
    if (leak & usable).any():
        dropped = int((leak & usable).sum())
        warnings.warn(
            f"{spec.path}: {dropped} training prompts also stand in the test split: dropped", text.Duplicates, 3
        )
    return held, leak


def longer(pools: Pools) -> float:
    """Share of held-out pairs whose longer answer (in characters) is preferred; an equal length counts half."""
    lengths = np.array([[len(x) for x in both] for both in pools.held_answers], dtype=float)
    ahead = lengths[np.arange(len(lengths)), pools.held_gold] - lengths[np.arange(len(lengths)), 1 - pools.held_gold]
    return float(np.mean(0.5 * (np.sign(ahead) + 1.0)))


def _sides(frame: pd.DataFrame, spec: DataSpec) -> tuple[str, str, np.ndarray]:
    if {"chosen", "rejected"} <= set(frame):
        return "chosen", "rejected", np.ones(len(frame), dtype=np.int64)
    pair = next((p for p in PAIRS if set(p) <= set(frame)), None)
    if pair is None:
        raise DataError(
            f"{spec.path}: no preference pair among {', '.join(map(str, frame.columns[:12]))}; give columns chosen and "
            "rejected, or response1, response2 and a label 1 or 2"
        )
    label = _found(frame, spec, "label", (spec.label_column,) if spec.label_column else WINNERS)
    bad = [v for v in frame[label].tolist() if v not in (0, 1, 2)]
    if bad:
        raise DataError(f"{spec.path}: column {label!r} holds {bad[0]!r}; a preference is 1 or 2 (0: a tie)")
    return (*pair, frame[label].to_numpy(dtype=np.int64))


def _found(frame: pd.DataFrame, spec: DataSpec, what: str, names: Sequence[str]) -> str:
    present = [n for n in names if n in frame]
    if not present:
        raise DataError(
            f"{spec.path}: no {what} column {' or '.join(map(repr, names))} among "
            f"{', '.join(map(str, frame.columns[:12]))}; name it with --{'text' if what == 'prompt' else what}-column"
        )
    return present[0]


def _texts(frame: pd.DataFrame, spec: DataSpec, column: str, blank: bool) -> list[str]:
    for i, value in enumerate(frame[column]):
        if not isinstance(value, str) or not (blank or value.strip()):
            raise DataError(
                f"{spec.path}: row {i} of column {column!r} holds {value!r:.60}; a text that is not empty is needed"
            )
    return frame[column].tolist()
