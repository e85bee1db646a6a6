"""What this machine has, and whether the suite can run on it."""

from pathlib import Path

from paper_repro import provenance
from paper_repro.store import Store, ensure_writable

OPTIONAL = ("torch", "transformers", "distributed", "dask-jobqueue")


def size(folder: Path) -> float:
    """MiB in a folder."""
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20


def examine(out: Path) -> tuple[list[str], list[str]]:
    """(facts, problems) as lines; the machine is fit if there are no problems."""
    facts = [f"{name}: {value}" for name, value in provenance.collect().items()]
    facts += [f"{name}: {provenance.version(name)} (optional)" for name in OPTIONAL]
    problems = []
    problems += [
        f"{p} is not installed; run make setup"
        for p in provenance.PACKAGES[1:]
        if provenance.version(p) == "not installed"
    ]
    if problems:
        return facts, problems
    from sim import kernels

    folder = kernels.CACHE
    facts.append(f"compile cache: {folder} ({size(folder) if folder.is_dir() else 0.0:.1f} MiB)")
    try:
        ensure_writable(out)
        facts.append(f"output folder: {out} (writable)")
    except PermissionError as error:
        problems.append(str(error))
    store = Store(out)
    here = len(list(store.folder.glob("*.npy"))) if store.folder.is_dir() else 0
    facts.append(f"cached results of this code version: {here}")
    facts += [f"cached results of code version {v}, not used: {n}" for v, n in store.other_versions().items()]
    return facts, problems
