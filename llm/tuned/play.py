"""Finetune mode: one cell of a study with the network updated on the labels that its gate buys.

``run_cell`` is ``frozen.play_cell`` with another learner.  Evaluations are evenly spaced, the last
at T; before it the network is refitted with labels that came after the last refit.  A cell may be
killed at any moment: played again with the same folder it continues, and ends with the same rows.
"""

import resource
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from llm import model, streams, tables
from llm.errors import DataError
from llm.frozen import play as frozen
from llm.spec import Cell, StudySpec, choice
from llm.text import Data
from llm.tuned import checkpoint, lora
from llm.tuned.learner import Design, FineTuned
from llm.tuned.replay import Replay
from llm.tuned.tuner import Tuner
from sim import loop
from sim.rules import draws
from sim.rules.streams import permutation
from sim.setup import Setup, build

SAVE_EVERY = 1000  # rounds between checkpoints where no update or evaluation falls due


class Tuned(NamedTuple):
    """A played cell: what tables need, and what only fine-tuning has.

    ``played.rows``' accuracy is the ridge's on the features of that moment and ``played.heads`` (R,)
    the trained head's.  losses (U,): mean loss of every update and refit.  encoded: texts a second while
    scoring.  refits: trainings from the first weights in the course of the run.
    """

    played: tables.Played
    losses: np.ndarray
    encoded: float
    refits: int = 0


def run_cell(
    spec: StudySpec,
    data: Data,
    loaded: model.Model,
    cell: Cell,
    folder: Path,
    note: Callable[[int, int], None] | None = None,
) -> Tuned:
    """Play one cell, from its checkpoint in ``folder`` if there is one; ``loaded`` comes back as it was.

    ``note(round, labels)`` hears of progress.  Raises DataError for multiple choice, CacheError for
    another cell's checkpoint, MemoryExhaustedError (checkpoints are kept).
    """
    _check(spec, data)
    saved = checkpoint.load(folder, cell.key(), str(loaded.device))
    if loaded.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(loaded.device)
    with threadpool_limits(1, user_api="blas"), lora.borrowed(loaded, spec.finetune.adapter) as own:
        return _Run(spec, cell, data, folder, own, note).play(saved)


def _check(spec: StudySpec, data: Data) -> None:
    if data.candidates is not None:
        raise DataError(
            f"{data.name} is multiple choice: its prompts share no label set that a head could learn; score its "
            "candidates with Model.loglik, or give a data set with one label set"
        )
    if spec.center:
        raise DataError("center = True needs features that stay as they are; use it with mode 'frozen'")


