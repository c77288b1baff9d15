"""Forests: effects with intervals, one row an effect, panels side by side that share their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .. import style
from . import layout
from .registry import Heading

ROW = 0.19  # height of a row, in inches
BETWEEN, RIGHT, UNDER = 0.36, 0.25, 0.62
FAR = 1.6  # an interval may reach so many times beyond the points, as a share of their range


@dataclass(frozen=True)
class Row:
    """A row's text; a `head` stands over the rows that follow and holds no effect."""

    text: str
    head: bool = False


def forest(
    heading: Heading, rows: Sequence[Row], titles: Sequence[str], wide: float, *,
    most: int, handles: Sequence[Any], aside: float = 0.0, label: str = "",
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """Lay out one panel a title, with the rows' texts to the left of each row of panels.

    Parameters
    ----------
    wide
        Width of a panel, in inches.
    most
        At most so many side by side.
    aside
        Room between the texts and the panels, in inches.
    label
        Under every panel, with its unit.

    Returns
    -------
    The figure, and axes on which row `i` is at y = i.
    """
    left = 0.2 + aside + max(style.inches(row.text) for row in rows)
    tall = ROW * (len(rows) + 0.5)
    figure, axes = layout.panels(
        heading, titles, (wide, tall), columns=most, left=left, between=BETWEEN, below=UNDER, right=RIGHT,
        handles=handles, flow=True,
    )  # fmt: skip
    guides = [place for place, row in enumerate(rows) if not row.head]
    for axis, leads in zip(axes, layout.leads(axes), strict=True):
        axis.set_ylim(len(rows) - 0.25, -0.75)
        axis.set_yticks(range(len(rows)) if leads else (), [row.text for row in rows] if leads else ())
        axis.tick_params(axis="y", length=0, pad=3 + 72 * aside)
        axis.hlines(guides, 0, 1, color="#EEEEEE", lw=0.7, transform=axis.get_yaxis_transform(), zorder=0)
        axis.set_xlabel(label)
        layout.settle(axis, "y")
        if leads:
            for row, tick in zip(rows, axis.get_yticklabels(), strict=True):
                if row.head:
                    tick.set(color="#666666", style="italic")
    return figure, axes


def effects(
    axis: Axes, y: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray, *,
    marker: str, fill: Any, edge: Any = "black", size: float = 26,
) -> None:  # fmt: skip
    """Draw effects with their intervals, an artist for all of them; NaN ends have none."""
    known = np.isfinite(low) & np.isfinite(high)
    axis.hlines(y[known], low[known], high[known], color="black", lw=1.0, zorder=3)
    axis.scatter(value, y, s=size, marker=marker, c=fill, edgecolors=edge, linewidths=0.8, zorder=4)


def limit(
    axis: Axes, points: np.ndarray, y: np.ndarray, low: np.ndarray, high: np.ndarray, ticks: int = 3
) -> None:
    """Set the horizontal limits: zero and all points are inside, arrows tell of intervals that are cut off."""
    inside = np.append(points[np.isfinite(points)], 0.0)
    first, last = inside.min(), inside.max()
    known = np.isfinite(low) & np.isfinite(high)
    usual = float(np.median(high[known] - low[known])) if known.any() else 0.0
    room = FAR * max(last - first, usual, 1e-4)
    least = max(np.nanmin([first, *low[known]]), first - room)
    most = min(np.nanmax([last, *high[known]]), last + room)
    margin = 0.04 * (most - least) or 1e-4
    axis.set_xlim(least - margin, most + margin)
    for ends, edge, marker in ((low < least, 0.0, "<"), (high > most, 1.0, ">")):
        axis.plot(
            np.full(int(ends.sum()), edge), y[ends], ls="", marker=marker, ms=4, color="black", clip_on=False,
            transform=axis.get_yaxis_transform(),
        )  # fmt: skip
    axis.axvline(0, color="#444444", lw=0.8, zorder=1)
    axis.grid(axis="x")
    layout.numbers(axis, most=ticks)
