"""The honesty of a gate: within its budget, blind to labels, true in what it claims, repeatable."""

from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from paper_repro.preflight.bench import EVERY, FINAL, Bench, Run, arena, recorded, rows_of
from paper_repro.preflight.outcome import SKIPPED, Outcome, of_finding, over_sets, rule
from paper_repro.preflight.signals import answers, claims, first_difference, latency_of, live_decisions, transcribe
from sim.live.gate import LiveError
from sim.rules import log
from sim.sources import PluginError
from sim.spec import GateSpec, LearnerSpec, RunSpec
from theory.judges import plugin as judges
from theory.judges.path import coverage_of
from theory.ledger import FAIL, INCONCLUSIVE, PASS, VACUOUS

ROUNDS = (1, 2, 3, 5, 8, 13, 21, 34, 55)  # where labels are changed
PEEKED = (("ball", "free"), ("evader", "free"), ("best_response", "shift"), ("hard_negative", "isotropic"))
STARVED = 0.05
SLOW = 2000.0  # us a round: so slow that a short run must do
SAME_BYTES = "the rule is the same bytes: use no clock, no global state, and no random number without a fixed seed"
HASH = log.COLUMNS.index("decision_hash")
UNREPEATABLE = "two runs of one seed differ, so that peeking cannot be told from chance; see 'determinism'"
NEVER_BOUGHT = "the gate bought no label in any run, so the question is empty; see the check 'idle'"


