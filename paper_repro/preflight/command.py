"""``paper-repro preflight SOURCE`` and ``paper-repro new KIND NAME``.

Exit codes of preflight: 0 fit for a full run, 1 unfit (an honesty check failed), 2 usage, 3 inconclusive.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from sim.sources import PluginError

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
KINDS = ("gate", "follower", "learner")
Register = Callable[[str | None], Callable[[Callable[..., int]], Callable[..., None]]]


def folder_of(text: object) -> Path:
    """The folder that an option names; a usage error for an empty text, which would mean the current folder."""
    if not str(text).strip():
        raise typer.BadParameter(f"{text!r} is no folder; give its name, or '.' for this one")
    return Path(str(text))


FOLDER: dict[str, Any] = dict(parser=folder_of, metavar="PATH")


def new(
    kind: Annotated[str, typer.Argument(help="gate, follower or learner.")],
    name: Annotated[str, typer.Argument(help="A Python identifier; NAME.py is written here.")],
) -> int:
    """Write NAME.py, a gate, follower or learner that runs as it is."""
    from paper_repro.new import write

    path = write(kind, name)
    print(f"{path}: change it, then try it: paper-repro preflight {path}")
    return 0


def chosen_kind(source: str, kind: str | None) -> str:
    """The kind to look at. Raises ValueError where the file brings none, several, or not the one asked for."""
    from sim import plugins

    if kind is not None and kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; valid: {', '.join(KINDS)}")
    if kind is not None:
        plugins.part(source, kind)
        return kind
    kinds = plugins.kinds(source)
    if not kinds:
        raise PluginError(f"{source} brings no part: it must define {'; or '.join(plugins.ASKED.values())}")
    if len(kinds) > 1:
        raise ValueError(f"{source} brings {' and '.join(kinds)}; say which with --kind")
    return kinds[0]


def preflight(
    source: Annotated[str, typer.Argument(help="A .py file, or entry:NAME.")],
    kind: Annotated[str | None, typer.Option("--kind", help="gate, follower or learner, if it brings several.")] = None,
    features: Annotated[
        str, typer.Option("--features", help="Your recorded features: .parquet with a label column, or .npz.")
    ] = "",
    out: Annotated[Path | None, typer.Option("--out", help="Output folder (default preflight/NAME).", **FOLDER)] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A small battery: honesty in seconds, wide intervals.")
    ] = False,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Threads or processes.")] = CORES,
    minutes: Annotated[float, typer.Option("--minutes", help="Wall clock to stay under.")] = 5.0,
    plain: Annotated[bool, typer.Option("--plain", help="Do not compile; play the plain loop.")] = False,
) -> int:
    """Ask whether a gate, follower or learner that you wrote is fit for a full run, and where it wins and breaks."""
    from sim import recorded

    which = chosen_kind(source, kind)
    if features and which == "follower":
        raise ValueError(f"--features {features} with a follower, which plays no recorded stream; leave it out")
    if features:
        recorded.load(features, True)
    from paper_repro.preflight import battery
    from paper_repro.preflight.page import page
    from sim.files import ensure_writable, write_atomic
    from theory.falsify import search

    folder = battery.folder_of(source, out)
    ensure_writable(folder)
    if not plain and which != "learner":
        print(f"{which} {source}: compiling takes up to a minute", flush=True)
    b = battery.prepare(source, which, features=features, quick=quick, jobs=jobs, minutes=minutes, plain=plain)
    print(f"{which} {source}: {b.how}", *(f"reduced: {line}" for line in b.reduced), sep="\n")

    def tell(answer: battery.Answer) -> None:
        print(f"{answer.outcome.verdict:<13} {answer.check.title}: {answer.outcome.message}", flush=True)

    report = battery.fly(b, tell)
    html = folder / "preflight.html"
    write_atomic(folder / "preflight.json", battery.text_of(report).encode())
    write_atomic(html, page(report).encode())
    for name, instance in b.kept.get("instances", {}).items():
        search.save(instance, folder / "instances" / f"{name}.json")
    verdict = {0: "fit for a full run", 1: "unfit: an honesty check failed", 3: "inconclusive"}[report.code]
    print(f"{verdict}; {report.wall:.0f} s ({report.cpu:.0f} s of processor time); {html.resolve()}")
    return report.code


def register(command: Register) -> None:
    """Add both commands; ``command`` is the command line's decorator."""
    command("new")(new)
    command("preflight")(preflight)
