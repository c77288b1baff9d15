"""What fusing adds over the best single modality, by architecture and data fusion."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import comparisons
from ..run import Run
from ..wording import axis as axis_label
from . import groups, layout
from .registry import Heading, figure

FEW = 9  # panels, beyond which more stand side by side


def frame(run: Run) -> pd.DataFrame:
    """Return gains over the best single modality.

    Columns: those of `groups.COLUMNS`, `metric`, and `late_mean` (its gain on the data set, or nothing).
    """
    parts = [pd.DataFrame(columns=[*groups.COLUMNS, "metric", "late_mean"])]
    for dataset in run.datasets:
        single = comparisons.best_single(run, dataset)
        if single is None:
            continue
        gains = comparisons.gains(run, dataset).set_index("variant")["gain"].to_dict()
        part = groups.rows(run, run.scores(dataset), dataset, gains, single.variance)
        late = gains.get(comparisons.LATE_MEAN, float("nan"))
        parts.append(part.assign(metric=run.metric, late_mean=late))
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


@figure(
    "architecture",
    "What fusion adds, by architecture and data fusion",
    "Gain in {metric} over the best single modality, which is chosen on validation rows for each seed. Small "
    "points are variants; large ones the mean of their kind with its 95 % interval over seeds, which says "
    "nothing about variants that are not in it. Dotted: late_mean.",
    frame=frame,
    empty="No fusion variant and single modality are complete on one data set, so there is no gain to show.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a data set."""
    names, order = list(data["dataset"].unique()), groups.kinds(data)
    late = Line2D([], [], color="black", ls=":", label="late_mean")
    figure, axes = layout.panels(
        heading, names, (2.6, groups.ROW * len(order)), columns=3 if len(names) <= FEW else 5, left=1.35,
        between=0.3, below=0.55, flow=True,
        handles=[*groups.handles(), *([late] if data["late_mean"].notna().any() else [])],
    )  # fmt: skip
    for axis, name, leads in zip(axes, names, layout.leads(axes), strict=True):
        mine = data[data["dataset"] == name]
        groups.draw(axis, mine, order, labels=leads)
        axis.axvline(0, color="#444444", lw=0.8, zorder=1)
        if mine["late_mean"].notna().any():
            axis.axvline(mine["late_mean"].iloc[0], color="black", ls=":", lw=1)
        axis.set_xlabel(axis_label(data["metric"].iloc[0], "gain in "))
    return figure