def budget_runs(b: Bench) -> pd.DataFrame:
    """Final rows with the cap off: every arena, budgets from one label to all, and digits."""
    if "budget" not in b.kept:
        T, specs = min(b.size.T, 300), []
        common = dict(gate=b.uncapped, record=FINAL)
        for follower, context in b.size.arenas:
            for B in sorted({1, 4, T // 50 + 1, T // 10, T // 2, T}):
                if follower != "hard_instance" or B >= 4:
                    specs.append(RunSpec(T=T, B=B, **arena(follower, context, 4), **common))
        replay = recorded("digits", True)
        specs += [RunSpec(T=min(b.size.digits_T, 300), B=B, **replay, **common) for B in (1, 20)]
        runs = [Run(f"budget/{i}", spec) for i, spec in enumerate(specs)]
        b.kept["budget_runs"], b.kept["budget"] = runs, b.play(runs)
    return b.kept["budget"]


def budget(b: Bench) -> Outcome:
    """Labels <= B everywhere, with nothing but the gate to see to it."""
    rows = budget_runs(b)
    finding = judges.budget(rows)
    planted = judges.budget(rows.assign(labels=rows["B"] + 1)).outcome
    control = f"one label more than B in each run: {planted}"
    if finding.outcome == VACUOUS:
        return of_finding(finding, NEVER_BOUGHT, control=control)
    betas = f"B from {rows['B'].min()} to {rows['B'].max()} of T = {rows['T'].max()}"
    if finding.outcome == PASS:
        where = f"{len(rows)} runs, {rows['arena'].nunique()} arenas (evader and hard instance too), {betas}"
        return of_finding(finding, f"at most B labels in {where}, with the hard cap switched off", control=control)
    over = rows[rows["labels"] > rows["B"]].iloc[0]
    spec = {run.name: run.spec for run in b.kept["budget_runs"]}[over["run"]]
    path = rows_of(spec.model_copy(update=dict(record=EVERY)), 0, b.compiled)[0]
    labels = path[:, log.COLUMNS.index("labels")]
    first = int(np.argmax(labels > spec.budget)) + 1
    text = f"bought label {int(labels[first - 1])} of a budget of B = {spec.budget} in round {first} of {spec.T} "
    text += f"against {over['arena']} ({int(over['labels'])} labels at the end; {finding.detail}); the rule is at most "
    return of_finding(finding, text + "B labels: return False where purse.left <= 0", control=control)


def idle(b: Bench) -> Outcome:
    """Does it spend at least a twentieth of its budget in every arena?"""
    rows = budget_runs(b)
    rows = rows[rows["B"] >= 10]
    share = (rows["labels"] / rows["B"]).groupby(rows["arena"]).mean().sort_values()
    starved = share[share < STARVED]
    message = f"spends {share.iloc[0]:.0%} of its budget or more in each of {len(share)} arenas"
    if not share.any():
        message = "never buys a label anywhere; lower its threshold, or it is the gate 'never'"
    elif len(starved):
        worst = ", ".join(f"{name} ({value:.1%})" for name, value in starved.items())
        message = f"buys under {STARVED:.0%} of its budget against {worst}; labels are paid for only where it buys"
    least = float(share.iloc[0])
    return Outcome(FAIL if len(starved) else PASS, message, least, STARVED, least, least, len(rows))


def relabelled_pairs(b: Bench, gate: GateSpec, sets: range) -> list[tuple[str, int, bool]]:
    """(arena, round, alike?) for runs whose labels differ from a round on, compared up to and including it."""
    common: dict[str, Any] = dict(T=max(ROUNDS) + 5, beta=0.5, gate=gate, record=EVERY)
    runs = [
        Run(f"{s}/{r}", RunSpec(**common, **arena(f, c, 4), seed=s, relabel_from=r))
        for f, c in PEEKED for s in sets for r in (0, *ROUNDS)
    ]  # fmt: skip
    rows = b.play(runs).set_index(["arena", "run", "t"])["decision_hash"]
    return [
        (f"{f}/{c}", r, bool(rows[(f"{f}/{c}", f"{s}/0", r)] == rows[(f"{f}/{c}", f"{s}/{r}", r)]))
        for f, c in PEEKED for s in sets for r in ROUNDS
    ]  # fmt: skip


def outside_the_game(b: Bench) -> list[str]:
    """What differs when noted signals are answered outside the game: without it, and with the surprise hidden."""
    differences = []
    for place in (arena("ball", "free", 4), arena("best_response", "shift", 4), recorded("digits", True)):
        spec = RunSpec(T=80, B=40, **place, gate=b.gate, record=EVERY)
        name, played = f"{spec.follower.kind}/{spec.stream.context}", transcribe(spec)
        if played.rows[-1][HASH] != transcribe(spec).rows[-1][HASH]:
            return [UNREPEATABLE]
        try:
            alone = answers(b.source, played.setup, played.rounds)
        except PluginError as error:
            differences.append(f"it cannot decide outside the game ({name}): {error}")
            continue
        where = first_difference(played.decisions, alone)
        if where:
            text = f"round {where} ({name}): from the same purse and signal it decides otherwise outside the game, "
            differences.append(text + "so it reads something else (frames, globals, a clock)")
        where = first_difference(alone, answers(b.source, played.setup, played.rounds, surprise=False))
        if where:
            text = f"round {where} ({name}): the decision changes when signal.surprise, which knows the label, "
            differences.append(text + "is hidden")
        if spec.stream.context == "recorded":
            differences += of_recorded_labels(spec, played.rows)
    return differences


def of_recorded_labels(spec: RunSpec, rows: np.ndarray) -> list[str]:
    """What differs from a run's ``rows`` on a recorded stream whose labels are changed from a round on."""
    for r in ROUNDS:
        if transcribe(spec, relabel_from=r).rows[r - 1][HASH] != rows[r - 1][HASH]:
            return [f"round {r} (digits): the decision changes with that round's own label"]
    return []


def peeking(b: Bench) -> Outcome:
    """Decisions up to and including a round are alike whatever its label and later ones are."""
    pairs = relabelled_pairs(b, b.gate, b.sets)
    peeker = relabelled_pairs(b, GateSpec(kind="control_peek"), range(1))
    caught = sum(not alike for *_, alike in peeker)
    control = f"control_peek: {caught} of {len(peeker)} pairs differ, {FAIL if caught else PASS}"
    differences = outside_the_game(b)
    if differences == [UNREPEATABLE]:
        return Outcome(INCONCLUSIVE, UNREPEATABLE, control=control)
    different = [p for p in pairs if not p[2]]
    if different:
        name, r, _ = different[0]
        text = f"{len(different)} of {len(pairs)} pairs decide differently up to a round when only its label and later "
        differences.append(text + f"ones differ, first in round {r} of {name}")
    if differences:
        text = "; ".join(differences) + ". The rule: decide from purse and signal, and never from signal.surprise"
        return rule(True, text, len(pairs), control)
    if not budget_runs(b)["labels"].any():
        return Outcome(VACUOUS, NEVER_BOUGHT, n=len(pairs), control=control)
    text = f"{len(pairs)} pairs of runs with other labels from a round on decide alike up to it, on digits too; so "
    return rule(False, text + "does the gate outside the game, with signal.surprise hidden", len(pairs), control)


def claim_runs(b: Bench) -> pd.DataFrame:
    """A row for every round of the runs in which latency() is checked; sigma = 0 makes the bounds tight."""
    common: dict[str, Any] = dict(T=b.size.latency_T, beta=0.3, gate=b.gate, record=EVERY)
    rows = [
        claim_rows(b.source, RunSpec(**common, **arena(f, c, 4), learner=LearnerSpec(sigma=sigma), seed=s), i)
        for f, c in b.size.arenas if c in ("free", "shift", "isotropic")
        for sigma in (0.0, 0.25, 1.0) if f != "hard_instance" or sigma > 0.0
        for s in b.sets for i in range(b.size.latency_reps)
    ]  # fmt: skip
    return pd.concat(rows, ignore_index=True)


def claim_rows(source: str, spec: RunSpec, replication: int) -> pd.DataFrame:
    """Regret rho, what latency() claimed and the confidence ratio of every round of one run."""
    played, k = transcribe(spec, replication), spec.learner
    regret, ratio = (played.rows[:, log.COLUMNS.index(c)] for c in ("regret", "conf_ratio_max"))
    name = f"{spec.follower.kind}/{spec.stream.context} sigma={k.sigma:g} seed={spec.seed}"
    return pd.DataFrame(
        dict(run=name, replication=replication, t=np.arange(1, spec.T + 1), rho=np.diff(regret, prepend=0.0),
             claimed=claims(source, played), ratio=ratio[-1], S=k.S, L=k.L, delta=k.delta)
    )  # fmt: skip


def latency(b: Bench) -> Outcome:
    """Where the file defines latency(): on E no round's regret exceeds it."""
    if latency_of(b.source) is None:
        return Outcome(SKIPPED, "the file defines no latency(game, purse, signal), so it claims no bound on the regret")
    rows = claim_runs(b)
    finding = judges.claimed(rows, b.level)
    tenth = judges.claimed(rows.assign(claimed=0.1 * rows["claimed"]), b.level).outcome
    text = f"the regret of a round never exceeds what latency() claimed on E: {finding.detail}"
    if finding.outcome == FAIL:
        worst = judges.worst_claim(rows)
        text = f"overconfident: round {int(worst['t'])} of {worst['run']} costs {worst['rho']:.4g}, latency() claimed "
        text += f"at most {worst['claimed']:.4g} ({finding.detail}); claim at least signal.latency, or a bound that "
        text += "you can prove"
    return of_finding(finding, text, control=f"the same claims times 0.1: {tenth}")


def coverage(b: Bench) -> Outcome:
    """How often does the learner's ellipsoid lose the truth under this gate's choice of labels?"""
    delta, reps = LearnerSpec().delta, b.size.cover_reps(b.level)
    common: dict[str, Any] = dict(T=b.size.cover_T, beta=0.3, gate=b.gate, record=FINAL, replications=reps)
    rows = b.play([
        Run(f"coverage/{f}/{c}/{s}", RunSpec(**common, **arena(f, c, 4), seed=s))
        for f, c in b.size.cover_arenas for s in b.sets
    ])  # fmt: skip
    finding, verdict = over_sets(lambda part: coverage_of(part, b.level), rows, b.sets)
    short = coverage_of(rows.assign(conf_ratio_max=rows["conf_ratio_max"] / 0.05), b.level).outcome
    k, n = int((rows["conf_ratio_max"] > 1.0).sum()), len(rows)
    text = f"the truth left the ellipsoid in {k} of {n} runs of {b.size.cover_T} rounds ({finding.detail}); promised: "
    text += f"at most {delta:.0%}" + (", which every gate that does not peek keeps" if verdict == FAIL else "")
    return of_finding(finding, text, verdict, f"the radius times 0.05: {short}")


def determinism(b: Bench) -> Outcome:
    """The same seed gives the same bytes: in two games and on a recorded stream."""
    specs = [
        RunSpec(T=60 if b.cost < SLOW else 20, beta=0.3, **place, gate=b.gate, record=record, replications=2)
        for place, record in (
            (arena("evader", "free", 4), EVERY),
            (arena("best_response", "shift", 4), EVERY),
            (recorded("digits", True), FINAL),  # every recorded round evaluates the accuracy, which takes long
        )
    ]
    return repeated(b, specs)


def repeated(b: Bench, specs: list[RunSpec]) -> Outcome:
    """Are runs the same bytes a second time, in the plain loop (of a compiled part), and in another process?"""
    first = [np.array(rows_of(s, 0, b.compiled)) for s in specs]
    ways = {"a second time": [np.array(rows_of(s, 0, b.compiled)) for s in specs]}
    if b.compiled:
        ways["in the plain loop"] = [np.array(rows_of(s, 0, False)) for s in specs]
    elsewhere = Parallel(n_jobs=2, prefer="processes")(delayed(rows_of)(s, 0, False) for s in specs)
    ways["in another process"] = [np.array(rows) for rows in elsewhere]
    for name, again in ways.items():
        for spec, x, y in zip(specs, first, again, strict=True):
            if not np.array_equal(x, y, equal_nan=True):
                text = f"a run of one seed differs {name} ({spec.follower.kind}/{spec.stream.context})"
                return rule(True, f"{text}; {SAME_BYTES}", len(specs) * len(ways))
    return rule(False, f"the same bytes {', '.join(ways)}", len(specs) * len(ways))


def resume(b: Bench) -> Outcome:
    """Outside the simulator (``live.gate.LiveGate``), saved as JSON halfway and restored: the same decisions."""
    spec = RunSpec(T=120, beta=0.3, **recorded("digits", True), gate=b.gate, record=EVERY)
    whole, points = live_decisions(spec, 0), (1, 40, 60)
    try:
        resumed = [live_decisions(spec, t) for t in points]
    except LiveError as error:
        return Outcome(SKIPPED, f"a run that is killed must start again: {error}")
    for t, decisions in zip(points, resumed, strict=True):
        where = first_difference(whole, decisions)
        if where:
            text = f"saved after round {t} and restored, the gate decides otherwise in round {where}; state() must "
            return rule(True, text + "hold everything that later decisions depend on, as JSON", len(points))
    text = f"saved as JSON after rounds {', '.join(map(str, points))} of {spec.T} and restored, it decides as if it "
    return rule(False, text + "had not been stopped", len(points))
