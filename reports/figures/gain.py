"""What each variant adds to the best single modality: a forest, by architecture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import across, style
from ..comparisons import SINGLE
from ..run import Run
from ..wording import axis as axis_label
from . import layout
from .forest import Row, effects, forest, limit
from .registry import Heading, figure

WIDE = 2.5  # of a panel, in inches
COLUMNS = [
    "group", "title", "variant", "architecture", "data_fusion", "dataset", "metric", "value", "low", "high",
    "datasets", "of", "new_low", "new_high", "families",
]  # fmt: skip


def frame(run: Run) -> pd.DataFrame:
    """Return gains over the best single modality, positive where the variant is better.

    Columns: `group, title` (data sets of one kind of pairing), `variant, architecture, data_fusion`, `dataset`
    (empty for the mean over the group's), `metric`, `value` in its unit, `low, high` (95 % interval over rows
    and seeds: on these data sets), `datasets` (how many are in the value), `of` (how many the group holds),
    `new_low, new_high` (95 % interval on a new data set, over source families; nothing where fewer than
    `across.FEWEST_FAMILIES` support no claim), `families`.
    """
    groups = across.groups(run)
    paired = [group for group in groups if group.key.startswith("pairing:")] or groups[:1]
    rows = []
    for group in paired:
        for name in run.shown:
            if run.axes(name)[0] == "unimodal":
                continue
            found = across.versus(run, name, SINGLE, group.datasets)
            head = (group.key, group.title, name, *run.axes(name))
            rows += [(*head, *row) for row in _rows(run, found, len(group.datasets))]
    return pd.DataFrame(rows, columns=COLUMNS)


def _rows(run: Run, found: across.Versus, of: int) -> list[tuple[Any, ...]]:
    if not found.datasets:
        return []
    new = (found.new.low, found.new.high) if found.new else (np.nan, np.nan)
    mean = (found.fixed.mean, found.fixed.low, found.fixed.high, len(found.datasets), of, *new, found.families)
    rows = [("", run.metric, *mean)]
    for dataset, value, half in zip(found.datasets, found.effects, found.halves, strict=True):
        rows.append((dataset, run.metric, value, value - half, value + half, 1, of, np.nan, np.nan, 1))
    return rows


@figure(
    "gain",
    "Gain over the best single modality",
    "Gain in {metric} of every fusion variant over the best single modality, which is chosen on validation rows "
    "for each seed: the mean over the data sets of one kind of pairing, with its 95 % interval over rows and "
    "seeds, on these data sets and for one variant looked at. Bars: the single data sets. Means over different "
    "data sets cannot be compared: a hollow one lacks some. An arrow: the interval reaches beyond the panel.",
    frame=frame,
    empty="No fusion variant and single modality are complete on one data set, so there is no gain to show.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a kind of pairing, one row a variant."""
    rows = data.drop_duplicates("variant")[["variant", "architecture", "data_fusion"]]
    groups = [mine for _, mine in data.groupby("group", sort=False)]
    titles = [f"{mine['title'].iloc[0]} ({_sets(mine['of'].iloc[0])})" for mine in groups]
    figure, axes = forest(
        heading, [Row(name) for name in rows["variant"]], titles, WIDE, most=3, aside=layout.STRIP + 0.05,
        handles=[*layout.kinds(rows), *_handles(data)], label=axis_label(data["metric"].iloc[0], "gain in "),
    )  # fmt: skip
    places = {name: place for place, name in enumerate(rows["variant"])}
    borders = np.flatnonzero(rows["architecture"].to_numpy()[1:] != rows["architecture"].to_numpy()[:-1]) + 0.5
    for axis, mine, leads in zip(axes, groups, layout.leads(axes), strict=True):
        _panel(axis, mine.assign(y=mine["variant"].map(places).astype(float)))
        axis.hlines(borders, 0, 1, color="#BBBBBB", lw=0.6, transform=axis.get_yaxis_transform(), zorder=0)
        if leads:
            wide = axis.get_position().width * figure.get_size_inches()[0]
            layout.strip(axis, rows, wide, first=-0.5)
    return figure


def _sets(count: int) -> str:
    return "1 set" if count == 1 else f"{count} sets"


def _panel(axis: Any, data: pd.DataFrame) -> None:
    means, single = data[data["dataset"] == ""], data[data["dataset"] != ""]
    if (means["of"] > 1).any():
        axis.plot(single["value"], single["y"], ls="", marker="|", ms=6, mew=0.8, color="#777777", zorder=2)
    new = means[means["new_low"].notna()]
    axis.hlines(new["y"], new["new_low"], new["new_high"], color="#777777", lw=2.6, alpha=0.4, zorder=2)
    for (fusion, lacks), mine in means.groupby([means["data_fusion"], means["datasets"] < means["of"]], sort=True):
        y, value, low, high = (mine[column].to_numpy(dtype=float) for column in ("y", "value", "low", "high"))
        colours = [style.colour(name) for name in mine["architecture"]]
        fill, edge = ("white", colours) if lacks else (colours, "black")
        effects(axis, y, value, low, high, marker=style.marker(str(fusion)), fill=fill, edge=edge)
    y, low, high = (means[column].to_numpy(dtype=float) for column in ("y", "low", "high"))
    limit(axis, data["value"].to_numpy(dtype=float), y, low, high, ticks=5)


def _handles(data: pd.DataFrame) -> list[Line2D]:
    means = data[data["dataset"] == ""]
    handles = [Line2D([], [], color="black", lw=1.0, label="95 %, on these data sets")]
    if means["new_low"].notna().any():
        handles.append(Line2D([], [], color="#777777", lw=2.6, alpha=0.4, label="95 %, on a new data set"))
    if (means["of"] > 1).any():
        handles.append(Line2D([], [], ls="", marker="|", ms=6, color="#777777", label="a data set"))
    if (means["datasets"] < means["of"]).any():
        words = "hollow: not complete on all of them"
        handles.append(Line2D([], [], ls="", marker="o", mfc="white", mec="#777777", label=words))
    return handles
