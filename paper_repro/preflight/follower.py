"""The battery of a follower: does it keep to the game, do the bounds hold against it, how much regret does it extract?

The ledger's claims B1-B3 and B6-B8 hold for every follower, so their judges are asked about this one.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

from paper_repro.preflight.bench import EVERY, FINAL, Bench, Run, arena, rows_of
from paper_repro.preflight.checks import repeated
from paper_repro.preflight.outcome import Check, Outcome, of_finding, over_sets, rule
from sim import plugins
from sim.rules import codes, followers
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec
from sim.sweeps import ALL_GATES
from theory.judges import path
from theory.judges import plugin as judges
from theory.ledger import FAIL, PASS, VACUOUS, Finding, Tables

RIVALS = {"free": ("ball", "evader", "patient", "bait"), "pool": followers.POOL}
STRONGEST = {"free": "ball", "pool": "best_response"}
POOLS = ("isotropic", "power_law", "zipf", "shift")
GATES = ("always", "random", "llf_paced", "llf_self_paced", "llf_quantile", "margin", "dual")
COVERED = ("always", "llf_paced", "llf_regret")
Judge = Callable[[Tables, float], Finding]


def contexts(b: Bench) -> tuple[str, ...]:
    """The contexts that the file's functions can play."""
    module = plugins.part(b.source, plugins.FOLLOWER)
    free = ("free",) if callable(getattr(module, "respond", None)) else ()
    pools = POOLS if b.size.sets > 1 else POOLS[:1]
    return free + (pools if callable(getattr(module, "choose", None)) else ())


def beside(b: Bench, context: str) -> list[str | FollowerSpec]:
    """The built-in followers of a context's game and, last, the user's."""
    return [*RIVALS[game_of(context)], b.follower]


def game_of(context: str) -> str:
    """free or pool."""
    return "free" if context == "free" else "pool"


def interface(b: Bench) -> Outcome:
    """Every vector is finite and in the ball, every set is one that can be shown, nothing raises."""
    common: dict[str, Any] = dict(T=60, beta=0.3, record=FINAL)
    specs = [
        RunSpec(**common, **arena(b.follower, c, d), gate=GateSpec(kind=g), learner=LearnerSpec(sigma=sigma))
        for c in contexts(b) for d in (1, 4) for g in ("always", "never", "llf_self_paced") for sigma in (0.0, 1.0)
        if c not in ("zipf", "shift") or d > 1
    ]  # fmt: skip
    for spec in specs:
        rows_of(spec, 0, False)  # a PluginError names the file and what broke
    text = f"{', '.join(contexts(b))}: all vectors and sets could be shown in {len(specs)} runs of 60 rounds"
    return rule(False, text, len(specs))


def determinism(b: Bench) -> Outcome:
    """The same seed gives the same bytes in every context that it plays."""
    common: dict[str, Any] = dict(T=60, beta=0.3, gate=GateSpec(kind="llf_self_paced"), record=EVERY, replications=2)
    return repeated(b, [RunSpec(**common, **arena(b.follower, c, 4)) for c in contexts(b)])


