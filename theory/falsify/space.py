"""What a search for worst instances may vary, and how tight a claim is on one instance.

A ``Target`` pairs a deterministic claim measured <= bound (``theory.inequalities``) with the part of
the RunSpec that the claim fixes.  The rest is a vector u in [0, 1]^k (``NAMES``), with S = L = 1 throughout: scaling
(theta*, sigma, S) by a, or (z, L, sqrt(lam)) by b and theta* by 1/b, changes nothing but units.
A coordinate with several names means what the follower has: a pool its exponent, components, leak
and M, ``patient`` its price, haste, turn and period, the evader whether it is exact.

Ids are the ledger's.  "B8-useful" counts only rows whose bound is below the trivial S L t, since a
bound above it is almost met by a gate that never opens; "B8-noisy" also asks for sigma >= S L,
since sigma = 0 leaves the noise term of alpha untested.  B6a is left out: labels/B is 1 for every
gate that spends its budget.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from theory import inequalities

NAMES = (
    "follower", "context", "d", "T", "B", "sigma", "lam", "delta", "exponent/price", "components/haste",
    "leak/turn/exact", "tremble", "M/period", "seed",
)  # fmt: skip
FOLLOWERS = ("iid", "hard_negative", "best_response", "hard_instance", "ball", "evader", "patient")  # simple to subtle
CONTEXTS = ("isotropic", "power_law", "zipf", "shift")
FREE = ("hard_instance", "ball", "evader", "patient")  # ``schedule`` needs a file and is left out
MAX_D, SEEDS = 8, 1000

Measure = Callable[[pd.DataFrame], pd.DataFrame]  # results table -> ``ledger.compared`` rows


@dataclass(frozen=True)
class Target:
    """A claim measured <= scale * bound; ``scale`` < 1 plants a false one.

    ``measure`` turns a results table into rows of the inequality; ``gate`` and ``record`` are what the claim
    fixes; ``full``: it is about runs that buy every label (B = T); ``rounds``: largest T; ``useful``: see the
    module; ``quiet``: least sigma / (S L).
    """

    claim: str
    measure: Measure
    gate: GateSpec
    record: RecordSpec
    rounds: int = 2000
    full: bool = False
    useful: bool = False
    quiet: float = 0.0
    scale: float = 1.0

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """t, measured, bound (scaled), trivial and ratio of every record that the claim speaks of.

        Where it says several things about a record, the one of the largest ratio is kept.
        """
        table = table[table["sigma"] >= self.quiet * table["S"] * table["L"]]
        table = table[table["B"] == table["T"]] if self.full else table
        rows = self.measure(table).dropna()
        rows = rows[rows["bound"] > 0.0]
        rows = rows[rows["bound"] < rows["trivial"]] if self.useful else rows  # a plant keeps the same rows
        bound = rows["bound"] * self.scale
        rows = rows.assign(t=table.loc[rows.index, "t"], bound=bound, ratio=rows["measured"] / bound)
        return rows.sort_values("ratio", kind="stable").groupby(level=0).tail(1).sort_index()

    def worst(self, table: pd.DataFrame) -> dict[str, float]:
        """The row of the largest ratio; empty where the claim says nothing about this run."""
        rows = self.rows(table)
        if rows.empty:
            return {}
        return {str(k): float(v) for k, v in rows.iloc[int(np.argmax(rows["ratio"].to_numpy()))].items()}

    def ratio(self, table: pd.DataFrame) -> float:
        """Largest measured/bound, above 1 iff the claim is broken; -inf where it says nothing."""
        return self.worst(table).get("ratio", -np.inf)

    def factory(self, u: np.ndarray) -> RunSpec:
        """The instance at u in [0, 1]^k; raises ValidationError where there is none."""
        return instance(u, self)


def planted(target: Target, scale: float) -> Target:
    """The same claim with its bound multiplied by ``scale``: false if scale < the tightest ratio."""
    return replace(target, claim=f"{target.claim} x {scale:.6g}", scale=target.scale * scale)


_PATH, _EVERY, _FINAL = RecordSpec(), RecordSpec(mode="every"), RecordSpec(mode="final")
_PACED = GateSpec(kind="llf_paced")
_BASE = (
    Target("B2", inequalities.lemma0, GateSpec(kind="always"), _PATH),
    Target("B3a", inequalities.latency, GateSpec(kind="always", latency="regret"), _EVERY, rounds=200),
    Target("B3b", inequalities.theorem1, GateSpec(kind="always"), _PATH, full=True),
    Target("B7", inequalities.theorem2, GateSpec(kind="llf_fixed", cap=False), _FINAL),
    Target("B8", inequalities.theorem3, GateSpec(kind="llf_paced", cap=False), _FINAL),
    Target("B9a", inequalities.stated_form, _PACED, _FINAL),
)
_USEFUL = tuple(replace(t, claim=f"{t.claim}-useful", useful=True) for t in _BASE[2:])
_NOISY = tuple(replace(t, claim=f"{t.claim}-noisy", useful=True, quiet=1.0) for t in _BASE[2:])
TARGETS: dict[str, Target] = {t.claim: t for t in (*_BASE, *_USEFUL, *_NOISY)}


def target_of(claim: str) -> Target:
    """The target of an id; raises ValueError naming the valid ones."""
    if claim not in TARGETS:
        raise ValueError(f"no search for claim {claim!r}; valid: {', '.join(TARGETS)}")
    return TARGETS[claim]


def _pick(u: float, names: tuple[str, ...]) -> str:
    return names[min(int(u * len(names)), len(names) - 1)]


def _whole(u: float, low: int, high: int) -> int:
    return min(low + int(u * (high - low + 1)), high)


def _round(x: float) -> float:
    return float(f"{x:.3g}")


def _past(u: float, edge: float = 0.1) -> float:
    """u with its first tenth collapsed to 0, so that a search can hit the end of a range."""
    return max(u - edge, 0.0) / (1.0 - edge)


def _shape(x: dict[str, float], follower: str, gate: GateSpec) -> dict[str, Any]:
    """The follower's own parameters."""
    shape: dict[str, Any] = dict(tremble=_round(10.0 ** (-4.0 + 4.0 * x["tremble"])))
    if follower not in FREE:
        shape["M"] = _whole(x["M/period"], 1, 7)
    if follower == "evader":
        shape["exact"] = gate.by_width and x["leak/turn/exact"] > 0.5
    if follower == "patient":
        shape.update(
            price=_round(2.0 * x["exponent/price"] - 1.0), turn=_round(_past(x["leak/turn/exact"])),
            haste=_round(4.0 * x["components/haste"]), period=_whole(x["M/period"], 1, 2 * MAX_D),
        )  # fmt: skip
    return shape


