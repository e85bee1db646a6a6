"""Digest of the sources behind the studies: names the cache of their cells."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
# No study reads them.
JUDGES = ("claims.py", "overlay.py", "judges/labels.py", "judges/llm.py", "judges/preference.py", "judges/plugin.py")


def source_digest() -> str:
    """First 12 hex digits of the sha256 over the sources and committed instances behind the studies."""
    h = hashlib.sha256()
    theory = [f for f in ROOT.glob("theory/**/*.py") if f.relative_to(ROOT / "theory").as_posix() not in JUDGES]
    rules = [f for f in ROOT.glob("sim/**/*.py") if f.relative_to(ROOT / "sim").parts[0] not in ("live", "adapters")]
    files = [*theory, *rules, *ROOT.glob("paper_repro/expected/instances/*")]
    for file in sorted([*files, *ROOT.glob("paper_repro/studies/*.py")]):
        h.update(file.relative_to(ROOT).as_posix().encode())
        h.update(file.read_bytes())
    return h.hexdigest()[:12]


SOURCE = source_digest()  # once: an edit during a run must not name what older code computed