def bound_runs(b: Bench) -> dict[str, pd.DataFrame]:
    """Tables as the ledger's judges want them."""
    if "bounds" not in b.kept:
        covered = COVERED if b.size.sets > 1 else COVERED[1:2]
        reps = judges.enough(LearnerSpec().delta, b.level / (len(contexts(b)) * len(covered)))
        record = RecordSpec(per_octave=1)

        def play(gates: Iterable[GateSpec], T: int, n: int, d: int = 4, **more: Any) -> pd.DataFrame:
            more |= dict(T=T, record=record, replications=n)
            return b.play([
                Run(f"{c}/{i}/{s}", RunSpec(**arena(b.follower, c, d), gate=g, seed=s, **more))
                for c in contexts(b) for i, g in enumerate(gates) for s in b.sets
            ])  # fmt: skip

        def kind(*names: str, cap: bool = True) -> list[GateSpec]:
            return [GateSpec(kind=n, cap=cap) for n in names]

        n, T = b.size.reps, min(b.size.T, 400)
        # Long and quiet enough for the bounds to say something.
        tight: dict[str, Any] = dict(T=400, n=n, d=2, learner=LearnerSpec(sigma=0.25))
        b.kept["bounds"] = dict(
            coverage=play(kind(*covered), b.size.cover_T, reps, beta=0.3),
            gates=play(ALL_GATES, T, max(n // 2, 2), beta=0.1),
            horizon=play(kind("always"), **tight),
            theorem2=play(kind("llf_fixed", cap=False), **tight, beta=0.3),
            theorem3=play(kind("llf_paced", cap=False), **tight, beta=0.3),
        )
        b.kept["bounds"]["uncapped"] = pd.concat([b.kept["bounds"][name] for name in path.UNCAPPED])
    return b.kept["bounds"]


def bound(judge: Judge, name: str) -> Callable[[Bench], Outcome]:
    """The check that the ledger's judge of a claim passes on this follower's runs."""

    def check(b: Bench) -> Outcome:
        rows = bound_runs(b)[name]
        finding, verdict = over_sets(lambda part: judge({name: part}, b.level), rows, b.sets)
        broken = "the bound fails: either the follower leaves the game or the claim is refuted. "
        return of_finding(finding, (broken if finding.outcome == FAIL else "") + finding.detail, verdict)

    return check


def strength_runs(b: Bench) -> pd.DataFrame:
    """Final rows of this follower and the built-in ones, by game and gate."""
    if "strength" not in b.kept:
        common: dict[str, Any] = dict(T=b.size.T, beta=0.1, record=FINAL, replications=b.size.reps)
        b.kept["strength"] = b.play([
            Run(f"{g}/{i}/{c}/{s}", RunSpec(**common, **arena(f, c, 8), gate=GateSpec(kind=g), seed=s))
            for c in contexts(b) if c in ("free", "isotropic")
            for i, f in enumerate(beside(b, c)) for g in GATES for s in b.sets
        ])  # fmt: skip
    return b.kept["strength"]


def strength_table(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """arena (game / gate), rival, mean, low, high: regret extracted beyond each built-in follower."""
    games = rows["context"].map(game_of)
    swapped = rows.assign(arena=games + " / " + rows["gate"], gate=rows["follower"])
    parts = [judges.differences(part, codes.PLUGIN, "regret", level / 2) for _, part in swapped.groupby(games)]
    return pd.concat(parts, ignore_index=True)


def strength(b: Bench) -> Outcome:
    """Does it extract surely more regret than the strongest myopic follower, from every gate?"""

    def over_strongest(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["rival"].isin(STRONGEST.values())]

    def judge(part: pd.DataFrame) -> Finding:
        return judges.listed(over_strongest(strength_table(part, b.level)), 0.0, "above")

    rows = strength_runs(b)
    b.kept["extracted"] = table = strength_table(rows, b.level)
    finding, verdict = over_sets(judge, rows, b.sets)
    strongest = over_strongest(table)
    weak = strongest[strongest["high"] < 0]["arena"]
    text = f"it surely extracts more than {' or '.join(sorted(set(strongest['rival'])))} from "
    text += f"{int((strongest['low'] > 0).sum())} of {len(strongest)} gates and surely less from {len(weak)}"
    return of_finding(finding, text + (f" ({', '.join(weak)})" if len(weak) else ""), verdict)


def harm(b: Bench) -> Outcome:
    """Does it cost the leader anything at all?"""
    rows = strength_runs(b)
    mean = float(rows[rows["follower"] == codes.PLUGIN]["regret"].mean())
    text = f"mean regret {mean:.3g} in {b.size.T} rounds at beta 0.1"
    if mean > 0.0:
        return Outcome(PASS, text, mean, 0.0)
    return Outcome(VACUOUS, f"{text}: it never costs anything, so the bounds are empty", mean, 0.0)


def exponent(b: Bench) -> Outcome:
    """With every label bought its regret grows no faster than T^0.6 (claim B4b)."""
    context = contexts(b)[0]
    common: dict[str, Any] = dict(record=FINAL, replications=b.size.rate_reps)
    rows = b.play([
        Run(f"{i}/{T}/{s}", RunSpec(T=T, **common, **arena(f, context, 4), seed=s))
        for i, f in enumerate(beside(b, context)) for T in b.size.horizons for s in b.sets
    ])  # fmt: skip
    rows = rows.assign(gate=rows["follower"])

    def judge(part: pd.DataFrame) -> Finding:
        return judges.exponent_finding(judges.exponents(part, "T", b.level), codes.PLUGIN, 0.5, False)

    b.kept["exponents_T"] = judges.exponents(rows, "T", b.level)
    finding, verdict = over_sets(judge, rows, b.sets)
    text = f"regret grows like T^{finding.measured:.2f} in context {context} ({finding.detail})"
    return of_finding(finding, text, verdict)


BATTERY: tuple[Check, ...] = (
    Check("interface", "Interface", "admissible vectors and sets, no exceptions", True, interface),
    Check("determinism", "Determinism", "the same seed gives the same bytes, anywhere", True, determinism),
    Check("B1", "Coverage", "P(E) >= 1 - delta under it", True, bound(path.coverage, "coverage")),
    Check("B2", "Lemma 0", "information stays below its cap", True, bound(path.lemma0, "gates")),
    Check("B3a", "Latency", "on E no round costs more than either latency", True, bound(path.latency, "gates")),
    Check("B3b", "Theorem 1", "every label bought: the bound along every path", True,
          bound(path.theorem1, "horizon")),
    Check("B6a", "Budget", "without a cap llf_fixed and llf_paced keep to B", True, bound(path.budget, "uncapped")),
    Check("B7", "Theorem 2", "llf_fixed without a cap keeps its bounds", True, bound(path.theorem2, "theorem2")),
    Check("B8", "Theorem 3", "llf_paced without a cap keeps its bounds", True, bound(path.theorem3, "theorem3")),
    Check("harm", "Harm", "it costs the leader something", False, harm),
    Check("strength", "Strength", "it extracts more than the strongest myopic follower", False, strength),
    Check("exponent_T", "Exponent in T", "every label bought: no faster than T^0.6", False, exponent),
)  # fmt: skip
