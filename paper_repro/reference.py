"""Committed reference results of the smoke tier: decisions and counts exactly, floats to 1e-9."""

from pathlib import Path

import numpy as np
import pandas as pd

from sim import table

EXPECTED = Path(__file__).parent / "expected"
KEYS = ["run", "seed", "replication"]
REASONS = ["below_threshold", "opened", "certified", "out_of_budget", "forced"]
EXACT = ["labels", "mistakes", "mistakes_queried", *REASONS, "decision_hash"]
CLOSE = ["regret", "regret_queried", "psi", "radius", "conf_ratio_max", "latency_sum", "accuracy"]
TOLERANCE = 1e-9


def summary(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The compared columns of the last round of the first two replications of every run."""
    rows = pd.concat([table.final(t) for t in tables.values()], ignore_index=True)
    rows = rows[rows["replication"] < 2]
    return rows[KEYS + EXACT + CLOSE].sort_values(KEYS).reset_index(drop=True)


def update(tables: dict[str, pd.DataFrame], tier: str) -> Path:
    """Write new reference results (their reason belongs in the commit message)."""
    path = EXPECTED / f"{tier}.parquet"
    table.write_atomic(path, summary(tables).to_parquet(index=False, compression="zstd"))
    return path


def differences(tables: dict[str, pd.DataFrame], tier: str) -> list[str]:
    """What differs from the reference, a line each; empty if nothing does.

    Raises FileNotFoundError if the tier has no committed reference.
    """
    path = EXPECTED / f"{tier}.parquet"
    if not path.is_file():
        raise FileNotFoundError(f"no reference results for tier {tier!r} in {EXPECTED}; only smoke has them")
    want, have = pd.read_parquet(path), summary(tables)
    if list(want[KEYS].itertuples(index=False)) != list(have[KEYS].itertuples(index=False)):
        return [f"the runs differ: {len(want)} in the reference, {len(have)} here"]
    out = []
    for column in EXACT:
        bad = (want[column] != have[column]).to_numpy()
        out += _lines(want, have, column, bad)
    for column in CLOSE:
        a, b = want[column].to_numpy(), have[column].to_numpy()
        out += _lines(want, have, column, ~np.isclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
    return out


def _lines(want: pd.DataFrame, have: pd.DataFrame, column: str, bad: np.ndarray) -> list[str]:
    if not bad.any():
        return []
    i = int(np.argmax(bad))
    run, rep = want["run"][i], want["replication"][i]
    return [f"{column}: {bad.sum()} runs differ, first {run} replication {rep}: {want[column][i]} -> {have[column][i]}"]
