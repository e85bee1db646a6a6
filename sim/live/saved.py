"""The saved state of a live gate: what it holds, and why a damaged one is refused.

A state is plain JSON.  Its ``digest`` covers every other entry, so that a state that was changed by accident is found
at once.  A digest can be made by hand; the rules of ``check`` cannot: a state that breaks the account of the budget
(bought + left = B; spent <= money) is refused whatever its digest says, and ``LiveGate.state`` never returns one.

The messages of LiveError name the entry, its value, the rule that it breaks, and the way out.
"""

import hashlib
import json
import math
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sim.fields import Count, Index, Spec
from sim.live.money import MILLION, check_budget
from sim.rules import codes, gates, insurance
from sim.setup import GateSetup
from sim.spec import GateSpec, LearnerSpec

VERSION = 4
WAY_OUT = "restore what state() returned, unchanged, from a copy, or open a new gate"
BUYS = (codes.OPENED, codes.FORCED)  # the reasons of an open decision
REMEMBERS = (gates.LLF_QUANTILE, gates.MARGIN)  # the gates that write one number a round


class LiveError(ValueError):
    """A gate was asked or settled out of order, or its saved state cannot be used."""


class Decision(NamedTuple):
    """Whether to buy this round's label (``open``) and why (``reason``, one of ``codes.REASONS``).

    A gate opens where its statistic exceeds ``threshold``, or by a schedule or a lot.  ``round`` counts from 1;
    ``left`` (labels; in a money budget, labels of mean cost) and ``rounds_left`` are those before this round."""

    open: bool
    reason: str
    threshold: float
    round: int
    left: float
    rounds_left: int


class LiveSpec(Spec):
    """Everything that fixes a live gate: B labels over T rounds in d dimensions; the learner's constants, which
    enter the radius and D_B; the ``seed`` of the coins."""

    T: Count
    B: Count
    d: Count
    gate: GateSpec
    learner: LearnerSpec
    seed: Index = 0

    def key(self) -> str:
        """Digest of the fields and of the file behind a plugin."""
        return self.digest_with(self.gate.path)


Whole = Annotated[int, Field(ge=0)]
AnyFloat = Annotated[float, Field(allow_inf_nan=True)]  # a user's gate may remember what it likes
PurseEntries = tuple[int | float, float, int, float, float, list[AnyFloat], Whole, Whole, float]
SignalEntries = tuple[Whole, float, float, Annotated[float, Field(ge=0.0)], float, Whole, float, Whole, float]
NAMES = {"purse": gates.Purse._fields, "signal": gates.Signal._fields, "decision": Decision._fields}


