"""Tier and selection -> what is played, judged and drawn."""

import dataclasses
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from figures.gallery import FAMILIES
from paper_repro import cells, runs
from paper_repro.backend import Where
from paper_repro.catalogue import STUDIES, closure, sources
from paper_repro.jobs import Job, by_table
from paper_repro.reference import missing
from sim import sweeps, tiers
from sim.spec import one_of
from theory.claims import LEDGER, chosen
from theory.judges import lm


@dataclass(frozen=True)
class Plan:
    """What a command does: jobs, claim ids and figure names (all of them, or those selected)."""

    tier: tiers.Tier
    jobs: tuple[Job, ...]
    claims: tuple[str, ...]
    figures: tuple[str, ...]
    label: str = ""  # "" for everything, "-B8-hard" for a selection, so that it overwrites nothing

    @property
    def sweeps(self) -> tuple[str, ...]:
        """The sweeps among the tables that are played; the others are studies."""
        return tuple(dict.fromkeys(job.table for job in self.jobs if job.kind is runs.RUNS))


def tier_of(name: str, sets: int | None) -> tiers.Tier:
    """The tier, with another number of seed sets if asked for; ValueError for an unknown name."""
    one_of("tier", tuple(tiers.TIERS)).func(name)  # type: ignore[call-arg]
    if sets is not None and sets < 1:
        raise ValueError(f"--seeds {sets}: give at least one seed set")
    tier = tiers.TIERS[name]
    return tier if sets is None else dataclasses.replace(tier, sets=sets)


UNPLAYED = {c.figure for c in lm.ALL} - {c.figure for c in LEDGER}  # of claims that wait for a reference run


def select(only: tuple[str, ...]) -> tuple[tuple[str, ...], set[str], tuple[str, ...]]:
    """(claims, sweeps and studies, figures) of a selection of their ids; if empty, all whose shipped tables are there.

    Raises ValueError for an unknown id, and for one that reads a shipped table which is not committed yet.
    """
    ids = [c.id for c in LEDGER if not missing(c.tables)]
    every = tuple(f for f in FAMILIES if f not in UNPLAYED and not missing(FAMILIES[f].needs))
    groups = tuple(c.group for c in LEDGER)
    valid = tuple(dict.fromkeys((*(c.id for c in LEDGER), *groups, *sweeps.SWEEPS, *STUDIES, *FAMILIES)))
    for name in only:
        one_of("id", valid).func(name)  # type: ignore[call-arg]
    if not only:
        return tuple(ids), {*sweeps.SWEEPS, *STUDIES}, every
    claims = tuple(c.id for c in chosen(only))
    drawn = tuple(f for f in FAMILIES if f in only)
    for name, needs in (*((c.id, c.tables) for c in chosen(only)), *((f, FAMILIES[f].needs) for f in drawn)):
        if lacking := missing(needs):
            raise ValueError(f"{name} reads {', '.join(lacking)}, not measured yet; leave it out until it is committed")
    wanted = closure(s for c in LEDGER if c.id in claims for s in c.tables) | set(only)
    for family in drawn:
        wanted |= sources(family)
        if "verdicts" in FAMILIES[family].needs:
            claims = tuple(ids)
            wanted |= closure(s for c in LEDGER if c.id in ids for s in c.tables)
    return claims, wanted, drawn


def make(tier_name: str, only: tuple[str, ...] = (), sets: int | None = None) -> Plan:
    """Build the plan of a command; ValueError names an unknown tier or id and the nearest."""
    tier = tier_of(tier_name, sets)
    claims, wanted, drawn = select(only)
    return Plan(tier, jobs_of(wanted, tier), claims, drawn, "".join(f"-{name}" for name in only))


def jobs_of(wanted: Collection[str], tier: tiers.Tier, look: int = 0) -> tuple[Job, ...]:
    """What a look at the named sweeps and studies plays: look 0 the tier's replications, later ones as many again.

    ``tier.fixed`` names sweeps that do not grow; a study may not grow either.
    """
    grown = [name for name in sweeps.SWEEPS if name in wanted and (look == 0 or name not in tier.fixed)]
    played = [job for name in grown for job in runs.jobs(name, tier, look)]
    studied = [study for name, study in STUDIES.items() if name in wanted]
    return (*played, *(job for study in studied for job in cells.jobs(study, tier, look)))


def describe(plan: Plan, out: Path, place: Where) -> list[str]:
    """What a plan's first look would play and what of it is cached, a line a table; claims, figures, and the time.

    How many looks follow depends on what they show; only claims that are still open cost more.
    """
    lines, total = [], 0.0
    for name, jobs in by_table(plan.jobs).items():
        missing = [job.seconds for job in jobs if not job.kept(out).finished()]
        total += sum(missing)
        count = f"{len(jobs):>5} {jobs[0].kind.plural + ',':<15} {len(jobs) - len(missing):>5} cached"
        lines.append(f"{name:<24} {count}, {sum(missing):>6.0f} core s to play")
    lines.append(f"claims: {' '.join(plan.claims) or 'none'}")
    lines.append(f"figures: {' '.join(plan.figures) or 'none'}")
    cores = place.jobs if place.scheduler is None else 1
    more = f", then up to {plan.tier.looks - 1} looks more for claims that stay open" * (plan.tier.looks > 1)
    return [*lines, f"about {total / cores / 60:.1f} minutes on {place.text}{more}; output in {out}"]
