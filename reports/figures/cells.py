"""Where everything stands in the map of the registry: a table of cells, each a list of entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import pandas as pd

from .. import style
from ..run import ARCHITECTURES, records
from ..wording import short
from .looks import looking

LINE = 0.165  # height of an entry, in inches
CHIP, GAP, SIDE, PAD, MARK = 0.46, 0.1, 1.0, 0.08, 0.16
NAME, SMALL = 7.5, 6.5  # points
LENGTHS = (26, 40, 60, 10_000)  # entries below each other; more where a width has no room for another column
LEVELS = ("raw", "features", "nodes", "decisions")
HEADS = {
    "a": "concat: raw values, vectors or decisions (a)",
    "b": "concat: hidden nodes (b)",
    "c": "merge: vectors or decisions (c)",
    "d": "merge: hidden nodes (d)",
    "": "data fusion or level unknown",
}


@dataclass(frozen=True)
class Placed:
    """A line of a cell: an entry, or a level that stands over its entries; inches from the upper left."""

    line: Any
    x: float
    chip: float
    y: float

    @property
    def level(self) -> str:
        """The level, empty for an entry."""
        return self.line if isinstance(self.line, str) else ""


@dataclass(frozen=True)
class Plan:
    """A table of cells, in inches from its upper left.

    Parameters
    ----------
    rows, columns
        Architecture, or the survey's letter, to where it begins and how much room it has.
    parts
        (architecture, letter) to columns of lines: entries (rows of the table), and levels over them.
    wide
        Letter to the widths of its names and of its whole entries.
    """

    rows: dict[str, tuple[float, float]]
    columns: dict[str, tuple[float, float]]
    parts: dict[tuple[str, str], list[list[Any]]]
    wide: dict[str, tuple[float, float]]

    @property
    def width(self) -> float:
        """Width of the table."""
        return max((x + span for x, span in self.columns.values()), default=SIDE)

    @property
    def height(self) -> float:
        """Height of the table, without its heads."""
        return max((y + span for y, span in self.rows.values()), default=0.0)

    def placed(self) -> Iterator[Placed]:
        """Yield every line with its place."""
        for (name, key), columns in self.parts.items():
            x, y = self.columns[key][0] + PAD, self.rows[name][0] + PAD + LINE / 2
            names, whole = self.wide[key]
            for place, lines in enumerate(columns):
                left = x + place * whole
                yield from (Placed(line, left, left + names + GAP, y + i * LINE) for i, line in enumerate(lines))


def plan(fused: pd.DataFrame) -> Plan:
    """Lay out the cells of a table of variants; entries stand below each other as a look's width asks for it."""
    plans = (_plan(fused, length) for length in LENGTHS)
    return next((made for made in plans if made.width + 0.2 <= looking().room), _plan(fused, LENGTHS[-1]))


def _plan(fused: pd.DataFrame, length: int) -> Plan:
    held = set(fused["architecture"])
    names = [name for name in (*ARCHITECTURES, *sorted(held - set(ARCHITECTURES))) if name in held]
    keys = [key for key in HEADS if key in set(fused["figure5"])]
    parts = {
        (name, key): _parts(fused[(fused["architecture"] == name) & (fused["figure5"] == key)], length)
        for name in names
        for key in keys
    }
    wide = {key: _wide(fused[fused["figure5"] == key]) for key in keys}
    heads = {key: 2 * PAD + MARK + style.inches(HEADS[key], 8, bold=True) for key in keys}
    spans = [max(max(len(parts[n, k]) for n in names) * wide[k][1], heads[k]) for k in keys]
    counts = [max(map(len, chain.from_iterable(parts[n, k] for k in keys))) for n in names]
    talls = [LINE * max(count, 2) + 2 * PAD for count in counts]
    return Plan(_edges(0.0, names, talls), _edges(SIDE, keys, spans), parts, wide)


def _edges(start: float, names: list[str], sizes: list[float]) -> dict[str, tuple[float, float]]:
    starts = np.cumsum([start, *sizes]).tolist()
    return {name: (starts[place], sizes[place]) for place, name in enumerate(names)}


def _parts(cell: pd.DataFrame, length: int) -> list[list[Any]]:
    """Return a cell's lines, each level's name over its entries, in columns of about one length."""
    lines: list[Any] = []
    for level in (*LEVELS, ""):
        entries = [row for row in records(cell) if (row.level if row.level in LEVELS else "") == level]
        if entries and level != "nodes":
            lines.append(level or "level unknown")
        lines += entries
    count = -(-len(lines) // length)
    size = -(-len(lines) // count) if count else 0
    return [lines[place * size : (place + 1) * size] for place in range(count)]


def _wide(column: pd.DataFrame) -> tuple[float, float]:
    names = max(style.inches(name(row), NAME) for row in records(column))
    return names, names + CHIP + max(style.inches(half(row), SMALL) for row in records(column)) + 4 * GAP


def name(row: Any) -> str:
    """Return an entry's name, marked where another placement can be argued for."""
    return row.variant + (" ‡" if row.contestable else "")


def half(row: Any) -> str:
    """Return what stands beside a gain: half its interval, and of how many data sets it is not the mean."""
    text = f"±{short((row.high - row.low) / 2, 3)}" if np.isfinite(row.high) else ""
    return " ".join(filter(None, (text, f"{row.datasets}/{row.of}" if row.datasets < row.of else "")))
