"""Sheets: a heading, a grid of cells with labelled rows and columns, or small panels; legends by axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from unicodedata import east_asian_width

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from .. import style
from ..run import ARCHITECTURES, FUSIONS, records
from .registry import Heading

LETTER = 0.072  # width of a letter at 8 points, in inches, on the wide side
LINE = 0.135  # height of a line
TITLE_LETTER = 0.105  # of a title's 11 bold points
EDGE = {"edgecolor": "black", "linewidth": 0.6}


def span(text: str) -> int:
    """Return the width of a line in letters; a wide character, such as kanji, counts as two."""
    return sum(1 + (east_asian_width(sign) in "WF") for sign in text)


def longest(texts: Iterable[str]) -> int:
    """Return the width of the widest line in letters; 0 where there is none."""
    return max((span(line) for text in texts for line in text.split("\n")), default=0)


def wrapped(name: str, letters: int) -> str:
    """Break a name into lines of at most `letters` where its words allow it."""
    lines, rest = [], name
    while span(rest) > letters:
        fit = next(end for end in range(len(rest), 0, -1) if span(rest[:end]) <= letters or end == 1)
        cut = max(*(rest.rfind(sign, 0, fit) + 1 for sign in "_(,+=- "), rest.rfind("\\", 1, fit))
        cut = cut if cut > 0 else fit
        lines.append(rest[:cut])
        rest = rest[cut:]
    return "\n".join([*lines, rest])


def least_width(heading: Heading) -> float:
    """Return the width below which a title would be cut off, in inches."""
    return max(5.5, 0.2 + TITLE_LETTER * span(heading.title))


def above(heading: Heading, width: float) -> tuple[str, float]:
    """Return the heading's notes, wrapped to a width, and the height of the whole heading, in inches."""
    notes = wrapped(heading.notes, max(30, int((width - 0.2) / LETTER)))
    return notes, 0.42 + LINE * (notes.count("\n") + 1)


def head(figure: Figure, heading: Heading) -> None:
    """Write the heading at the upper left."""
    width, height = figure.get_size_inches()
    notes, _ = above(heading, width)
    figure.text(
        0.1 / width,
        1 - 0.08 / height,
        heading.title,
        va="top",
        fontsize=11,
        fontweight="bold",
        family=style.BASE_FONT,
    )
    figure.text(0.1 / width, 1 - 0.32 / height, notes, va="top", fontsize=8, color="#444444")


def foot(figure: Figure, handles: Sequence[Any]) -> float:
    """Draw a legend along the lower edge and return its height in inches."""
    width, _ = figure.get_size_inches()
    wide = longest(handle.get_label() for handle in handles) * LETTER + 0.55
    fit = max(1, int((width - 0.2) / wide))
    rows = -(-len(handles) // fit)
    columns = -(-len(handles) // rows)
    figure.legend(
        handles=handles, loc="lower left", ncols=columns, bbox_to_anchor=(0, 0), handlelength=3.2,
        columnspacing=1.4, borderaxespad=0.6,
    )  # fmt: skip
    return 0.2 + 0.18 * rows


def kinds(data: pd.DataFrame) -> list[Line2D | Patch]:
    """Return legend handles for the architectures and data fusions that a table holds."""
    held, fusions = set(data["architecture"]), set(data["data_fusion"])
    handles: list[Line2D | Patch] = [
        Patch(facecolor=style.colour(name), label=name.replace("_", "-"), **EDGE)
        for name in (*ARCHITECTURES, *sorted(held - set(ARCHITECTURES)))
        if name in held
    ]
    for name in (*FUSIONS, *sorted(fusions - set(FUSIONS))):
        if name in fusions:
            words = {"none": "one modality", "": "fusion unknown"}.get(name, name)
            handles.append(
                Line2D([], [], ls="", marker=style.marker(name), color="#888888", mec="black", label=words)
            )
    return handles


def panels(
    heading: Heading, names: Sequence[str], size: tuple[float, float], *,
    columns: int, left: float, between: float, below: float | Sequence[float], handles: Sequence[Any],
    right: float = 0.25,
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
    """
    across = min(columns, len(names))
    down = -(-len(names) // across)
    width = max(left + across * size[0] + (across - 1) * between + right, least_width(heading))
    figure = Figure(figsize=(width, 10))
    bottom = foot(figure, handles) if handles else 0.1
    titles = [wrapped(name, int(size[0] / LETTER)) for name in names]
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
        box = (x / width, y / height, size[0] / width, size[1] / height)
        axis = figure.add_axes(box)
        axis.set_title(text)
        axes.append(axis)
    return figure, axes


def grid(
    heading: Heading, rows: pd.DataFrame, columns: Sequence[str], handles: Sequence[Any], cell: float = 0.82
) -> tuple[Figure, Axes]:
    """Lay out a labelled grid: one row a variant, coloured and marked by its axes, one column a data set.

    Parameters
    ----------
    rows
        Columns `variant, architecture, data_fusion`, in the order to draw, from above.
    columns
        Names of the columns.
    handles
        Legend handles beside those of architectures and data fusions.
    cell
        Width of a cell, in inches; names too long for it are turned upright.
    """
    k, across = len(rows), len(columns)
    left = 0.35 + LETTER * longest(rows["variant"])
    letters = int(cell / LETTER)
    flat = [wrapped(name, letters) for name in columns]
    upright = max(text.count("\n") for text in flat) > 3
    names = columns if upright else flat
    tall = LETTER * longest(columns) if upright else LINE * (max(t.count("\n") for t in flat) + 1)
    width = max(left + 0.25 + across * cell + 0.2, least_width(heading))
    figure = Figure(figsize=(width, 10))
    bottom = foot(figure, [*kinds(rows), *handles])
    height = above(heading, width)[1] + tall + 0.2 + 0.2 * k + bottom + 0.1
    figure.set_size_inches(width, height)
    head(figure, heading)
    box = ((left + 0.25) / width, (bottom + 0.1) / height, across * cell / width, 0.2 * k / height)
    axis = figure.add_axes(box, xlim=(0, across), ylim=(k, 0))
    axis.set_xticks(np.arange(across) + 0.5, names, rotation=90 if upright else 0)
    axis.set_yticks(np.arange(k) + 0.5, list(rows["variant"]))
    axis.tick_params(length=0, pad=2, top=True, labeltop=True, bottom=False, labelbottom=False)
    axis.tick_params(axis="y", pad=20)
    axis.spines[:].set_visible(False)
    _strip(axis, rows, 0.2 / cell)
    return figure, axis


def _strip(axis: Axes, rows: pd.DataFrame, wide: float) -> None:
    """Draw each row's colour and marker between its name and its cells."""
    for place, row in enumerate(records(rows)):
        colour = style.colour(row.architecture)
        box = Rectangle((-1.2 * wide, place), wide, 1, facecolor=colour, edgecolor="white", clip_on=False)
        axis.add_patch(box)
        axis.plot(
            -0.7 * wide, place + 0.5, marker=style.marker(row.data_fusion), markersize=3.5,
            color="white", mec="black", mew=0.5, clip_on=False,
        )  # fmt: skip


def numbers(axis: Axes, which: str = "x", most: int = 4) -> None:
    """Thin out an axis's ticks and write them plainly."""
    side = axis.xaxis if which == "x" else axis.yaxis
    side.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
