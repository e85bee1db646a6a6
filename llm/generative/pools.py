"""Prompts with N candidate answers each: from a column of candidates, from rows of the same kind, or from class names.

The candidates of a row are a fixed function of the data set (not of seed or replication) and stand in a
drawn order, so that a place tells nothing.
"""

import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from llm.errors import DataError
from llm.text import Data
from llm.tuned.tuner import number_of

LARGEST = 64  # candidates of a prompt


class FewAnswers(UserWarning):
    """Warning: rows were left out because fewer than N answers of their kind exist."""


@dataclass(frozen=True)
class Pools:
    """n prompts to play and n' held out, with N candidates each.

    prompts, held_prompts; answers, held_answers  lists of N texts a prompt;  gold (n,), held_gold (n',) places
    """

    name: str
    prompts: list[str]
    answers: list[list[str]]
    gold: np.ndarray
    held_prompts: list[str]
    held_answers: list[list[str]]
    held_gold: np.ndarray

    @property
    def N(self) -> int:
        """Candidates of a prompt."""
        return len(self.answers[0])


def of(data: Data, N: int) -> Pools:
    """Pools of a data set: its own candidates, or its class names, N a prompt (all classes where there are fewer).

    Warns FewAnswers.  Raises DataError for N outside 2..64, or where no prompt has N candidates.
    """
    if not 2 <= N <= LARGEST:
        raise DataError(f"candidates = {N}: the rule is 2 <= N <= {LARGEST}")
    sides = []
    for side, texts, y, sets in (
        ("train", data.texts, data.y, data.candidates),
        ("test", data.test_texts, data.test_y, data.test_candidates),
    ):
        if sets is None:
            plain = [name.replace("_", " ") for name in data.classes]
            names = plain if len(set(plain)) == len(plain) else list(data.classes)
            sides.append(_drawn(data.name, side, texts, [names] * len(texts), y, min(N, len(names))))
        else:
            sides.append(_drawn(data.name, side, texts, sets, y, N))
    return Pools(data.name, *sides[0], *sides[1])


def _drawn(
    name: str, side: str, texts: Sequence[str], sets: Sequence[Sequence[str]], gold: np.ndarray, N: int
) -> tuple[list[str], list[list[str]], np.ndarray]:
    """N answers of every prompt in a drawn order, the gold among them; prompts with fewer are left out."""
    prompts, answers, places = [], [], []
    for i, (text, own, y) in enumerate(zip(texts, sets, gold, strict=True)):
        if len(own) < N:
            continue
        rng = np.random.default_rng(number_of_row(name, side, i))
        others = np.delete(np.arange(len(own)), y)
        chosen = np.append(rng.permutation(others)[: N - 1], y)
        order = rng.permutation(chosen)
        prompts.append(text)
        answers.append([own[k] for k in order])
        places.append(int(np.flatnonzero(order == y)[0]))
    if not prompts:
        raise DataError(f"{name}: no {side} prompt has {N} candidates; give fewer with --candidates")
    if len(prompts) < len(texts):
        left = len(texts) - len(prompts)
        warnings.warn(f"{name}: {left} {side} prompts have fewer than {N} candidates: left out", FewAnswers, 3)
    return prompts, answers, np.array(places, dtype=np.int64)


def number_of_row(name: str, side: str, i: int) -> int:
    """A generator's seed for row i of one side of a data set."""
    return number_of(zlib.crc32(f"{name}/{side}".encode()), i)
