"""Digest of the sources behind the studies: names the cache of their cells."""

import hashlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
# No study reads them.
JUDGES = ("claims.py", "claims_labels.py", "claims_llm.py", "claims_preference.py", "overlay.py", "preflight.py")


def source_digest() -> str:
    """First 12 hex digits of the sha256 over the sources and committed instances behind the studies."""
    h = hashlib.sha256()
    theory = [f for f in ROOT.glob("theory/*.py") if f.name not in JUDGES]
    rules = [*ROOT.glob("sim/*.py"), *ROOT.glob("sim/preference/*.py")]
    files = [*theory, *rules, *ROOT.glob("paper_repro/expected/instances/*")]
    for file in sorted([*files, ROOT / "paper_repro" / "studies.py"]):
        h.update(file.name.encode())
        h.update(file.read_bytes())
    return h.hexdigest()[:12]


SOURCE = source_digest()  # once: an edit during a run must not name what older code computed