class _Entries(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class Waiting(_Entries):
    """A decision that is not settled; its threshold is text, because it may be infinite. ``price`` in millionths."""

    signal: SignalEntries
    decision: tuple[bool, str, str, int, int | float, int]
    reason: Whole
    price: Whole


class Saved(_Entries):
    """The entries of a state and their types; money in millionths, ``t`` the rounds settled."""

    version: int
    spec: dict[str, Any]
    key: str
    rule: str
    replication: int
    money: Whole
    unit: Whole
    spent: Whole
    labels: Whole
    t: Whole
    purse: PurseEntries
    reasons: dict[str, Whole]
    object: Any
    waiting: Waiting | None


def canonical(entries: Any) -> str:
    """The text of JSON entries, the same before and after they were written and read."""
    return json.dumps(json.loads(json.dumps(entries)), sort_keys=True, separators=(",", ":"))


def sealed(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries with their digest. Raises LiveError for what is not plain JSON (a user's gate may return it)."""
    try:
        return entries | {"digest": hashlib.sha256(canonical(entries).encode()).hexdigest()}
    except (TypeError, ValueError, RecursionError) as error:
        raise LiveError(f"a state must be plain JSON ({error}); let state() of the gate's class return that") from error


def opened(state: Any, rule: str) -> tuple[Saved, LiveSpec]:
    """A state's entries, in their types, and its spec.

    Raises LiveError for another version or rule, a digest that does not fit, and a missing, unknown or
    mistyped entry.
    """
    if not isinstance(state, dict) or "version" not in state:
        raise LiveError(f"state = {state!r:.60}: this is no state of a LiveGate; {WAY_OUT}")
    entries = {name: value for name, value in state.items() if name != "digest"}
    if type(state["version"]) is not int or state["version"] != VERSION:
        raise LiveError(
            f"state of version {state['version']!r:.60}: only version {VERSION} carries a digest of itself; "
            "finish it with the release that wrote it, or open a new gate"
        )
    if state.get("digest") != sealed(entries)["digest"]:
        raise LiveError(f"digest = {state.get('digest')!r:.60} is not that of the other entries; {WAY_OUT}")
    try:
        saved = Saved.model_validate_json(json.dumps({**entries, "object": None}))
        if saved.rule != rule:
            raise LiveError(f"state of rule {saved.rule!r}, not {rule!r}; restore it with the rule that wrote it")
        if "object" not in entries:
            raise LiveError(f"object is missing; {WAY_OUT}")
        spec = LiveSpec.model_validate(saved.spec)
    except ValidationError as error:
        raise LiveError(_text(error)) from error
    if canonical(spec.model_dump(mode="json")) != canonical(saved.spec):
        raise LiveError(f"spec = {saved.spec!r:.60} is not how a spec is written; {WAY_OUT}")
    if spec.key() != saved.key:
        raise LiveError(f"{spec.gate.path or 'spec'} has changed since the state was saved; put it back")
    return saved.model_copy(update={"object": entries["object"]}), spec


def _text(error: ValidationError) -> str:
    """One line for the first of pydantic's findings."""
    found = error.errors(include_url=False)[0]
    path = [step for step in found["loc"] if step not in ("int", "float")]  # which of a union it might have been
    for i, name in enumerate(path[:-1]):
        fields, place = NAMES.get(str(name)), path[i + 1]
        if fields and isinstance(place, int) and place < len(fields):
            path[i + 1] = fields[place]
    return f"{'.'.join(map(str, path))} = {found['input']!r:.60}: {found['msg']}; {WAY_OUT}"


def check(saved: Saved, spec: LiveSpec, g: GateSetup, coin: float) -> None:
    """Raise LiveError for the first rule of the account that the state breaks.

    g     the gate's constants;  coin  the coin of round ``saved.t``
    """
    p = gates.Purse._make(saved.purse)  # type: ignore[arg-type]
    for found in (_counts(saved, g), _budget(saved, spec, g, p), _purse(saved, g, p), _waits(saved, g, p, coin)):
        for holds, name, value, rule in found:
            if not holds:
                raise LiveError(f"saved {name} = {value!r:.60}: the rule is {rule}; {WAY_OUT}")


Facts = Iterator[tuple[bool, str, Any, str]]


def _bought(saved: Saved) -> int:
    return sum(saved.reasons.get(codes.REASONS[reason], 0) for reason in BUYS)


def _counts(saved: Saved, g: GateSetup) -> Facts:
    yield saved.t <= g.T, "t", saved.t, f"0 <= t <= T = {g.T}"
    yield set(saved.reasons) <= set(codes.REASONS), "reasons", list(saved.reasons), f"names among {codes.REASONS}"
    yield sum(saved.reasons.values()) == saved.t, "reasons", saved.reasons, f"their sum is t = {saved.t}"
    yield _bought(saved) == saved.labels, "labels", saved.labels, f"opened + forced of the reasons = {_bought(saved)}"


def _budget(saved: Saved, spec: LiveSpec, g: GateSetup, p: gates.Purse) -> Facts:
    if not saved.money:
        yield saved.unit == 0, "unit", saved.unit, "0 without money"
        yield saved.spent == 0, "spent", saved.spent, "0 without money"
        yield type(p.left) is int, "purse.left", p.left, "a whole number of labels"
        total = saved.labels + p.left + p.coin_left
        yield total == spec.B, "labels + left + coin_left", total, f"B = {spec.B}"
    else:
        yield 1 <= saved.unit <= saved.money, "unit", saved.unit, f"1 <= unit <= money = {saved.money}"
        B = min(saved.money // saved.unit, spec.T)
        yield spec.B == B, "money", saved.money, f"B = floor(money / unit), at most T: {B}, but B = {spec.B}"
        yield saved.spent <= saved.money, "spent", saved.spent, f"0 <= spent <= money = {saved.money}"
        yield saved.labels <= saved.spent, "spent", saved.spent, f"at least a millionth a label: {saved.labels}"
        yield saved.labels > 0 or saved.spent == 0, "spent", saved.spent, "0 while no label is bought"
        left = (saved.money - saved.spent) / saved.unit
        yield type(p.left) is float and p.left == left, "purse.left", p.left, f"(money - spent) / unit = {left}"
        check_budget(spec.gate, None, None, saved.money / MILLION, saved.unit / MILLION)
    yield p.left >= 0 or not g.cap, "purse.left", p.left, "left >= 0 under the hard cap"
    yield p.coin_left <= g.coins, "purse.coin_left", p.coin_left, f"0 <= coin_left <= {g.coins}"
    yield bool(saved.money) or p.left <= g.B, "purse.left", p.left, f"left <= B = {g.B}"


def _purse(saved: Saved, g: GateSetup, p: gates.Purse) -> Facts:
    size, plain = len(p.memory), not saved.rule
    yield size == g.window, "length of purse.memory", size, f"window = {g.window}"
    finite = all(map(math.isfinite, p.memory)) or not plain or g.gate == gates.PLUGIN
    yield finite, "purse.memory", p.memory, "finite numbers"
    if plain:  # a rule that is given may use these as it likes
        rounds = saved.t if g.gate in REMEMBERS else 0
        yield p.written == rounds, "purse.written", p.written, f"{rounds} after {saved.t} rounds"
        high, first = g.B // 2, saved.reasons.get(codes.REASONS[codes.OPENED], 0)
        right = high - first <= p.first_left <= (high if g.coins else high - first)
        yield right, "purse.first_left", p.first_left, f"{high} - those opened ({first})"
        yield p.first_psi >= 0.0, "purse.first_psi", p.first_psi, "first_psi >= 0"
        yield g.coins > 0 or p.coin_psi == 0.0, "purse.coin_psi", p.coin_psi, "0 without a coin"


def _waits(saved: Saved, g: GateSetup, p: gates.Purse, coin: float) -> Facts:
    if saved.waiting is None:
        return
    x, price = gates.Signal._make(saved.waiting.signal), saved.waiting.price
    said, t = dict(zip(Decision._fields, saved.waiting.decision, strict=True)), saved.t
    yield t < g.T, "t", t, f"t < T = {g.T} while a decision waits"
    now: dict[str, Any] = {"t": t, "coin": float(coin), "scheduled": 0, "surprise": 0.0}
    for name, value in now.items():
        yield getattr(x, name) == value, f"signal.{name}", getattr(x, name), f"{value} in this round"
    yield x.certified in (0, 1), "signal.certified", x.certified, "0 or 1"
    reason = saved.waiting.reason
    yield reason < len(codes.REASONS), "reason", reason, f"reason < {len(codes.REASONS)}"
    want: dict[str, Any] = {"open": reason in BUYS, "reason": codes.REASONS[reason], "round": t + 1}
    for name, value in (want | {"left": p.left + p.coin_left, "rounds_left": g.T - t}).items():
        yield said[name] == value, f"decision.{name}", said[name], f"{value} in this round"
    yield _is_number(said["threshold"]), "decision.threshold", said["threshold"], "a number, as Python writes it"
    yield (price > 0) == (saved.money > 0), "price", price, "positive with a budget in money, else 0"
    if said["open"]:
        left = saved.money - saved.spent
        yield price <= left, "price", price, f"at most what is left of the money, {left} millionths"
        pays = insurance.pays(g, p, x, reason) or p.left > 0 or not g.cap
        yield pays, "decision.open", True, "the purse that pays has a label left"


def _is_number(text: Any) -> bool:
    try:
        return repr(float(text)) == text and not math.isnan(float(text))
    except ValueError:
        return False
