"""Small made-up tables, one builder for each table that a figure needs."""

from itertools import product

import numpy as np
import pandas as pd

from figures import exponents, llm_orders, preference_labels, preference_rounds, tightness

GATES = ("random", "prefix", "llf_fixed", "llf_paced", "llf_split_prefix")
CONSTANT = dict(
    context="isotropic", follower="ball", leader="greedy", feedback="pair", gate="always", radius_mode="theory",
    radius_c=1.0, control="", T=64, d=4, B=64, beta=1.0, delta=0.05,
)  # fmt: skip


def sweep(*cells: dict, rounds: tuple[int, ...] = (64,), repeats: int = 3) -> pd.DataFrame:
    """A results table with made-up numbers that grow with the round."""
    rng = np.random.default_rng(7)
    rows = []
    for cell, replication, t in product(cells, range(repeats), rounds):
        row = CONSTANT | cell
        labels = min(t, row["B"]) // (1 + replication)
        ratio = (0.3 + 0.1 * rng.random()) / row["radius_c"]
        rows.append(
            row | dict(
                seed=0, replication=replication, t=t, regret=np.sqrt(t) * (1 + rng.random()), regret_queried=labels / 4,
                labels=labels, psi=np.log1p(t), gain=1 / t, threshold=0.1, latency=2 / np.sqrt(t), conf_ratio=ratio,
                conf_ratio_max=ratio, accuracy=0.5 + 0.4 * rng.random(),
            )
        )  # fmt: skip
    return pd.DataFrame(rows)


def grid(**axes: tuple) -> list[dict]:
    """All combinations of the values, as cells; a budget ratio follows from B."""
    cells = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    return [cell | dict(beta=cell.get("B", 64) / 64) for cell in cells]


def sweeps() -> dict[str, pd.DataFrame]:
    octaves = (1, 2, 4, 8, 16, 32, 64)
    buyers = grid(gate=GATES, B=(8, 32))
    every = [dict(gate="always")]
    return dict(
        horizon=sweep(*grid(d=(4, 8)), *grid(follower=("iid", "evader"), d=(8,)), rounds=octaves),
        coverage=sweep(*grid(follower=("iid", "ball"), gate=GATES), rounds=octaves),
        hard=sweep(*buyers),
        efficiency=sweep(*[c | dict(context=x) for c in buyers + every for x in ("isotropic", "shift")]),
        followers=sweep(*[c | dict(beta=b) for b in (0.05, 0.1) for c in grid(follower=("iid", "evader"), gate=GATES)]),
        trace=sweep(dict(gate="llf_fixed"), dict(gate="llf_paced"), rounds=tuple(range(1, 65)), repeats=1),
        digits=sweep(*buyers, *every),
        controls=sweep(*[c | dict(radius_mode="scaled", radius_c=0.05) for c in grid(follower=("ball", "iid"))]),
    )


def theory_tables() -> dict[str, pd.DataFrame]:
    t = np.array([1, 8, 64])
    horizon = [pd.DataFrame(dict(d=d, t=t, theorem1=9 * np.sqrt(d * t), trivial=1.0 * t)) for d in (4, 8)]
    bounds = dict(floor=1.0, theorem3=90.0, stated_c_beta=99.0, stated_beta_free=70.0, trivial=64.0)
    fits = [
        ("T", "ball, d=4", 0.5, 0.45, 0.55, 0.5, 0.4, 0.6, "inside", "B4"),
        ("d", "ball, T=64", 0.5, 0.4, 0.6, 1.0, np.nan, 1.0, "at most", "B5"),
        ("beta", "llf_paced", -0.3, -0.35, -0.25, -0.5, -0.6, -0.4, "inside", "B11"),
    ]
    routes = [("linear", 0.5, 1.1, 8 / 7), ("polynomial", 0.5, 1.5, 2.0), ("linear", 1.0, 1.0, 1.0)]
    claims = [("B1", np.nan, "PASS", True), ("B9b", 3.0, "REFUTED", True), ("B13a", 0.0, "INCONCLUSIVE", False)]
    return dict(
        routing=pd.DataFrame([*routes, ("polynomial", 1.0, 1.0, 1.0)], columns=["kind", "beta", "ratio", "bound"]),
        constants=pd.DataFrame(
            dict(beta=[0.1, 0.3, 1.0], C=0.2, c_measured=[9.0, 3.0, 0.0], c_beta=[90.0, 30, 0], c_floor=[1.0, 0, 0])
        ),
        overlay_horizon=pd.concat(horizon),
        overlay_hard=pd.DataFrame([dict(T=64, d=4, B=b, beta=b / 64) | bounds for b in (8, 32)]),
        exponents=pd.DataFrame(fits, columns=list(exponents.NEEDS["exponents"])),
        verdicts=pd.DataFrame(
            [dict(id=i, statement="R < $5", tightness=x, verdict=v, sound=s) for i, x, v, s in claims]
        ),
    )


