"""Tier and selection -> what is played, judged and drawn."""

import dataclasses
from dataclasses import dataclass

from figures.gallery import FAMILIES
from paper_repro.catalogue import STUDIES, closure, sources
from sim import sweeps, tiers
from sim.spec import RunSpec, one_of
from theory.claims import LEDGER, chosen

SECONDS_PER_UNIT = 2.5e-6  # one round at d <= 16 on one core; only used for estimates
SECONDS_PER_CONFIGURATION = 0.02


@dataclass(frozen=True)
class Job:
    """One configuration of a sweep: id "name/i", its spec and estimated core seconds."""

    sweep: str
    run: str
    spec: RunSpec
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a command does: jobs, claim ids and figure names (all of them, or those selected)."""

    tier: tiers.Tier
    jobs: tuple[Job, ...]
    claims: tuple[str, ...]
    figures: tuple[str, ...]
    studies: tuple[str, ...] = ()
    label: str = ""  # "" for everything, "-B8-hard" for a selection, so that it overwrites nothing

    @property
    def sweeps(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(job.sweep for job in self.jobs))


def tier_of(name: str, sets: int | None) -> tiers.Tier:
    """The tier, with another number of seed sets if asked for; ValueError for an unknown name."""
    one_of("tier", tuple(tiers.TIERS)).func(name)  # type: ignore[call-arg]
    if sets is not None and sets < 1:
        raise ValueError(f"--seeds {sets}: give at least one seed set")
    tier = tiers.TIERS[name]
    return tier if sets is None else dataclasses.replace(tier, sets=sets)


def select(only: tuple[str, ...]) -> tuple[tuple[str, ...], set[str], tuple[str, ...]]:
    """(claims, sweeps and studies, figures) of a selection of their ids; all if empty."""
    ids = [c.id for c in LEDGER]
    groups = tuple(c.group for c in LEDGER)
    valid = tuple(dict.fromkeys((*ids, *groups, *sweeps.SWEEPS, *STUDIES, *FAMILIES)))
    for name in only:
        one_of("id", valid).func(name)  # type: ignore[call-arg]
    if not only:
        return tuple(ids), {*sweeps.SWEEPS, *STUDIES}, tuple(FAMILIES)
    claims = tuple(c.id for c in chosen(only))
    drawn = tuple(f for f in FAMILIES if f in only)
    wanted = closure(s for c in LEDGER if c.id in claims for s in c.needs) | set(only)
    for family in drawn:
        wanted |= sources(family)
        if "verdicts" in FAMILIES[family].needs:
            claims = tuple(ids)
            wanted |= closure(s for c in LEDGER for s in c.needs)
    return claims, wanted, drawn


def make(tier_name: str, only: tuple[str, ...] = (), sets: int | None = None) -> Plan:
    """Build the plan of a command; ValueError names an unknown tier or id and the nearest."""
    tier = tier_of(tier_name, sets)
    claims, wanted, drawn = select(only)
    names = [s for s in sweeps.SWEEPS if s in wanted]
    jobs = tuple(
        Job(name, f"{name}/{i}", spec, SECONDS_PER_UNIT * sweeps.cost(spec) + SECONDS_PER_CONFIGURATION)
        for name in names
        for i, spec in enumerate(sweeps.SWEEPS[name](tier))
    )
    studies = tuple(s for s in STUDIES if s in wanted)
    return Plan(tier, jobs, claims, drawn, studies, "".join(f"-{name}" for name in only))
