"""The sizes of the tiers: smoke (three minutes), standard (twelve), paper (hours)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tier:
    """Sizes of a tier.

    name          smoke, standard or paper
    sets          disjoint seed sets; verdicts are drawn from all of them together
    looks         how often a claim that stays open is looked at, each time with twice the replications
    fixed         sweeps that keep their first replications: one is there to be looked at, another grows too dear
    T_rate, T_hard, T_stated, T_pool  rounds of the sweeps ``horizon``; ``hard``; ``stated``; and of
                  ``efficiency`` and ``followers``
    T_theorem, T_long  rounds of ``theorem2`` and ``theorem3``, and of ``long``
    T_witness     pairs (T, B) of the sweep ``witness``
    dims          feature dimensions of the sweep ``horizon``
    replications  (sweep, replications in one seed set at the first look)

    Replications and dimensions of the standard tier were set after a first run, so that most claims are decided
    within 12 minutes; no margin and no level was.
    """

    name: str
    sets: int
    looks: int
    fixed: tuple[str, ...]
    T_rate: int
    T_hard: int
    T_stated: int
    T_pool: int
    T_theorem: int
    T_long: int
    T_witness: tuple[tuple[int, int], ...]
    dims: tuple[int, ...]
    replications: tuple[tuple[str, int], ...]

    def reps(self, sweep: str) -> int:
        """Replications of the named sweep in one seed set; KeyError for a sweep without any."""
        return dict(self.replications)[sweep]


def _reps(**counts: int) -> tuple[tuple[str, int], ...]:
    return tuple(counts.items())


TIERS = {
    "smoke": Tier(
        "smoke", 1, 1, ("trace",),
        2048, 1024, 2**14, 1024, 1600, 4096, ((20_000, 64),), (4, 8, 16),
        _reps(
            horizon=8, planned=8, quiet=4, full=8, coverage=20, long=8, misfit=8, theorem=2, hard=4, envelope=8,
            stated=2, witness=4, efficiency=4, followers=8, bait=8, steep=8, insurance=8, digits=3, peek=4, controls=20,
        ),
    ),
    "standard": Tier(
        "standard", 3, 3, ("trace", "efficiency"),
        32768, 8192, 2**18, 8192, 3200, 10**5, ((100_000, 100),), (4, 8, 16, 32),
        _reps(
            horizon=16, planned=48, quiet=4, full=16, coverage=160, long=72, misfit=72, theorem=4, hard=32,
            envelope=48, stated=2, witness=8, efficiency=8, followers=16, bait=8, steep=64, insurance=8, digits=10,
            peek=10, controls=40,
        ),
    ),
    "paper": Tier(
        "paper", 3, 8, ("trace",),
        10**6, 10**5, 10**6, 20_000, 3200, 10**6, ((100_000, 100), (10**6, 1000)), (4, 8, 16, 32, 64),
        _reps(
            horizon=16, planned=48, quiet=8, full=16, coverage=200, long=80, misfit=80, theorem=20, hard=32,
            envelope=48, stated=4, witness=8, efficiency=24, followers=16, bait=8, steep=64, insurance=8, digits=20,
            peek=30, controls=100,
        ),
    ),
}  # fmt: skip
