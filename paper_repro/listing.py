"""The ids that commands take."""

from figures.gallery import FAMILIES
from paper_repro.catalogue import STUDIES
from sim import sweeps, tiers
from sim.rules import followers, gates
from theory.claims import LEDGER


def lines() -> list[str]:
    """One line a sweep, study, claim and figure, then the gates and followers."""
    out = []
    for name, make in sweeps.SWEEPS.items():
        sizes = ", ".join(f"{t}: {len(make(tier))}" for t, tier in tiers.TIERS.items())
        out.append(f"sweep  {name:<12} {(make.__doc__ or '').strip().splitlines()[0]} ({sizes} configurations)")
    out += [f"study  {study}" for study in STUDIES]
    out += [f"claim  {claim.id:<12} {claim.statement} [{claim.origin}; {claim.kind}]" for claim in LEDGER]
    out += [f"figure {name:<12} {family.title}" for name, family in FAMILIES.items()]
    out.append("gates      " + " ".join(g for g in gates.GATES if not g.startswith("control")))
    out.append("followers  " + " ".join(followers.FOLLOWERS))
    return out
