"""Accuracy against the time that training took, and the variants that nothing beats in both."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import style
from ..run import LOWER, Run, records
from ..statistics import pareto_front
from ..timing import train_seconds
from ..wording import axis as axis_label
from . import layout
from .registry import Heading, figure

# where a number may stand beside its point, in points: above first, then around, then further out
SPOTS = [(r * np.sin(a), r * np.cos(a)) for r in (7.5, 13, 19, 26) for a in np.arange(0, 2 * np.pi, np.pi / 4)]


def frame(run: Run) -> pd.DataFrame:
    """Return one row a complete variant with a training time.

    Columns: `dataset, variant, architecture, data_fusion, metric, mean, half, seconds` (wall, own and
    shared stages, mean over seeds), `front` (whether no other is both faster and better).
    """
    rows = []
    for dataset in run.datasets:
        scores = run.scores(dataset)
        seconds = train_seconds(run, dataset, scores.names)
        sign = -1 if run.metric in LOWER else 1
        front = pareto_front(seconds, sign * scores.within.means)
        for name, time, best in zip(scores.names, seconds, front, strict=True):
            if name in run.shown and np.isfinite(time) and time > 0:
                value = scores.mean(name), scores.half(name), time, bool(best)
                rows.append((dataset, name, *run.axes(name), run.metric, *value))
    columns = ["dataset", "variant", "architecture", "data_fusion", "metric", "mean", "half", "seconds", "front"]
    return pd.DataFrame(rows, columns=columns)


@figure(
    "pareto",
    "{metric} against training time",
    "Wall seconds of training, own and shared stages in full, mean over seeds. The line joins the "
    "variants that no other beats in both; they are numbered and named, fastest first.",
    frame=frame,
    empty="No complete variant has a training time.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a data set, its front named beside it."""
    names = list(data["dataset"].unique())
    beside = 0.4 + layout.LETTER * 0.875 * layout.longest(data.loc[data["front"], "variant"])
    line = Line2D([], [], color="#666666", lw=1, label="front")
    figure, axes = layout.panels(
        heading, names, (3.4, 2.3), columns=2, left=0.65, between=beside + 0.65, below=0.65, right=beside,
        handles=[*layout.kinds(data), line],
    )  # fmt: skip
    for axis, name in zip(axes, names, strict=True):
        mine = data[data["dataset"] == name]
        _points(axis, mine)
        axis.set_xlabel("training time (s, own + shared)")
        axis.set_ylabel(axis_label(data["metric"].iloc[0]))
    for axis, name in zip(axes, names, strict=True):
        _name_front(axis, data[data["dataset"] == name])
    return figure


def _points(axis: Axes, data: pd.DataFrame) -> None:
    for row in records(data):
        size = 42 if row.front else 20
        axis.scatter(
            row.seconds,
            row.mean,
            s=size,
            color=style.colour(row.architecture),
            marker=style.marker(row.data_fusion),
            edgecolors="black",
            linewidths=0.9 if row.front else 0.4,
            zorder=4 if row.front else 3,
        )
    front = data[data["front"]].sort_values(["seconds", "variant"])
    axis.plot(front["seconds"], front["mean"], drawstyle="steps-post", color="#666666", lw=1, zorder=2)
    axis.set_xscale("log")
    low, high = data["seconds"].min(), data["seconds"].max()
    axis.set_xlim(low / 1.6, high * 1.6)
    ticks = [m * 10.0**e for e in range(-4, 7) for m in (1, 2, 5)]
    ticks = [tick for tick in ticks if low / 1.6 <= tick <= high * 1.6]
    if len(ticks) > 6:
        ticks = [tick for tick in ticks if f"{tick:.0e}".startswith("1")]
    axis.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.minorticks_off()
    axis.margins(y=0.12)
    axis.grid()
    layout.numbers(axis, "y")


def _name_front(axis: Axes, data: pd.DataFrame) -> None:
    """Number the front's points where there is room, and list their names to the right."""
    data = data.sort_values(["seconds", "variant"])
    points = axis.transData.transform(data[["seconds", "mean"]].to_numpy()) * 72 / axis.figure.dpi
    front, taken = data[data["front"]], [*points]
    for number, (point, row) in enumerate(zip(points[data["front"]], records(front), strict=True), start=1):
        spots = point + np.array(SPOTS)
        room = np.abs(spots[:, None] - np.array(taken)[None]) / (7.5, 7.0)
        room = room.max(axis=2).min(axis=1)
        best = int(np.argmax(room >= 1)) if (room >= 1).any() else int(np.argmax(room))
        taken.append(spots[best])
        centred = {"ha": "center", "va": "center", "fontsize": 7, "zorder": 5}
        axis.annotate(str(number), (row.seconds, row.mean), SPOTS[best], textcoords="offset points", **centred)
    lines = [f"{number}  {name}" for number, name in enumerate(front["variant"], start=1)]
    axis.text(1.03, 1.0, "\n".join(lines), transform=axis.transAxes, va="top", fontsize=7, linespacing=1.35)
