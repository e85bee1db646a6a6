"""How much a preflight plays: sizes as data, and how they shrink where a slow part leaves too little time."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from sim import sweeps
from sim.rules import followers
from sim.spec import LearnerSpec
from theory.judges.plugin import enough

ARENAS = (
    *((f, c) for c in ("isotropic", "power_law", "zipf", "shift") for f in followers.POOL),
    *((f, "free") for f in (*followers.SWEPT, "patient", "bait")),
)
SHARE = 0.5  # of the minutes for the runs of the user's gate; the rest is for rivals, searches, data, the page
LEAST = 4  # replications a seed set below which intervals say nothing
SEARCH = 0.06  # of the minutes for each search


@dataclass(frozen=True)
class Size:
    """sets of seeds; reps replications in each; T rounds; arenas (follower, context).

    cover_*: the coverage runs; rate_*: the fits in T and beta; digits_*: recorded streams; latency_*: claims
    checked round by round; search [s]: each search for a worst instance.
    """

    name: str
    sets: int
    reps: int
    T: int
    arenas: tuple[tuple[str, str], ...]
    cover_arenas: tuple[tuple[str, str], ...]
    cover_T: int
    rate_reps: int
    horizons: tuple[int, ...]
    rate_T: int
    betas: tuple[float, ...]
    digits_reps: int
    digits_T: int
    latency_reps: int
    latency_T: int
    search: float

    def cover_reps(self, level: float) -> int:
        """Replications of a coverage cell, which an exact interval needs."""
        return enough(LearnerSpec().delta, level / len(self.cover_arenas))

    def rounds(self, level: float) -> int:
        """Rounds that the user's gate plays, roughly."""
        arenas = len(self.arenas) * (self.sets * self.reps * self.T + 6 * min(self.T, 300))
        cover = self.sets * len(self.cover_arenas) * self.cover_reps(level) * self.cover_T
        rates = self.sets * self.rate_reps * (sum(self.horizons) + self.rate_T * len(self.betas))
        claims = self.sets * len(self.arenas) * 3 * self.latency_reps * self.latency_T
        data = self.sets * self.digits_reps * self.digits_T
        return arenas + cover + rates + claims + data + self.sets * 2400


BETAS = (0.02, 0.06, 0.2, 0.6)
FULL = Size(
    "full", 3, 20, 1000, ARENAS, ARENAS, 200, 30, (512, 1024, 2048, 4096, 8192), 4096, BETAS, 10, 1300, 3, 200, 18.0
)
PLAIN = Size(
    "plain loop", 3, 7, 500, ARENAS, sweeps.ARENAS, 30, 6, (128, 256, 512, 1024, 2048), 1024, BETAS, 4, 500, 2, 150,
    18.0,
)  # fmt: skip
QUICK = Size(
    "quick", 1, 4, 100, sweeps.ARENAS[2:5], sweeps.ARENAS[3:4], 20, 4, (32, 64, 128), 200, (0.1, 0.3, 1.0), 3, 100, 1,
    60, 0.7,
)  # fmt: skip


def smaller(size: Size) -> Iterator[Size]:
    """Ever smaller sizes: replications first, then rounds, then arenas, seed sets last."""
    while size.reps > LEAST:
        size = replace(size, reps=size.reps - 1, rate_reps=max(LEAST, size.rate_reps - 1))
        yield size
    while size.T > 100:
        horizons = tuple(dict.fromkeys(max(T // 2, 16) for T in size.horizons))
        size = replace(
            size, T=max(size.T // 2, 100), horizons=horizons, rate_T=max(size.rate_T // 2, 200),
            cover_T=max(size.cover_T // 2, 20), digits_T=max(size.digits_T // 2, 100),
        )  # fmt: skip
        yield size
    if len(size.arenas) > len(sweeps.ARENAS):
        size = replace(size, arenas=sweeps.ARENAS)
    size = replace(size, cover_arenas=QUICK.cover_arenas, digits_reps=QUICK.digits_reps)
    yield size
    size = replace(size, latency_reps=1, latency_T=60)
    yield size
    yield replace(size, sets=1, T=50, horizons=(32, 64, 128), betas=QUICK.betas, rate_T=200, digits_T=60)


def fitting(size: Size, level: float, microseconds: float, seconds: float, jobs: int) -> tuple[Size, list[str]]:
    """The size that ``seconds`` of wall clock on ``jobs`` cores leave room for, and what was reduced, in words.

    Coverage keeps its replications, because an interval needs them.
    """
    room = SHARE * seconds * jobs * 1e6 / max(microseconds, 1e-3)
    small = size
    shrinking = smaller(size)
    while small.rounds(level) > room:
        following = next(shrinking, None)
        if following is None:
            break
        small = following
    changes = [
        f"{f.name} {_short(getattr(size, f.name))} -> {_short(getattr(small, f.name))}"
        for f in fields(Size)
        if getattr(size, f.name) != getattr(small, f.name)
    ]
    return small, [f"{', '.join(changes)} (a round takes {microseconds:.3g} us)"] if changes else []


def _short(value: object) -> str:
    return f"{len(value)} of them" if isinstance(value, tuple) and value and isinstance(value[0], tuple) else str(value)
