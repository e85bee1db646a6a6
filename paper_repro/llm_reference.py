"""``paper-repro llm-reference``: the gates on a generative language model, the evidence behind its claims.

Cells are kept as they finish, so the command may be killed and goes on; whatever is finished is judged and drawn.
``update`` writes the tables as reference results, named by device and model, with what made them.
"""

import json
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from paper_repro.reference import EXPECTED
from sim.files import ensure_writable, write_atomic

PACKAGES = ("torch", "transformers", "peft", "numpy")


def run(
    tier: str, data: Path | None, out: Path, model: str, device: str, jobs: int, only: str, dry_run: bool, update: bool
) -> int:
    """Play what is missing of a tier, judge and draw; returns the exit code of the verdicts.

    Raises ValueError for an unknown tier or mode, missing data, or a model that cannot be loaded.
    """
    try:
        from llm.generative import command, tiers
    except ModuleNotFoundError as error:
        raise ValueError(f"{error.name} is not installed; pip install 'budgeted-stackelberg[llm]'") from error
    from llm.generative.spec import MODES
    from paper_repro import llm_command

    if only and only not in MODES:
        raise ValueError(f"--only {only}: no such mode; valid: {', '.join(MODES)}")
    ensure_writable(out)
    specs = [s for s in tiers.specs(tier, data, out, model, device) if not only or s.mode == only]
    code = command.work(specs, out, jobs, dry_run)
    if code or dry_run:
        return code
    if update:
        for path in write(out, specs[0].model.name, specs[0].model.device, tier):
            print(f"wrote {path}")
    told = llm_command.show_generative(out)
    if tier == "smoke":
        print("the smoke tier plays a random model: it shows that everything runs, and its verdicts mean nothing")
    return 0 if tier == "smoke" else told


def write(out: Path, model: str, device: str, tier: str) -> list[Path]:
    """The tables of ``out`` as reference results; rows of a mode that was not played this time stay as they were."""
    name = f"{device.partition(':')[0]}-{Path(model).name}"
    paths = []
    for table in ("lm_runs", "lm_times"):
        path = EXPECTED / f"{table}-{name}.csv"
        frame = pd.read_parquet(out / f"{table}.parquet")
        if path.is_file():
            old = pd.read_csv(path)
            played = frame[["data", "mode"]].drop_duplicates()
            kept = old.merge(played, how="left", indicator=True)["_merge"].to_numpy() == "left_only"
            frame = pd.concat([old[kept], frame], ignore_index=True)
        modes = sorted(set(frame["mode"]))
        text = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
        write_atomic(path, text.encode())
        write_atomic(
            path.with_suffix(".json"), json.dumps(origin(tier, model, device, modes), indent=1, sort_keys=True).encode()
        )
        paths.append(path)
    return paths


def origin(tier: str, model: str, device: str, modes: Sequence[str]) -> dict[str, str]:
    """Where, how and with what the tables were measured."""
    return {
        "command": f"paper-repro llm-reference --tier {tier} --data DATA --model {Path(model).name}"
        + f" --only {modes[0]}" * (len(modes) == 1),
        "device": device,
        "machine": f"{platform.machine()}, {platform.system()}",
        "versions": f"Python {platform.python_version()}, " + ", ".join(f"{p} {version(p)}" for p in PACKAGES),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
