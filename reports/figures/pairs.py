"""Matched pairs: what one difference does, everything named in the table of pairs being equal."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import comparisons
from ..matched import PAIRS, QUESTIONS
from ..run import Run
from ..wording import axis as axis_label
from .forest import Row, effects, forest, limit
from .registry import Heading, figure

SURE, UNSURE = "black", "white"


def frame(run: Run) -> pd.DataFrame:
    """Return `comparisons.pairs`, data set by data set, with the metric and the words of the `asked` question."""
    data = comparisons.pairs(run).sort_values(
        "dataset", key=lambda names: names.map(run.datasets.index), kind="stable"
    )
    asked = [QUESTIONS[key].title if key in QUESTIONS else str(key) for key in data["question"]]
    return data.assign(asked=asked, metric=run.metric)


@figure(
    "pairs",
    "Matched pairs",
    "Difference in {metric}, left minus right, positive where the left variant is better; 95 % intervals over "
    "seeds for one pair looked at: among so many some leave out zero by chance. Filled: the interval leaves out "
    "zero. An arrow: it reaches beyond the panel. What each pair holds equal is in the table.",
    frame=frame,
    empty="No matched pair has both of its variants complete on a data set of this run.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a data set, one row a pair, below its question."""
    rows, places = _rows(data)
    titles = [str(name) for name in data["dataset"].unique()]
    handles = [
        Line2D([], [], marker="o", color="black", mfc=fill, label=text)
        for fill, text in ((SURE, "interval leaves out 0"), (UNSURE, "interval holds 0"))
    ]
    label = axis_label(data["metric"].iloc[0], "Δ ").replace(" (", "\n(")
    figure, axes = forest(heading, rows, titles, 1.15, most=8, handles=handles, label=label)
    y = [places[key] for key in zip(data["question"], data["left"], data["right"], strict=True)]
    for axis, (_, mine) in zip(axes, data.assign(y=y).groupby("dataset", sort=False), strict=True):
        at, value, low, high = (mine[column].to_numpy(dtype=float) for column in ("y", "effect", "low", "high"))
        fill = np.where(mine["beyond_noise"].eq(True), SURE, UNSURE)
        effects(axis, at, value, low, high, marker="o", fill=fill)
        limit(axis, value, at, low, high)
    return figure


def _rows(data: pd.DataFrame) -> tuple[list[Row], dict[tuple[str, str, str], int]]:
    """Return the rows and where each pair stands among them, pairs in their own order below each question."""
    held = dict(zip(zip(data["question"], data["left"], data["right"], strict=True), data["asked"], strict=True))
    order = {(pair.question, pair.left, pair.right): place for place, pair in enumerate(PAIRS)}
    keys = sorted(held, key=lambda key: order.get(key, len(order)))
    rows, places = [], {}
    for question in dict.fromkeys(key[0] for key in keys):
        mine = [key for key in keys if key[0] == question]
        rows.append(Row(held[mine[0]], head=True))
        for key in mine:
            places[key] = len(rows)
            rows.append(Row(f"{key[1]} − {key[2]}"))
    return rows, places