def instance(u: np.ndarray, target: Target) -> RunSpec:
    """u -> RunSpec: T, B, lam, tremble on log scales; sigma up to 4; lam in [1, 100], so lam >= L^2."""
    x: dict[str, float] = dict(zip(NAMES, (float(v) for v in np.clip(u, 0.0, 1.0)), strict=True))
    follower, d = _pick(x["follower"], FOLLOWERS), _whole(x["d"], 1, MAX_D)
    T = round(target.rounds ** x["T"])
    stream: dict[str, Any] = dict(context="free", d=d, N=2, components=1)
    if follower not in FREE:
        stream = dict(
            context=_pick(x["context"], CONTEXTS), d=d, N=8, components=_whole(x["components/haste"], 1, d),
            exponent=_round(4.0 * x["exponent/price"]), leak=_round(_past(x["leak/turn/exact"])),
        )  # fmt: skip
    return RunSpec(
        T=T,
        B=T if target.full else max(1, min(T, round(T ** x["B"]))),
        stream=StreamSpec(**stream),
        follower=FollowerSpec(kind=follower, **_shape(x, follower, target.gate)),
        learner=LearnerSpec(
            sigma=_round(target.quiet + (4.0 - target.quiet) * _past(x["sigma"]) ** 2),
            lam=_round(100.0 ** _past(x["lam"])),
            delta=_round(0.01 + 0.98 * x["delta"]),
        ),
        gate=target.gate,
        record=target.record,
        seed=_whole(x["seed"], 0, SEEDS - 1),
    )
