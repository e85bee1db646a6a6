"""What a field of a spec may hold: a name from a list, a number within bounds.

The validators raise ValueError with the value, the rule and what would be allowed.
"""

import difflib
import hashlib
import json
import math
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationInfo

from sim import sources

INTEGERS = 2**63  # a compiled run counts in 64 bits


def one_of(what: str, valid: tuple[str, ...]) -> AfterValidator:
    """Validator: the name must be in ``valid``.

    what   the kind of name, for the message, which gives the nearest valid name and all of them
    """

    def check(name: str) -> str:
        if name not in valid:
            near = difflib.get_close_matches(name, valid, n=1, cutoff=0.4)
            hint = f"nearest: {near[0]!r}; " if near else ""
            raise ValueError(f"unknown {what} {name!r}; {hint}valid: {', '.join(valid)}")
        return name

    return AfterValidator(check)


def bounded(low: float, *, strict: bool = False, high: float = math.inf, closed: bool = False) -> AfterValidator:
    """Validator: a finite number with low <= x < high.

    strict  also x != low;  closed  also x == high is allowed
    """
    top = "2^63" if high == INTEGERS else f"{high:g}"
    end = f" {'<=' if closed else '<'} {top}" if high < math.inf else ", finite"
    rule = f"{low:g} {'<' if strict else '<='} value{end}"

    def check(x: float, info: ValidationInfo) -> float:
        if x < low or (strict and x == low) or x > high or (x == high and not closed) or not math.isfinite(x):
            text = f"{x:g}" if abs(x) < 2 * INTEGERS or isinstance(x, float) else "an integer of many digits"
            raise ValueError(f"{info.field_name} = {text} is not allowed; give {rule}")
        return x

    return AfterValidator(check)


def no_bool(x: Any) -> Any:
    """The value itself; ValueError for True and False, which Python would take for 1 and 0."""
    if isinstance(x, bool):
        raise ValueError(f"{x} is not a number")
    return x


Count = Annotated[int, BeforeValidator(no_bool), bounded(1, high=INTEGERS)]
Index = Annotated[int, BeforeValidator(no_bool), bounded(0, high=INTEGERS)]
NonNegative = Annotated[float, BeforeValidator(no_bool), bounded(0.0)]
Positive = Annotated[float, BeforeValidator(no_bool), bounded(0.0, strict=True)]
Part = Annotated[float, BeforeValidator(no_bool), bounded(0.0, high=1.0)]
Fraction = Annotated[float, BeforeValidator(no_bool), bounded(0.0, strict=True, high=1.0)]
Share = Annotated[float, BeforeValidator(no_bool), bounded(0.0, high=1.0, closed=True)]
Price = Annotated[float, BeforeValidator(no_bool), bounded(-1.0, high=1.0, closed=True)]


def budget_of(T: int, beta: float | None, B: int | None) -> int:
    """The number of labels that ``beta`` (B = floor(beta T)) or ``B`` allows; T where neither is given.

    Raises ValueError where both are given or the rule 1 <= B <= T is broken.
    """
    if beta is not None and B is not None:
        raise ValueError(f"beta = {beta:g} and B = {B}: give one of them")
    if B is not None:
        if not 1 <= B <= T:
            raise ValueError(f"B = {B} with T = {T}: the rule is 1 <= B <= T")
        return B
    if beta is None:
        return T
    if not 0.0 < beta <= 1.0:
        raise ValueError(f"beta = {beta:g} is not allowed; the rule is 0 < beta <= 1 (share of rounds)")
    labels = math.floor(beta * T * (1 + 1e-12))
    if labels < 1:
        raise ValueError(f"beta = {beta:g} with T = {T} buys no label; give a larger beta or T")
    return labels


def coins_of(B: int, share: float) -> int:
    """How many of B labels a coin spends beside a gate: floor(share B), at least one; 0 where ``share`` is 0.

    Raises ValueError where B = 1, because both purses need a label.
    """
    if share == 0.0:
        return 0
    if B < 2:
        raise ValueError(f"coin_share = {share:g} with B = {B}: the coin and the gate need a label each; give B >= 2")
    return min(max(math.floor(share * B * (1 + 1e-12)), 1), B - 1)


class Spec(BaseModel):
    """Base class of all specs: its objects cannot be changed, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)

    def digest_with(self, *paths: str) -> str:
        """Digest (32 hex digits) of the fields and of the bytes of the files at ``paths`` (sources, or "")."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        found = hashlib.sha256(text.encode())
        for path in paths:
            file = sources.file_of(path) if path.startswith("entry:") else Path(path)
            if path and file.is_file():
                found.update(file.read_bytes())
        return found.hexdigest()[:32]
