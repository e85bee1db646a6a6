"""Frozen descriptions of a study on text: data, model, gates, streams, and its cells.

A *study* is every combination of its gates, budgets, streams and replications; a *cell* is one of
them, played once and cached under ``Cell.key()``.  The gates' constants stand here, set before any
data set was looked at and the same for all of them.

Two controls have no signal of their own in the game.  ``entropy`` and ``ratio`` are the quantile
gate on another latency, which the learner hands to the loop in the place of the width (``VIEWS``).
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, model_validator

from sim.fields import Count, Fraction, Index, NonNegative, Positive, Spec, no_bool, one_of
from sim.rules import codes
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec

MODES = ("frozen", "finetune")
STREAMS = ("iid", "drift", "zipf")
POOLINGS = ("auto", "mean", "cls", "last")
DTYPES = ("float32", "bfloat16", "float16")
SCHEDULES = ("linear", "rex", "constant")
VIEWS = ("width", "entropy", "ratio")
SIGMA = 0.5  # a label is 0 or 1: sub-Gaussian with parameter 1/2 (Hoeffding)


class Choice(NamedTuple):
    """A gate as compared here: simulator's gate, radius (mode, value), what the learner shows as width."""

    gate: GateSpec
    radius: tuple[str, float]
    view: str = "width"


CHOICES: dict[str, Choice] = {
    "llf_self_paced": Choice(GateSpec(kind="llf_self_paced", c=0.1, p=4.0), ("fixed", 0.1)),
    "llf_regret": Choice(GateSpec(kind="llf_regret"), ("fixed", 0.1)),
    "llf_regret_scaled": Choice(GateSpec(kind="llf_regret"), ("scaled", 0.02)),
    "llf_paced": Choice(GateSpec(kind="llf_paced"), ("fixed", 1.0)),
    "llf_quantile": Choice(GateSpec(kind="llf_quantile", latency="regret"), ("fixed", 1.0)),
    "ratio": Choice(GateSpec(kind="llf_quantile", latency="width"), ("fixed", 1.0), "ratio"),
    "width": Choice(GateSpec(kind="llf_quantile", latency="width"), ("fixed", 1.0)),
    "margin": Choice(GateSpec(kind="margin"), ("fixed", 1.0)),
    "entropy": Choice(GateSpec(kind="llf_quantile", latency="width"), ("fixed", 1.0), "entropy"),
    "random": Choice(GateSpec(kind="random"), ("fixed", 1.0)),
    "prefix": Choice(GateSpec(kind="prefix"), ("fixed", 1.0)),
    "all": Choice(GateSpec(kind="always"), ("fixed", 1.0)),
}
DEFAULT_GATES = tuple(CHOICES)


def choice(name: str) -> Choice:
    """The gate of a name; ``llf_self_paced:c=0.2,p=2`` changes its constants.

    Raises ValueError for an unknown gate or constant.
    """
    kind, _, constants = name.partition(":")
    base = CHOICES.get(kind)
    if base is None:
        valid = ", ".join(CHOICES)
        raise ValueError(f"unknown gate {kind!r}; valid: {valid} (constants as in 'llf_self_paced:c=0.2,p=2')")
    if not constants:
        return base
    try:
        given = {k: float(v) for k, v in (part.split("=") for part in constants.split(","))}
    except ValueError:
        raise ValueError(f"gate {name!r} is not name:constant=number,...; write 'llf_self_paced:c=0.2,p=2'") from None
    mode, value = base.radius
    radius = (mode, given.pop("radius_c", value))
    return base._replace(gate=GateSpec.model_validate(base.gate.model_dump() | given), radius=radius)


