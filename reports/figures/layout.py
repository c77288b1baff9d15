"""Sheets: a heading, a grid of cells with labelled rows and columns, or small panels; legends by axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import east_asian_width

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from .. import style
from .legends import EDGE, foot, kinds
from .looks import looking
from .registry import Heading
from .ticks import numbers

__all__ = [
    "EDGE", "LETTER", "LINE", "above", "boxes", "foot", "grid", "head", "kinds", "leads", "least_width", "longest",
    "numbers", "panels", "settle", "span", "strip", "wrapped",
]  # fmt: skip

LETTER = 0.072  # width of a letter at 8 points, in inches, on the wide side
LINE = 0.135  # height of a line
TITLE, TITLE_LINE = 11, 0.19  # points of a title, and the height of its lines
ROW = 0.2  # height of a grid's row
STRIP = 0.2  # width of the strip of colours and markers beside a row's name
NARROW = 0.75  # share of its width that a panel may be narrowed to where a look asks for it
MOST_LINES = 3  # of a heading over a column


def span(text: str) -> int:
    """Return the width of a line in letters; a wide character, such as kanji, counts as two."""
    return sum(1 + (east_asian_width(sign) in "WF") for sign in text)


def longest(texts: Iterable[str]) -> int:
    """Return the width of the widest line in letters; 0 where there is none."""
    return max((span(line) for text in texts for line in text.split("\n")), default=0)


def wrapped(name: str, letters: float, points: float = 8.0, bold: bool = False) -> str:
    """Break a name where its words allow it, into lines no wider than `letters` usual ones at 8 points."""
    room, lines, rest = letters * LETTER, [], name
    while style.inches(rest, points, bold) > room:
        fit = next(e for e in range(len(rest), 0, -1) if e == 1 or style.inches(rest[:e], points, bold) <= room)
        cut = max(*(rest.rfind(sign, 0, fit) + 1 for sign in "_(,+=- "), rest.rfind("\\", 1, fit))
        cut = cut if cut > 0 else fit
        lines.append(rest[:cut])
        rest = rest[cut:]
        if not rest:
            return "\n".join(lines)
    return "\n".join([*lines, rest])


def least_width(heading: Heading) -> float:
    """Return the width below which a sheet is not laid out, in inches: a title has to fit."""
    needed = max(5.5, 0.25 + style.inches(heading.title, TITLE, bold=True))
    return needed if looking().usual is None else min(needed, looking().room)


def above(heading: Heading, width: float) -> tuple[str, float]:
    """Return the heading's notes, wrapped to a width, and the height of the whole heading, in inches."""
    notes = wrapped(heading.notes, max(30, (width - 0.2) / LETTER))
    return notes, 0.2 + TITLE_LINE * _title(heading, width).count("\n") + LINE * (notes.count("\n") + 1) + (
        0.22 if heading.title else 0.0
    )


def _title(heading: Heading, width: float) -> str:
    return wrapped(heading.title, (width - 0.2) / LETTER, TITLE, bold=True)


def head(figure: Figure, heading: Heading) -> None:
    """Write the heading at the upper left."""
    width, height = figure.get_size_inches()
    title, (notes, tall) = _title(heading, width), above(heading, width)
    look: dict[str, Any] = {"fontsize": TITLE, "fontweight": "bold", "linespacing": 1.15}
    look |= {"family": style.BASE_FONT} if title.isascii() else {}
    figure.text(0.1 / width, 1 - 0.08 / height, title, va="top", **look)
    under = tall - 0.1 - LINE * (notes.count("\n") + 1)
    figure.text(0.1 / width, 1 - under / height, notes, va="top", fontsize=8, color="#444444")


