"""Digest of the source files that determine a run's numbers: names compile and results caches."""

import hashlib
from pathlib import Path

# What is played and how rows are labelled: the configuration's own digest covers what matters.
AROUND = ("__init__.py", "sweeps.py", "tiers.py", "table.py", "trace.py", "protocols.py")


def digest() -> str:
    """First 12 hex digits of the sha256 over names and bytes of sim/*.py but for ``AROUND``."""
    h = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        if file.name not in AROUND:
            h.update(file.name.encode())
            h.update(file.read_bytes())
    return h.hexdigest()[:12]


CODE = digest()
