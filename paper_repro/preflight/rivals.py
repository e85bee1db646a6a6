"""Where a gate wins and where it loses: against every built-in gate in every arena, on common random numbers."""

import statistics
import time
from typing import Any

import numpy as np
import pandas as pd

from paper_repro.preflight.bench import EVERY, FINAL, Bench, Job, arena, contenders, microseconds, recorded
from paper_repro.preflight.outcome import Outcome, of_finding
from paper_repro.preflight.signals import record
from sim import plugins
from sim import recorded as files
from sim.rules import gates
from sim.rules.codes import PLUGIN
from sim.spec import GateSpec, RunSpec
from theory import stats
from theory.judges import plugin as judges
from theory.ledger import FAIL, PASS, all_of

BETA, DIGIT_BETA = 0.1, 0.1
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
        jobs = [
            Job(f"arenas/{f}/{c}/{i}/{s}", RunSpec(**common, **arena(f, c, d), gate=g, seed=s))
            for i, g in enumerate(contenders(b.gate)) for f, c in b.size.arenas for s in b.sets
        ]  # fmt: skip
        b.kept["arenas"] = b.play(jobs)
    return b.kept["arenas"]


def summary(rows: pd.DataFrame, level: float) -> pd.DataFrame:
    """A row for each gate: mean rank with interval, regret on both clocks over random's, labels over B."""
    ranked = judges.ranks(rows[~rows["gate"].isin(REFERENCES)], "regret", level)
    mean = rows.groupby(["gate", "arena"])[["regret", "regret_queried", "labels"]].mean()
    base = mean.loc["random"]
    found = []
    for gate in sorted(rows["gate"].unique()):
        ratio = (mean.loc[gate, ["regret", "regret_queried"]] / base[["regret", "regret_queried"]]).replace(0.0, np.nan)
        relative = np.exp(np.log(ratio).mean())
        share = float((rows[rows["gate"] == gate]["labels"] / rows[rows["gate"] == gate]["B"]).mean())
        found.append((gate, float(relative["regret"]), float(relative["regret_queried"]), share))
    frame = pd.DataFrame(found, columns=["gate", "regret_over_random", "queried_over_random", "labels_over_B"])
    return ranked.merge(frame, on="gate", how="outer").sort_values(["rank", "gate"]).reset_index(drop=True)


def ranking(b: Bench) -> Outcome:
    """Is its mean rank over the arenas surely better than random's?"""
    rows = arena_runs(b)
    b.kept["summary"] = table = summary(rows, b.level)
    places = rows[~rows["gate"].isin(REFERENCES)]
    b.kept["pairs"] = judges.differences(places, PLUGIN, "regret", b.level)
    ranked = table.dropna(subset=["rank"])
    mine = ranked[ranked["gate"] == PLUGIN].iloc[0]
    wide = places.pivot_table(index=[*judges.PAIR, "arena"], columns="gate", values="regret").rank(axis=1)
    gap = (wide[PLUGIN] - wide["random"]).groupby(level=judges.PAIR).mean().to_numpy(float)
    found = all_of([("rank - rank of random", *stats.student(gap, b.level))], 0.0, "below")
    alone = [_rank_outcome(gap, wide, s, b.level) for s in b.sets]
    place = 1 + int((ranked["rank"] < mine["rank"]).sum())
    text = (
        f"place {place} of {len(ranked)} gates by mean rank over {rows['arena'].nunique()} arenas: {mine['rank']:.1f} "
    )
    text += f"[{mine['low']:.1f}, {mine['high']:.1f}]; first: {ranked.iloc[0]['gate']} ({ranked.iloc[0]['rank']:.1f}); "
    return of_finding(found, text + wins(b.kept["pairs"]), judges.agreed(found.outcome, alone))


def _rank_outcome(gap: np.ndarray, wide: pd.DataFrame, seed: int, level: float) -> str:
    seeds = (wide[PLUGIN] - wide["random"]).groupby(level=judges.PAIR).mean().index.get_level_values("seed")
    return all_of([("", *stats.student(gap[seeds == seed], level))], 0.0, "below").outcome


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
    d, jobs = dimension(b.size.T), []
    for row in ours.to_dict("records"):
        for kind in EQUAL:
            gate = GateSpec(kind=kind if row["labels"] else "never")
            place, B = arena(row["follower"], row["context"], d), max(int(row["labels"]), 1)
            spec = RunSpec(T=b.size.T, B=B, **place, gate=gate, record=FINAL, seed=int(row["seed"]))
            jobs.append(Job(kind, spec, int(row["replication"])))
    played = b.play(jobs)
    return pd.concat([ours, played.assign(gate=played["run"])], ignore_index=True)


