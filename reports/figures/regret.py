"""How far variants stay below what is possible, by kind of interaction: synthetic data sets only."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import comparisons
from ..run import Run
from . import groups, layout
from .registry import Heading, figure

COLOUR = "#B22222"
LINES = {"chance": ("guessing", "-"), "additive": ("best score summed over modalities", "--")}


def frame(run: Run) -> pd.DataFrame:
    """Return regrets to the exact ceiling.

    Columns: those of `groups.COLUMNS`, `interaction`, and the regrets of `chance` (the largest class) and
    of the best `additive` score (on pure synergy, where it is known).
    """
    parts = [pd.DataFrame(columns=[*groups.COLUMNS, "interaction", *LINES])]
    for dataset in run.synthetic:
        scores, limits = run.scores(dataset, "regret"), comparisons.ceiling(run, dataset)
        values = {name: scores.mean(name) for name in scores.names}
        if limits is None or not values:
            continue
        data, part = run.data(dataset), groups.rows(run, scores, dataset, values)
        additive = None
        if data.get("interaction") == "synergy":
            additive = comparisons.additive_limit(len(data.get("classes", [])), len(data.get("modalities", [])))
        part["interaction"] = data.get("interaction") or ""
        part["chance"] = limits["full"] - limits["chance"]
        part["additive"] = float("nan") if additive is None else limits["full"] - additive
        parts.append(part)
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


@figure(
    "regret",
    "Regret to the exact ceiling, by kind of interaction",
    "Accuracy lost against the best decision on each test row (mean of max p* − p*(ŷ) under the exact posterior "
    "p*): 0 is optimal. Small points are variants; large ones the mean of their kind with its 95 % interval. "
    "Solid line: guessing. Dashed, on pure synergy: the best that any score summed over modalities can do.",
    frame=frame,
    empty="No synthetic data set in this run has a complete variant, so no ceiling is known.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a data set."""
    names, order = list(data["dataset"].unique()), groups.kinds(data)
    reach = {name: _reach(data[data["dataset"] == name]) for name in names}
    lines = [column for column in LINES if (data[column] <= data["dataset"].map(reach)).any()]
    handles = [Line2D([], [], color=COLOUR, ls=LINES[column][1], label=LINES[column][0]) for column in lines]
    kinds = data[data["variant"] == ""]
    if (kinds["value"] + kinds["half"].fillna(0.0) > kinds["dataset"].map(reach)).any():
        handles.append(Line2D([], [], ls="", marker=">", color="black", ms=4, label="interval runs on"))
    figure, axes = layout.panels(
        heading, [_title(data, name) for name in names], (2.1, groups.ROW * len(order)), columns=4, left=1.35,
        between=0.3, below=0.55, handles=[*groups.handles(), *handles], flow=True,
    )  # fmt: skip
    for axis, name, leads in zip(axes, names, layout.leads(axes), strict=True):
        mine = data[data["dataset"] == name]
        groups.draw(axis, mine, order, labels=leads, bounds=(0.0, 1.0))
        for column in lines:
            if mine[column].iloc[0] <= reach[name]:
                axis.axvline(mine[column].iloc[0], color=COLOUR, ls=LINES[column][1], lw=1)
        axis.set_xlim(-0.03 * reach[name], reach[name])
        _cut(axis)
        axis.set_xlabel("regret (share of rows)")
    return figure


def _cut(axis: Axes) -> None:
    """Mark the intervals that end beyond the panel."""
    edge = axis.get_xlim()[1]
    intervals = [held for held in axis.collections if isinstance(held, LineCollection)]
    ends = np.concatenate([segment[-1:] for held in intervals for segment in held.get_segments()])
    far = ends[ends[:, 0] > edge, 1]
    axis.plot(np.full(len(far), edge), far, ls="", marker=">", ms=4, color="black", clip_on=False, zorder=5)


def _reach(data: pd.DataFrame) -> float:
    """Return how far a panel reaches: lines far beyond the points would squeeze them together."""
    furthest = float(data["value"].max())
    return min(1.06 * float((data["value"] + data["half"].fillna(0.0)).max()), 1.3 * furthest) + 1e-3


def _title(data: pd.DataFrame, name: str) -> str:
    kind = data.loc[data["dataset"] == name, "interaction"].iloc[0]
    return f"{kind}: {name}" if kind and kind not in name else name
