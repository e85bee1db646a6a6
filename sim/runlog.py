"""What one configuration left behind: the only shape that the engine hands to tables."""

from dataclasses import dataclass

import numpy as np

from sim.setup import Setup
from sim.spec import RunSpec


@dataclass(frozen=True)
class RunLog:
    """spec, its numbers, and per replication the rows (R, rules.log.WIDTH) at the recorded rounds."""

    spec: RunSpec
    setup: Setup
    rows: list[np.ndarray]
