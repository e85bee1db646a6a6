"""The language model as it is trained: adapters, optimiser, and a fit of bought labels from the untuned weights.

Every fit begins at the untuned weights.  Training on from warm weights while the learning rate decays over the
label budget leaves the last labels half learned; a fresh fit on all labels costs more steps and no label.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch

from llm.errors import MemoryExhaustedError
from llm.generative.language import Language
from llm.generative.packed import Packed
from llm.model import in_memory
from llm.tuned.learner import minibatches
from llm.tuned.tuner import CLIP, WEIGHT_DECAY, number_of

Loss = Callable[[torch.Tensor, torch.Tensor, np.ndarray], torch.Tensor]  # sums, tokens, items of the batch


class Policy:
    """The tuned part of a language model: ``weights`` are its adapters' tensors, live (``Language.adapted``)."""

    def __init__(self, lm: Language, weights: dict[str, torch.Tensor], rate: float, size: int) -> None:
        """rate  learning rate, decayed linearly to 0 over a fit;  size  rows of a minibatch"""
        self.lm, self._weights, self._rate, self._size = lm, weights, rate, size
        self._fresh = {name: tensor.clone() for name, tensor in weights.items()}

    def begin_again(self) -> None:
        """Back to the untuned weights."""
        self.restore(self._fresh)

    def snapshot(self) -> dict[str, torch.Tensor]:
        """A copy of the adapters."""
        return {name: tensor.clone() for name, tensor in self._weights.items()}

    def restore(self, saved: dict[str, torch.Tensor]) -> None:
        """Continue from a ``snapshot``."""
        for name, tensor in saved.items():
            self._weights[name].copy_(tensor)

    def fit(
        self,
        rows: Sequence[Packed],
        states: Sequence[torch.Tensor],
        loss: Loss,
        epochs: float,
        key: tuple[int, ...],
    ) -> float:
        """Train on the rows for ``epochs`` passes from the present weights; returns the mean loss, NaN without rows.

        ``key`` seeds the order of the minibatches.  Raises MemoryExhaustedError with what to try.
        """
        if not rows:
            return float("nan")
        free = [p for p in self.lm.model.network.parameters() if p.requires_grad]
        optimiser = torch.optim.AdamW(free, lr=self._rate, weight_decay=WEIGHT_DECAY)
        steps = math.ceil(epochs * len(rows) / self._size)
        order = minibatches(len(rows), steps, self._size, number_of(*key))
        losses = []
        for i in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = self._rate * (1.0 - i / steps)
            items = order[i * self._size : (i + 1) * self._size]
            losses.append(self._step(optimiser, free, items, rows, states, loss))
        return float(np.mean(losses))

    def _step(self, optimiser, free, items, rows, states, loss: Loss) -> float:
        def work() -> float:
            optimiser.zero_grad(set_to_none=True)
            sums, counts, _ = self.lm.logps([rows[i] for i in items], [states[i] for i in items])
            value = loss(sums, counts, items)
            value.backward()
            torch.nn.utils.clip_grad_norm_(free, CLIP)
            optimiser.step()
            return float(value.detach())

        try:
            return in_memory(work, len(items))
        except MemoryExhaustedError as error:
            raise MemoryExhaustedError(
                f"out of memory in a training step of {len(items)} rows; give a smaller batch_size, prompt_tokens or "
                "answer_tokens; finished cells are kept"
            ) from error
