"""The source hash: what code decides a result, read from its syntax tree without running it.

A definition's hash covers its own syntax and, recursively, that of every function, class and constant of
the same top-level package that it names. Comments, docstrings, annotations of arguments and the registering
decorator are left out, for they change no result; a new neighbour in the same file is not named, so it
changes nothing either. `ast.unparse` gives equal text on every supported Python, `ast.dump` does not.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

Place = tuple[str, str]  # module, top-level name; an empty name stands for the whole module

REGISTERING = {"register", "register_extractor", "register_stage"}


def source_hash(*definitions: Callable[..., Any]) -> str:
    """Return the hash of some classes or functions and of everything of their package that they name.

    Parameters
    ----------
    *definitions
        Objects defined at the top level of a module (a nested one stands for its outermost parent).
    """
    texts = sorted({f"{module}.{name}\n{text}" for module, name, text in closure(*definitions)})
    return hashlib.sha256("\n\n".join(texts).encode()).hexdigest()


def closure(*definitions: Callable[..., Any]) -> list[tuple[str, str, str]]:
    """Return (module, name, text) of all that `source_hash` covers, sorted."""
    queue: list[Place] = [(d.__module__, d.__qualname__.split(".")[0]) for d in definitions]
    found: dict[Place, str] = {}
    while queue:
        place = queue.pop()
        if place in found:
            continue
        module = _module(place[0])
        if module is None:
            continue
        node = module.definitions.get(place[1])
        if node is None:  # imported there from elsewhere, or a submodule
            queue.extend(_follow(module, place[1]))
            continue
        found[place] = node.text
        queue.extend(step for name in node.names for step in _follow(module, name))
    return sorted((module, name, text) for (module, name), text in found.items())


@dataclass(frozen=True)
class _Definition:
    """A top-level definition: its normalised text and the (dotted) global names in it."""

    text: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class _Module:
    """What a module defines at its top level, and what it imports under which name."""

    name: str
    package: str
    definitions: dict[str, _Definition]
    imports: dict[str, Place]


def _follow(module: _Module, dotted: str) -> Iterator[Place]:
    head, *rest = dotted.split(".")
    if head in module.definitions:
        yield module.name, head
    elif head in module.imports:
        target, name = module.imports[head]
        if target.split(".")[0] != module.name.split(".")[0]:
            return
        if name and _module(f"{target}.{name}") is not None:
            target, name = f"{target}.{name}", ""
        if name:
            yield target, name
        elif rest:
            yield target, rest[0]
        else:  # the module itself is passed on: all of it counts
            whole = _module(target)
            yield from ((target, each) for each in (whole.definitions if whole else ()))


@cache
def _module(name: str) -> _Module | None:
    path = _path(name)
    if path is None or path.suffix != ".py":
        return None
    tree = ast.parse(path.read_text("utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    definitions: dict[str, list[ast.stmt]] = {}
    imports: dict[str, Place] = {}
    for statement in _top_level(tree.body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports |= dict(_imported(statement, package))
        for defined in _defined(statement):
            definitions.setdefault(defined, []).append(statement)
    made = {key: _definition(statements) for key, statements in definitions.items()}
    return _Module(name, package, made, imports)


def forget_sources() -> None:
    """Read source files anew next time (they may have been edited since)."""
    _module.cache_clear()


def _path(name: str) -> Path | None:
    loaded = sys.modules.get(name)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        return Path(file) if file else None
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.has_location else None


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If | ast.Try | ast.With):
            yield from _top_level([s for s in ast.iter_child_nodes(statement) if isinstance(s, ast.stmt)])
        else:
            yield statement


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    if isinstance(statement, ast.AnnAssign | ast.AugAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def _imported(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Place]]:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield alias.asname or alias.name.split(".")[0], (alias.name, "")
        return
    base = statement.module or ""
    if statement.level:
        stem = package.split(".")[: len(package.split(".")) - statement.level + 1]
        base = ".".join([*stem, base] if base else stem)
    for alias in statement.names:
        yield alias.asname or alias.name, (base, alias.name)


def _definition(statements: list[ast.stmt]) -> _Definition:
    names: list[str] = []
    texts = []
    for statement in statements:
        bare = _Bare().visit(ast.parse(ast.unparse(statement)).body[0])
        collector = _Names()
        collector.visit(bare)
        names.extend(collector.found)
        texts.append(ast.unparse(ast.fix_missing_locations(bare)))
    return _Definition("\n".join(texts), tuple(dict.fromkeys(names)))


class _Bare(ast.NodeTransformer):
    """Takes away what changes no result."""

    def _without_docstring(self, node: Any) -> Any:
        self.generic_visit(node)
        first = node.body[0]
        if (
            isinstance(first, ast.Expr)
            and isinstance(first.value, ast.Constant)
            and isinstance(first.value.value, str)
        ):
            node.body = node.body[1:] or [ast.Pass()]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        node.decorator_list = [d for d in node.decorator_list if not _registers(d)]
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        node.decorator_list = [d for d in node.decorator_list if not _registers(d)]
        node.returns = None
        return self._without_docstring(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> Any:
        node.returns = None
        return self._without_docstring(node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node


def _registers(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in REGISTERING


class _Names(ast.NodeVisitor):
    """Collects names that are read, dotted as far as they go; local ones are left out."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.local: list[set[str]] = []

    def _note(self, dotted: str) -> None:
        if not any(dotted.split(".")[0] in scope for scope in self.local):
            self.found.append(dotted)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = _dotted(node)
        if dotted is None:
            self.generic_visit(node)
        else:
            self._note(dotted)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        for outside in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(outside)
        self._scope(node, node.body)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._scope(node, [node.body])

    def _scope(self, node: ast.FunctionDef | ast.Lambda, body: list[Any]) -> None:
        inside = [n for part in body for n in ast.walk(part)]
        declared = {name for n in inside if isinstance(n, ast.Global) for name in n.names}
        stored = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        arguments = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        self.local.append((stored | arguments) - declared)
        for part in body:
            self.visit(part)
        self.local.pop()


def _dotted(node: ast.Attribute) -> str | None:
    parts: list[str] = []
    current: ast.expr = node
    while isinstance(current, ast.Attribute):
        parts.append(current.attr)
        current = current.value
    return ".".join([current.id, *reversed(parts)]) if isinstance(current, ast.Name) else None
