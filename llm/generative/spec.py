"""Frozen descriptions of a study of a generative model: data, model, constants, and its cells.

A *cell* is one stream played under one gate, by a tuned model or (``tuned`` False) by the recorded features
of the untuned one, which is the simulator's prediction.  In mode preferences a tuned cell ends in several
``methods``, each trained from the untuned weights on the labels that the gate bought: one row each.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import model_validator

from llm.generative.features import KINDS, L
from llm.spec import CHOICES, Choice, DataSpec, ModelSpec, choice, labels_of
from sim.fields import Count, Index, NonNegative, Positive, Spec, one_of
from sim.rules import followers, gates
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec

MODES = ("answers", "preferences")
METHODS = ("dpo", "ipo", "rdpo", "spa", "ssapo", "ssapo_0")
SELF = ("spa", "ssapo", "ssapo_0")  # methods that annotate the pairs that were not bought
SIGMA = 1.0  # a difference of two payoffs in {0, 1} lies in [-1, 1]
OWN: dict[str, Choice] = {
    "adpo": Choice(GateSpec(kind="llf_regret"), ("fixed", 1.0)),
    "d_optimal": Choice(GateSpec(kind="llf_oracle"), ("fixed", 1.0)),
}  # gates of preferences beside those of ``llm.spec``
ADPO_MARGIN = 1.3  # Gamma of the released code of adpo, in units of beta times the log ratio
GATES = {"answers": ("random", "margin", "prefix", "llf_self_paced"), "preferences": ("random", "margin", "width")}


class TuneSpec(Spec):
    """How the model is trained: LoRA in the top ``layers`` layers, a fit from the untuned weights whenever the
    information bought since the last one exceeds ``refit_growth`` [nats] (0: only at the end), ``epochs`` passes.

    ``stackelberg`` weighs the term against the follower's hardest answer.  ``beta``, ``flip`` (rdpo), ``eps`` (radius
    of the follower of ssapo) and ``rounds`` (of self-annotation) are those of preferences.
    """

    layers: Count = 8
    rank: Count = 8
    alpha: Positive = 16.0
    rate: Positive = 1e-3
    batch_size: Count = 8
    epochs: Positive = 4.0
    refit_growth: NonNegative = 25.0
    stackelberg: NonNegative = 0.5
    beta: Positive = 0.1
    flip: NonNegative = 0.1
    eps: NonNegative = 0.05
    rounds: Count = 3

    @model_validator(mode="after")
    def _consistent(self) -> "TuneSpec":
        if self.flip >= 0.5:
            raise ValueError(f"flip = {self.flip:g}: rdpo assumes a share of flipped labels below 1/2")
        return self


UNSHARED = {"data", "model", "gates", "methods", "replications", "budget", "predict"}  # a cell tells its own


class Cell(NamedTuple):
    """One run: ``key()`` names its results; ``digest`` everything that all cells share."""

    gate: str
    tuned: bool
    B: int
    T: int
    seed: int
    replication: int
    mode: str
    digest: str

    def told(self) -> dict[str, Any]:
        """What a row of a table says of its cell, by column."""
        return {name: value for name, value in self._asdict().items() if name != "digest"}

    def key(self) -> str:
        """Digest (32 hex digits) of the cell."""
        gate = chosen(self.gate)
        text = json.dumps([*self, gate.gate.model_dump(mode="json"), gate.radius])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class LmSpec(Spec):
    """A study of a generative model.

    candidates N a prompt, of which the follower shows the gold and ``alternatives`` M; features, teaches: see
    ``features``; lam of the ridge.  prompt_tokens, answer_tokens: what is read of each.  held prompts are evaluated.
    predict: only the untuned model's predictions are played, which is cheap.
    """

    data: DataSpec
    model: ModelSpec = ModelSpec(name="smollm2")
    mode: Annotated[Literal["answers", "preferences"], one_of("mode", MODES)] = "answers"
    gates: tuple[str, ...] = ()
    methods: tuple[Annotated[str, one_of("method", METHODS)], ...] = ("dpo",)
    rounds: Count = 200
    budget: Positive = 0.2
    replications: Count = 3
    seed: Index = 0
    candidates: Count = 8
    alternatives: Count = 3
    follower: Annotated[str, one_of("follower", followers.POOL)] = "hard_negative"
    features: Annotated[str, one_of("features", KINDS)] = "product"
    teaches: Annotated[str, one_of("teaches", ("shown", "pair"))] = "shown"
    template: Annotated[str, one_of("template", ("plain", "chat"))] = "plain"
    lam: Positive = 1.0
    prompt_tokens: Count = 40
    answer_tokens: Count = 24
    held: Count = 100
    block: Count = 32
    evaluations: Count = 4
    predict: bool = False
    tune: TuneSpec = TuneSpec()

    @model_validator(mode="after")
    def _consistent(self) -> "LmSpec":
        for name in self.gates:
            if chosen(name).gate.kind in POTENTIAL and self.teaches == "shown" and self.mode == "answers":
                raise ValueError(f"gate {name!r} counts one vector a label; use it with --teaches pair")
            if name in OWN and self.mode == "answers":
                raise ValueError(f"gate {name!r} buys preferences; use it in mode preferences")
            if chosen(name).view != "width":
                raise ValueError(f"gate {name!r} has no reading on candidate answers; valid: {', '.join(valid())}")
        if not self.methods or len(set(self.methods)) < len(self.methods):
            raise ValueError(f"methods = {list(self.methods)}: give at least one, each once")
        if self.mode == "preferences" and set(self.methods) <= set(SELF) and self.played != ("random",):
            raise ValueError(f"methods = {list(self.methods)} play on gate 'random' alone; give that gate, or add dpo")
        if len(set(self.gates)) < len(self.gates):
            raise ValueError(f"gates = {list(self.gates)}: give each once")
        if self.budget >= 1 and self.budget != int(self.budget):
            raise ValueError(f"budget = {self.budget:g}: give a ratio in (0, 1) or a whole number of labels")
        if not 1 <= self.labels <= self.rounds:
            raise ValueError(
                f"budget = {self.budget:g} with T = {self.rounds} gives B = {self.labels}: give 1 <= B <= T"
            )
        if self.mode == "answers" and not 1 <= self.alternatives < self.candidates:
            raise ValueError(
                f"alternatives = {self.alternatives} of {self.candidates} candidates: the rule is 1 <= M < N"
            )
        return self

    @property
    def labels(self) -> int:
        """B: a ratio of T below 1, or a number of labels."""
        return labels_of(self.budget, self.rounds)

    @property
    def played(self) -> tuple[str, ...]:
        """The gates, or those of the mode."""
        return self.gates or GATES[self.mode]

    def digest(self, data: str, model: str, code: str) -> str:
        """Digest of what all cells share; the arguments are content hashes."""
        alike = {"candidates", "alternatives"} if self.mode == "preferences" else set()  # a pair has two answers
        own = self.model_dump(mode="json", exclude=UNSHARED | alike)
        own |= dict(
            data=data, model=model, code=code, dtype=self.model.dtype, device=self.model.device.partition(":")[0]
        )
        own |= dict(methods=sorted(self.methods) if self.mode == "preferences" else [])
        return hashlib.sha256(json.dumps(own, sort_keys=True).encode()).hexdigest()[:16]

    def cells(self, digest: str) -> list[Cell]:
        """Every cell, replication by replication, predictions first."""
        return [
            Cell(gate, tuned, self.labels, self.rounds, self.seed, rep, self.mode, digest)
            for rep in range(self.replications)
            for tuned in ((False,) if self.predict else (False, True))
            for gate in self.played
            if tuned or gate != "adpo"  # its margin is the tuned model's own
        ]

    def run_of(self, cell: Cell, N: int, M: int, d: int) -> RunSpec:
        """The simulator's description of a cell: pools of N, M alternatives shown, pair feedback, greedy leader."""
        gate, (mode, c), _ = chosen(cell.gate)
        return RunSpec(
            T=cell.T,
            B=cell.B,
            stream=StreamSpec(context="isotropic", N=N, d=d),
            follower=FollowerSpec(kind=self.follower, M=M),
            learner=LearnerSpec(sigma=SIGMA, lam=self.lam, L=L, radius_mode=mode, radius_c=c),
            gate=gate,
            record=RecordSpec(),
            seed=cell.seed,
        )


POTENTIAL = tuple(t.name for t in gates.TRAITS if t.potential)


def chosen(name: str) -> Choice:
    """The gate of a name, those of preferences included; ValueError for an unknown one."""
    return OWN[name] if name in OWN else choice(name)


def valid() -> list[str]:
    """Gates that have a reading on candidate answers."""
    return [name for name, one in CHOICES.items() if one.view == "width"] + list(OWN)
