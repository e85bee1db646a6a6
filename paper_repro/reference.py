"""Committed reference results: verdicts of a tier, and for the smoke tier its numbers.

Decisions and counts are compared exactly, floats to 1e-9; the ledger page's table is ``markdown`` of the
standard tier's verdicts.  ``SHIPPED`` tables were measured once (their .json says where and how) and
are shown as reference results: times of a benchmark, runs of language models.  One that is not committed yet is
left out, with the claims and figures that read it.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from sim import table
from sim.files import write_atomic

EXPECTED = Path(__file__).parent / "expected"
KEYS = ["run", "seed", "replication"]
REASONS = ["below_threshold", "opened", "certified", "out_of_budget", "forced"]
EXACT = ["labels", "mistakes", "mistakes_queried", *REASONS, "decision_hash"]
CLOSE = ["regret", "regret_queried", "psi", "radius", "conf_ratio_max", "latency_sum", "accuracy"]
TOLERANCE = 1e-9
VERDICT = [
    "id",
    "statement",
    "origin",
    "measured",
    "bound",
    "tightness",
    "verdict",
    "n",
    "looks",
    "useful",
    "by_set",
    "control",
]
WITH_NUMBERS = ("smoke",)
SHIPPED = ("bench_preference", "llm_runs", "llm_times", "lm_runs", "lm_times")


def summary(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The compared columns of the last round of the first two replications of every run."""
    played = [t for t in tables.values() if set(table.COLUMNS) <= set(t)]
    rows = pd.concat([table.final(t) for t in played], ignore_index=True)
    rows = rows[rows["replication"] < 2]
    return rows[KEYS + EXACT + CLOSE].sort_values(KEYS).reset_index(drop=True)


def update(tables: dict[str, pd.DataFrame], tier: str) -> list[Path]:
    """Write new reference results (their reason belongs in the commit message)."""
    paths = [EXPECTED / f"verdicts-{tier}.csv"]
    text = tables["verdicts"][VERDICT].to_csv(index=False, float_format="%.4g", lineterminator="\n")
    write_atomic(paths[0], text.encode())
    if tier in WITH_NUMBERS:
        paths.append(EXPECTED / f"{tier}.parquet")
        write_atomic(paths[1], summary(tables).to_parquet(index=False, compression="zstd"))
    return paths


def verdicts(tier: str) -> pd.DataFrame:
    """The committed verdicts; raises FileNotFoundError if the tier has none."""
    path = EXPECTED / f"verdicts-{tier}.csv"
    if not path.is_file():
        raise FileNotFoundError(f"no reference results for tier {tier!r} in {EXPECTED}; smoke and standard have them")
    return pd.read_csv(path)


def at_hand() -> tuple[str, ...]:
    """The shipped tables that are committed."""
    return tuple(name for name in SHIPPED if _parts(name))


def missing(needs: Iterable[str]) -> list[str]:
    """Those of the needed tables that are shipped, and not committed yet."""
    return sorted(set(needs) & set(SHIPPED) - set(at_hand()))


def shipped(name: str) -> pd.DataFrame:
    """A committed table of reference measurements, of all devices and models that it was measured on."""
    return pd.concat([pd.read_csv(path) for path in _parts(name)], ignore_index=True)


def origin(name: str) -> dict[str, str]:
    """Where, how and with what a shipped table was measured; parts that differ stand one after another."""
    notes = [json.loads(path.with_suffix(".json").read_text()) for path in _parts(name)]
    return {key: " | ".join(dict.fromkeys(note[key] for note in notes if key in note)) for key in notes[0]}


def _parts(name: str) -> list[Path]:
    """Files of a shipped table: ``<name>.csv``, or one a device and model, ``<name>-<device>-<model>.csv``."""
    return sorted([*EXPECTED.glob(f"{name}.csv"), *EXPECTED.glob(f"{name}-*.csv")])


def markdown(frame: pd.DataFrame) -> str:
    """The ledger as a Markdown table."""
    lines = ["| id | claim | origin | measured / bound | verdict |", "|---|---|---|---|---|"]
    for row in frame.itertuples():
        ratio = f"{row.measured:.3g} / {row.bound:.3g}"
        statement = str(row.statement).replace("|", "\\|")  # a norm's bars would end the cell
        lines.append(f"| {row.id} | {statement} | {row.origin} | {ratio} | {row.verdict} |")
    return "\n".join(lines)


def differences(tables: dict[str, pd.DataFrame], tier: str) -> list[str]:
    """What differs from the reference, a line each; empty if nothing does.

    Raises FileNotFoundError if the tier has no committed reference.
    """
    want, have = verdicts(tier), tables["verdicts"]
    seen = dict(zip(have["id"], have["verdict"], strict=True))
    out = [
        f"verdict of {i}: {verdict} -> {seen.get(i, 'not judged')}"
        for i, verdict in zip(want["id"], want["verdict"], strict=True)
        if seen.get(i) != verdict
    ]
    if tier in WITH_NUMBERS:
        out += number_differences(pd.read_parquet(EXPECTED / f"{tier}.parquet"), summary(tables))
    return out


def number_differences(want: pd.DataFrame, have: pd.DataFrame) -> list[str]:
    """Columns in which two summaries differ, with the first run that does."""
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
