"""Signatures as the source writes them: aliases keep their names, ``Annotated[X, ...]`` is X.

Evaluated annotations would show validators and command line options with their memory addresses.
"""

import ast
import copy
import inspect
import sys
from functools import cache
from types import ModuleType

LONGEST = 20  # lines of a constant that a page still shows


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(sys.modules[module]))


class _Plain(ast.NodeTransformer):
    """``Annotated[X, ...]`` becomes X; a class its full name, shown short (``~``) but linked."""

    def __init__(self, module: str) -> None:
        self._module = module

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        named = isinstance(node.value, ast.Name) and node.value.id == "Annotated"
        if named and isinstance(node.slice, ast.Tuple):
            return self.visit(node.slice.elts[0])
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._linked(node, getattr(sys.modules[self._module], node.id, None))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if not isinstance(node.value, ast.Name):
            return node
        base = getattr(sys.modules[self._module], node.value.id, None)
        return self._linked(node, getattr(base, node.attr, None) if isinstance(base, ModuleType) else None)

    def _linked(self, node: ast.expr, found: object) -> ast.AST:
        if not isinstance(found, type) or found.__module__ in ("builtins", "typing"):
            return node
        return ast.Name(f"~{found.__module__}.{found.__qualname__}")


def _find(module: str, path: list[str]) -> ast.AST | None:
    node: ast.AST | None = _tree(module)
    for name in path:
        node = next((n for n in getattr(node, "body", []) if getattr(n, "name", None) == name), None)
    return node


def _annotation(node: ast.expr, module: str) -> str:
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ast.unparse(node)
    return ast.unparse(_Plain(module).visit(ast.parse(text, mode="eval").body))


def _arguments(node: ast.FunctionDef, module: str) -> str:
    args = copy.deepcopy(node.args)
    for kind in (args.posonlyargs, args.args):
        kind[:] = [a for a in kind if a.arg not in ("self", "cls")]
    for a in (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg):
        if a is not None and a.annotation is not None:
            a.annotation = ast.Name(_annotation(a.annotation, module))
    return f"({ast.unparse(args)})"


def signature(module: str, path: list[str]) -> tuple[str | None, str | None]:
    """(arguments, return annotation) of a function, method or class; (None, None) where there are none.

    A class shows its ``__init__``, or the fields of a spec, a named tuple or a data class.
    """
    node = _find(module, path)
    if isinstance(node, ast.FunctionDef):
        return _arguments(node, module), _annotation(node.returns, module) if node.returns else None
    if not isinstance(node, ast.ClassDef):
        return None, None
    start = next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)
    if start is not None:
        return _arguments(start, module), None
    fields = [_field(n, module) for n in node.body if isinstance(n, ast.AnnAssign)]
    return (f"({', '.join(fields)})" if fields else None), None


def _field(node: ast.AnnAssign, module: str) -> str:
    value = f" = {ast.unparse(node.value)}" if node.value else ""
    return f"{ast.unparse(node.target)}: {_annotation(node.annotation, module)}{value}"


def own_names(module: str) -> set[str]:
    """Public functions and classes that the module itself defines."""
    found = {n.name for n in _tree(module).body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    return {name for name in found if not name.startswith("_")}


def bases(module: str, path: list[str]) -> list[str]:
    """The classes that a class is written to come from."""
    node = _find(module, path)
    return [ast.unparse(base) for base in node.bases] if isinstance(node, ast.ClassDef) else []


def constants(module: str) -> list[str]:
    """Lines of source that assign the module's public constants; long ones are left to the source."""
    source = inspect.getsource(sys.modules[module]).splitlines()
    lines: list[str] = []
    for node in _tree(module).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
        names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)]
        own = source[node.lineno - 1 : node.end_lineno]
        if isinstance(node, ast.Assign | ast.AnnAssign) and not names[0].startswith("_") and len(own) <= LONGEST:
            lines += own
    return lines
