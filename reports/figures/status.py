"""What became of every planned cell."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .. import style
from ..run import Run, records
from ..wording import worst
from . import layout
from .registry import Heading, figure

LABELS = {"ok": "ok on every seed planned"}
PLAIN = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}


def frame(run: Run) -> pd.DataFrame:
    """Return one row a (variant, data set).

    Columns: `variant, architecture, data_fusion, dataset, status` (the one that most needs a look),
    `cells` (with it), `planned` (0: a modality that the data set lacks).
    """
    rows = []
    for name in run.shown:
        for dataset in run.datasets:
            counts = run.statuses(name, dataset)
            shown = worst(counts)
            rows.append((name, *run.axes(name), dataset, shown, counts.get(shown, 0), sum(counts.values())))
    columns = ["variant", "architecture", "data_fusion", "dataset", "status", "cells", "planned"]
    return pd.DataFrame(rows, columns=columns)


@figure(
    "status",
    "Status of the planned cells",
    "Where a variant is not ok on every seed: the cells with the status shown, of those planned (one a seed). "
    "Where statuses differ over seeds, the one that most needs a look is shown. Blank: not planned, such as a "
    "modality that the data set lacks.",
    frame=frame,
    empty="The run has no planned cell.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the grid, a hatching for every status."""
    rows = data.drop_duplicates("variant")[["variant", "architecture", "data_fusion"]]
    columns = list(data["dataset"].unique())
    handles = [
        Patch(facecolor=fill, hatch=hatch, label=LABELS.get(name, name.replace("_", " ")), **layout.EDGE)
        for name, (fill, hatch) in style.STATUS.items()
        if name in set(data["status"])
    ]
    figure, axis = layout.grid(heading, rows, columns, handles, least=0.42)
    x = data["dataset"].map({name: place for place, name in enumerate(columns)})
    y = data["variant"].map({name: place for place, name in enumerate(rows["variant"])})
    paint(axis, x, y, data["status"])
    for row in records(data.assign(x=x, y=y)[data["planned"].gt(0) & data["status"].ne("ok")]):
        words = f"{row.cells}/{row.planned}"
        axis.text(row.x + 0.5, row.y + 0.5, words, ha="center", va="center", fontsize=7, bbox=PLAIN)
    return figure


def paint(axis: Axes, x: pd.Series, y: pd.Series, statuses: pd.Series) -> None:
    """Fill cells of a grid by their status, an artist a status; cells without one stay blank."""
    for name, (fill, hatch) in style.STATUS.items():
        mine = (statuses == name).to_numpy()
        if mine.any():
            left, up = x[mine].to_numpy(), y[mine].to_numpy()
            layout.boxes(
                axis, left + 0.01, left + 0.99, up, inset=0.03, facecolors=fill, hatch=hatch, linewidths=0
            )
