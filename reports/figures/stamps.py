"""Many short numbers on an axis, drawn letter by letter: an artist a letter in place of one a number.

Matplotlib lays a text out twice at every drawing, which takes most of the time of a map with a thousand cells.
Letters of numbers stand side by side without kerning, so that each can be stamped where it belongs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from .. import style

MIDDLE = 0.365  # of the type's height: the middle of a figure above its foot


class Letters(PathCollection):
    """One letter wherever it occurs in stamped texts."""


def stamp(
    axis: Axes, x: Iterable[float], y: Iterable[float], texts: Sequence[str], points: float,
    colours: Sequence[Any], *, bold: bool = False, left: bool = False,
) -> None:  # fmt: skip
    """Write texts centred on places of an axis, in letters of the base font; its limits must not change later.

    Parameters
    ----------
    x, y
        Where the middles of texts are, or where they begin (`left`), as the axis counts; one a text.
    colours
        One a text.
    """
    letters: dict[str, list[tuple[float, float, Any]]] = {}
    for at_x, at_y, text, colour in zip(_inches(axis, "x", x), _inches(axis, "y", y), texts, colours, strict=True):
        at_x -= 0.0 if left else style.inches(text, points, bold) / 2
        for sign in text:
            letters.setdefault(sign, []).append((at_x, at_y - MIDDLE * points / 72, colour))
            at_x += style.inches(sign, points, bold)
    sheet: Any = axis.get_figure(root=True)
    for sign, places in letters.items():
        if sign.isspace():
            continue
        outline = _outline(sign, bold).transformed(Affine2D().scale(points / 7200))
        drawn = Letters(
            [outline], offsets=np.array([place[:2] for place in places]), offset_transform=sheet.dpi_scale_trans,
            transform=sheet.dpi_scale_trans, facecolors=[place[2] for place in places], linewidths=0, zorder=5,
        )  # fmt: skip
        axis.add_collection(drawn, autolim=False)


def _inches(axis: Axes, which: str, values: Iterable[float]) -> np.ndarray:
    """Return places on an axis in inches of the sheet."""
    sheet: Any = axis.get_figure(root=True)
    box, size = axis.get_position(), sheet.get_size_inches()
    start, length, whole = (box.x0, box.width, size[0]) if which == "x" else (box.y0, box.height, size[1])
    first, last = axis.get_xlim() if which == "x" else axis.get_ylim()
    share = (np.fromiter(values, dtype=float) - first) / (last - first)
    return (start + share * length) * whole


@cache
def _outline(sign: str, bold: bool) -> Path:
    """Return a letter's outline at 100 points."""
    weight = "bold" if bold else "normal"
    drawn = TextPath((0, 0), sign, size=100, prop=FontProperties(family=style.BASE_FONT, weight=weight))
    return Path(drawn.vertices, drawn.codes)
