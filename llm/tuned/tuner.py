"""The network's half of a fine-tuned learner: features, a classification head, and its updates.

    psi_w(x) = pooled features of the network with weights w, norm 1       s(x) = W psi_w(x) + b
An *update* is some AdamW steps on minibatches of the labels bought so far.  Everything random (adapters, order of the
minibatches, dropout) is a function of (seed, replication, update), and torch's own generator is
left as it was found.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from llm.errors import LlmError, MemoryExhaustedError
from llm.model import Model, in_memory
from llm.spec import FinetuneSpec
from llm.tuned import lora, objective

WEIGHT_DECAY = 0.01
CLIP = 1.0  # largest norm of a step's gradient


class Tuner:
    """A model with a head of K classes and its optimiser.

    ``key`` is (seed, replication); ``batch`` the texts per forward pass without gradient.
    """

    def __init__(self, model: Model, K: int, o: FinetuneSpec, dtype: str, key: tuple[int, int], batch: int) -> None:
        self._o, self._key, self._dtype, self._batch = o, key, dtype, batch
        with seeded(model.device, *key, 0):
            self.model = lora.adapt(model, o)
        self.head = torch.nn.utils.skip_init(torch.nn.Linear, self.model.width, K, device=model.device)
        self._fresh: dict[str, torch.Tensor] = {}
        self._blank()
        if o.final_epochs or o.refit_epochs:
            self._fresh = {k: v.to("cpu", copy=True) for k, v in lora.trained(self.model.network).items()}

    def features(self, texts: Sequence[str]) -> np.ndarray:
        """Rows (n, width) float64 of norm 1 under the present weights."""
        with self._arithmetic():
            return self.model.encode(texts, self._batch)

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Scores of the head (n, K) for rows X (n, width)."""
        with torch.inference_mode():
            rows = torch.from_numpy(X).to(self.model.device, torch.float32)
            return self.head(rows).double().cpu().numpy()

    def update(self, texts: Sequence[str], y: np.ndarray, shown: np.ndarray, rates: np.ndarray, number: int) -> float:
        """One step for each of ``rates`` (steps,): the factor on the learning rate at that step.

        texts, y, shown: steps * batch_size rows, gold labels, follower's alternatives (n, M).
        Returns the mean loss.  Raises MemoryExhaustedError.
        """
        network, size, losses = self.model.network, self._o.batch_size, []
        network.train()
        try:
            with seeded(self.model.device, *self._key, number):
                for i, rate in enumerate(rates):
                    rows = slice(i * size, (i + 1) * size)
                    losses.append(self._fits(list(texts[rows]), y[rows], shown[rows], float(rate)))
        finally:
            network.eval()
            self._optimizer.zero_grad(set_to_none=True)
        return float(np.mean(losses))

    def snapshot(self) -> dict:
        """Trained weights, head and optimiser, as live tensors."""
        return {
            "weights": lora.trained(self.model.network),
            "head": self.head.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, saved: dict) -> None:
        """Continue from ``snapshot``; raises CacheError if it is another model's."""
        lora.put_back(self.model.network, saved["weights"])
        self.head.load_state_dict(saved["head"])
        self._optimizer.load_state_dict(saved["optimizer"])

    def begin_again(self) -> None:
        """Back to the pretrained weights with fresh adapters and a blank head (final_epochs or refit_epochs > 0)."""
        if not self._fresh:
            raise LlmError("final_epochs = refit_epochs = 0 keeps no copy of the first weights; give one of them >= 1")
        lora.put_back(self.model.network, self._fresh)
        self._blank()

    def _blank(self) -> None:
        with torch.no_grad():
            self.head.weight.zero_()
            self.head.bias.zero_()
        body = [p for p in self.model.network.parameters() if p.requires_grad]
        groups = [
            {"params": body, "lr": self._o.rate, "base": self._o.rate},
            {"params": list(self.head.parameters()), "lr": self._o.head_lr, "base": self._o.head_lr},
        ]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)

    def _fits(self, texts: list[str], y: np.ndarray, shown: np.ndarray, rate: float) -> float:
        try:
            return in_memory(lambda: self._step(texts, y, shown, rate), len(texts))
        except MemoryExhaustedError as error:
            smaller = max(1, len(texts) // 2)
            raise MemoryExhaustedError(
                f"out of memory in a training step with batch_size = {len(texts)} (finetune); try {smaller}, a smaller "
                "max_length or adapter 'lora'; checkpoints written so far are kept"
            ) from error

    def _step(self, texts: list[str], y: np.ndarray, shown: np.ndarray, rate: float) -> float:
        device = self.model.device
        for group in self._optimizer.param_groups:
            group["lr"] = group["base"] * rate
        with self._arithmetic():
            rows = self.model.pool(self.model.tokenize(texts))
        gold, against = torch.from_numpy(y).to(device), torch.from_numpy(shown).to(device)
        value = objective.loss(self.head(rows.float()), gold, against, self._o.stackelberg)
        self._optimizer.zero_grad(set_to_none=True)
        value.backward()
        for group in self._optimizer.param_groups:
            torch.nn.utils.clip_grad_norm_(group["params"], CLIP)
        self._optimizer.step()
        return float(value.detach())

    def _arithmetic(self):
        return lora.arithmetic(self.model.device, self._dtype, self._o.adapter)


def number_of(*parts: int) -> int:
    """A generator's seed as a function of (seed, replication, update, ...)."""
    name = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=7).digest(), "little")


@contextmanager
def seeded(device: torch.device, *parts: int) -> Iterator[None]:
    """torch's generators seeded by the parts inside, and as they were afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(number_of(*parts))
        yield
