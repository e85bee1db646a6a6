"""A digest of source text: what was computed by other code counts as not computed."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from sim.version import CODE


def digest(room: Path, counts: Callable[[str], bool]) -> str:
    """Digest (12 hex digits) of the simulator and of the modules of ``room`` that ``counts(name)`` says matter.

    A name is the path below the room without its suffix, such as "tuned/lora".
    """
    h = hashlib.sha256(CODE.encode())
    for file in sorted(room.rglob("*.py")):
        name = file.relative_to(room).with_suffix("").as_posix()
        if counts(name):
            h.update(name.encode() + file.read_bytes())
    return h.hexdigest()[:12]
