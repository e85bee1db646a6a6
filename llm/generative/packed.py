"""A prompt and its candidate answers in one row: every answer sees the prompt and itself, and no other answer.

    tokens    x_1 .. x_n | a_1 .. a_p | b_1 .. b_q | ...        positions  0 .. n-1 | n .. n+p-1 | n .. n+q-1 | ...
Attention is causal and is masked between answers, so that the prompt is computed once for all of them,
with gradients too (a key-value cache shares a prompt only where nothing is trained).  The sums are
those of every pair scored alone, but for rounding.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch


class Packed(NamedTuple):
    """A row of n tokens with K answers of m tokens in all.

    ids, position, segment  (n,) token, its place in its own text, its answer (1..K; 0 is the prompt)
    source, target, owner   (m,) place whose logits predict an answer's token, that token, its answer (0..K-1)
    """

    ids: np.ndarray
    position: np.ndarray
    segment: np.ndarray
    source: np.ndarray
    target: np.ndarray
    owner: np.ndarray

    @property
    def K(self) -> int:
        """Number of answers."""
        return int(self.segment.max(initial=0))


class Batch(NamedTuple):
    """Rows padded to one length n: ids and position (b, n), mask (b, 1, n, n) True where a token is seen."""

    ids: torch.Tensor
    position: torch.Tensor
    mask: torch.Tensor


def pack(prompt: Sequence[int], answers: Sequence[Sequence[int] | np.ndarray]) -> Packed:
    """The row of a prompt (at least one token) and its answers (each at least one), as token ids."""
    n = len(prompt)
    ids, position, segment = [np.array(prompt)], [np.arange(n)], [np.zeros(n, dtype=np.int64)]
    source, owner, start = [], [], n
    for k, answer in enumerate(answers):
        length = len(answer)
        ids.append(np.array(answer))
        position.append(np.arange(n, n + length))
        segment.append(np.full(length, k + 1))
        source.append(np.append(n - 1, np.arange(start, start + length - 1)))
        owner.append(np.full(length, k))
        start += length
    whole = np.concatenate(ids).astype(np.int64)
    none = np.zeros(0, dtype=np.int64)
    return Packed(
        whole,
        np.concatenate(position),
        np.concatenate(segment),
        np.concatenate([none, *source]),
        whole[n:],
        np.concatenate([none, *owner]),
    )


def keep(row: Packed, answers: Sequence[int]) -> tuple[Packed, np.ndarray]:
    """The row with some of its answers (0..K-1), in the given order, and the places (n',) that they had."""
    places = np.concatenate([np.flatnonzero(row.segment == k) for k in (0, *(a + 1 for a in answers))])
    n = int((row.segment == 0).sum())
    parts = [row.ids[row.segment == a + 1] for a in answers]
    return pack(row.ids[:n].tolist(), parts), places


def batches(rows: Sequence[Packed], tokens: int) -> Iterator[np.ndarray]:
    """Row numbers in batches of at most ``tokens`` places, padding included; the longest rows first."""
    lengths = np.array([len(row.ids) for row in rows])
    order, start = np.argsort(-lengths, kind="stable"), 0
    while start < len(order):
        size = max(1, tokens // int(lengths[order[start]]))
        yield order[start : start + size]
        start += size


def collate(rows: Sequence[Packed], device: torch.device) -> Batch:
    """The rows padded on the right; padding sees itself only, and nothing sees padding."""
    n = max(len(row.ids) for row in rows)
    ids, position = (np.zeros((len(rows), n), dtype=np.int64) for _ in range(2))
    segment = np.full((len(rows), n), -1)
    for i, row in enumerate(rows):
        m = len(row.ids)
        ids[i, :m], position[i, :m], segment[i, :m] = row.ids, row.position, row.segment
    own = segment[:, :, None] == segment[:, None, :]
    prompt = (segment[:, None, :] == 0) & (segment[:, :, None] > 0)
    mask = (own | prompt) & np.tri(n, dtype=bool) | np.eye(n, dtype=bool)
    return Batch(*(torch.from_numpy(a).to(device) for a in (ids, position, mask[:, None])))
