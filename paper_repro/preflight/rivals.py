"""Where a gate wins and loses: against every built-in gate in every arena, on the same prompts and noise."""

import statistics
import time
from typing import Any

import numpy as np
import pandas as pd

from paper_repro.preflight.bench import EVERY, FINAL, Bench, Run, arena, microseconds, recorded
from paper_repro.preflight.outcome import SKIPPED, Outcome, of_finding, over_sets
from paper_repro.preflight.signals import Round, transcribe
from sim import plugins
from sim import recorded as recorded_file
from sim.rules import gates
from sim.rules.codes import PLUGIN
from sim.setup import Setup
from sim.spec import GateSpec, RunSpec
from sim.sweeps import ALL_GATES
from theory import stats
from theory.judges import plugin as judges
from theory.ledger import FAIL, PASS, Finding, all_of

BETA = 0.1
REFERENCES = tuple(t.name for t in gates.TRAITS if t.reference or "plan" in t.reads)  # shown, not ranked
EQUAL = ("random", "prefix", "llf_self_paced")
RATED = ("random", "prefix", "llf_paced", "llf_self_paced")
COSTED = ("random", "llf_paced", "llf_self_paced")
DEAR = 1000.0  # us a round; a fine-tuning step takes tens of milliseconds (claim M4)


def dimension(T: int) -> int:
    """8, or 4 where the hard instance would be too short for it."""
    return 8 if BETA * T >= 16 else 4


def arena_runs(b: Bench) -> pd.DataFrame:
    """Final rows of every gate in every arena with the same budget."""
    if "arenas" not in b.kept:
        d = dimension(b.size.T)
        common: dict[str, Any] = dict(T=b.size.T, beta=BETA, record=FINAL, replications=b.size.reps)
        runs = [
            Run(f"arenas/{f}/{c}/{i}/{s}", RunSpec(**common, **arena(f, c, d), gate=g, seed=s))
            for i, g in enumerate((*ALL_GATES, b.gate)) for f, c in b.size.arenas for s in b.sets
        ]  # fmt: skip
        b.kept["arenas"] = b.play(runs)
    return b.kept["arenas"]