class DataSpec(Spec):
    """Where texts and labels come from.

    ``path`` is a .parquet, .jsonl or .csv file or a Hugging Face data set id.  Columns left empty
    are found by their usual names.  Rows of other splits than the named ones are left out; a set
    without a test split holds out ``test_fraction`` of its rows.  ``candidates_column`` makes it
    multiple choice: a list of distinct texts a row, the label being the gold one or its index.
    ``same_column`` makes it multiple choice too: the answers of the rows (of the same split) that have the
    same value there are each other's candidates.
    """

    path: str
    text_column: str = ""
    label_column: str = ""
    candidates_column: str = ""
    same_column: str = ""
    group_column: str = ""
    split_column: str = "split"
    train_splits: tuple[str, ...] = ("train",)
    test_splits: tuple[str, ...] = ("test",)
    drop_labels: tuple[str, ...] = ()
    test_fraction: Fraction = 0.2

    @property
    def name(self) -> str:
        """Short name for tables: the folder of a ``data.parquet``, the file's stem, or the id."""
        file = Path(self.path)
        if file.suffix.lower() not in (".parquet", ".jsonl", ".json", ".csv"):
            return self.path
        return file.parent.name if file.stem == "data" and file.parent.name else file.stem


class ModelSpec(Spec):
    """A Hugging Face id or local folder, ``minilm`` (an encoder) or ``smollm2`` (a causal model).
    ``auto`` pools encoders by the mean and causal models at the final token; texts are cut at
    ``max_length`` tokens."""

    name: str = "minilm"
    pooling: Annotated[str, one_of("pooling", POOLINGS)] = "auto"
    max_length: Count = 128
    batch_size: Count = 32
    device: str = "cpu"
    dtype: Annotated[str, one_of("dtype", DTYPES)] = "float32"


class FinetuneSpec(Spec):
    """The online loop: a label buffer, an update every ``update_every`` labels, an evaluation at
    ``evaluations`` checkpoints; features refreshed and V rebuilt after every update.

    The loss is cross-entropy + ``stackelberg`` * -log sigma(s(x, y*) - s(x, y')).  An *update* takes
    ``steps`` steps from the present weights, its learning rate following ``schedule`` over the label
    budget B.  A *refit* trains the pretrained weights afresh for ``refit_epochs`` passes over all
    bought labels, its rate following ``refit_schedule`` from beginning to end: once when B is spent (or
    at T), because weights that were trained on the first labels never catch up with a fresh fit, and, with
    ``refit_growth`` = C > 0, whenever psi exceeds its value at the last refit by more than log(1 + C).
    As psi <= D_B, those are at most 1 + D_B / log(1 + C) refits.  ``refit_epochs`` = 0 does without.
    ``test_rows`` > 0 evaluates on that many test rows, a fixed draw; ``final_epochs`` > 0 measures one
    more fresh fit at the end.  ``lr`` = 0 means 1e-3 for adapters and 5e-5 for all weights.
    """

    adapter: Annotated[str, one_of("adapter", ("lora", "full"))] = "lora"
    rank: Count = 8
    alpha: Positive = 16.0
    dropout: NonNegative = 0.0
    lr: NonNegative = 0.0
    head_lr: Positive = 5e-2
    schedule: Annotated[str, one_of("schedule", SCHEDULES)] = "constant"
    stackelberg: NonNegative = 0.5
    negatives: Count = 5
    update_every: Count = 25
    steps: Count = 20
    refit_epochs: Index = 12
    refit_schedule: Annotated[str, one_of("refit_schedule", SCHEDULES)] = "linear"
    refit_growth: NonNegative = 0.0
    batch_size: Count = 16
    stream_batch: Count = 32
    evaluations: Count = 8
    final_epochs: Index = 0
    test_rows: Index = 0

    @model_validator(mode="after")
    def _consistent(self) -> "FinetuneSpec":
        if self.refit_growth and not self.refit_epochs:
            raise ValueError(f"refit_growth = {self.refit_growth:g}: refits need refit_epochs >= 1, not 0")
        return self

    @property
    def rate(self) -> float:
        """Learning rate of the network's weights."""
        return self.lr or (1e-3 if self.adapter == "lora" else 5e-5)


class Cell(NamedTuple):
    """One run of a study: gate by name, budget B of T labels, stream, seed set and replication.

    ``digest`` names everything else that determines its numbers (data, model, mode, constants).
    """

    gate: str
    B: int
    T: int
    stream: str
    seed: int
    replication: int
    mode: str
    digest: str

    def key(self) -> str:
        """Digest (32 hex digits) of the cell; its results are cached under it."""
        text = json.dumps([*self, choice(self.gate).gate.model_dump(mode="json"), choice(self.gate)[1:]])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def labels_of(budget: float, T: int) -> int:
    """B of a budget: a ratio of T below 1, or a number of labels."""
    return math.floor(budget * T * (1 + 1e-12)) if budget < 1 else int(budget)


