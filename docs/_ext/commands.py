"""The command line reference: usage, help and options of every command, read from its parser.

Read from the same objects that print ``--help``, in a form that does not depend on a terminal.
"""

from collections.abc import Iterator
from typing import Any

import typer

EVERY_CORE = "the cores of this machine"


def programs() -> list[tuple[str, Any]]:
    """(how it is called, parser) of every command line program."""
    from llm.__main__ import app as llm
    from llm.generative.__main__ import app as generative
    from paper_repro.cli import app as paper_repro

    apps = (("paper-repro", paper_repro), ("python -m llm", llm), ("python -m llm --mode answers", generative))
    return [(name, typer.main.get_command(app)) for name, app in apps]


def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    """(full name, command) of a command and everything below it, parents first."""
    yield name, command
    for child, below in getattr(command, "commands", {}).items():
        yield from walk(f"{name} {child}", below)


def everything() -> list[str]:
    """Full names of all commands."""
    return [name for program in programs() for name, _ in walk(*program)]


def markdown() -> str:
    """The reference as Markdown: a section for each program, below it one for each command."""
    parts = []
    for program in programs():
        for name, command in walk(*program):
            level = "##" if name == program[0] else "###"
            parts.append(f"{level} {name}\n\n{_body(name, command)}")
    return "\n\n".join(parts)


def _body(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    records = [(p, p.get_help_record(context)) for p in command.params]
    entries = [_entry(name, p, *record) for p, record in records if record]
    return "\n\n".join([_prose(command.help or ""), f"```text\n{usage}\n```", *entries])


def _prose(text: str) -> str:
    return "".join("\\" + c if c in "*_|<>[]`\\" else c for c in " ".join(text.split()))


def _entry(command: str, parameter: Any, spelling: str, says: str) -> str:
    """One definition: the spelling and what it takes; help and default below."""
    from paper_repro.cli import CORES

    if command.startswith("paper-repro") and parameter.name == "jobs" and parameter.default == CORES:
        says = says.replace(f"default: {CORES}", f"default: {EVERY_CORE}")
    return f"`{spelling}`\n: {_prose(says)}"
