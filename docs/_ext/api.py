"""The API reference: a page for each package, made from what lies in it.

Packages are those that ``pyproject.toml`` installs; nothing here lists a module by hand.
"""

import pkgutil
import tomllib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from _ext import docstrings, signatures

ROOT = Path(__file__).resolve().parents[2]


def packages() -> list[str]:
    """The installed packages in the order of ``pyproject.toml``."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]


def modules(package: str) -> list[str]:
    """Dotted names of the package's public modules, subpackages left out (they have their own page)."""
    folder = ROOT / package.replace(".", "/")
    found = [m.name for m in pkgutil.iter_modules([str(folder)]) if not m.ispkg]
    return [f"{package}.{name}" for name in sorted(found) if not name.startswith("_")]


def everything() -> list[str]:
    """All packages and public modules."""
    return [name for package in packages() for name in (package, *modules(package))]


def _title(text: str, line: str) -> list[str]:
    return [text, line * len(text), ""]


def page(package: str) -> str:
    """The reStructuredText of a package's page."""
    lines = [*_title(package, "="), f".. automodule:: {package}", "   :no-members:", ""]
    lines += ["Modules: " + ", ".join(f":py:mod:`~{m}`" for m in modules(package)) + ".", ""]
    for module in modules(package):
        lines += [*_title(module, "-"), f".. automodule:: {module}", ""]
    return "\n".join(lines)


def write_pages(app: Sphinx) -> None:
    """Write ``api/<package>.rst``, and remove pages of packages that are gone."""
    folder = Path(app.srcdir) / "api"
    folder.mkdir(exist_ok=True)
    texts = {folder / f"{package}.rst": page(package) for package in packages()}
    for stale in set(folder.glob("*.rst")) - set(texts):
        stale.unlink()
    for path, text in texts.items():
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)


def _docstring(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    if what in ("class", "exception") and getattr(obj, "__module__", None) in app.config.api_modules:
        path = name.removeprefix(f"{obj.__module__}.").split(".")
        lines += ["", *(f"Base: ``{base}``." for base in signatures.bases(obj.__module__, path))]
    lines[:] = docstrings.to_rest(lines, app.config.api_modules)
    if what == "module" and (shown := signatures.constants(name)):
        lines += [".. code-block:: python3", "", *("    " + line for line in shown), ""]


def _signature(app: Sphinx, what: str, name: str, obj: Any, options: Any, args: Any, returns: Any) -> Any:
    if what not in ("function", "method", "class", "exception"):
        return None
    module = getattr(obj, "__module__", None) or ""
    if module not in app.config.api_modules or not name.startswith(f"{module}."):
        return None
    arguments, returned = signatures.signature(module, name.removeprefix(f"{module}.").split("."))
    return (arguments or "", returned) if arguments or args else None


def _skip(app: Sphinx, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out fields (they are in the signature), what is imported, and constants."""
    if what == "module":
        return skip or name not in signatures.own_names(app.env.current_document.autodoc_module)
    shown = callable(obj) or isinstance(obj, property | classmethod | staticmethod)
    return skip or name.startswith("_") or not shown


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_config_value("api_modules", [], "env")
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", _docstring)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
