"""An ordinary transformers training run that buys its labels through a gate.

``BudgetedTrainer`` is a ``transformers.Trainer`` over rows without labels.  In each step the ``Buyer``
decides on the rows of the batch, in order; the loss is the model's own over the rows whose labels
were bought, and a batch without any leaves the weights as they are (the learning rate keeps the clock
of the stream).  Labels are bought when a batch is trained on, not when it is loaded, so that batches
fetched ahead cost nothing.  Checkpoints hold ``purse.json``; a resumed run buys what an uninterrupted
one would.  Logs say how many labels were bought, for which reasons, and how many are left.
"""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from torch.utils.data import Dataset
from transformers.trainer_utils import get_last_checkpoint

from llm.budgeted import Buyer
from llm.errors import CacheError, DataError
from sim.files import write_atomic

ROW, PURSE = "row", "purse.json"
LABELS = ("label", "labels", "label_ids")


class Numbered(Dataset):
    """A data set whose items carry their row number."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {**self._rows[int(i)], ROW: int(i)}


class BudgetedTrainer(transformers.Trainer):
    """A Trainer whose training labels come from a ``Buyer``; everything else is the Trainer's.

    Raises DataError (a ValueError) for training rows that bring labels or are of another number than the
    buyer's, for several processes or GPUs, and for fp16 (its scaler cannot skip a step; bf16 can).
    """

    def __init__(self, *args: Any, buyer: Buyer, train_dataset: Any, **kwargs: Any) -> None:
        _check_rows(train_dataset, buyer)
        super().__init__(*args, train_dataset=Numbered(train_dataset), **kwargs)
        self.buyer = buyer
        if self.args.world_size > 1 or self.args.n_gpu > 1:
            raise DataError(
                f"{self.args.world_size} processes, {self.args.n_gpu} GPUs: each would buy its own labels; train on "
                "one (CUDA_VISIBLE_DEVICES=0)"
            )
        if self.args.fp16:
            raise DataError("fp16 = True: its loss scaler cannot skip a step without labels; give bf16=True or float32")

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> torch.Tensor:
        """Buy what the gate wants of this batch and train on it; 0 where nothing was bought."""
        rows = inputs.pop(ROW).tolist()
        labels = [self.buyer.label(row) for row in rows]
        keep = [i for i, k in enumerate(labels) if k is not None]
        if not keep:
            return torch.zeros((), device=self.args.device)
        part = {k: v[keep] if torch.is_tensor(v) and len(v) == len(rows) else v for k, v in inputs.items()}
        part["labels"] = torch.tensor([labels[i] for i in keep])
        return super().training_step(model, part)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """The Trainer's log with the buyer's summary beside the training loss."""
        super().log({**logs, **self.buyer.summary()} if "loss" in logs else logs, start_time)

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the model and, in the same folder, the purse."""
        super().save_model(output_dir, _internal_call)
        folder = Path(output_dir or self.args.output_dir)
        write_atomic(folder / PURSE, json.dumps(self.buyer.state()).encode())

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        """Train; with a checkpoint (a folder, or True for the last one) purse and decisions go on too.

        Raises CacheError for a checkpoint without a readable purse.
        """
        folder = resume_from_checkpoint
        if folder is True:
            folder = get_last_checkpoint(self.args.output_dir)
        if folder:
            path = Path(folder) / PURSE
            try:
                state = json.loads(path.read_text())
            except (OSError, ValueError) as error:
                raise CacheError(f"{path} cannot be read ({error}); resume from an earlier checkpoint") from error
            self.buyer.restore(state)
        return super().train(resume_from_checkpoint, *args, **kwargs)

    def _set_signature_columns_if_needed(self) -> None:
        """The Trainer drops columns that the model does not know; the row number stays."""
        super()._set_signature_columns_if_needed()
        if ROW not in self._signature_columns:
            self._signature_columns += [ROW]


def _check_rows(rows: Any, buyer: Buyer) -> None:
    if not hasattr(rows, "__len__") or not hasattr(rows, "__getitem__"):
        raise DataError(
            f"train_dataset is a {type(rows).__name__}; rows must be counted and numbered: give a map-style set"
        )
    if len(rows) != len(buyer):
        raise DataError(f"{len(rows)} training rows and {len(buyer)} rows of features; give one feature row a row")
    brought = [name for name in (*LABELS, ROW) if name in rows[0]]
    if brought:
        raise DataError(
            f"train_dataset has columns {brought}: labels come from the source, and {ROW!r} is the trainer's own; "
            "remove_columns them"
        )
