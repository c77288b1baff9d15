"""Charts of one row a variant: names, the strip of kinds beside them, panels side by side that share the rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import style
from ..run import ARCHITECTURES, FUSIONS
from . import layout
from .looks import looking
from .registry import Heading

LEAST = 0.5  # of its width, below which a panel is not narrowed for a look's sake


def entries(data: pd.DataFrame) -> pd.DataFrame:
    """Return a table's variants, a row each, in the order of a run: architecture, data fusion, name."""

    def place(column: pd.Series) -> pd.Series:
        order = {"architecture": ARCHITECTURES, "data_fusion": FUSIONS}.get(str(column.name), ())
        known = {name: f"{place:03d}" for place, name in enumerate(order)}
        return column.map(lambda value: known.get(value, f"{len(known):03d}{value}"))

    each = data.drop_duplicates("variant")
    return each.sort_values(["architecture", "data_fusion", "variant"], key=place, ignore_index=True)


def swatch(fill: Any, label: str) -> Line2D:
    """Return a legend's square: what fills a cell or a bar, where architectures have wide patches."""
    return Line2D([], [], ls="", marker="s", ms=8, color=fill, mec="black", mew=0.6, label=label)


def chart(
    heading: Heading, rows: pd.DataFrame, panels: Sequence[tuple[str, float]], handles: Sequence[Any], *,
    right: float = 0.3, over: float = 0.0,
) -> tuple[Figure, list[Axes]]:  # fmt: skip
    """Lay out panels that share their rows, one a variant, from above.

    Parameters
    ----------
    rows
        Columns `variant, architecture, data_fusion`, in the order to draw.
    panels
        Axis label and width in inches, one a panel; those with labels are narrower where a look asks for it.
    handles
        Legend handles beside those of architectures and data fusions.
    right, over
        Room to the right of each panel, and above all of them, in inches.

    Returns
    -------
    The figure, and axes whose row `i` reaches from y = i to i + 1.
    """
    k, left = len(rows), 0.42 + max(map(style.inches, rows["variant"]), default=0.0)
    widths = [wide * _narrower(left + right * len(panels), panels) for _, wide in panels]
    width = max(left + sum(widths) + right * len(panels), layout.least_width(heading))
    figure = Figure(figsize=(width, 10))
    bottom = layout.foot(figure, [*layout.kinds(rows), *handles])
    under = 0.55 if any(label for label, _ in panels) else 0.1
    height = layout.above(heading, width)[1] + 0.15 + over + layout.ROW * k + under + bottom
    figure.set_size_inches(width, height)
    layout.head(figure, heading)
    axes = []
    for place, ((label, _), wide) in enumerate(zip(panels, widths, strict=True)):
        box = (left / width, (bottom + under) / height, wide / width, layout.ROW * k / height)
        axis = figure.add_axes(box, ylim=(k, 0), xlabel=label)
        axis.set_yticks(np.arange(k) + 0.5 if not place else [], list(rows["variant"]) if not place else [])
        axis.tick_params(axis="y", length=0, pad=20)
        axes.append(axis)
        left += wide + right
    layout.strip(axes[0], rows, widths[0])
    return figure, axes


def _narrower(beside: float, panels: Sequence[tuple[str, float]]) -> float:
    """Return the factor of the panels' widths that makes a sheet as narrow as can be asked for."""
    if not all(label for label, _ in panels):
        return 1.0
    return float(np.clip((looking().room - beside) / sum(wide for _, wide in panels), LEAST, 1.0))
