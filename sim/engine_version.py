"""Digest of sim's source files: names compile caches and results caches."""

import hashlib
from pathlib import Path


def digest() -> str:
    """First 12 hex digits of the sha256 over the names and bytes of sim/*.py."""
    h = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        h.update(file.name.encode())
        h.update(file.read_bytes())
    return h.hexdigest()[:12]


CODE = digest()
