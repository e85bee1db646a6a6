"""The battery of a follower: does it stay in the game, do the bounds hold under it, and how much does it extract?

The ledger's claims B1-B3, B6-B8 say "for every follower", so their own judges look at this one.
"""

from collections.abc import Callable
from typing import Any

import pandas as pd

from paper_repro.preflight.bench import EVERY, FINAL, Bench, Job, built_in, contenders, rows_of
from paper_repro.preflight.checks import repeated
from paper_repro.preflight.outcome import Check, Outcome, of_finding, rule
from sim import plugins
from sim.rules import codes, followers
from sim.spec import FollowerSpec, GateSpec, LearnerSpec, RecordSpec, RunSpec, StreamSpec
from theory.judges import path
from theory.judges import plugin as judges
from theory.ledger import FAIL, PASS, VACUOUS, Finding, Tables, all_of

RIVALS = {"free": ("ball", "evader", "patient"), "pool": followers.POOL}
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


def place(b: Bench, context: str, d: int = 4, kind: str = codes.PLUGIN) -> dict[str, Any]:
    """Stream and follower: the one looked at, or a built-in one."""
    stream = StreamSpec(context=context, d=d, leak=0.1 if context == "zipf" else 0.0, components=min(4, d))
    mine = kind == codes.PLUGIN
    return dict(stream=stream, follower=FollowerSpec(kind=kind, path=b.source) if mine else built_in(kind, d))


def game_of(context: str) -> str:
    """free or pool."""
    return "free" if context == "free" else "pool"


def interface(b: Bench) -> Outcome:
    """Every vector is finite and in the ball, every set is one that can be shown, nothing raises."""
    specs = [
        RunSpec(T=60, beta=0.3, **place(b, c, d), gate=GateSpec(kind=g), record=FINAL, learner=LearnerSpec(sigma=sigma))
        for c in contexts(b) for d in (1, 4) for g in ("always", "never", "llf_self_paced") for sigma in (0.0, 1.0)
        if c not in ("zipf", "shift") or d > 1
    ]  # fmt: skip
    for spec in specs:
        rows_of(spec, 0, False)  # an OwnError names the file and what broke
    text = f"{', '.join(contexts(b))}: all vectors and sets could be shown in {len(specs)} runs of 60 rounds"
    return rule(False, text, len(specs))


def determinism(b: Bench) -> Outcome:
    """The same bytes twice, compiled and plain, in another process."""
    specs = [
        RunSpec(T=60, beta=0.3, **place(b, c), gate=GateSpec(kind="llf_self_paced"), record=EVERY, replications=2)
        for c in contexts(b)
    ]
    return repeated(b, specs)


