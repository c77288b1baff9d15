"""Critical-difference diagrams (Demšar 2006), only where they tell entries apart.

Mean ranks lie on an axis; entries whose ranks differ by less than the critical difference are joined by a
bar. Where that difference is a third of the number of entries or more, one bar would join nearly all: no
diagram is drawn then, and the reason says how large it is.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from scipy import stats

from .. import across, style
from ..run import Run
from ..statistics import LEVEL, cd_readable, critical_difference, iman_davenport
from ..wording import label, number
from . import layout
from .registry import Heading, figure

AXIS = 4.2  # width of the axis, in inches
LINE = 0.17  # height of a name
BAR = 0.075  # height of a bar
UPPER = 0.66  # room for the critical difference and the ticks above an axis
ELBOW = 0.12  # from the axis' end to a name
BEFORE = ["group", "title", "datasets", "entries", "critical", "f", "p"]


def frame(run: Run) -> pd.DataFrame:
    """Return one row an entry of every group of data sets that allows a diagram.

    Columns: `group, title` (of `across.groups`), `datasets` and `entries` (how many are ranked: those that are
    complete), `critical` (difference), `f` and `p` (Iman and Davenport's), `variant, architecture, data_fusion,
    mean_rank` (1 is best, ties share), from the best.
    """
    found, seen = [], set()
    for group in across.groups(run):
        block = across.block(run, datasets=group.datasets)
        n, k = block.values.shape
        if block.datasets in seen or not cd_readable(k, n):
            continue
        seen.add(block.datasets)
        ranks = stats.rankdata(-block.values, axis=1)
        head = (group.key, group.title, n, k, critical_difference(k, n), *iman_davenport(ranks))
        order = sorted(zip(ranks.mean(axis=0), block.names, strict=True))
        found += [(*head, name, *run.axes(name), rank) for rank, name in order if name in run.shown]
    columns = [*BEFORE, "variant", "architecture", "data_fusion", "mean_rank"]
    return pd.DataFrame(found, columns=columns).assign(metric=label(run.metric))


def why_not(run: Run) -> str:
    """Say how large the critical difference is, in the widest group of data sets that can be ranked."""
    sizes = [across.block(run, datasets=group.datasets).values.shape for group in across.groups(run)]
    n, k = max((size for size in sizes if min(size) > 0), default=(0, 0))
    if k < 2:
        return "No two entries are complete on one data set, so there are no ranks to compare."
    return (
        f"The critical difference is {number(critical_difference(k, n), 1)} ranks for {k} entries on {n} data "
        f"set{'s' if n > 1 else ''}: a third of the number of entries or more, so one bar would join nearly all."
    )


@figure(
    "difference",
    "Mean ranks and their critical difference",
    "Mean rank by {metric} over data sets on which every entry is complete (1 is best). Bars join entries whose "
    "mean ranks differ by less than the critical difference (Nemenyi's, 5 %, on these data sets alone): they are "
    "not shown to differ. A rank says nothing of how far apart two entries are. Drawn only where the critical "
    "difference is under a third of the number of entries.",
    frame=frame,
    empty=why_not,
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one diagram a group of data sets, below one another."""
    groups = [group.reset_index(drop=True) for _, group in data.groupby("group", sort=False)]
    side = 0.35 + ELBOW + style.inches("  00.0") + max(map(style.inches, data["variant"]))
    width = max(AXIS + 2 * side, layout.least_width(heading), *(0.3 + style.inches(_title(g), 9) for g in groups))
    figure = Figure(figsize=(width, 10))
    bottom = layout.foot(figure, layout.kinds(data.drop_duplicates("variant")))
    bars = [_joined(group) for group in groups]
    depths = [
        BAR * (len(held) + 1) + LINE * (-(-len(group) // 2) + 0.5)
        for group, held in zip(groups, bars, strict=True)
    ]
    top = layout.above(heading, width)[1]
    height = top + sum(0.35 + UPPER + depth for depth in depths) + bottom + 0.15
    figure.set_size_inches(width, height)
    layout.head(figure, heading)
    y = height - top
    for group, held, depth in zip(groups, bars, depths, strict=True):
        figure.text(0.1 / width, (y - 0.05) / height, _title(group), va="top", fontsize=9)
        y -= 0.35 + UPPER + depth
        box = (side / width, y / height, AXIS / width, depth / height)
        axis = figure.add_axes(box, xlim=(1, group["entries"].iloc[0]), ylim=(depth, 0))
        _scale(axis, group)
        _bars(axis, group, held)
        _names(axis, group, BAR * (len(held) + 1))
    return figure


def _title(group: pd.DataFrame) -> str:
    first = group.iloc[0]
    p = "p < .001" if first["p"] < 0.001 else f"p = {number(first['p'], 3).lstrip('0')}"
    size = f"{first['entries']} entries on {first['datasets']} data sets"
    words = f"{first['title']}: {size}; all alike? Iman–Davenport {p}"
    return words if first["p"] <= LEVEL else f"{words}: not shown to differ at all"


def _joined(group: pd.DataFrame) -> list[tuple[int, int]]:
    """Return (first, last) of every longest run of entries within the critical difference; all where F says so."""
    ranks = group["mean_rank"].to_numpy()
    if group["p"].iloc[0] > LEVEL:
        return [(0, len(ranks) - 1)]
    last = np.searchsorted(ranks, ranks + group["critical"].iloc[0], side="left") - 1
    found = [(0, int(last[0]))] if len(ranks) else []
    found += [(place, int(b)) for place, (a, b) in enumerate(pairwise(last), start=1) if b > a]
    return [(a, b) for a, b in found if b > a]


def _scale(axis: Axes, group: pd.DataFrame) -> None:
    """Write ranks above the axis, and the critical difference above them."""
    axis.xaxis.tick_top()
    axis.xaxis.set_label_position("top")
    axis.set_xlabel("mean rank (1 is best)", loc="right", labelpad=2)
    axis.spines[["left", "right", "bottom"]].set_visible(False)
    axis.spines["top"].set_visible(True)
    axis.set_yticks([])
    layout.numbers(axis, most=8)
    ends, critical = axis.get_xlim(), float(group["critical"].iloc[0])
    inner = [tick for tick in axis.get_xticks() if ends[0] < tick < ends[1]]
    room = 0.05 * (ends[1] - ends[0])
    axis.set_xticks([ends[0], *(t for t in inner if t - ends[0] > room and ends[1] - t > room), ends[1]])
    level = -(UPPER - 0.12)
    axis.plot([1, 1 + critical], [level, level], color="black", lw=1.2, marker="|", ms=6, clip_on=False)
    words = f"critical difference {number(critical, 2)} ranks"
    axis.text(1 + critical, level, f"  {words}", va="center", fontsize=7.5)


def _bars(axis: Axes, group: pd.DataFrame, held: list[tuple[int, int]]) -> None:
    ranks = group["mean_rank"].to_numpy()
    lines = [
        [(ranks[a], BAR * (place + 0.9)), (ranks[b], BAR * (place + 0.9))] for place, (a, b) in enumerate(held)
    ]
    axis.add_collection(LineCollection(lines, colors="black", linewidths=2.4, capstyle="round", zorder=3))


def _names(axis: Axes, group: pd.DataFrame, below: float) -> None:
    """Write the better half to the left, the best on top, the others to the right, the worst on top."""
    k, ends = len(group), axis.get_xlim()
    inch = (ends[1] - ends[0]) / AXIS
    lines = []
    for place, row in group.iterrows():
        left = int(str(place)) < -(-k // 2)
        turn = int(str(place)) if left else k - 1 - int(str(place))
        y, edge, sign = below + LINE * (turn + 0.5), ends[0] if left else ends[1], -1 if left else 1
        lines.append([(row["mean_rank"], 0), (row["mean_rank"], y), (edge + sign * ELBOW * inch, y)])
        name, rank = row["variant"], number(row["mean_rank"], 1)
        words = f"{name}  {rank}" if left else f"{rank}  {name}"
        axis.text(
            edge + sign * (ELBOW + 0.16) * inch, y, words, ha="right" if left else "left", va="center_baseline",
        )  # fmt: skip
    axis.add_collection(LineCollection(lines, colors="#888888", linewidths=0.7, zorder=2, clip_on=False))
    left = np.arange(k) < -(-k // 2)
    turns = np.where(left, np.arange(k), k - 1 - np.arange(k))
    x = np.where(left, ends[0] - (ELBOW + 0.07) * inch, ends[1] + (ELBOW + 0.07) * inch)
    for fusion, mine in group.groupby("data_fusion"):
        axis.scatter(
            x[mine.index], below + LINE * (turns[mine.index] + 0.5), s=18, marker=style.marker(str(fusion)),
            c=[style.colour(name) for name in mine["architecture"]], edgecolors="black", linewidths=0.5,
            clip_on=False, zorder=4,
        )  # fmt: skip