def equal_labels(b: Bench) -> Outcome:
    """Is its regret surely below random's with the labels that it really bought, in every arena?"""
    rows = equal_runs(b)
    b.kept["equal"] = found = judges.differences(rows, PLUGIN, "regret", b.level)
    labels = rows[rows["gate"] == PLUGIN].groupby("arena")["labels"].mean()
    b.kept["equal_labels"] = labels
    random = found[found["rival"] == "random"]
    result = judges.outcome_of(random)
    alone = [
        judges.outcome_of(
            judges.differences(rows[rows["seed"] == s], PLUGIN, "regret", b.level).query("rival == 'random'")
        )
        for s in b.sets
    ]
    better, worse = random[random["high"] < 0]["arena"], random[random["low"] > 0]["arena"]
    text = f"at equal labels it surely beats random in {len(better)} of {len(random)} arenas"
    text += f" and surely loses to it in {len(worse)}" + (f" ({', '.join(worse)})" if len(worse) else "")
    for kind in EQUAL[1:]:
        other = found[found["rival"] == kind]
        text += f"; {kind}: {int((other['high'] < 0).sum())} won, {int((other['low'] > 0).sum())} lost"
    return of_finding(result, text, judges.agreed(result.outcome, [a.outcome for a in alone]))


def rate_runs(b: Bench) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows for the fits in T (ball, beta fixed) and in beta (hard instance, T fixed)."""
    gates_ = [*(GateSpec(kind=g) for g in RATED), b.gate]

    def job(name: str, T: int, beta: float, place: tuple[str, str], g: GateSpec, s: int) -> Job:
        spec = RunSpec(T=T, beta=beta, **arena(*place, 4), gate=g, record=FINAL, seed=s, replications=b.size.rate_reps)
        return Job(f"{name}/{T}/{beta}/{s}", spec)

    ball, hard = ("ball", "free"), ("hard_instance", "free")
    by_T = [job("T", T, BETA, ball, g, s) for g in gates_ for T in b.size.horizons for s in b.sets]
    by_beta = [job("beta", b.size.rate_T, x, hard, g, s) for g in gates_ for x in b.size.betas for s in b.sets]
    rows = b.play([*by_T, *by_beta])
    is_T = rows["run"].str.startswith("T/")
    return rows[is_T], rows[~is_T].assign(beta=rows["beta"].round(6))


def rates(b: Bench) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs of the fits, once."""
    if "rates" not in b.kept:
        b.kept["rates"] = rate_runs(b)
    return b.kept["rates"]


def _exponent(b: Bench, rows: pd.DataFrame, column: str, claimed: float, two_sided: bool) -> Outcome:
    b.kept[f"exponents_{column}"] = table = judges.exponents(rows, column, b.level)
    found = judges.exponent_finding(table, PLUGIN, claimed, two_sided)
    alone = [
        judges.exponent_finding(
            judges.exponents(rows[rows["seed"] == s], column, b.level), PLUGIN, claimed, two_sided
        ).outcome
        for s in b.sets
    ]
    x = sorted(rows[column].unique())
    text = f"regret grows like {column}^{found.measured:.2f} [{found.low:.2f}, {found.high:.2f}], {column} from "
    return of_finding(found, f"{text}{x[0]:.3g} to {x[-1]:.3g} ({found.detail})", judges.agreed(found.outcome, alone))


def exponent_T(b: Bench) -> Outcome:
    """At beta = 0.1 against the ball: an exponent of at most 0.6."""
    return _exponent(b, rates(b)[0], "T", 0.5, False)


def exponent_beta(b: Bench) -> Outcome:
    """On the hard instance at fixed T: an exponent inside [-0.6, -0.4], theorem 4's rate."""
    return _exponent(b, rates(b)[1], "beta", -0.5, True)