def summary(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """A row for each gate: mean rank with interval, regret on both clocks over random's, labels over B."""
    ranked = judges.ranks(rows[~rows["gate"].isin(REFERENCES)], "regret", level)
    clocks = ["regret", "regret_queried"]
    mean = rows.groupby(["gate", "arena"])[clocks].mean()
    share = (rows["labels"] / rows["B"]).groupby(rows["gate"]).mean()
    columns = []
    for gate in sorted(rows["gate"].unique()):
        ratio = np.exp(np.log((mean.loc[gate] / mean.loc["random"]).replace(0.0, np.nan)).mean())
        columns.append((gate, *(float(ratio[c]) for c in clocks), float(share[gate])))
    frame = pd.DataFrame(columns, columns=["gate", "regret_over_random", "queried_over_random", "labels_over_B"])
    return ranked.merge(frame, on="gate", how="outer").sort_values(["rank", "gate"]).reset_index(drop=True)


def ranking(b: Bench) -> Outcome:
    """Is its mean rank over the arenas surely better than random's?"""
    rows = arena_runs(b)
    b.kept["summary"] = table = summary(rows, b.level)
    rivals = rows[~rows["gate"].isin(REFERENCES)]
    b.kept["pairs"] = judges.differences(rivals, PLUGIN, "regret", b.level)
    ranked = table.dropna(subset=["rank"])
    ours, best = ranked[ranked["gate"] == PLUGIN].iloc[0], ranked.iloc[0]
    ranks = rivals.pivot_table(index=[*stats.PAIR, "arena"], columns="gate", values="regret").rank(axis=1)
    gaps = (ranks[PLUGIN] - ranks["random"]).groupby(level=stats.PAIR).mean().rename("gap").reset_index()

    def judge(part: pd.DataFrame) -> Finding:
        return all_of([("rank - rank of random", stats.mean(part["gap"]))], 0.0, "below", b.level)

    finding, verdict = over_sets(judge, gaps, b.sets)
    place = 1 + int((ranked["rank"] < ours["rank"]).sum())
    text = f"place {place} of {len(ranked)} gates by mean rank over {rows['arena'].nunique()} arenas: "
    text += f"{ours['rank']:.1f} [{ours['low']:.1f}, {ours['high']:.1f}]; first: {best['gate']} ({best['rank']:.1f}); "
    return of_finding(finding, text + wins(b.kept["pairs"]), verdict)


def wins(pairs: pd.DataFrame) -> str:
    """How many of the paired differences lie surely below and above 0."""
    won, lost = int((pairs["high"] < 0).sum()), int((pairs["low"] > 0).sum())
    best = pairs[pairs["high"] < 0].groupby("rival").size().sort_values(ascending=False)
    worst = pairs[pairs["low"] > 0].groupby("rival").size().sort_values(ascending=False)
    text = f"of {len(pairs)} comparisons {won} surely won, {lost} surely lost, {len(pairs) - won - lost} open"
    if len(best):
        text += f"; most often better than {best.index[0]}"
    if len(worst):
        text += f"; most often worse than {worst.index[0]}"
    return text


def equal_runs(b: Bench) -> pd.DataFrame:
    """Rivals with exactly the labels that the gate really bought, run by run; the hard instance is left out, because
    it changes with the budget."""
    rows = arena_runs(b)
    ours = rows[(rows["gate"] == PLUGIN) & (rows["follower"] != "hard_instance")]
    d, runs = dimension(b.size.T), []
    for row in ours.to_dict("records"):
        place, labels = arena(row["follower"], row["context"], d), int(row["labels"])
        for kind in EQUAL:
            gate = GateSpec(kind=kind if labels else "never")
            spec = RunSpec(T=b.size.T, B=max(labels, 1), **place, gate=gate, record=FINAL, seed=int(row["seed"]))
            runs.append(Run(kind, spec, int(row["replication"])))
    rivals = b.play(runs)
    return pd.concat([ours, rivals.assign(gate=rivals["run"])], ignore_index=True)


def equal_labels(b: Bench) -> Outcome:
    """Is its regret surely below random's with the labels that it really bought, in every arena?"""
    rows = equal_runs(b)

    def against(rival: str, differences: pd.DataFrame) -> pd.DataFrame:
        return differences[differences["rival"] == rival]

    def judge(part: pd.DataFrame) -> Finding:
        return judges.outcome_of(against("random", judges.differences(part, PLUGIN, "regret", b.level)))

    b.kept["equal"] = table = judges.differences(rows, PLUGIN, "regret", b.level)
    finding, verdict = over_sets(judge, rows, b.sets)
    random = against("random", table)
    better, worse = random[random["high"] < 0]["arena"], random[random["low"] > 0]["arena"]
    text = f"at equal labels it surely beats random in {len(better)} of {len(random)} arenas"
    text += f" and surely loses to it in {len(worse)}" + (f" ({', '.join(worse)})" if len(worse) else "")
    for rival in EQUAL[1:]:
        arenas = against(rival, table)
        text += f"; {rival}: {int((arenas['high'] < 0).sum())} won, {int((arenas['low'] > 0).sum())} lost"
    return of_finding(finding, text, verdict)


def rate_runs(b: Bench) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows for the fits in T (ball, beta fixed) and in beta (hard instance, T fixed)."""
    gate_specs = [*(GateSpec(kind=g) for g in RATED), b.gate]
    cells = [("T", T, BETA, ("ball", "free")) for T in b.size.horizons]
    cells += [("beta", b.size.rate_T, beta, ("hard_instance", "free")) for beta in b.size.betas]
    common: dict[str, Any] = dict(record=FINAL, replications=b.size.rate_reps)
    rows = b.play([
        Run(f"{fit}/{T}/{beta}/{s}", RunSpec(T=T, beta=beta, **common, **arena(*place, 4), gate=g, seed=s))
        for g in gate_specs for fit, T, beta, place in cells for s in b.sets
    ])  # fmt: skip
    in_T = rows["run"].str.startswith("T/")
    return rows[in_T], rows[~in_T].assign(beta=rows["beta"].round(6))


def rates(b: Bench) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs of the fits, once."""
    if "rates" not in b.kept:
        b.kept["rates"] = rate_runs(b)
    return b.kept["rates"]


def _exponent(b: Bench, rows: pd.DataFrame, column: str, claimed: float, two_sided: bool) -> Outcome:
    def judge(part: pd.DataFrame) -> Finding:
        return judges.exponent_finding(judges.exponents(part, column, b.level), PLUGIN, claimed, two_sided)

    b.kept[f"exponents_{column}"] = judges.exponents(rows, column, b.level)
    finding, verdict = over_sets(judge, rows, b.sets)
    x, f = rows[column], finding
    text = f"regret grows like {column}^{f.measured:.2f} [{f.low:.2f}, {f.high:.2f}], {column} from {x.min():.3g} to "
    return of_finding(finding, f"{text}{x.max():.3g} ({f.detail})", verdict)


def exponent_T(b: Bench) -> Outcome:
    """At beta = 0.1 against the ball: an exponent of at most 0.6."""
    return _exponent(b, rates(b)[0], "T", 0.5, False)


def exponent_beta(b: Bench) -> Outcome:
    """On the hard instance at fixed T: an exponent inside [-0.6, -0.4], theorem 4's rate."""
    return _exponent(b, rates(b)[1], "beta", -0.5, True)


def replayed(b: Bench, path: str) -> pd.DataFrame:
    """Final rows of every gate on a recorded file, beta = 0.1."""
    n = len(recorded_file.load(path, True).y)
    T = min(b.size.digits_T, n - max(1, round(0.25 * n)))
    if T < 20:
        raise ValueError(f"{path}: {n} rows leave {T} rounds beside a quarter held out; give 27 rows or more")
    common: dict[str, Any] = dict(T=T, beta=BETA, record=FINAL, replications=b.size.digits_reps)
    return b.play([
        Run(f"data/{i}/{s}", RunSpec(**common, **recorded(path, True), gate=g, seed=s))
        for i, g in enumerate((*ALL_GATES, b.gate)) for s in b.sets
    ])  # fmt: skip


def _replay(b: Bench, path: str, name: str) -> Outcome:
    rows = replayed(b, path)
    rivals = rows[~rows["gate"].isin(REFERENCES)]
    table = judges.differences(rivals.assign(arena=name), PLUGIN, "accuracy", b.level)
    means = rows.groupby("gate")[["accuracy", "mistakes", "mistakes_queried", "labels"]].mean()
    b.kept[f"data_{name}"], b.kept[f"means_{name}"] = table, means

    def judge(part: pd.DataFrame) -> Finding:
        gap = judges.difference(part, PLUGIN, "random", "accuracy")
        return all_of([("accuracy - random's", gap)], 0.0, "above", b.level)

    finding, verdict = over_sets(judge, rivals, b.sets)
    ours, random, accuracy = means.loc[PLUGIN], means.loc["random"], means["accuracy"]
    text = f"accuracy {ours['accuracy']:.3f} with {ours['labels']:.0f} of {int(rows['B'].iloc[0])} labels, random "
    text += f"{random['accuracy']:.3f}, llf_self_paced {accuracy['llf_self_paced']:.3f}, every label "
    text += f"{accuracy['always']:.3f}; mistakes {ours['mistakes']:.0f} against random's {random['mistakes']:.0f}; "
    text += f"surely above {int((table['low'] > 0).sum())} gates, below {int((table['high'] < 0).sum())}"
    return of_finding(finding, text, verdict)


def digits(b: Bench) -> Outcome:
    """scikit-learn's digits: is it surely more accurate than random with the same budget?"""
    return _replay(b, "digits", "digits")


def features(b: Bench) -> Outcome:
    """The same on the file given with --features."""
    if not b.features:
        return Outcome(SKIPPED, "no recorded features were given (--features file.parquet or .npz)")
    return _replay(b, b.features, "features")


def gate_only(rule: gates.Rule, g: Setup, rounds: list[Round]) -> float:
    """CPU time of decide and settle on noted rounds [us a round]."""
    p, start = gates.open_purse(g), time.thread_time()
    for r in rounds:
        _, reason, _ = rule.decide(g, p, r.signal)
        p = rule.settle(g, p, r.signal, reason, r.psi)
    return 1e6 * (time.thread_time() - start) / len(rounds)


def cost(b: Bench) -> Outcome:
    """Does the gate's own part of a round take less than a millisecond?"""
    spec = RunSpec(T=200, beta=0.3, **arena("ball", "free", 8), gate=b.gate, record=EVERY)
    _, g, rounds = transcribe(spec)
    ours = [gate_only(plugins.gate(b.source, g), g, rounds) for _ in range(5)]
    self_paced = g._replace(gate=gates.LLF_SELF_PACED, window=256)
    built_in = [gate_only(gates.BUILT_IN, self_paced, rounds) for _ in range(5)]
    times = []
    for gate in (b.gate, *(GateSpec(kind=kind) for kind in COSTED)):
        run = spec.model_copy(update=dict(gate=gate))
        fast = microseconds(run, True, 4000) if b.compiled or gate.kind != PLUGIN else float("nan")
        times.append((gate.kind, fast, microseconds(run, False, 200)))
    b.kept["cost"] = pd.DataFrame(times, columns=["gate", "compiled_us", "plain_us"])
    value, (_, fast, plain) = statistics.median(ours), times[0]
    text = f"its own part takes {value:.1f} us a round in Python (llf_self_paced {statistics.median(built_in):.1f}); a "
    text += f"round of the plain loop {plain:.0f} us" + (f", compiled {fast:.2f} us" if b.compiled else "")
    text += f"; the rule is {DEAR:.0f} us (5 % of a fine-tuning step of 20 ms)"
    return Outcome(PASS if value <= DEAR else FAIL, text, value, DEAR, min(ours), max(ours), len(ours))