def insured_tables() -> dict[str, pd.DataFrame]:
    """The sweeps ``bait`` and ``insurance`` with their overlays; gates carry the share that they give to a coin."""
    followers, gates = ("ball", "evader", "bait"), ("llf_fixed", "random", "llf_fixed_coin_0.5")
    shares = {"llf_paced": 0.0, "llf_paced_coin_0.25": 0.25, "random": 0.0}
    bait = grid(gate=gates, follower=followers, d=(4, 8), B=(8,))
    insurance = [c | dict(coin_share=shares[c["gate"]]) for c in grid(gate=tuple(shares), follower=("iid", "bait"))]
    lines = dict(closed=(20.0, 40.0), guarantee=(15.0, 21.0), trivial=64.0)
    guarantees = [
        dict(gate=gate, follower=follower, guarantee=30.0 if share or gate == "random" else np.nan)
        for (gate, share), follower in product(shares.items(), ("iid", "bait"))
    ]
    clocks = [
        dict(gate=gate, follower=follower, d=d, queried=0.0 if gate == "random" else 0.5, all=3.0)
        for gate, follower, d in product(gates, (*followers, "unlisted"), (4, 8))
        if (gate, follower) != ("random", "unlisted")
    ]
    return dict(
        bait=sweep(*bait),
        insurance=sweep(*insurance),
        overlay_bait=pd.DataFrame(dict(d=[4, 8]) | lines),
        overlay_insurance=pd.DataFrame(guarantees),
        overlay_queried=pd.DataFrame(clocks),
    )


def llm_tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    cells = grid(data=("a", "b"), mode=("frozen", "finetune"), stream=("iid", "drift"), gate=("random", "width", "all"))
    runs = [
        c | dict(B=b, T=64, seed=0, replication=r, labels=b, head_accuracy_logistic=rng.random(), mistakes=64 - b)
        for c, b, r in product(cells, (8, 32), range(3))
    ]
    parts = {f"seconds_{part}": 1.0 for part in (*llm_orders.PARTS, "total")}
    times = [dict(mode="finetune", gate=gate) | parts for gate in ("random", "width")]
    return dict(llm_runs=pd.DataFrame(runs), llm_times=pd.DataFrame(times))


METHODS = ("dpo", "ipo", "rdpo", "ssapo", "ssapo_0", "spa")
LM_GATES = ("random", "margin", "width", "llf_quantile", "llf_self_paced")


def lm_tables() -> dict[str, pd.DataFrame]:
    """Runs of generative models: answers with one objective, preferences with six, and the predictions of both."""
    rng = np.random.default_rng(5)
    modes = {"answers": (("medquad", "gsm8k", "clinc150"), ("sft",)), "preferences": (("pandalm", "llmbar"), METHODS)}
    cells = [
        dict(mode=mode, data=data, method=method, gate=gate, B=B, replication=r)
        for mode, (sets, methods) in modes.items()
        for data, method, gate, B, r in product(sets, ("none", *methods), LM_GATES, (50, 100), range(4))
    ]
    for c in cells:
        worse, tuned = LM_GATES.index(c["gate"]), c["method"] != "none"
        gain = 0.01 * METHODS.index(c["method"]) if c["method"] in METHODS else 0.0
        c |= dict(
            model="tiny", T=400, N=4, M=2, seed=0, tuned=tuned, labels=c["B"], labels_free=0, mistakes_queried=9,
            mistakes=150 + 6 * worse - 0.3 * c["B"] - 20 * tuned + int(rng.integers(-12, 12)), accuracy=0.6,
            scorer=0.6 + gain + 0.02 * rng.normal() if tuned else np.nan, scorer_before=0.45 if tuned else np.nan,
            longer=0.67 if c["mode"] == "preferences" else np.nan, identity_pairs=100 * tuned, identity_wrong=0,
            refits=3 * tuned, refit_bound=30.0 if tuned else np.nan, psi=20.0, tokens=10**5, key="k",
        )  # fmt: skip
    runs = pd.DataFrame(cells)
    times = runs[["key", "data", "model", "mode", "tuned", "method", "gate", "B", "T", "seed", "replication"]]
    return dict(lm_runs=runs, lm_times=times.assign(seconds_gate=0.5, seconds_total=100.0))


def regret_table(rng):
    rows = product(("regular", "near_separable"), ("dpo", "matched", "fixed"), (0.025, 0.1, 0.2, 0.8), range(3))
    table = pd.DataFrame(list(rows), columns=["regime", "policy", "delta", "replication"])
    bound = np.minimum(table["delta"], 0.69)
    return table.assign(
        seed=0, regret=table["delta"] * rng.uniform(0.5, 1.0, len(table)), r1_bound=bound, r1_measured=0.1
    )


