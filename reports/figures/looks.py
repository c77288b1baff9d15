"""How large a figure is: for a page of a paper or for slides, as wide as it needs or so many columns wide.

A figure is laid out in inches of its own, with type of 8 points, and scaled as a whole when it is saved. Where a
width is asked for, layouts that can set fewer panels side by side or narrower cells, and the scale does the
rest; type never becomes smaller than can be read, so a figure may come out wider than asked, and then says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from ...core.errors import FusebenchError, unknown

SMALLEST = 6.5  # points of the smallest type in a layout


@dataclass(frozen=True)
class Sheet:
    """What a style is made for.

    Parameters
    ----------
    column, gap
        Width of a column and of the space between two, in inches.
    zoom
        Scale of a figure for which no width is asked.
    lines
        How many times as thick its lines are, beside the scale.
    least
        Points of the smallest type that can be read there.
    tall
        Height of a page, or slide, in inches.
    """

    column: float
    gap: float
    zoom: float
    lines: float
    least: float
    tall: float


SHEETS = {
    "paper": Sheet(column=3.5, gap=0.2, zoom=1.0, lines=1.0, least=5.0, tall=9.5),  # two columns are 7.2 inches
    "slides": Sheet(
        column=6.0, gap=0.3, zoom=1.5, lines=1.4, least=9.0, tall=7.5
    ),  # and here 12.3: a slide's width
}


@dataclass(frozen=True)
class Look:
    """A style and a width.

    Parameters
    ----------
    name
        `paper`, or `slides`: larger type and thicker lines, fewer panels side by side.
    width
        In columns, 1 and 2 being a page's single and double column; None: as wide as the figure needs.

    Raises
    ------
    UnknownNameError
        For a style that there is not.
    FusebenchError
        For a width that is no number of columns.
    """

    name: str = "paper"
    width: float | None = None

    def __post_init__(self) -> None:
        if self.name not in SHEETS:
            raise unknown("figure style", self.name, SHEETS)
        if self.width is not None and not 0 < self.width <= 20:
            raise FusebenchError(
                f"Figure width {self.width:g}: expected a number of columns above 0 and up to 20, such as 1 or 2."
            )

    @property
    def sheet(self) -> Sheet:
        """What the style is made for."""
        return SHEETS[self.name]

    @property
    def inches(self) -> float | None:
        """The width asked for; None where none is."""
        if self.width is None:
            return None
        return self.width * self.sheet.column + max(self.width - 1, 0.0) * self.sheet.gap

    @property
    def usual(self) -> float | None:
        """The width of a layout that is saved with type of the usual size; None where no width is asked."""
        return None if self.inches is None else self.inches / self.sheet.zoom

    @property
    def room(self) -> float:
        """The widest layout whose smallest type can still be read; endless where no width is asked."""
        return np.inf if self.inches is None else self.inches * SMALLEST / self.sheet.least

    @property
    def parameters(self) -> dict[str, Any]:
        """Matplotlib's parameters for the lines that it draws by itself."""
        widths = {"axes.linewidth": 0.8, "xtick.major.width": 0.8, "ytick.major.width": 0.8, "grid.linewidth": 0.6}
        return {key: width * self.sheet.lines for key, width in (widths | {"hatch.linewidth": 0.5}).items()}


PAPER = Look()
_looking: ContextVar[Look] = ContextVar("look", default=PAPER)


def looking() -> Look:
    """Return the look of the figure that is being drawn."""
    return _looking.get()


@contextmanager
def applied(look: Look) -> Iterator[None]:
    """Let layouts see a look."""
    token = _looking.set(look)
    try:
        yield
    finally:
        _looking.reset(token)


def thicken(made: Figure, look: Look) -> None:
    """Make the lines thicker that a figure has drawn itself."""
    if look.sheet.lines == 1:
        return
    handles = chain.from_iterable(legend.legend_handles for legend in made.legends)
    for artist in chain(handles, *((*axis.lines, *axis.patches, *axis.collections) for axis in made.axes)):
        artist: Any
        artist.set_linewidth(np.multiply(artist.get_linewidth(), look.sheet.lines))
        if hasattr(artist, "set_markeredgewidth"):
            artist.set_markeredgewidth(artist.get_markeredgewidth() * look.sheet.lines)


def smallest(made: Figure) -> float:
    """Return the points of the smallest type in a figure."""
    texts: Iterable[Any] = made.findobj(Text)
    return min(
        (text.get_fontsize() for text in texts if text.get_visible() and text.get_text().strip()), default=8
    )


def scale(made: Figure, look: Look) -> tuple[float, str]:
    """Return the factor at which a figure is saved, and in what it is not as asked, or does not fit a page."""
    natural, tall = (float(size) for size in made.get_size_inches())
    if look.inches is None:
        return look.sheet.zoom, ""
    factor, least = look.inches / natural, look.sheet.least / smallest(made)
    said = []
    if factor < least - 1e-9:
        said.append(
            f"It is {natural * least:.1f} inches wide in place of {look.inches:.1f}: narrower, its smallest type "
            f"would be under {look.sheet.least:g} points."
        )
        factor = least
    if tall * factor > look.sheet.tall:
        said.append(f"It is {tall * factor:.1f} inches tall, more than the {look.sheet.tall:g} of a page.")
    return factor, " ".join([*said, "Show fewer variants or data sets, or allow more columns."] if said else [])