def panels(
    heading: Heading, names: Sequence[str], size: tuple[float, float], *,
    columns: int, left: float, between: float, below: float | Sequence[float], handles: Sequence[Any],
    right: float = 0.25, flow: bool = False,
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """Lay out one titled panel a name.

    Parameters
    ----------
    size
        Width and height of a panel, in inches; `left`, `right`, `between` (columns) and `below` (labels
        under each row: one number, or one a panel) are the space around them.
    columns
        At most so many side by side.
    handles
        Legend handles; none leave the legend out.
    flow
        Whether fewer may stand side by side, and be wider, for a look's width: `leads` says which begin a row.
    """
    across = min(columns, len(names))
    if flow:
        across, size = _flowing(across, size, left, between, right)
    down = -(-len(names) // across)
    width = max(left + across * size[0] + (across - 1) * between + right, least_width(heading))
    figure = Figure(figsize=(width, 10))
    bottom = foot(figure, handles) if handles else 0.1
    titles = [wrapped(name, size[0] / LETTER, 9) for name in names]
    title = 0.3 + LINE * max(text.count("\n") for text in titles)
    _, top = above(heading, width)
    each = [below] * len(names) if isinstance(below, int | float) else list(below)
    under = [max(each[row * across : (row + 1) * across]) for row in range(down)]
    height = top + bottom + down * (size[1] + title) + sum(under)
    figure.set_size_inches(width, height)
    head(figure, heading)
    axes = []
    for place, text in enumerate(titles):
        row, column = divmod(place, across)
        x = left + column * (size[0] + between)
        y = height - top - (row + 1) * (size[1] + title) - sum(under[:row])
        axis = figure.add_axes((x / width, y / height, size[0] / width, size[1] / height))
        axis.set_title(text, y=1.0)  # a place of its own: matplotlib need not look for one at every drawing
        axes.append(axis)
    return figure, axes


def _flowing(
    across: int, size: tuple[float, float], left: float, between: float, right: float
) -> tuple[int, tuple[float, float]]:
    """Return how many panels stand side by side, and their size: narrower ones first, then fewer."""
    look, edges = looking(), left + right - between
    while across > 1 and edges + across * (NARROW * size[0] + between) > look.room:
        across -= 1
    spare = ((look.usual or 0.0) - edges) / across - between
    most = (look.room - edges) / across - between
    return across, (max(min(size[0], most), NARROW * size[0], spare), size[1])


def leads(axes: Sequence[Axes]) -> list[bool]:
    """Return which panels begin a row, in their order."""
    return [axis.get_position().x0 < min(each.get_position().x0 for each in axes) + 1e-6 for axis in axes]


def grid(
    heading: Heading, rows: pd.DataFrame, columns: Sequence[str], handles: Sequence[Any], cell: float = 0.82, *,
    least: float | None = None, over: Sequence[str] = (),
) -> tuple[Figure, Axes]:  # fmt: skip
    """Lay out a labelled grid: one row a variant, coloured and marked by its axes, one column a data set.

    Parameters
    ----------
    rows
        Columns `variant, architecture, data_fusion`, in the order to draw, from above.
    columns
        Names of the columns; those too long for a cell are turned upright.
    handles
        Legend handles beside those of architectures and data fusions.
    cell, least
        Width of a cell, in inches, and the least that it may have where a look asks for a width.
    over
        A heading a column; equal neighbours share one. None leave it out.
    """
    k, across = len(rows), len(columns)
    left = 0.42 + max(map(style.inches, rows["variant"]), default=0.0)
    room = looking().room - left - 0.2
    cell = max(least or cell, min(cell, room / across))
    names, tall, upright = _columns(columns, cell)
    width = max(left + across * cell + 0.2, least_width(heading))
    figure = Figure(figsize=(width, 10))
    bottom = foot(figure, [*kinds(rows), *handles])
    height = above(heading, width)[1] + (0.3 if over else 0.0) + tall + 0.1 + ROW * k + bottom + 0.1
    figure.set_size_inches(width, height)
    head(figure, heading)
    box = (left / width, (bottom + 0.1) / height, across * cell / width, ROW * k / height)
    axis = figure.add_axes(box, xlim=(0, across), ylim=(k, 0))
    turned = {"rotation": 90, "multialignment": "left"} if upright else {}
    axis.set_xticks(np.arange(across) + 0.5, names, **turned)
    axis.set_yticks(np.arange(k) + 0.5, list(rows["variant"]))
    axis.tick_params(length=0, pad=2, top=True, labeltop=True, bottom=False, labelbottom=False)
    axis.tick_params(axis="y", pad=20)
    axis.spines[:].set_visible(False)
    settle(axis, "xy")
    strip(axis, rows, cell * across)
    if over:
        _over(axis, over, (tall + 0.1) / ROW)
    return figure, axis


def settle(axis: Axes, which: str) -> None:
    """Fix where an axis's title and its empty labels are: looking for a place takes long beside many ticks."""
    axis.set_title(axis.get_title("left"), y=1.0)
    for side in which:
        {"x": axis.xaxis, "y": axis.yaxis}[side].set_label_coords(0.5, 0.5)


def _columns(names: Sequence[str], cell: float) -> tuple[list[str], float, bool]:
    """Return the headings over columns, their height, and whether they stand upright."""
    flat = [wrapped(name, (cell - 0.04) / LETTER) for name in names]
    most = max(text.count("\n") for text in flat) + 1
    if most <= MOST_LINES:
        return flat, LINE * most, False
    fit = max(1, min(MOST_LINES, int((cell - 0.04) / LINE)))
    upright = list(names)
    for letters in range(10, 1 + longest(names)):
        upright = [wrapped(name, letters) for name in names]
        if max(text.count("\n") for text in upright) < fit:
            break
    return upright, max(map(style.inches, upright)), True


def _over(axis: Axes, over: Sequence[str], up: float) -> None:
    """Write a heading over every run of equal ones, `up` rows above the grid, and a line below it."""
    starts = [place for place in range(len(over)) if not place or over[place] != over[place - 1]]
    for start, end in zip(starts, [*starts[1:], len(over)], strict=True):
        axis.plot([start + 0.04, end - 0.04], [-up, -up], color="#444444", lw=0.8, clip_on=False)
        axis.text(
            (start + end) / 2, -up - 0.2, over[start], ha="center", va="bottom", fontsize=7.5, color="#444444"
        )


def strip(axis: Axes, rows: pd.DataFrame, wide: float, first: float = 0.0) -> None:
    """Draw each row's colour and marker between its name and an axis that is `wide` inches wide.

    The uppermost row reaches from y = `first` to `first` + 1.
    """
    side, y = axis.get_yaxis_transform(), first + np.arange(len(rows))
    ones = np.ones(len(rows))
    colours = [style.colour(architecture) for architecture in rows["architecture"]]
    look = {"facecolors": colours, "edgecolors": "white", "linewidths": 0.6}
    boxes(axis, -(STRIP + 0.05) / wide * ones, -0.05 / wide * ones, y, transform=side, clip_on=False, **look)
    for fusion in rows["data_fusion"].unique():
        places = y[(rows["data_fusion"] == fusion).to_numpy()] + 0.5
        axis.plot(
            np.full(len(places), -(STRIP / 2 + 0.05) / wide), places, ls="", marker=style.marker(fusion), ms=3.5,
            color="white", mec="black", mew=0.5, transform=side, clip_on=False,
        )  # fmt: skip


def boxes(axis: Axes, left: Any, right: Any, y: Any, *, inset: float = 0.0, **look: Any) -> None:
    """Draw boxes from `left` to `right` in the rows `y`, one artist for all, `inset` of a row narrower."""
    left, right, y = (np.asarray(each, dtype=float) for each in (left, right, y))
    x = np.stack([left, left, right, right], axis=1)
    edges = np.stack([y + inset, y + 1 - inset, y + 1 - inset, y + inset], axis=1)
    axis.add_collection(PolyCollection(list(np.stack([x, edges], axis=2)), **look), autolim=False)
