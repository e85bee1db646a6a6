"""Where a user's gate, follower or learner comes from: a Python file, or an entry point of an installed package.

A source is a path ``my_gate.py``, or ``entry:NAME`` for an entry point in the group
``budgeted_stackelberg`` that names a module.  The file is executed: use files that you trust.
"""

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import FunctionType, ModuleType

GROUP = "budgeted_stackelberg"
Compiler = Callable[[Callable], Callable]


class PluginError(ValueError):
    """A user's file is missing, lacks a part, or raised; the message names it."""


@contextmanager
def errors_of(source: str, when: str = "", *passed: type[Exception]) -> Iterator[None]:
    """Turn what the user's file ``source`` raises into one PluginError that names it and says ``when``.

    A PluginError and the ``passed`` errors go through as they are, and so does everything where there is no source.
    """
    through: tuple[type[Exception], ...] = (PluginError, *passed)
    try:
        yield
    except through:
        raise
    except Exception as error:
        if not source:
            raise
        raise PluginError(f"{source}: {type(error).__name__}: {error} {when}".rstrip()) from error


def file_of(source: str) -> Path:
    """The Python file behind a source. Raises PluginError if there is none."""
    if source.startswith("entry:"):
        name = source.removeprefix("entry:")
        found = {e.name: e for e in importlib.metadata.entry_points(group=GROUP)}
        if name not in found:
            valid = ", ".join(sorted(found)) or "none is installed"
            raise PluginError(f"no entry point {name!r} in group {GROUP!r}; valid: {valid}")
        spec = importlib.util.find_spec(found[name].module)
        if spec is None or not spec.origin:
            raise PluginError(f"entry point {name!r} names module {found[name].module!r}, which has no file")
        return Path(spec.origin)
    path = Path(source)
    if path.suffix != ".py" or not path.is_file():
        raise PluginError(f"no Python file {source!r}; give the path of a .py file, or entry:NAME")
    return path


def load(source: str, compiler: Compiler | None = None) -> ModuleType:
    """The module of a source, executed once for every version of its file.

    With a ``compiler`` every plain function of the file is compiled, so that they may call each other; which
    ones Numba can compile shows when they are called.  Raises PluginError with the file's own error.
    """
    file = file_of(source)
    return _load(str(file.resolve()), file.read_bytes(), compiler)


@lru_cache(maxsize=32)
def _load(path: str, text: bytes, compiler: Compiler | None) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"plugin_{Path(path).stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        exec(compile(text, path, "exec"), module.__dict__)
    except Exception as error:
        raise PluginError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    if compiler:
        for name, value in list(vars(module).items()):
            if isinstance(value, FunctionType) and value.__globals__ is vars(module):
                setattr(module, name, compiler(value))
    return module
