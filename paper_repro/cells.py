"""Jobs of studies: one cell each (``theory.studies.study``), played in processes.

A cell's file in the cache holds its rows as Parquet, in a folder named by the source of everything
that could change them: an edit of theory plays the studies again, and nothing else.  Linear algebra
runs on one thread in every process, so the rows do not depend on how many there are, nor on where
they are.
"""

import hashlib
import io
import json
import threading
import time
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from paper_repro.jobs import Job, Kind
from paper_repro.version import SOURCE
from sim.tiers import Tier
from theory.studies.study import Study

_ALONE = threading.Lock()  # a worker with several threads plays one cell at a time


def jobs(study: Study, tier: Tier, look: int = 0) -> list[Job]:
    """The cells that a look plays, in their order, each under the study's name and a digest of its arguments."""
    listed = []
    for i, cell in enumerate(study.more(tier, look) if look else study.cells(tier)):
        digest = hashlib.sha256(json.dumps([study.name, cell], sort_keys=True).encode()).hexdigest()[:32]
        names = study.name, f"{study.name}/{i}" + f"-{look}" * (look > 0), f"{study.name}-{digest}"
        listed.append(Job(CELLS, *names, study.seconds, (study, cell), {"cell": cell}))
    return listed


def play(study: Study, cell: dict[str, Any]) -> tuple[bytes, float]:
    """(rows as Parquet, core seconds) of a cell."""
    with _ALONE, threadpool_limits(1):
        start = time.process_time()
        frame = study.play(**cell)
        seconds = time.process_time() - start
    return frame.to_parquet(index=False, compression="zstd"), seconds


def read(data: bytes, *_: Any) -> pd.DataFrame:
    """The rows of a cell."""
    return pd.read_parquet(io.BytesIO(data))


def join(parts: list[tuple[Job, pd.DataFrame]]) -> pd.DataFrame:
    """The table of a study."""
    return pd.concat([rows for _, rows in parts], ignore_index=True)


# Processes, because solvers and warning filters are not made for threads.
CELLS = Kind("cells", "processes", f"studies-{SOURCE}", ".parquet", play, read, join)