def bound_runs(b: Bench) -> dict[str, pd.DataFrame]:
    """Tables as the ledger's judges want them."""
    if "bounds" not in b.kept:
        covered = COVERED if b.size.sets > 1 else COVERED[1:2]
        reps = judges.enough(LearnerSpec().delta, b.level / (len(contexts(b)) * len(covered)))
        record = RecordSpec(per_octave=1)

        def play(gates: list[GateSpec], T: int, n: int, d: int = 4, **more: Any) -> pd.DataFrame:
            more |= dict(T=T, record=record, replications=n)
            jobs = [
                Job(f"{c}/{i}/{s}", RunSpec(**place(b, c, d), gate=g, seed=s, **more))
                for c in contexts(b) for i, g in enumerate(gates) for s in b.sets
            ]  # fmt: skip
            return b.play(jobs)

        def kind(*names: str, cap: bool = True) -> list[GateSpec]:
            return [GateSpec(kind=n, cap=cap) for n in names]

        n, T = b.size.reps, min(b.size.T, 400)
        # Long and quiet enough for the bounds to say something.
        tight: dict[str, Any] = dict(T=400, n=n, d=2, learner=LearnerSpec(sigma=0.25))
        b.kept["bounds"] = dict(
            coverage=play(kind(*covered), b.size.cover_T, reps, beta=0.3),
            gates=play(contenders(None), T, max(n // 2, 2), beta=0.1),
            horizon=play(kind("always"), **tight),
            theorem2=play(kind("llf_fixed", cap=False), **tight, beta=0.3),
            theorem3=play(kind("llf_paced", cap=False), **tight, beta=0.3),
        )
    return b.kept["bounds"]


def bound(judge: Judge, name: str) -> Callable[[Bench], Outcome]:
    """The check that the ledger's judge of a claim passes on this follower's runs."""

    def check(b: Bench) -> Outcome:
        rows = bound_runs(b)[name]
        found = judge({name: rows}, b.level)
        alone = [judge({name: rows[rows["seed"] == s]}, b.level).outcome for s in b.sets]
        said = found.detail
        if found.outcome == FAIL:
            said = f"the bound fails: either the follower leaves the game or the claim is refuted. {said}"
        return of_finding(found, said, judges.agreed(found.outcome, alone))

    return check


def strength_runs(b: Bench) -> pd.DataFrame:
    """Final rows of this follower and the built-in ones, by game and gate."""
    if "strength" not in b.kept:
        chosen = [c for c in contexts(b) if c in ("free", "isotropic")]
        common: dict[str, Any] = dict(T=b.size.T, beta=0.1, record=FINAL, replications=b.size.reps)
        jobs = [
            Job(f"{g}/{k}/{c}/{s}", RunSpec(**common, **place(b, c, 8, k), gate=GateSpec(kind=g), seed=s))
            for c in chosen for k in (*RIVALS[game_of(c)], codes.PLUGIN) for g in GATES for s in b.sets
        ]  # fmt: skip
        b.kept["strength"] = b.play(jobs)
    return b.kept["strength"]


def strength_table(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """arena (game / gate), rival, mean, low, high: regret extracted beyond each built-in follower."""
    games = rows["context"].map(game_of)
    swapped = rows.assign(arena=games + " / " + rows["gate"], gate=rows["follower"])
    parts = [judges.differences(part, codes.PLUGIN, "regret", level / 2) for _, part in swapped.groupby(games)]
    return pd.concat(parts, ignore_index=True)


def strength(b: Bench) -> Outcome:
    """Does it extract surely more regret than the strongest myopic follower, from every gate?"""
    rows = strength_runs(b)
    b.kept["extracted"] = table = strength_table(rows, b.level)

    def judged(level_rows: pd.DataFrame) -> Finding:
        found = strength_table(level_rows, b.level)
        strongest = found[found["rival"].isin(STRONGEST.values())]
        return all_of(
            [(r["arena"], r["mean"], r["low"], r["high"]) for r in strongest.to_dict("records")], 0.0, "above"
        )

    found = judged(rows)
    verdict = judges.agreed(found.outcome, [judged(rows[rows["seed"] == s]).outcome for s in b.sets])
    best = table[table["rival"].isin(STRONGEST.values())]
    weak = best[best["high"] < 0]["arena"]
    text = f"it surely extracts more than {' or '.join(sorted(set(best['rival'])))} from "
    text += f"{int((best['low'] > 0).sum())} of {len(best)} gates and surely less from {len(weak)}"
    return of_finding(found, text + (f" ({', '.join(weak)})" if len(weak) else ""), verdict)


def harm(b: Bench) -> Outcome:
    """Does it cost the leader anything at all?"""
    rows = strength_runs(b)
    mean = float(rows[rows["follower"] == codes.PLUGIN]["regret"].mean())
    text = f"mean regret {mean:.3g} in {b.size.T} rounds at beta 0.1"
    verdict = PASS if mean > 0.0 else VACUOUS
    return Outcome(
        verdict, text if mean > 0.0 else f"{text}: it never costs anything, so the bounds are empty", mean, 0.0
    )


def exponent(b: Bench) -> Outcome:
    """With every label bought its regret grows no faster than T^0.6 (claim B4b)."""
    context = contexts(b)[0]
    kinds = (*RIVALS[game_of(context)], codes.PLUGIN)
    n = b.size.rate_reps
    jobs = [
        Job(f"{k}/{T}/{s}", RunSpec(T=T, **place(b, context, 4, k), record=FINAL, seed=s, replications=n))
        for k in kinds for T in b.size.horizons for s in b.sets
    ]  # fmt: skip
    rows = b.play(jobs)
    rows = rows.assign(gate=rows["follower"])

    def judged(part: pd.DataFrame) -> Finding:
        return judges.exponent_finding(judges.exponents(part, "T", b.level), codes.PLUGIN, 0.5, False)

    b.kept["exponents_T"] = judges.exponents(rows, "T", b.level)
    found = judged(rows)
    verdict = judges.agreed(found.outcome, [judged(rows[rows["seed"] == s]).outcome for s in b.sets])
    return of_finding(found, f"regret grows like T^{found.measured:.2f} in context {context} ({found.detail})", verdict)


BATTERY: tuple[Check, ...] = (
    Check("interface", "Interface", "admissible vectors and sets, no exceptions", True, interface),
    Check("determinism", "Determinism", "the same seed gives the same bytes, anywhere", True, determinism),
    Check("B1", "Coverage", "P(E) >= 1 - delta under it", True, bound(path.coverage, "coverage")),
    Check("B2", "Lemma 0", "information stays below its cap", True, bound(path.lemma0, "gates")),
    Check("B3a", "Latency", "on E no round costs more than either latency", True, bound(path.latency, "gates")),
    Check("B3b", "Theorem 1", "every label bought: the bound along every path", True,
          bound(path.theorem1, "horizon")),
    Check("B6a", "Budget", "no built-in gate buys more than B", True, bound(path.budget, "gates")),
    Check("B7", "Theorem 2", "llf_fixed without a cap keeps its bounds", True, bound(path.theorem2, "theorem2")),
    Check("B8", "Theorem 3", "llf_paced without a cap keeps its bounds", True, bound(path.theorem3, "theorem3")),
    Check("harm", "Harm", "it costs the leader something", False, harm),
    Check("strength", "Strength", "it extracts more than the strongest myopic follower", False, strength),
    Check("exponent_T", "Exponent in T", "every label bought: no faster than T^0.6", False, exponent),
)  # fmt: skip
