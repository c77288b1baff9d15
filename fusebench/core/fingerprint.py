"""The source hash: what code decides a result, read from its syntax tree without running it.

A definition's hash covers its own syntax and, recursively, that of every function, class and constant of
its own package or of this one that it names. Comments, docstrings, annotations of arguments and the
registering decorator are left out, for they change no result; a new neighbour in the same file is not named,
so it changes nothing either. The text is equal on every supported Python.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .syntax import Definition, Place, defined, imported, read, top_level


def source_hash(*definitions: Callable[..., Any]) -> str:
    """Return the hash of some classes or functions and of everything that they name.

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
    seen: set[Place] = set()
    found: dict[Place, str] = {}
    while queue:
        place = queue.pop()
        module = None if place in seen else _module(place[0])
        seen.add(place)
        if module is None:
            continue
        node = module.definitions.get(place[1])
        if node is None:  # imported there from elsewhere
            queue.extend(_follow(module, place[1], {}))
            continue
        found[place] = node.text
        queue.extend(step for name in node.names for step in _follow(module, name, node.imports))
    return sorted((module, name, text) for (module, name), text in found.items())


@dataclass(frozen=True)
class _Module:
    """What a module defines at its top level, and what it imports under which name."""

    name: str
    definitions: dict[str, Definition]
    imports: dict[str, Place]


def _follow(module: _Module, dotted: str, inside: Mapping[str, Place]) -> Iterator[Place]:
    """Yield the places that a (dotted) name stands for; `inside` are imports of the definition's own."""
    head, *rest = dotted.split(".")
    if head in module.definitions and head not in inside:
        yield module.name, head
        return
    target, name = inside.get(head) or module.imports.get(head) or ("", "")
    if target.split(".")[0] in {module.name.split(".")[0], __name__.split(".")[0]}:
        yield from _descend(target, [name, *rest] if name else rest)


def _descend(target: str, path: list[str]) -> Iterator[Place]:
    """Walk from a module along attributes, through its submodules, to a name that one of them holds."""
    module = _module(target)
    while path and module is not None and not (path[0] in module.definitions or path[0] in module.imports):
        target, path = f"{target}.{path[0]}", path[1:]
        module = _module(target)
    if path:
        yield target, path[0]
    elif module is not None:  # the module itself is passed on: all of it counts
        yield from ((target, each) for each in module.definitions)


@cache
def _module(name: str) -> _Module | None:
    path = _path(name)
    if path is None or path.suffix != ".py":
        return None
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    statements: dict[str, list[ast.stmt]] = {}
    imports: dict[str, Place] = {}
    for statement in top_level(ast.parse(path.read_text("utf-8")).body):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports |= dict(imported(statement, package))
        for name_defined in defined(statement):
            statements.setdefault(name_defined, []).append(statement)
    return _Module(name, {key: read(own, package) for key, own in statements.items()}, imports)


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
