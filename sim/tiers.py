"""The sizes of the tiers: smoke (a minute), standard (minutes), paper (hours)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tier:
    """Sizes of a tier.

    name          smoke, standard or paper
    sets          disjoint seed sets, each of which must confirm a verdict
    T_rate, T_hard, T_stated, T_pool  rounds of the sweeps ``horizon``; ``hard``; ``stated``; and of
                  ``efficiency`` and ``followers``
    T_witness     pairs (T, B) of the sweep ``witness``
    dims          feature dimensions of the sweep ``horizon``
    replications  (sweep, replications in one seed set)

    Two things were set after looking at verdicts.  Replications were raised until one seed set alone
    could decide most claims (an interval that contains the bound stays INCONCLUSIVE).  T_hard was
    set so that B/d >= 10 at the smallest beta: at B/d = 5 the exponent in beta of ``periodic`` was
    -0.60 [-0.62, -0.58] and B11 INCONCLUSIVE.
    """

    name: str
    sets: int
    T_rate: int
    T_hard: int
    T_stated: int
    T_pool: int
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
        "smoke", 1, 2048, 1024, 2**14, 1024, ((20_000, 64),), (4, 8, 16),
        _reps(
            horizon=8, coverage=20, theorem=2, hard=4, stated=2, witness=4, efficiency=4, followers=4, digits=3,
            peek=4, controls=20,
        ),
    ),
    "standard": Tier(
        "standard", 3, 32768, 8192, 2**18, 8192, ((100_000, 100),), (4, 8, 16, 32),
        _reps(
            horizon=48, coverage=600, theorem=30, hard=90, stated=4, witness=24, efficiency=18, followers=48,
            digits=10, peek=30, controls=100,
        ),
    ),
    "paper": Tier(
        "paper", 3, 10**6, 10**5, 10**6, 20_000, ((100_000, 100), (10**6, 1000)), (4, 8, 16, 32, 64),
        _reps(
            horizon=48, coverage=1000, theorem=100, hard=80, stated=12, witness=24, efficiency=60, followers=48,
            digits=20, peek=100, controls=300,
        ),
    ),
}  # fmt: skip
