"""Matched pairs: what one difference does, everything named being equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import comparisons, style
from ..run import Run
from ..wording import axis as axis_label
from . import layout
from .registry import Heading, figure

ROW = 0.38  # height of a pair, in inches
COLUMNS = 3


def frame(run: Run) -> pd.DataFrame:
    """Return `comparisons.pairs` with the axes of the left variant and the metric."""
    data = comparisons.pairs(run)
    architecture = [run.axes(name)[0] for name in data["left"]]
    fusion = [run.axes(name)[1] for name in data["left"]]
    return data.assign(architecture=architecture, data_fusion=fusion, metric=run.metric)


@figure(
    "pairs",
    "Matched pairs",
    "Difference in {metric}, left minus right, positive where the left variant is better; 95 % intervals over "
    "seeds for one pair looked at. Filled: the interval leaves out zero.",
    frame=frame,
    empty="No matched pair has both of its variants complete on a data set of this run.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a data set, one row a pair."""
    names = list(data["dataset"].unique())
    order = list(dict.fromkeys(zip(data["axis"], data["left"], data["right"], data["equal"], strict=True)))
    words = [(f"{left} − {right}", f"{axis}: {equal}") for axis, left, right, equal in order]
    space = (
        0.3 + max(max(8 * layout.span(pair), 6.8 * layout.span(held)) for pair, held in words) * layout.LETTER / 8
    )
    handles = [
        Line2D([], [], marker="o", color="black", mfc=fill, label=text)
        for fill, text in (("black", "interval leaves out 0"), ("white", "interval holds 0"))
    ]
    figure, axes = layout.panels(
        heading, names, (1.75, ROW * len(order)), columns=COLUMNS, left=space, between=0.25, below=0.6,
        handles=[*layout.kinds(data)[: data["architecture"].nunique()], *handles],
    )  # fmt: skip
    for place, (axis, name) in enumerate(zip(axes, names, strict=True)):
        mine = data[data["dataset"] == name].set_index(["left", "right"])
        axis.axvline(0, color="#444444", lw=0.8)
        for y, (_, first, second, _) in enumerate(order):
            if (first, second) in mine.index:
                _effect(axis, y, mine.loc[(first, second)])
        axis.set_ylim(len(order) - 0.5, -0.5)
        axis.set_yticks(range(len(order)), [""] * len(order))
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="both")
        layout.numbers(axis, most=3)
        axis.set_xlabel(axis_label(data["metric"].iloc[0], "Δ "))
        if place % COLUMNS == 0:
            _names(axis, words)
    return figure


def _names(axis: Axes, words: list[tuple[str, str]]) -> None:
    side = axis.get_yaxis_transform()
    for y, (pair, held) in enumerate(words):
        axis.text(-0.03, y - 0.03, pair, transform=side, ha="right", va="bottom")
        axis.text(-0.03, y + 0.06, held, transform=side, ha="right", va="top", fontsize=6.8, color="#555555")


def _effect(axis: Axes, y: int, row: pd.Series) -> None:
    half = row["half"] if np.isfinite(row["half"]) else 0.0
    sure = row["beyond_noise"] is not None and bool(row["beyond_noise"])
    colour = style.colour(row["architecture"])
    inside = {"mfc": colour, "mec": "black", "mew": 0.6} if sure else {"mfc": "white", "mec": colour, "mew": 1.1}
    axis.errorbar(row["effect"], y, xerr=half, marker="o", ms=5, color="black", elinewidth=1, capsize=2, **inside)
