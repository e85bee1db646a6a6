"""Labels for a training run: a gate decides, row by row, which ones are bought from a source.

Every row of the training set has a feature row that stays as it is (``frozen_features``: the network's
last hidden state before training).  On those the ridge of ``llm.tuned.learner`` gives the scores and the
width that the gate compares, as in frozen mode; the network that is being trained never enters a
decision, so a run that is resumed decides as one that was not stopped.  A row is decided once, at its
first visit; later epochs find the label, or the refusal, again.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from llm.errors import DataError
from llm.tuned.learner import Design
from sim.live.gate import LiveGate
from sim.live.source import PENDING, Label, LabelSource
from sim.rules import gates


class PendingLabelError(RuntimeError):
    """A source answered PENDING: the label is paid for, and training cannot go on without it."""


class Buyer:
    """Gate, source and ridge over the rows of one training set.

    features (n, d) rows of norm at most the gate's L; classes the K labels in the order of the network's
    outputs; keys and prompts (n,) go to the source (keys are the row numbers by default).
    Raises DataError (a ValueError) for features or classes that do not fit the gate.
    """

    def __init__(
        self,
        gate: LiveGate,
        source: LabelSource,
        features: np.ndarray,
        classes: Sequence[Label],
        keys: Sequence[Any] | None = None,
        prompts: Sequence[str] | None = None,
    ) -> None:
        self.gate, self.source, self.classes = gate, source, list(classes)
        self._X = np.ascontiguousarray(features, dtype=np.float64)
        n = len(self._X)
        self._keys = [str(k) for k in (range(n) if keys is None else keys)]
        self._prompts = [""] * n if prompts is None else list(prompts)
        self._check()
        self.decided: dict[int, int | None] = {}
        self._learner, self._waiting = self._fresh(), -1

    def __len__(self) -> int:
        """Rows of the training set."""
        return len(self._X)

    def label(self, row: int) -> int | None:
        """The class (its place in ``classes``) of a row whose label is bought, None of one that is not.

        Raises PendingLabelError, BudgetError where the source has less than the gate, and DataError
        for a label that is no class; the round then stays open and the next call takes it up.
        """
        if row not in self.decided:
            self.decided[row] = self._decide(row)
        return self.decided[row]

    def summary(self) -> dict[str, float]:
        """Labels bought and left, money spent, rounds, and how often each reason was given."""
        g = self.gate
        reasons = {f"gate_{name}": n for name, n in sorted(g.reasons.items())}
        money = {"spent": g.spent} if g.in_money else {}
        return {"labels_bought": g.labels, "labels_left": g.left, "gate_rounds": g.rounds, **money, **reasons}

    def state(self) -> dict[str, Any]:
        """Plain JSON; the ridge is not in it, it is the decisions played again."""
        ledger = self.source.ledger
        return {
            "gate": self.gate.state(),
            "waiting": self._waiting,
            "decided": [[r, k] for r, k in self.decided.items()],
            "ledger": {"bought": ledger.bought, "spent": ledger.spent},
        }

    def restore(self, state: dict[str, Any], rule: gates.Rule | None = None) -> None:
        """Continue from ``state()``. Raises LiveError for a state of another gate and DataError for other rows."""
        gate = LiveGate.restore(state["gate"], rule)
        if gate.spec != self.gate.spec:
            raise DataError("the saved gate is another one than this run's; give the same GateSpec, T and budget")
        self.gate, self._learner, self._waiting = gate, self._fresh(), int(state["waiting"])
        self.decided = {int(r): k for r, k in state["decided"]}
        if any(not 0 <= r < len(self._X) for r in self.decided):
            raise DataError(f"the saved decisions are about other rows than these {len(self._X)}; give the same set")
        for row, k in self.decided.items():
            if k is not None:
                self._learn(row, k)
        self.source.ledger.resume(state["ledger"]["bought"], state["ledger"]["spent"])

    def _decide(self, row: int) -> int | None:
        key, prompt = self._keys[row], self._prompts[row]
        decision = self.gate.pending
        if decision is not None and row != self._waiting:
            raise DataError(
                f"the label of row {self._waiting} is still waited for, and row {row} comes; resume the run"
            )
        if decision is None:
            self._waiting = row
            cost = self.source.cost(key, prompt) if self.gate.in_money else None
            decision = self.gate.ask(*self._learner.predict(row), cost)
        k = self._bought(row, key, prompt) if decision.open else None
        if k is not None:
            self._learn(row, k)
        self.gate.settle(k is not None, self._learner.state().psi)
        return k

    def _bought(self, row: int, key: str, prompt: str) -> int:
        label = self.source.get(key, prompt)
        if label is PENDING:
            raise PendingLabelError(
                f"the label of row {row} (key {key!r}) is asked for and has not come; answer it and resume from the "
                "last checkpoint (with save_steps=1 nothing is trained twice)"
            )
        if label not in self.classes:
            raise DataError(f"the label of row {row} is {label!r}, none of the classes {self.classes[:12]}")
        return self.classes.index(label)

    def _learn(self, row: int, k: int) -> None:
        self._learner.update(row, np.eye(len(self.classes))[k])

    def _fresh(self) -> Design:
        g = self.gate.setup
        design = Design(len(self._X), self._X.shape[1], len(self.classes), g.lam, self.gate.spec.learner.refresh)
        design.put(slice(0, len(self._X)), self._X)
        return design

    def _check(self) -> None:
        g, n = self.gate.setup, len(self._X)
        if self._X.ndim != 2 or not np.isfinite(self._X).all() or self._X.shape[1] != g.d:
            raise DataError(f"features of shape {self._X.shape} for a gate with d = {g.d}; give finite rows (n, d)")
        longest = math.sqrt(float((self._X**2).sum(axis=1).max()))
        if longest > g.L * (1.0 + 1e-6):
            raise DataError(f"a feature row has norm {longest:g} > L = {g.L:g}; scale rows to norm L, or raise L")
        if len(self.classes) < 2 or len(set(self.classes)) < len(self.classes):
            raise DataError(f"classes = {self.classes[:12]}: at least two are needed, each once")
        if len(self._keys) != n or len(self._prompts) != n or len(set(self._keys)) < n:
            raise DataError(
                f"{len(self._keys)} keys and {len(self._prompts)} prompts for {n} rows; one each, keys unique"
            )
        if n > g.T:
            raise DataError(f"the gate plays T = {g.T} rounds and there are {n} rows; give T = {n}")


def frozen_features(model: Any, dataset: Any, collator: Any, batch_size: int = 32) -> np.ndarray:
    """Features (n, width) of norm 1: the mean over tokens of the model's last hidden state, in evaluation mode.

    ``model`` is any transformers model, ``collator`` makes a batch of the data set's rows.
    """
    from inspect import signature

    known = signature(model.forward).parameters
    rows, was = [], model.training
    model.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(dataset), batch_size):
                items = [dataset[i] for i in range(start, min(start + batch_size, len(dataset)))]
                batch = collator([{k: v for k, v in item.items() if k in known and k != "labels"} for item in items])
                batch = {k: v.to(model.device) for k, v in batch.items()}
                hidden = model(**batch, output_hidden_states=True).hidden_states[-1].double()
                mask = batch.get("attention_mask", torch.ones(hidden.shape[:2], device=hidden.device))
                mask = mask.unsqueeze(-1).to(hidden.dtype)
                rows.append(((hidden * mask).sum(1) / mask.sum(1).clamp(min=1)).cpu().numpy())
    finally:
        model.train(was)
    X = np.concatenate(rows)
    norms = np.sqrt((X * X).sum(axis=1, keepdims=True))
    return X / np.where(norms > 0, norms, 1.0)
