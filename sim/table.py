"""The results table: one row for each run, replication and recorded round.

``SCHEMA`` is the contract between the simulator, which fills the table, and claims and figures, which
read nothing else: column -> (type, unit, meaning).
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sim.files import Kept
from sim.rules import log
from sim.runlog import RunLog
from sim.spec import GateSpec

SCHEMA: dict[str, tuple[str, str, str]] = {
    "run": ("str", "", "sweep name / number of the configuration"),
    "key": ("str", "", "digest of the configuration"),
    "seed": ("int64", "", "seed set (disjoint sets give independent repetitions)"),
    "replication": ("int64", "", "replication within the seed set"),
    "context": ("str", "", "context process"),
    "follower": ("str", "", "follower"),
    "leader": ("str", "", "greedy or optimistic"),
    "feedback": ("str", "", "what a bought label reveals"),
    "gate": ("str", "", "label-query gate; llf_split carries its purse, a coin beside a gate its share"),
    "latency_mode": ("str", "", "latency that the gate compares"),
    "cap": ("bool", "", "hard budget on"),
    "coin_share": ("float64", "", "share of the budget that a coin spends beside the gate (0: none)"),
    "radius_mode": ("str", "", "theory, scaled or fixed"),
    "radius_c": ("float64", "", "factor or value of the radius"),
    "control": ("str", "", "negative control in force, if any"),
    "relabel_from": ("int64", "round", "first round with other label noise (0: never)"),
    "T": ("int64", "rounds", "horizon"),
    "d": ("int64", "", "feature dimension"),
    "N": ("int64", "", "pool size or classes"),
    "M": ("int64", "", "alternatives shown"),
    "gap": ("float64", "", "size of theta*'s coordinates on the hard instance (0 elsewhere)"),
    "B": ("int64", "labels", "budget"),
    "beta": ("float64", "labels/round", "budget ratio B/T"),
    "sigma": ("float64", "reward", "noise scale"),
    "noise": ("str", "", "law of the label noise"),
    "misfit": ("float64", "reward", "largest distance of a response's payoff from a linear one"),
    "lam": ("float64", "", "ridge parameter"),
    "S": ("float64", "", "bound on the norm of theta*"),
    "L": ("float64", "", "bound on design vectors"),
    "delta": ("float64", "", "failure probability"),
    "t": ("int64", "round", "recorded round, 1-based"),
    "regret": ("float64", "reward", "regret over all rounds so far (mistakes on recorded streams)"),
    "regret_queried": ("float64", "reward", "regret over bought rounds so far"),
    "mistakes": ("int64", "rounds", "wrong picks over all rounds"),
    "mistakes_queried": ("int64", "rounds", "wrong picks over bought rounds"),
    "labels": ("int64", "labels", "labels bought so far"),
    "psi": ("float64", "nats", "information bought, log det V - log det lam I"),
    "potential": ("float64", "", "sum of w^2 over design vectors"),
    "wide": ("int64", "", "design vectors with w^2 >= 0.25"),
    "radius": ("float64", "reward", "confidence radius alpha_t"),
    "conf_ratio": ("float64", "", "||theta_hat - theta*||_V / alpha after the round"),
    "conf_ratio_max": ("float64", "", "its maximum along the path"),
    "slack_width_max": ("float64", "reward", "max of instant regret - width latency"),
    "slack_regret_max": ("float64", "reward", "max of instant regret - regret latency"),
    "latency_sum": ("float64", "reward", "sum of width latencies over all rounds"),
    "width_sum_bought": ("float64", "reward", "sum of alpha w over bought rounds"),
    "gain_unbought_max": ("float64", "nats", "largest gain that was not bought"),
    "latency": ("float64", "reward", "latency of the gate in the round"),
    "gain": ("float64", "nats", "log(1 + w^2) in the round"),
    "threshold": ("float64", "", "gate threshold in the round"),
    "threshold_rise_max": ("float64", "", "largest rise of the threshold between rounds"),
    "below_threshold": ("int64", "rounds", "shut: below threshold"),
    "opened": ("int64", "rounds", "opened: above threshold"),
    "certified": ("int64", "rounds", "shut: pick certified best"),
    "out_of_budget": ("int64", "rounds", "shut: no label left"),
    "forced": ("int64", "rounds", "opened by schedule or lot"),
    "decision_hash": ("int64", "", "rolling hash of all decisions so far"),
    "accuracy": ("float64", "share", "held-out accuracy (recorded streams)"),
}
COLUMNS = tuple(SCHEMA)


class TableError(ValueError):
    """A table does not follow the schema or does not match its checksum."""


def gate_name(gate: GateSpec) -> str:
    """A gate's name in the column ``gate``: llf_split says how it spends its second purse, a coin beside a gate is
    named with its share (llf_paced+coin0.5)."""
    name = f"llf_split_{gate.purse}" if gate.kind == "llf_split" else gate.kind
    return f"{name}+coin{gate.coin_share:g}" if gate.coin_share else name


def constants(run: str, result: RunLog) -> dict[str, Any]:
    """The columns that do not change within one configuration, which is called ``run``."""
    spec, g = result.spec, result.setup
    k, B = spec.learner, spec.budget
    return dict(
        run=run, key=spec.key(), seed=spec.seed, context=spec.stream.context, follower=spec.follower.kind,
        leader=k.leader, feedback=k.feedback, gate=gate_name(spec.gate), latency_mode=spec.gate.latency_used,
        cap=spec.gate.cap, coin_share=spec.gate.coin_share, radius_mode=k.radius_mode, radius_c=k.radius_c,
        control=k.control, relabel_from=spec.relabel_from, T=g.T, d=g.d, N=g.N, M=g.M,
        gap=spec.hard_delta if spec.follower.kind == "hard_instance" else 0.0, B=B, beta=B / g.T,
        sigma=k.sigma, noise=spec.stream.noise, misfit=spec.stream.misfit, lam=k.lam, S=k.S, L=k.L, delta=k.delta,
    )  # fmt: skip


def from_logs(results: Sequence[tuple[str, RunLog]], first: int = 0) -> pd.DataFrame:
    """The table of several configurations, in order; replications count from ``first``."""
    fixed = pd.DataFrame([constants(run, result) for run, result in results])
    lengths = [sum(len(r) for r in result.rows) for _, result in results]
    replication = [np.repeat(np.arange(len(r.rows)), len(r.rows[0])) + first for _, r in results]
    frame = pd.DataFrame(np.concatenate([rows for _, r in results for rows in r.rows]), columns=list(log.COLUMNS))
    wide = fixed.loc[np.repeat(np.arange(len(results)), lengths)].reset_index(drop=True)
    return coerce(pd.concat([wide, frame.assign(replication=np.concatenate(replication))], axis=1))


def from_log(run: str, result: RunLog, first: int = 0) -> pd.DataFrame:
    """The table of one configuration."""
    return from_logs([(run, result)], first)


def coerce(frame: pd.DataFrame) -> pd.DataFrame:
    """Order and type the columns by the schema; raises TableError on a missing or extra one."""
    missing, extra = set(COLUMNS) - set(frame), set(frame) - set(COLUMNS)
    if missing or extra:
        raise TableError(
            f"not a results table: missing columns {sorted(missing)}, unknown columns {sorted(map(str, extra))}"
        )
    return frame[list(COLUMNS)].astype({c: kind for c, (kind, _, _) in SCHEMA.items()}).reset_index(drop=True)


def save(frame: pd.DataFrame, path: Path, provenance: dict) -> None:
    """Write the table as Parquet and, last, a JSON beside it: provenance, number of rows, sha256."""
    _kept(path).put(frame.to_parquet(index=False, compression="zstd"), {**provenance, "rows": len(frame)})


def load(path: Path) -> tuple[pd.DataFrame, dict]:
    """Read a saved table and its provenance.

    Raises FileNotFoundError where either file is missing and TableError where the bytes differ
    from the checksum or the columns from the schema.
    """
    loaded = _kept(path).get(lambda data, note: (coerce(pd.read_parquet(io.BytesIO(data))), note))
    if loaded is None:
        raise FileNotFoundError(f"no saved table {path}")
    return loaded


def _kept(path: Path) -> Kept:
    return Kept(path, TableError, "save it again, or take it from a copy")


def final(frame: pd.DataFrame) -> pd.DataFrame:
    """The last recorded round of every run and replication."""
    return frame[frame["t"] == frame["T"]].reset_index(drop=True)
