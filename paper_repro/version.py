"""Digest of the sources behind the studies: names the cache of their cells."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
UNREAD = {  # what no study reads, by room: files and whole folders
    "sim": ("live", "adapters"),
    "theory": ("judges", "claims.py", "overlay.py"),
}


def source_digest() -> str:
    """First 12 hex digits of the sha256 over the sources and committed instances behind the studies."""
    h = hashlib.sha256()
    files = [*ROOT.glob("paper_repro/expected/instances/*"), *ROOT.glob("paper_repro/studies/*.py")]
    for room, unread in UNREAD.items():
        files += [f for f in (ROOT / room).rglob("*.py") if f.relative_to(ROOT / room).parts[0] not in unread]
    for file in sorted(files):
        h.update(file.relative_to(ROOT).as_posix().encode())
        h.update(file.read_bytes())
    return h.hexdigest()[:12]


SOURCE = source_digest()  # once: an edit during a run must not name what older code computed
