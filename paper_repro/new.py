"""Write a plugin (a gate, follower or learner in a file) from its template: it runs as it is."""

import keyword
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from sim.plugins import NAMES

KINDS = tuple(NAMES)


def text(kind: str, name: str) -> str:
    """The file's text. Raises ValueError for an unknown kind or a name that Python cannot import."""
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}; valid: {', '.join(KINDS)}")
    if not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"name = {name!r}: the rule is a Python identifier, because it names a module; try my_{kind}")
    environment = Environment(
        loader=PackageLoader("paper_repro"), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template(f"{kind}.py.j2").render(name=name)


def write(kind: str, name: str, folder: Path = Path()) -> Path:
    """Write folder/NAME.py and return its path. Raises ValueError where the file exists already."""
    path = folder / f"{name}.py"
    content = text(kind, name)
    try:
        with path.open("x") as file:
            file.write(content)
    except FileExistsError as error:
        raise ValueError(f"{path} exists already and is not overwritten; give another name or move it") from error
    return path
