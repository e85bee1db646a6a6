"""Where results come from: versions, commit, machine."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

from sim.version import CODE

PACKAGES = ("budgeted-stackelberg", "numpy", "scipy", "numba", "cvxpy", "pandas", "pyarrow", "matplotlib", "pydantic")


def version(package: str) -> str:
    """Installed version of a package, or "not installed"."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def commit() -> str:
    """Commit of the checkout that this file lies in, with "+changes" if it is dirty."""
    root = Path(__file__).resolve().parent.parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        head = git("rev-parse", "--short=12", "HEAD")
        return head + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "not a git checkout"


def collect() -> dict[str, str]:
    """Flat name -> text, for JSON and the report."""
    facts = {"code version (sim)": CODE, "commit": commit(), "python": platform.python_version()}
    facts |= {name: version(name) for name in PACKAGES}
    facts |= {"platform": platform.platform(), "processor": processor(), "cores": str(os.cpu_count())}
    return facts


def processor() -> str:
    """Model name of the processor where the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
