"""What a plan would play, what is cached and what it costs, without playing it."""

from pathlib import Path

from paper_repro import cells
from paper_repro.backend import Where
from paper_repro.catalogue import STUDIES
from paper_repro.plan import Plan
from paper_repro.store import Store


def describe(plan: Plan, folder: Path, place: Where) -> list[str]:
    """Lines: a sweep and a study each, claims, figures, time at a place."""
    store, lines, total = Store(folder), [], 0.0
    cores = place.jobs if place.scheduler is None else 1
    for name in plan.sweeps:
        mine = [j for j in plan.jobs if j.sweep == name]
        missing = [j for j in mine if not store.has(j.spec)]
        seconds = sum(j.seconds for j in missing)
        total += seconds
        cached = len(mine) - len(missing)
        lines.append(f"{name:<24} {len(mine):>5} configurations, {cached:>5} cached, {seconds:>6.0f} core s to play")
    for name in plan.studies:
        study = STUDIES[name]
        listed = study.cells(plan.tier)
        missing_cells = [c for c in listed if not cells.path_of(cells.folder_of(folder), study, c).is_file()]
        seconds = len(missing_cells) * study.seconds
        total += seconds
        cached = len(listed) - len(missing_cells)
        lines.append(f"{name:<24} {len(listed):>5} cells,          {cached:>5} cached, {seconds:>6.0f} core s to play")
    lines.append(f"claims: {' '.join(plan.claims) or 'none'}")
    lines.append(f"figures: {' '.join(plan.figures) or 'none'}")
    lines.append(f"about {total / cores / 60:.1f} minutes on {place.text}; output in {folder}")
    return lines