def replayed(b: Bench, path: str) -> pd.DataFrame:
    """Final rows of every gate on a recorded file, beta = 0.1."""
    data = files.load(path, True)
    T = min(b.size.digits_T, len(data.y) - max(1, round(0.25 * len(data.y))))
    if T < 20:
        raise ValueError(f"{path}: {len(data.y)} rows leave {T} rounds beside a quarter held out; give 27 rows or more")
    jobs = [
        Job(f"data/{i}/{s}", RunSpec(T=T, beta=DIGIT_BETA, **recorded(path, True), gate=g, record=FINAL, seed=s,
                                     replications=b.size.digits_reps))
        for i, g in enumerate(contenders(b.gate)) for s in b.sets
    ]  # fmt: skip
    return b.play(jobs)


def _replay(b: Bench, path: str, name: str) -> Outcome:
    rows = replayed(b, path)
    rivals = rows[~rows["gate"].isin(REFERENCES)]
    table = judges.differences(rivals.assign(arena=name), PLUGIN, "accuracy", b.level)
    b.kept[f"data_{name}"], b.kept[f"means_{name}"] = table, rows.groupby("gate")[
        ["accuracy", "mistakes", "mistakes_queried", "labels"]].mean()  # fmt: skip

    def judged(level_rows: pd.DataFrame):
        return all_of(
            [("accuracy - random's", *judges.difference(level_rows, PLUGIN, "random", "accuracy", b.level)[:3])],
            0.0,
            "above",
        )

    found, means = judged(rivals), b.kept[f"means_{name}"]
    alone = [judged(rivals[rivals["seed"] == s]).outcome for s in b.sets]
    mine = means.loc[PLUGIN]
    text = f"accuracy {mine['accuracy']:.3f} with {mine['labels']:.0f} of {int(rows['B'].iloc[0])} labels, random "
    text += (
        f"{means.loc['random', 'accuracy']:.3f}, llf_self_paced {means.loc['llf_self_paced', 'accuracy']:.3f}, every "
    )
    text += f"label {means.loc['always', 'accuracy']:.3f}; mistakes {mine['mistakes']:.0f} against random's "
    text += f"{means.loc['random', 'mistakes']:.0f}; surely above {int((table['low'] > 0).sum())} gates, below "
    text += f"{int((table['high'] < 0).sum())}"
    return of_finding(found, text, judges.agreed(found.outcome, alone))


def digits(b: Bench) -> Outcome:
    """scikit-learn's digits: is it surely more accurate than random with the same budget?"""
    return _replay(b, "digits", "digits")


def features(b: Bench) -> Outcome:
    """The same on the file given with --features."""
    if not b.features:
        return Outcome("SKIPPED", "no recorded features were given (--features file.parquet or .npz)")
    return _replay(b, b.features, "features")


def gate_only(rule: gates.Rule, g, seen) -> float:
    """CPU time of decide and settle on recorded rounds [us a round]."""
    p, start = gates.open_purse(g), time.thread_time()
    for s in seen:
        _, reason, _ = rule.decide(g, p, s.signal)
        p = rule.settle(g, p, s.signal, reason, s.psi)
    return 1e6 * (time.thread_time() - start) / len(seen)


def cost(b: Bench) -> Outcome:
    """Does the gate's own part of a round take less than a millisecond?"""
    spec = RunSpec(T=200, beta=0.3, **arena("ball", "free", 8), gate=b.gate, record=EVERY)
    found = record(spec)
    mine = [gate_only(plugins.gate(b.source, found.setup), found.setup, found.seen) for _ in range(5)]
    theirs = found.setup._replace(gate=gates.LLF_SELF_PACED, window=256)
    usual = [gate_only(gates.BUILT_IN, theirs, found.seen) for _ in range(5)]
    times = []
    for kind in (PLUGIN, *COSTED):
        one = spec.model_copy(update=dict(gate=b.gate if kind == PLUGIN else GateSpec(kind=kind)))
        fast = microseconds(one, True, 4000) if b.compiled or kind != PLUGIN else float("nan")
        times.append((kind, fast, microseconds(one, False, 200)))
    b.kept["cost"] = pd.DataFrame(times, columns=["gate", "compiled_us", "plain_us"])
    value = statistics.median(mine)
    text = f"its own part takes {value:.1f} us a round in Python (llf_self_paced {statistics.median(usual):.1f}); a "
    text += f"round of the plain loop {times[0][2]:.0f} us" + (f", compiled {times[0][1]:.2f} us" if b.compiled else "")
    verdict = PASS if value <= DEAR else FAIL
    return Outcome(verdict, f"{text}; the rule is {DEAR:.0f} us (5 % of a fine-tuning step of 20 ms)", value, DEAR,
                   min(mine), max(mine), len(mine))  # fmt: skip
