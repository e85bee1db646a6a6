"""The command line.  Exit codes: 0 as expected, 1 a claim failed, 2 usage, 3 inconclusive."""

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from llm.errors import guarded
from paper_repro.preflight import command as preflight_command

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)

TierOption = Annotated[str, typer.Option("--tier", help="smoke (three minutes), standard (twelve) or paper (hours).")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Claim, sweep or figure id; may be repeated.")]


FOLDER = preflight_command.FOLDER  # how an option's text becomes a folder
Out = Annotated[Path | None, typer.Option("--out", help="Output folder (default results/TIER).", **FOLDER)]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Threads; results do not depend on it.")]
Seeds = Annotated[int | None, typer.Option("--seeds", help="Number of disjoint seed sets.")]
Backend = Annotated[str, typer.Option("--backend", help="local (threads and processes here) or dask.")]
Scheduler = Annotated[str | None, typer.Option("--scheduler", help="Address or file of a Dask scheduler.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Print the plan, its cost and what is cached.")]
Rigorous = Annotated[
    bool, typer.Option("--rigorous", help="Judge a finished run's deterministic inequalities in ball arithmetic.")
]
CORES = preflight_command.CORES  # that this process may use


def call(work: Callable[[], int]) -> int:
    """Run a command; errors of the user, the engine or a solver, and no memory, become one message and exit code 2."""
    try:
        return guarded(work)
    except MemoryError as error:
        print(f"error: no memory is left ({error}); give a smaller d, N or T, or fewer --jobs", file=sys.stderr)
        return 2
    except RuntimeError as error:
        from sim.engine import EngineError
        from theory.oracles.certificate import OracleError

        if not isinstance(error, EngineError | OracleError):
            raise
        print(f"error: {error}", file=sys.stderr)
        return 2


def command(name: str | None = None) -> Callable[[Callable[..., int]], Callable[..., None]]:
    """Register a function that returns its exit code as a command."""

    def register(function: Callable[..., int]) -> Callable[..., None]:
        @app.command(name)
        @functools.wraps(function)
        def wrapped(*args: object, **options: object) -> None:
            raise typer.Exit(call(lambda: function(*args, **options)))

        return wrapped

    return register


def _prepare(tier: str, only: list[str] | None, seeds: int | None, out: Path | None):  # type: ignore[no-untyped-def]
    from paper_repro import plan
    from sim.files import ensure_writable

    planned = plan.make(tier, tuple(only or ()), seeds)
    folder = out or Path("results") / tier
    ensure_writable(folder)
    return planned, folder


def _dry(planned, folder: Path, place) -> int:  # type: ignore[no-untyped-def]
    from paper_repro.plan import describe

    print("\n".join(describe(planned, folder, place)))
    return 0


def _print_verdicts(frame) -> int:  # type: ignore[no-untyped-def]
    from theory.ledger import exit_code

    for row in frame.itertuples():
        ratio = f"{row.tightness:.3g}" if row.tightness == row.tightness else "-"
        share = f", says something in {row.useful:.0%}" * (row.useful < 0.5)
        print(f"{row.id:<5} {row.verdict:<13} measured/bound {ratio:<9} {row.statement} [{row.origin}]")
        print(f"      n {row.n}, looks {row.looks}, level {row.level:.1e}{share}; planted: {row.control}")
        if row.verdict in ("FAIL", "REFUTED"):
            print(f"      {row.detail}")
    return exit_code(frame)


def _judged(tier: str, only: list[str] | None, seeds: int | None, out: Path | None, jobs: int):  # type: ignore[no-untyped-def]
    """(plan, results with verdicts), from the cache where it can be."""
    from paper_repro import pipeline
    from paper_repro.backend import Where

    planned, folder = _prepare(tier, only, seeds, out)
    place = Where(jobs)
    return planned, pipeline.verify(planned, pipeline.simulate(planned, folder, place), place)


@command()
def run(
    tier: TierOption = "standard",
    only: Only = None,
    out: Out = None,
    jobs: Jobs = CORES,
    seeds: Seeds = None,
    dry_run: Dry = False,
    backend: Backend = "local",
    scheduler: Scheduler = None,
) -> int:
    """Play what is missing, judge, draw and write the report."""
    from paper_repro.backend import where

    place = where(backend, scheduler, jobs)
    planned, folder = _prepare(tier, only, seeds, out)
    if dry_run:
        return _dry(planned, folder, place)
    from paper_repro import pipeline

    results, report = pipeline.run(planned, folder, place)
    code = _print_verdicts(results.tables["verdicts"]) if planned.claims else 0
    print(f"report: {report.resolve()}")
    return code


@command()
def sweep(
    tier: TierOption = "standard",
    only: Only = None,
    out: Out = None,
    jobs: Jobs = CORES,
    seeds: Seeds = None,
    dry_run: Dry = False,
    config: Annotated[Path | None, typer.Option("--config", help="A TOML file with one run's specification.")] = None,
    backend: Backend = "local",
    scheduler: Scheduler = None,
    shard: Annotated[str | None, typer.Option("--shard", help="i/n: only fill the cache, with part i of n.")] = None,
) -> int:
    """Play sweeps into tables; with --config, one run of your own."""
    if config is not None:
        from paper_repro import custom

        return custom.play(config, out or Path("results") / "custom")
    from paper_repro.backend import where
    from paper_repro.jobs import parse

    place, mine = where(backend, scheduler, jobs), parse(shard) if shard is not None else None
    planned, folder = _prepare(tier, only, seeds, out)
    if dry_run:
        return _dry(planned, folder, place)
    from paper_repro import pipeline

    if mine is not None:
        print(pipeline.prefill(planned, folder, place, mine))
        return 0
    for name, frame in pipeline.simulate(planned, folder, place).tables.items():
        print(f"{name}: {len(frame)} rows, {folder / 'tables' / name}.parquet")
    return 0


@command()
def verify(
    tier: TierOption = "standard",
    only: Only = None,
    out: Out = None,
    jobs: Jobs = CORES,
    seeds: Seeds = None,
    rigorous: Rigorous = False,
) -> int:
    """Judge the claims (missing tables are played first); the exit code tells the outcome."""
    if rigorous:
        from paper_repro import rigorous as balls

        return balls.run(tier, tuple(only or ()), out or Path("results") / tier)
    planned, results = _judged(tier, only, seeds, out, jobs)
    return _print_verdicts(results.tables["verdicts"]) if planned.claims else 0


@command()
def figures(
    tier: TierOption = "standard", only: Only = None, out: Out = None, jobs: Jobs = CORES, seeds: Seeds = None
) -> int:
    """Draw the figures as PNG and PDF."""
    from paper_repro import pipeline

    for path in pipeline.draw(*_judged(tier, only, seeds, out, jobs)):
        print(path)
    return 0


@command()
def report(
    tier: TierOption = "standard", only: Only = None, out: Out = None, jobs: Jobs = CORES, seeds: Seeds = None
) -> int:
    """Write the report again."""
    from paper_repro import pipeline
    from paper_repro.backend import Where

    planned, folder = _prepare(tier, only, seeds, out)
    print(f"report: {pipeline.run(planned, folder, Where(jobs))[1].resolve()}")
    return 0


@command("list")
def list_() -> int:
    """Print the ids of sweeps, claims, figures, gates and followers."""
    from paper_repro.listing import lines

    print("\n".join(lines()))
    return 0


@command()
def compare(
    tier: TierOption = "smoke",
    out: Out = None,
    jobs: Jobs = CORES,
    update: Annotated[bool, typer.Option("--update", help="Write the reference instead of comparing.")] = False,
) -> int:
    """Compare with the committed reference: verdicts, decisions and counts exactly, floats to 1e-9."""
    from paper_repro import reference

    tables = _judged(tier, None, None, out, jobs)[1].tables
    if update:
        for path in reference.update(tables, tier):
            print(f"wrote {path}")
        return 0
    lines = reference.differences(tables, tier)
    print("\n".join(lines) or f"tier {tier}: equal to the reference")
    return 1 if lines else 0


@command()
def falsify(
    claim: Annotated[list[str] | None, typer.Option("--claim", help="Claim id; repeatable (default: all).")] = None,
    minutes: Annotated[float, typer.Option("--minutes", help="Wall clock for the whole search.")] = 2.0,
    out: Out = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the search.")] = 0,
) -> int:
    """Search for the instances that come nearest to breaking a bound; exit code 1 if one is broken."""
    from paper_repro.falsify import run as search
    from sim.files import ensure_writable
    from theory.falsify.space import TARGETS

    folder = out or Path("results")
    ensure_writable(folder)
    worst = search(tuple(claim or TARGETS), minutes, folder, seed)
    return 1 if any(f.ratio > 1.0 + 1e-9 for f in worst) else 0


@app.command("llm", context_settings=dict(allow_extra_args=True, ignore_unknown_options=True), add_help_option=False)
def llm_(context: typer.Context) -> None:
    """Play the gates on a pretrained model (options of python -m llm), judge the M claims, draw pictures."""
    from paper_repro import llm_command

    raise typer.Exit(call(lambda: llm_command.run(context.args)))


@command("llm-reference")
def llm_reference(
    tier: Annotated[str, typer.Option("--tier", help="smoke, cpu or gpu.")] = "smoke",
    data: Annotated[Path | None, typer.Option("--data", help="Folder of the text sets (not for smoke).")] = None,
    out: Out = None,
    model: Annotated[str, typer.Option("--model", help="Hugging Face id or folder (default smollm2).")] = "",
    device: Annotated[str, typer.Option("--device", help="cpu or cuda (default by tier).")] = "",
    jobs: Jobs = CORES,
    only: Annotated[str, typer.Option("--only", help="answers or preferences (default both).")] = "",
    dry_run: Dry = False,
    update: Annotated[bool, typer.Option("--update", help="Keep the tables as reference results.")] = False,
) -> int:
    """Play the gates on a generative language model, judge its claims, draw pictures; goes on where it stopped."""
    from paper_repro import llm_reference as reference

    folder = out or Path("results") / f"llm-{tier}"
    return reference.run(tier, data, folder, model, device, jobs, only, dry_run, update)


@command()
def doctor(
    out: Annotated[Path, typer.Option("--out", help="Output folder to examine.", **FOLDER)] = Path("results/standard"),
) -> int:
    """Say what this machine has and whether the suite can run on it."""
    from paper_repro.doctor import examine

    facts, problems = examine(out)
    print("\n".join(facts))
    print("\n".join(f"problem: {p}" for p in problems) or "no problems")
    return 1 if problems else 0


preflight_command.register(command)


def main() -> None:
    """Console entry point."""
    app(prog_name="paper-repro")