def worst_table(rng):
    rows = product(("window", "flip", "reweight"), (0.1, 0.4), range(9), (0, 1))
    table = pd.DataFrame(list(rows), columns=["ball", "eps", "pair", "seed"])
    n = len(table)
    return table.assign(margin=rng.normal(size=n), moved=rng.random(n), landed=-1.0, weight=rng.exponential(size=n))


def bench_table(rng):
    rows = product(("program (9)", "reweighting"), (50, 100, 200), ("closed form", "cvxpy"))
    table = pd.DataFrame(list(rows), columns=["problem", "N", "solver"])
    slow = table["solver"] == "cvxpy"
    seconds = table["N"] * np.where(slow, 1e-3, 1e-6)
    return table.assign(seconds=seconds, ratio=np.where(slow, 1000.0, 1.0))


def rounds_table(rng):
    rows = product([*preference_rounds.METHODS, "something new"], (0.0, 0.25), range(4), range(3))
    table = pd.DataFrame(list(rows), columns=["method", "flip", "round", "replication"])
    return table.assign(seed=0, accuracy=0.8 + 0.01 * rng.normal(size=len(table)))


def labels_table(rng):
    rows = product((preference_labels.SELF, "random", "llf_split", "something new"), (50, 200), range(3))
    table = pd.DataFrame(list(rows), columns=["strategy", "budget", "replication"])
    gain = 0.01 * rng.normal(size=len(table))
    return table.assign(seed=0, labels=table["budget"], accuracy=0.8 + gain, gain=gain)


BUYERS = ("llf_paced", "llf_split_random", "random", "prefix", "unlisted")


def bounds(largest: float = 0.9) -> pd.DataFrame:
    rows = []
    for claim, source in product(("B2", "B3b"), ("runs", "runs, bound not trivial")):
        rows += [
            dict(claim=claim, source=source, quantile=q, ratio=largest * q**3, n=40, unit="runs", useful=0.5)
            for q in (0.5, 0.95, 1.0)
        ]
    rows += [
        dict(claim="B3b", source=source, quantile=1.0, ratio=0.95, n=1, unit="runs", useful=1.0)
        for source in tightness.FOUND
    ]
    return pd.DataFrame(rows)


def study_tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(3)
    game = [
        dict(
            seed=s, design=design, labels=16, patience=p, beta=b, pure=-0.2, split=b - 0.2, mixed=b - 0.2, price=b,
            blind=b, threshold=0.4,
        )
        for s, design, p, b in product((0, 1), ("isotropic", "power_law"), (1.0, 0.1), (0.1, 0.5, 1.0))
    ]  # fmt: skip
    runs = [dict(seed=0, replication=r, gate=g) for g, r in product(BUYERS, range(3))]
    play = [x | dict(beta=b, labels=100 * b, regret=9 / b + rng.random()) for x in runs for b in (0.1, 0.5)]
    shares = [
        x | dict(context=c, beta=b, labels=5, share=s, share_labels=s if x["gate"] != "prefix" else np.nan)
        for x, c, b, s in product(runs, ("isotropic", "shift", "new"), (0.05, 0.1), (0.4,))
    ]
    digits = [
        x | dict(
            B=B, T=100, labels=B, norm_bound=R, scorer=10, loss=0.5, gap=1e-9, regret_all=300 / B - 20, regret_bought=3
        )
        for x, B, R in product(runs, (10, 20), (10.0, 40.0))
    ]  # fmt: skip
    return dict(
        tightness=bounds(),
        determinism=pd.DataFrame(game),
        determinism_play=pd.DataFrame(play),
        information=pd.DataFrame(shares),
        digits_regret=pd.DataFrame(digits),
    )


def nonmyopic_tables() -> dict[str, pd.DataFrame]:
    runs = [
        dict(follower=f, d=d, T=64, t=64, seed=0, replication=r, regret=d + r, ceiling=4.0 * d)
        for f, d, r in product(("ball", "patient"), (2, 4, 8), range(3))
    ]
    fits = [{"series": s, "from": 2, "to": 8, "estimate": 1.0, "low": 0.9, "high": 1.1} for s in ("ball", "patient")]
    return dict(nonmyopic=pd.DataFrame(runs), nonmyopic_fits=pd.DataFrame(fits))


def preference_tables() -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(0)
    return dict(
        preference_regret=regret_table(rng), preference_worst=worst_table(rng), bench_preference=bench_table(rng),
        preference_rounds=rounds_table(rng), preference_labels=labels_table(rng),
    )  # fmt: skip


def everything() -> dict[str, pd.DataFrame]:
    """Every table that a figure needs, by name."""
    parts = (
        sweeps(), insured_tables(), theory_tables(), llm_tables(), lm_tables(), preference_tables(),
        nonmyopic_tables(), study_tables(),
    )  # fmt: skip
    return {name: table for part in parts for name, table in part.items()}
