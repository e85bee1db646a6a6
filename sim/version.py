"""Digest of the source files that determine a run's numbers: names compile and results caches."""

import hashlib
from pathlib import Path

# What is played and how rows are labelled (the configuration's own digest covers what matters), other games.
AROUND = {
    "__init__.py", "sweeps.py", "experiments", "tiers.py", "table.py", "trace.py", "runlog.py", "files.py",
    "protocols.py", "preference", "live", "adapters",
}  # fmt: skip


def digest() -> str:
    """First 12 hex digits of the sha256 over paths and bytes of sim's sources but for ``AROUND``."""
    root, h = Path(__file__).parent, hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        name = file.relative_to(root)
        if name.parts[0] not in AROUND:
            h.update(name.as_posix().encode())
            h.update(file.read_bytes())
    return h.hexdigest()[:12]


CODE = digest()
