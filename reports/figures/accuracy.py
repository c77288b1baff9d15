"""The leaderboard as a map: variant x data set, coloured by the distance to the best of the data set."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from .. import style
from ..run import Run, records
from ..wording import label, short, why_absent, worst
from . import layout
from .registry import Heading, figure

STEPS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)  # how far behind, in the metric's unit, a new colour begins
SHADES = (0.02, 0.18, 0.34, 0.5, 0.68, 0.92)
SHORT = {"out_of_memory": "memory", "incompatible": "incompat.", "unavailable": "unavail."}


def frame(run: Run) -> pd.DataFrame:
    """Return one row a cell of the map.

    Columns: `variant, architecture, data_fusion, dataset, metric, mean, half, behind` (distance to the
    data set's best, 0 or more, in the metric's unit), `first`, `status` (the one that most needs a look),
    `absent` (why there is no mean).
    """
    rows = []
    for name in run.shown:
        for dataset in run.datasets:
            scores = run.scores(dataset)
            behind = abs(scores.mean(name) - scores.mean(scores.best)) if scores.best else np.nan
            absent = "" if name in scores else why_absent(run, name, dataset)
            head = (name, *run.axes(name), dataset, label(run.metric), scores.mean(name), scores.half(name))
            rows.append((*head, behind, name in scores.first, worst(run.statuses(name, dataset)), absent))
    columns = ["variant", "architecture", "data_fusion", "dataset", "metric", "mean", "half", "behind"]
    return pd.DataFrame(rows, columns=[*columns, "first", "status", "absent"])


@figure(
    "accuracy",
    "{metric} by variant and data set",
    "Mean {metric} over seeds, coloured by the distance to the best of the data set; ★ shares its first place: "
    "it is not shown to be behind, which a wide spread over seeds earns too. "
    "Rows by architecture and data fusion; a cell without a mean says why.",
    frame=frame,
    empty="The run has no planned cell.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the map."""
    rows = data.drop_duplicates("variant")[["variant", "architecture", "data_fusion"]]
    columns = list(data["dataset"].unique())
    figure, axis = layout.grid(heading, rows, columns, _legend(data["metric"].iloc[0]))
    places = {name: place for place, name in enumerate(rows["variant"])}
    _paint(axis, data, list(places), columns)
    for row in records(data[data["mean"].isna()]):
        _absence(axis, columns.index(row.dataset), places[row.variant], row)
    return figure


def _paint(axis: Axes, data: pd.DataFrame, variants: list[str], columns: list[str]) -> None:
    """Colour the cells that have a mean; seaborn turns the axis upside down and renames its ticks."""
    known = data[data["mean"].notna()]
    step = np.searchsorted(STEPS, known["behind"], side="right") - 1
    text = [
        f"{short(mean, 3)}{' ★' if first else ''}"
        for mean, first in zip(known["mean"], known["first"], strict=True)
    ]
    if known.empty:
        return

    def spread(values: list[Any]) -> pd.DataFrame:
        table = known.assign(value=values).pivot(index="variant", columns="dataset", values="value")
        return table.reindex(index=variants, columns=columns)

    steps, texts = spread(list(step)).astype(float), spread(text).fillna("")
    colours = ListedColormap([_shade(start) for start in STEPS])
    held = axis.get_xticks(), axis.get_xticklabels(), axis.get_yticks(), axis.get_yticklabels()
    limits = axis.get_xlim(), axis.get_ylim()
    _seaborn().heatmap(
        steps, ax=axis, cmap=colours, vmin=0, vmax=len(STEPS) - 1, cbar=False, linewidths=0.6, linecolor="white",
        annot=texts, fmt="", annot_kws={"fontsize": 7}, xticklabels=False, yticklabels=False,
    )  # fmt: skip
    axis.set(xlabel="", ylabel="", xlim=limits[0], ylim=limits[1])
    axis.set_xticks(held[0], [tick.get_text() for tick in held[1]])
    axis.set_yticks(held[2], [tick.get_text() for tick in held[3]])


def _seaborn() -> Any:
    """Import seaborn; the pyplot that comes with it must not change the caller's backend."""
    held = dict.get(matplotlib.rcParams, "backend")
    import seaborn

    if isinstance(held, str):
        matplotlib.rcParams["backend"] = held
    return seaborn


def _shade(behind: float) -> tuple[float, float, float, float]:
    place = int(np.searchsorted(STEPS, behind, side="right")) - 1
    return colormaps["YlGnBu"](SHADES[place])


def _legend(metric: str) -> list[Patch]:
    unit = " nat" if metric == "log-loss" else ""
    inner = [f"{short(start)} to {short(end)}" for start, end in pairwise(STEPS[1:])]
    words = [f"under {short(STEPS[1])}", *inner, f"{short(STEPS[-1])} or more"]
    words = [f"{text}{unit} behind{' the best' if not place else ''}" for place, text in enumerate(words)]
    return [
        Patch(facecolor=_shade(start), label=text, **layout.EDGE) for start, text in zip(STEPS, words, strict=True)
    ]


def _absence(axis: Axes, x: int, y: int, row: Any) -> None:
    """Write why a cell has no mean; one that is not planned, such as a modality that is not there, stays blank."""
    if not row.status:
        return
    word = "undefined" if row.status == "ok" else row.status
    fill, hatch = style.STATUS.get(word, ("#FFFFFF", ""))
    axis.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, hatch=hatch, linewidth=0))
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6}
    axis.text(x + 0.5, y + 0.5, SHORT.get(word, word), ha="center", va="center_baseline", fontsize=6.5, bbox=box)