class StudySpec(Spec):
    """A study.  ``budgets`` below 1 are ratios of T, others label counts; ``replications`` streams
    are drawn from seed set ``seed``.  ``center`` subtracts the mean training feature (no labels)."""

    data: DataSpec
    model: ModelSpec = ModelSpec()
    mode: Literal["frozen", "finetune"] = "frozen"
    gates: tuple[str, ...] = DEFAULT_GATES
    budgets: tuple[Annotated[float, BeforeValidator(no_bool)], ...] = (0.05, 0.1, 0.2)
    streams: tuple[Annotated[str, one_of("stream", STREAMS)], ...] = ("iid",)
    rounds: Count = 5000
    replications: Count = 5
    seed: Index = 0
    lam: Positive = 1.0
    center: bool = False
    refresh: Count = 4096
    logistic_c: Positive = 10.0
    record: RecordSpec = RecordSpec(per_octave=4)
    finetune: FinetuneSpec = FinetuneSpec()

    @model_validator(mode="after")
    def _consistent(self) -> "StudySpec":
        for name in self.gates:
            choice(name)
        for value in self.budgets:
            self.labels(value)
        for what in ("gates", "budgets", "streams"):
            if not getattr(self, what) or len(set(getattr(self, what))) < len(getattr(self, what)):
                raise ValueError(f"{what} = {list(getattr(self, what))}: give at least one, each once")
        return self

    def labels(self, budget: float) -> int:
        """B of a budget: a ratio below 1, or a whole number of labels of at most T."""
        if not math.isfinite(budget) or budget <= 0:
            raise ValueError(f"budget = {budget:g}: give a ratio in (0, 1) or a number of labels")
        B = labels_of(budget, self.rounds)
        if (budget >= 1 and budget != B) or not 1 <= B <= self.rounds:
            raise ValueError(
                f"budget = {budget:g} with T = {self.rounds} rounds gives B = {B}: the rule is 1 <= B <= T, "
                "a ratio in (0, 1) or a whole number of labels"
            )
        return B

    def digest(self, data: str, model: str, code: str) -> str:
        """Digest of what all cells share; ``data``, ``model`` and ``code`` are content hashes."""
        own: dict[str, Any] = dict(data=data, model=model, code=code, mode=self.mode)
        own |= dict(lam=self.lam, center=self.center)
        own |= dict(refresh=self.refresh, record=self.record.model_dump(), groups=self.data.group_column)
        if self.mode == "frozen":
            own |= dict(logistic_c=self.logistic_c)
        else:
            own |= dict(
                finetune=self.finetune.model_dump(), dtype=self.model.dtype, device=self.model.device.partition(":")[0]
            )
        return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]

    def cells(self, digest: str) -> list[Cell]:
        """Every cell once, stream by stream and replication by replication (``all`` buys B = T)."""
        budgets = [self.labels(b) for b in self.budgets]
        cells: dict[Cell, None] = {}
        for stream in self.streams:
            for rep in range(self.replications):
                for gate in self.gates:
                    for B in [self.rounds] if choice(gate).gate.kind == "always" else budgets:
                        cells[Cell(gate, B, self.rounds, stream, self.seed, rep, self.mode, digest)] = None
        return list(cells)

    def run_of(self, cell: Cell) -> RunSpec:
        """The simulator's description of a cell: a recorded stream played by one-versus-all ridge."""
        gate, (mode, c), _ = choice(cell.gate)
        return RunSpec(
            T=cell.T,
            B=cell.B,
            stream=StreamSpec(context=codes.CONTEXTS[codes.RECORDED], path=self.data.name),
            follower=FollowerSpec(kind="all"),
            learner=LearnerSpec(
                kind="ova",
                feedback="gold",
                sigma=SIGMA,
                lam=self.lam,
                radius_mode=mode,
                radius_c=c,
                refresh=self.refresh,
            ),
            gate=gate,
            record=self.record,
            seed=cell.seed,
        )
