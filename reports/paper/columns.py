"""Which columns of a table stand side by side on a printed line, and how wide each may be."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

LETTER = 3.9  # of small print (7 points), on average, in points
GAP = 6.0  # between two columns
NARROWEST = 48.0  # what a wrapped column of text needs
WIDEST = 120.0  # of a column of text among several parts
PIECES = re.compile(r"(?<=[_,=+/ ])|(?<=\()(?=\w{3})")
NUMBER = r"[+−-]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)"
# a table's text that is a number, with half an interval or its ends, a star and a first place
MEASURE = re.compile(rf"({NUMBER})(?: ± ({NUMBER})| \[({NUMBER}), ({NUMBER})\])?( \*)?( ★)?")


@dataclass(frozen=True)
class Layout:
    """Columns that stand side by side.

    Parameters
    ----------
    columns
        Their names, in order.
    align
        Column → `l` or `r`.
    lines
        Column → the lines of its heading.
    wrapped
        Column → width in points, of those whose texts are broken over lines.
    """

    columns: tuple[str, ...]
    align: Mapping[str, str]
    lines: Mapping[str, Sequence[str]]
    wrapped: Mapping[str, float] = field(default_factory=dict)

    @property
    def specification(self) -> str:
        """The argument of a tabular."""
        return "".join(
            rf">{{\raggedright\arraybackslash}}p{{{self.wrapped[c]:.0f}pt}}"
            if c in self.wrapped
            else self.align[c]
            for c in self.columns
        )


def arrange(shown: pd.DataFrame, room: float, keys: int | None = None) -> list[Layout]:
    """Share columns out among layouts that fit a line.

    All stand in one where they fit as they are, or where columns of text can be wrapped to make them.
    Else the first columns, as many as tell rows apart, are repeated before as many of the others as fit.

    Parameters
    ----------
    shown
        Text columns.
    room
        Width of a line, in points.
    keys
        How many columns tell rows apart; found out where None.
    """
    columns = [str(column) for column in shown.columns]
    align = {c: "r" if _numeric(shown[c]) else "l" for c in columns}
    lines = {c: _lines(c, _widest(shown[c])) for c in columns}
    widths = {c: max(_widest(shown[c]), *map(_width, lines[c])) + GAP for c in columns}
    text = [c for c in columns if align[c] == "l"]
    if (wrapped := _wrap(widths, text, room)) is not None:
        return [Layout(tuple(columns), align, lines, wrapped)]
    first = columns[: keys or _telling(shown, align)]
    own = {c: widths[c] for c in first}
    wrapped = _wrap(own, first, max(room / 2, len(first) * (NARROWEST + GAP))) or {}
    wrapped |= {c: WIDEST for c in text if c not in first and widths[c] > WIDEST + GAP}
    widths |= {c: width + GAP for c, width in wrapped.items()}
    parts = _parts(columns[len(first) :], widths, room - sum(widths[c] for c in first))
    return [Layout((*first, *part), align, lines, wrapped) for part in parts]


def _telling(shown: pd.DataFrame, align: Mapping[str, str]) -> int:
    """Return how many columns, from the first, tell rows apart; those of text before the first number at most."""
    places = list(align.values())
    most = places.index("r") if "r" in places else len(places) - 1
    return next((k for k in range(1, most) if not shown.iloc[:, :k].duplicated().any()), max(most, 1))


def _wrap(widths: Mapping[str, float], text: Sequence[str], room: float) -> dict[str, float] | None:
    """Return the widths of columns of text that must be wrapped; None where even that does not make room."""
    free = room - sum(width for column, width in widths.items() if column not in text)
    left = sorted(text, key=widths.__getitem__)
    while left and widths[left[0]] <= free / len(left):
        free -= widths[left.pop(0)]
    if not left:
        return {} if free >= 0 else None
    each = free / len(left) - GAP
    return dict.fromkeys(left, each) if each >= NARROWEST else None


def _parts(columns: Sequence[str], widths: Mapping[str, float], room: float) -> list[list[str]]:
    parts: list[list[str]] = []
    for column in columns:
        if parts and sum(widths[c] for c in (*parts[-1], column)) <= room:
            parts[-1].append(column)
        else:
            parts.append([column])
    return parts


def _numeric(column: pd.Series) -> bool:
    """Say whether most of what stands in a column are numbers."""
    texts = [text for text in map(str, column) if text]
    return 2 * sum(MEASURE.fullmatch(text) is not None for text in texts) > len(texts)


def _widest(column: pd.Series) -> float:
    return max((_width(str(text).removesuffix(" ★")) for text in column), default=0.0)


def _width(text: str) -> float:
    return sum(LETTER * (2 if unicodedata.east_asian_width(sign) in "WF" else 1) for sign in text)


def _lines(heading: str, room: float) -> list[str]:
    """Break a heading where it is wider than what stands below it."""
    lines: list[str] = []
    for piece in filter(None, PIECES.split(heading)):
        if lines and _width(lines[-1] + piece) <= max(room, 8 * LETTER):
            lines[-1] += piece
        else:
            lines.append(piece)
    return [line.strip() for line in lines] or [""]
