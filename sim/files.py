"""Files that are whole or not there: bytes written atomically."""

import os
import tempfile
from pathlib import Path

_UMASK = os.umask(0o022)  # read once, at import: it cannot be read without being set
os.umask(_UMASK)


def write_atomic(path: Path, data: bytes) -> None:
    """Write bytes so that a reader sees the old file or the whole new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        os.chmod(name, 0o666 & ~_UMASK)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
