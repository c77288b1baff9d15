"""What became of every planned cell."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from .. import style
from ..run import Run, records
from ..wording import worst
from . import layout
from .registry import Heading, figure


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
    "Cells with the status shown, of those planned (one a seed). Where statuses differ over seeds, the one "
    "that most needs a look is shown.",
    frame=frame,
    empty="The run has no planned cell.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the grid, a hatching for every status."""
    rows = data.drop_duplicates("variant")[["variant", "architecture", "data_fusion"]]
    columns = list(data["dataset"].unique())
    handles = [
        Patch(facecolor=fill, hatch=hatch, label=name.replace("_", " "), **layout.EDGE)
        for name, (fill, hatch) in style.STATUS.items()
        if name in set(data["status"])
    ]
    figure, axis = layout.grid(heading, rows, columns, handles)
    variants = {name: place for place, name in enumerate(rows["variant"])}
    for row in records(data[data["planned"] > 0]):
        x, y = columns.index(row.dataset), variants[row.variant]
        fill, hatch = style.STATUS[row.status]
        axis.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, hatch=hatch, edgecolor="white", linewidth=0.6))
        axis.text(
            x + 0.5, y + 0.5, f"{row.cells}/{row.planned}", ha="center", va="center", fontsize=7,
            bbox=None if not hatch else {"facecolor": "white", "edgecolor": "none", "pad": 0.6},
        )  # fmt: skip
    return figure