class _Run:
    """The parts of one cell, and what is measured on the way."""

    def __init__(
        self, spec: StudySpec, cell: Cell, data: Data, folder: Path, loaded: model.Model, note: Callable | None
    ) -> None:
        o, pair = spec.finetune, (cell.seed, cell.replication)
        rows = streams.order(cell.stream, data.y, cell.T, *pair, data.groups)
        run = spec.run_of(cell)
        self.spec, self.cell, self.folder, self.note = spec, cell, folder, note
        self.g: Setup = build(run, loaded.width, data.K)
        self.y = data.y[rows]
        design = Design(cell.T, loaded.width, data.K, self.g.lam, self.g.refresh, choice(cell.gate).view)
        tuner = Tuner(loaded, data.K, o, spec.model.dtype, pair, spec.model.batch_size)
        self.learner = FineTuned(tuner, [data.texts[i] for i in rows], design, o, cell.B, pair)
        self.replay = Replay(self.learner, cell.T, data.K, self.before)
        self.held_out = HeldOutTexts(data, cell.stream, o.test_rows)
        self.began, self.spent, self.saving = perf_counter(), 0.0, 0.0
        self.mark = (0, 0, 0)

    def play(self, saved: tuple[int, dict] | None) -> Tuned:
        """The loop, from the checkpoint on if there is one, and the refit."""
        if saved is not None:
            self.restore(*saved)
        cell, keys = self.cell, draws.stream_keys(self.cell.seed, self.cell.replication)
        record = evaluation_rounds(cell.T, self.spec.finetune.evaluations)
        self.last = len(record)
        plan, empty = np.zeros(0, dtype=np.int64), np.zeros(0)
        rows = loop.play_recorded(
            self.g, self.replay, np.arange(cell.T), self.y, self.evaluate, keys, record, plan, empty
        )
        looped = self.elapsed()
        seconds = dict(self.learner.seconds, evaluate=self.held_out.seconds, save=self.saving)
        gate = looped - sum(seconds.values())
        heads = np.array([told[1] for told in self.replay.told])
        refit = self.refit()
        total = self.elapsed()
        seconds |= dict(features=seconds.pop("refresh"), gate=gate, head=total - looped, total=total)
        peak = peak_memory(self.learner.tuner.model.device)
        played = tables.Played(rows, self.g.d, float(heads[-1]), seconds, peak, heads, refit)
        encoded = self.learner.encoded / max(seconds["scoring"], 1e-9)
        return Tuned(played, np.array(self.learner.losses), encoded, self.learner.refits)

    def evaluate(self, state: Any) -> float:
        """Held-out accuracy of the ridge; the head's is kept beside it."""
        return self.replay.tell(self.measure)[0]

    def measure(self) -> list[float]:
        """[ridge, head] accuracy on present features; at T after a refit on what was left over."""
        if self.replay.evaluations == self.last - 1:
            self.learner.finish()
        return self.held_out.measure(self.learner)

    def refit(self) -> float:
        """Head accuracy of pretrained weights trained on all bought labels; NaN if not asked for."""
        if not self.spec.finetune.final_epochs or not self.learner.labels:
            return float("nan")
        self.learner.refit()
        return self.held_out.measure(self.learner)[1]

    def before(self, t: int) -> None:
        """A checkpoint when an update or evaluation happened since the last one, or after many rounds."""
        if self.note:
            self.note(t, len(self.learner.labels))
        version, told, last = self.mark
        due = version != self.learner.version or told != self.replay.evaluations or t - last >= SAVE_EVERY
        if t == 0 or t == last or not due:
            return
        began = perf_counter()
        self.mark = (self.learner.version, self.replay.evaluations, t)
        seconds = dict(spent=self.elapsed(), evaluate=self.held_out.seconds, saving=self.saving)
        state = dict(learner=self.learner.snapshot(), replay=self.replay.snapshot(t), seconds=seconds)
        checkpoint.save(self.folder, self.cell.key(), t, state)
        self.saving += perf_counter() - began

    def restore(self, t: int, saved: dict) -> None:
        """Continue before round t."""
        self.learner.restore(saved["learner"])
        self.replay.restore(t, saved["replay"])
        self.spent, self.saving = saved["seconds"]["spent"], saved["seconds"]["saving"]
        self.held_out.seconds = saved["seconds"]["evaluate"]
        self.mark = (self.learner.version, len(self.replay.told), t)

    def elapsed(self) -> float:
        """Seconds so far, those before a checkpoint included."""
        return self.spent + perf_counter() - self.began


class HeldOutTexts:
    """Accuracy on the test rows, all or a fixed ``n`` of them; texts encoded once a version of the weights."""

    def __init__(self, data: Data, stream: str, n: int) -> None:
        rows = np.arange(len(data.test_y))
        if 0 < n < len(rows):
            rows = np.sort(permutation(draws.stream_keys(0, 0)[draws.PERMUTATION], len(rows))[:n])
        self._texts, self._version = [data.test_texts[i] for i in rows], -1
        self._X = np.zeros((0, 0))
        self._share = frozen.HeldOut(self._X, data.test_y[rows], stream).share
        self.seconds = 0.0

    def measure(self, learner: FineTuned) -> list[float]:
        """[ridge, head] accuracy under the learner's present weights."""
        began = perf_counter()
        if self._version != learner.version:
            self._version, self._X = learner.version, learner.tuner.features(self._texts)
        theta = learner.state().theta
        picks = [np.argmax(self._X @ theta, axis=1), np.argmax(learner.tuner.logits(self._X), axis=1)]
        self.seconds += perf_counter() - began
        return [self._share(p) for p in picks]


def evaluation_rounds(T: int, n: int) -> np.ndarray:
    """n evenly spaced rounds (1-based, fewer if T < n), the last of them T."""
    return np.unique(np.ceil(T * np.arange(1, n + 1) / n).astype(np.int64))


def peak_memory(device: torch.device) -> float:
    """Largest memory of the device, or of the process on a CPU, so far [MiB]."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2.0**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
