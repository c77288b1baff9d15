"""What a definition says, and what it names: its text without all that changes no result."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Place = tuple[str, str]  # module and a name in it; an empty name stands for the module itself

REGISTERING = {"register", "register_extractor", "register_stage"}
DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Definition:
    """A top-level definition: its normalised text, the (dotted) global names in it, imports made inside."""

    text: str
    names: tuple[str, ...]
    imports: Mapping[str, Place]


def read(statements: list[ast.stmt], package: str) -> Definition:
    """Read the statements that define one name in a module of `package`.

    Returns
    -------
    Definition
        Its text is equal on every supported Python.
    """
    names, texts, imports = [], [], {}
    for statement in statements:
        bare = _Bare().visit(copy.deepcopy(statement))
        collector = _Names()
        collector.visit(bare)
        names.extend(collector.found)
        texts.append(ast.unparse(ast.fix_missing_locations(bare)))
        for node in ast.walk(bare):
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports |= dict(imported(node, package))
    return Definition("\n".join(texts), tuple(dict.fromkeys(names)), imports)


def top_level(body: Iterable[ast.AST]) -> Iterator[ast.stmt]:
    """Yield a module's statements, also those under `if`, `try` and `with`."""
    for statement in body:
        if isinstance(statement, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from top_level(ast.iter_child_nodes(statement))
        elif isinstance(statement, ast.stmt):
            yield statement


def defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines."""
    if isinstance(statement, DEFINING):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [n.id for t in statement.targets for n in ast.walk(t) if isinstance(n, ast.Name)]
    if isinstance(statement, ast.AnnAssign | ast.AugAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def imported(statement: ast.Import | ast.ImportFrom, package: str) -> Iterator[tuple[str, Place]]:
    """Yield (local name, place) of what a statement in a module of `package` imports."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:  # `import a.b` binds a; with `as` it binds a.b
            bound = alias.name if alias.asname else alias.name.split(".")[0]
            yield alias.asname or bound, (bound, "")
        return
    base = statement.module or ""
    if statement.level:
        stem = package.split(".")[: len(package.split(".")) - statement.level + 1]
        base = ".".join([*stem, base] if base else stem)
    for alias in statement.names:
        yield alias.asname or alias.name, (base, alias.name)


class _Bare(ast.NodeTransformer):
    """Takes away what changes no result, and what is written differently from Python to Python."""

    def __init__(self) -> None:
        self.in_class = False

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        return self._definition(node, in_class=True)

    def visit_FunctionDef(self, node: Any) -> Any:
        node.returns = None
        return self._definition(node, in_class=False)

    visit_AsyncFunctionDef = visit_FunctionDef

    def _definition(self, node: Any, in_class: bool) -> Any:
        node.decorator_list = [d for d in node.decorator_list if not _registers(d)]
        outside, self.in_class = self.in_class, in_class
        self.generic_visit(node)
        self.in_class = outside
        if isinstance(node.body[0], ast.Expr) and _is_text(node.body[0].value):
            node.body = node.body[1:] or [ast.Pass()]
        return node

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        if self.in_class or node.value is None:  # there it may be a field
            return node
        return ast.Assign([node.target], node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        # Python 3.12 quotes f-strings as 3.11 cannot, so they are written as a call
        self.generic_visit(node)
        parts = [part for part in node.values if not (isinstance(part, ast.Constant) and part.value == "")]
        return ast.Call(ast.Name("fstring", ast.Store()), parts, [])

    def visit_FormattedValue(self, node: ast.FormattedValue) -> Any:
        self.generic_visit(node)
        parts = [node.value, ast.Constant(node.conversion), node.format_spec or ast.Constant(None)]
        return ast.Tuple(parts, ast.Load())


def _is_text(node: Any) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _registers(decorator: ast.expr) -> bool:
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return name in REGISTERING


class _Names(ast.NodeVisitor):
    """Collects names that are read, dotted as far as they go; local ones are left out."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.local: list[set[str]] = []

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = _dotted(node)
        if dotted is None:
            self.generic_visit(node)
        else:
            self._note(dotted)

    def visit_FunctionDef(self, node: Any) -> None:
        self._function(node, node.decorator_list, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._function(node, [], [node.body])

    def visit_ListComp(self, node: Any) -> None:
        self.local.append(set(_bound(part.target for part in node.generators)))
        self.generic_visit(node)
        self.local.pop()

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp

    def _function(self, node: Any, decorators: list[ast.expr], body: Sequence[ast.AST]) -> None:
        for outside in [*decorators, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(outside)
        arguments = {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
        shared = {name for part in body for n in ast.walk(part) if isinstance(n, ast.Global) for name in n.names}
        self.local.append((arguments | set(_bound(body))) - shared)
        for part in body:
            self.visit(part)
        self.local.pop()

    def _note(self, dotted: str) -> None:
        if not any(dotted.split(".")[0] in scope for scope in self.local):
            self.found.append(dotted)


def _bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that are bound in a scope itself, not in the scopes inside it."""
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, DEFINING) or (isinstance(node, ast.ExceptHandler) and node.name):
            yield str(node.name)
        if not isinstance(node, (*DEFINING, *COMPREHENSIONS, ast.Lambda)):
            yield from _bound(ast.iter_child_nodes(node))


def _dotted(node: ast.Attribute) -> str | None:
    parts: list[str] = []
    current: ast.expr = node
    while isinstance(current, ast.Attribute):
        parts.append(current.attr)
        current = current.value
    return ".".join([current.id, *reversed(parts)]) if isinstance(current, ast.Name) else None
