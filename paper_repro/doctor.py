"""What this machine has, and whether the suite can run on it."""

from pathlib import Path

from paper_repro import provenance
from sim.files import ensure_writable

OPTIONAL = ("torch", "transformers", "distributed", "dask-jobqueue")


def size(folder: Path) -> float:
    """MiB in a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20


def examine(out: Path) -> tuple[list[str], list[str]]:
    """(facts, problems) as lines; the machine is fit if there are no problems."""
    facts = [f"{name}: {value}" for name, value in provenance.collect().items()]
    facts += [f"{name}: {provenance.version(name)} (optional)" for name in OPTIONAL]
    problems = [
        f"{p} is not installed; run make setup"
        for p in provenance.PACKAGES[1:]
        if provenance.version(p) == "not installed"
    ]
    if problems:
        return facts, problems
    from paper_repro.jobs import versions
    from sim import kernels
    from sim.version import CODE

    folder = kernels.CACHE
    facts.append(f"compile cache: {folder} ({size(folder) if folder.is_dir() else 0.0:.1f} MiB)")
    try:
        ensure_writable(out)
        facts.append(f"output folder: {out} (writable)")
    except PermissionError as error:
        problems.append(str(error))
    counts = versions(out)
    facts.append(f"cached results of this code version: {counts.pop(CODE, 0)}")
    facts += [f"cached results of code version {version}, not used: {n}" for version, n in counts.items()]
    return facts, problems
