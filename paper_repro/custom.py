"""One run that a TOML file of RunSpec fields describes, played into a table."""

import tomllib
from pathlib import Path

from sim import engine, table
from sim.files import ensure_writable
from sim.spec import RunSpec


def play(path: Path, folder: Path) -> int:
    """Play the run into a table named like the file; raises FileNotFoundError and what RunSpec raises."""
    if not path.is_file():
        raise FileNotFoundError(f"no configuration {path}; give a TOML file of RunSpec fields")
    ensure_writable(folder)
    spec = RunSpec.model_validate(tomllib.loads(path.read_text()))
    frame = table.from_log(f"{path.stem}/0", engine.play(spec))
    target = folder / f"{path.stem}.parquet"
    table.save(frame, target, {"spec": spec.model_dump(mode="json")})
    rows = table.final(frame)
    print(f"regret {rows['regret'].mean():.4g} over all rounds, {rows['regret_queried'].mean():.4g} over bought rounds")
    print(f"labels {rows['labels'].mean():.4g} of {spec.budget}; {len(rows)} replications; {target}")
    return 0
