"""Text that is written once and printed as Markdown and as LaTeX: words, names kept literal, citations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from . import latex
from .bibliography import Entry, known

SPECIAL = re.compile(r"([\\`*_\[\]<>|~]|&(?=[#\w]))")


@dataclass(frozen=True)
class Name:
    """A name of an entry, a data set or an option: in typewriter letters, never taken for anything else."""

    text: str


@dataclass(frozen=True)
class Cite:
    """Works cited where they stand, after the word before; none leaves no trace."""

    works: tuple[Entry, ...]


Part = str | Name | Cite
Text = tuple[Part, ...]


def cite(*keys: str) -> Cite:
    """Cite works of references.toml by key."""
    return Cite(tuple(known()[key] for key in keys))


def works(text: Text) -> list[Entry]:
    """Return the works that a text cites."""
    return [work for part in text if isinstance(part, Cite) for work in part.works]


# ---- putting together


def series(items: Sequence[Text], separator: str = ", ") -> Text:
    """Join texts as a sentence does: `a, b and c`."""
    made: list[Part] = []
    for place, item in enumerate(items):
        between = "" if place == 0 else " and " if place == len(items) - 1 else separator
        made += [*([between] if between else []), *item]
    return tuple(made)


def named(names: Iterable[str]) -> Text:
    """Join names: `` `a`, `b` and `c` ``."""
    return series([(Name(name),) for name in names])


def paragraph(sentences: Iterable[Text]) -> Text:
    """Join sentences; empty ones are left out."""
    made: list[Part] = []
    for sentence in sentences:
        if sentence:
            made += [*([" "] if made else []), *sentence]
    return tuple(made)


# ---- printing


def markdown(text: Text) -> str:
    """Return a text as Markdown."""
    return "".join(_markdown(part) for part in text)


def _markdown(part: Part) -> str:
    if isinstance(part, Name):
        return code(part.text)
    if isinstance(part, Cite):
        return f" ({'; '.join(_literal(work.label) for work in part.works)})" if part.works else ""
    return _literal(part)


def _literal(text: str) -> str:
    return SPECIAL.sub(r"\\\1", " ".join(re.split(r"[\r\n]+", text)))


def code(name: str) -> str:
    """Return a name as a code span, between more backticks than it holds itself."""
    name = re.sub(r"\s", " ", name)
    fence = "`" * (max((len(run) for run in re.findall("`+", name)), default=0) + 1)
    pad = " " if name.startswith("`") or name.endswith("`") else ""
    return f"{fence}{pad}{name}{pad}{fence}"


def tex(text: Text) -> str:
    """Return a text as LaTeX."""
    return "".join(_tex(part) for part in text)


def _tex(part: Part) -> str:
    if isinstance(part, Name):
        return rf"\texttt{{{latex.escape(part.text, breaks=True)}}}"
    if isinstance(part, Cite):
        return rf"~\cite{{{','.join(work.key for work in part.works)}}}" if part.works else ""
    return latex.escape(part)
