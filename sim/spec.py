"""Descriptions of a run: immutable, and checked once, when they are made.

Whatever is not allowed raises pydantic's ValidationError, which names value, rule and way out.
``key()`` is a digest of everything that determines the numbers, so results can be cached under it.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from sim import combinations, fields, plugins, sources
from sim.fields import Count, Fraction, Index, NonNegative, Part, Positive, Price, Share, Spec, budget_of, one_of
from sim.fields import no_bool as _no_bool
from sim.rules import choice, codes, followers, gates


class StreamSpec(Spec):
    """Where prompts come from (contexts: ``sim.rules.streams``): N responses of d features a round.

    N  8 by default; 2 in the free game, the number of classes on a recorded stream, whose file sets d
    path  a .npz (X, y) or .parquet file, or ``digits``; ``center`` subtracts its mean row before scaling
    exponent  shapes power_law;  components, leak (scale outside a component's block)  zipf and shift
    noise  the law of the label noise, of variance sigma^2 (``rules.draws.standard``)
    misfit  how far payoffs of a pool are from linear ones (``rules.streams``) [reward]
    """

    context: Annotated[str, one_of("context", codes.CONTEXTS)] = "isotropic"
    N: Count | None = None
    d: Count = 8
    exponent: NonNegative = 1.0
    components: Count = 4
    leak: NonNegative = 0.0
    path: str = ""
    test_fraction: Fraction = 0.25
    center: bool = False
    noise: Annotated[str, one_of("noise", codes.NOISES)] = "gaussian"
    misfit: NonNegative = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> "StreamSpec":
        if self.context in ("zipf", "shift") and self.components > self.d:
            raise ValueError(
                f"components = {self.components} > d = {self.d}: each component needs a coordinate of its own; "
                "give fewer components or a larger d"
            )
        if (self.context == "recorded") != bool(self.path):
            raise ValueError(
                f"context = {self.context!r} with path = {self.path!r}: a recorded stream, and no other, needs a "
                "path (.npz, .parquet or 'digits')"
            )
        if self.misfit > 0.0 and self.context in ("free", "recorded"):
            raise ValueError(
                f"misfit = {self.misfit:g} with context {self.context!r}: it bends the payoffs of a pool; give a pool "
                "context or misfit = 0"
            )
        if self.noise != "gaussian" and self.context == "recorded":
            raise ValueError(f"noise = {self.noise!r} with a recorded stream: its labels are its own; leave noise out")
        return self


class FollowerSpec(Spec):
    """Who chooses the M alternatives that are shown (``all``: every class of a recorded stream).

    tremble  relative size of the trembling hand of ball, evader, patient and bait
    price, turn, haste, period  shape patient (``sim.rules.planners``)
    path  the .npy (T', d) of a schedule, replayed cyclically, or the file of a ``plugin`` (``sim.plugins``)
    exact  the evader solves its cone program, for gates that look at the width alone
    gap  size of theta*'s coordinates on the hard instance; 0 means theorem 4's Delta, which falls with the budget
    """

    kind: Annotated[str, one_of("follower", followers.KINDS)] = "iid"
    M: Count = 1
    tremble: NonNegative = 1e-3
    price: Price = 0.0
    turn: Share = 0.0
    haste: NonNegative = 1.0
    period: Count = 1
    path: str = ""
    exact: bool = False
    gap: NonNegative = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> "FollowerSpec":
        planned = (self.price, self.turn, self.haste, self.period)
        if self.kind != "patient" and planned != (0.0, 0.0, 1.0, 1):
            raise ValueError(f"(price, turn, haste, period) = {planned} with {self.kind!r}: they shape 'patient' only")
        if (self.kind in ("schedule", codes.PLUGIN)) != bool(self.path):
            raise ValueError(
                f"follower {self.kind!r} with path = {self.path!r}: schedule (a .npy) and plugin (a .py), "
                "and no other, need a path"
            )
        _check_plugin(self.kind, self.path, plugins.FOLLOWER)
        if self.gap and self.kind != "hard_instance":
            raise ValueError(f"gap = {self.gap:g} with follower {self.kind!r}: only the hard instance has a gap")
        if self.exact and self.kind != "evader":
            raise ValueError(f"exact = True with follower {self.kind!r}: only the evader has an exact version")
        return self


class LearnerSpec(Spec):
    """Ridge (pair, full or bandit feedback; by Newton steps under choice), one-versus-all ridge (``ova``, gold
    feedback), or a user's ``plugin`` (gold feedback) from the file ``path`` (``sim.plugins``).

    sigma  1 by default; that of a choice is its own (``sim.rules.choice``) and is filled in
    """

    kind: Annotated[str, one_of("learner", ("ridge", "ova", codes.PLUGIN))] = "ridge"
    leader: Annotated[str, one_of("leader", codes.LEADERS)] = "greedy"
    feedback: Annotated[str, one_of("feedback", codes.FEEDBACKS)] = "pair"
    lam: Positive = 1.0
    sigma: NonNegative = 1.0
    S: Positive = 1.0
    L: Positive = 1.0
    delta: Fraction = 0.05
    radius_mode: Annotated[str, one_of("radius mode", codes.RADIUS_MODES)] = "theory"
    radius_c: Positive = 1.0
    refresh: Count = 4096
    control: Literal["", "wrong_update"] = ""
    path: str = ""

    @model_validator(mode="before")
    @classmethod
    def _own_noise(cls, given: Any) -> Any:
        chosen = isinstance(given, dict) and given.get("feedback") == "choice"
        return {"sigma": choice.SIGMA, **given} if chosen else given

    @model_validator(mode="after")
    def _consistent(self) -> "LearnerSpec":
        if (self.kind != "ridge") != (self.feedback == "gold"):
            raise ValueError(
                f"learner = {self.kind!r} with feedback = {self.feedback!r}: ova learns from gold labels (as your "
                "plugin does) and ridge from pair, full, bandit or choice feedback"
            )
        _check_plugin(self.kind, self.path, plugins.LEARNER)
        if self.feedback == "choice" and (self.sigma != choice.SIGMA or self.S * self.L > choice.MOST):
            raise ValueError(
                f"sigma = {self.sigma:g}, S L = {self.S * self.L:g} with feedback = 'choice': a choice has no noise "
                f"but its draw, which tells little of far rewards; leave sigma out and keep S L <= {choice.MOST:g}"
            )
        if self.feedback == "bandit" and self.leader == "greedy":
            raise ValueError(
                "leader = 'greedy' with feedback = 'bandit': a greedy pick has no confidence bound on its regret "
                "under bandit feedback; use leader = 'optimistic'"
            )
        if self.radius_mode == "theory" and self.radius_c != 1.0:
            raise ValueError(f"radius_c = {self.radius_c:g} with radius_mode = 'theory'; use 'scaled' or 'fixed'")
        return self


class GateSpec(Spec):
    """Which rule (``sim.rules.gates``) decides on purchases; a ``plugin`` is read from the file ``path``.

    latency  the one it compares: "width", "regret", or "" for the rule's usual one;  eta  0 means 1/sqrt(B)
    cap  False lifts the hard budget, for the two theorems that need none and for a plugin
    coin_share  the share of the budget that a coin spends beside the gate (``sim.rules.insurance``), 0 for none
    """

    kind: Annotated[str, one_of("gate", gates.KINDS)] = "always"
    latency: Annotated[str, one_of("latency", ("", *codes.LATENCIES))] = ""
    threshold: NonNegative = 0.0
    c: NonNegative = 0.1
    p: NonNegative = 4.0
    kappa: NonNegative = 0.5
    eta: NonNegative = 0.0
    window: Count = 256
    purse: Annotated[str, one_of("purse", ("prefix", "random"))] = "prefix"
    cap: bool = True
    coin_share: Part = 0.0
    path: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "GateSpec":
        if self.coin_share and (self.traits.reference or self.kind == "random"):
            raise ValueError(
                f"coin_share = {self.coin_share:g} with gate {self.kind!r}: it buys all, none or by lot already, and "
                "has nothing to insure; give another gate, or coin_share = 0"
            )
        if not self.cap and not self.traits.uncapped:
            raise ValueError(f"cap = False with gate {self.kind!r}: only llf_fixed and llf_paced promise to need none")
        _check_plugin(self.kind, self.path, plugins.GATE)
        return self

    @property
    def traits(self) -> gates.Traits:
        """What may be asked about a gate of this kind."""
        return gates.TRAITS_OF[self.kind]

    @property
    def latency_used(self) -> str:
        """The latency that the gate compares: "width" or "regret"."""
        return self.latency or ("regret" if self.traits.regret else "width")

    @property
    def by_width(self) -> bool:
        """Whether the gate looks at nothing but the width (or at no confidence at all)."""
        reads = self.traits.reads
        return "gap" not in reads and (self.latency_used == "width" or "latency" not in reads)


def _check_plugin(kind: str, path: str, part: str) -> None:
    if part != plugins.FOLLOWER and (kind == codes.PLUGIN) != bool(path):
        raise ValueError(
            f"{part} {kind!r} with path = {path!r}: kind 'plugin', and no other, needs a path (a .py file)"
        )
    if kind == codes.PLUGIN:
        sources.file_of(path)


class RecordSpec(Spec):
    """Which rounds are recorded: ``log`` (per_octave a doubling), ``every`` or ``final``."""

    mode: Annotated[str, one_of("record mode", ("log", "every", "final"))] = "log"
    per_octave: Count = 8

    def most(self, T: int) -> int:
        """A bound on the number of recorded rounds."""
        return {"every": T, "final": 1}.get(self.mode) or min(T, math.ceil(math.log2(T) * self.per_octave) + 2)

    def rounds(self, T: int) -> list[int]:
        """The recorded rounds, 1-based, ascending, always ending in T."""
        if self.mode == "every" or (self.mode == "log" and self.per_octave >= T):  # then no round is left out
            return list(range(1, T + 1))
        if self.mode == "final":
            return [T]
        top = math.ceil(math.log2(T) * self.per_octave)
        return sorted({min(T, round(2.0 ** (i / self.per_octave))) for i in range(top + 1)} | {T})


class RunSpec(Spec):
    """One configuration, played for ``replications`` seeds of the seed set ``seed``.

    Give the budget as ``B`` or as ``beta`` (B = floor(beta T)).  ``relabel_from`` > 0 draws other
    label noise from that round on (1-based), to test that a gate does not peek.
    """

    T: Count = 1000
    beta: Annotated[float | None, BeforeValidator(_no_bool)] = None
    B: Annotated[int | None, BeforeValidator(_no_bool)] = None
    stream: StreamSpec = StreamSpec()
    follower: FollowerSpec = FollowerSpec()
    learner: LearnerSpec = LearnerSpec()
    gate: GateSpec = GateSpec()
    record: RecordSpec = RecordSpec()
    seed: Index = 0
    replications: Count = 1
    relabel_from: Index = 0

    @model_validator(mode="after")
    def _consistent(self) -> "RunSpec":
        fields.coins_of(self.budget, self.gate.coin_share)
        combinations.check(self)
        return self

    @property
    def budget(self) -> int:
        """B; every label (B = T) when no budget is given."""
        return budget_of(self.T, self.beta, self.B)

    @property
    def N(self) -> int:
        return self.stream.N or (2 if self.stream.context == "free" else 8)

    @property
    def hard_delta(self) -> float:
        """Size of theta*'s coordinates on the hard instance: the gap given, or Delta = sigma sqrt(d/B) / (2 L)."""
        return self.follower.gap or self.learner.sigma * math.sqrt(self.stream.d / self.budget) / (2.0 * self.learner.L)

    def key(self) -> str:
        """Digest (32 hex digits) of the spec and, if it replays files, of their bytes."""
        return self.digest_with(self.stream.path, self.follower.path, self.gate.path, self.learner.path)


def evader(gate: GateSpec) -> FollowerSpec:
    """The evader to set against a gate: exact where the gate looks at the width alone, cheap elsewhere."""
    return FollowerSpec(kind="evader", exact=gate.by_width)
