"""The leaderboard as a map: variant x data set by the distance to the best, with mean ranks beside it."""

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
from matplotlib.patches import Patch

from .. import across
from ..run import Run, records
from ..wording import label, number, short, why_absent, worst
from . import layout, status
from .registry import Heading, figure
from .stamps import stamp

STEPS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2)  # how far behind, in the metric's unit, a new colour begins
SHADES = tuple(map(colormaps["YlGnBu"], (0.02, 0.18, 0.34, 0.5, 0.68, 0.92)))
PAIRED = {"natural": "paired as found", "by_label": "paired by label", "synthetic": "synthetic data"}
SHORT = {"out_of_memory": "memory", "incompatible": "incompat.", "unavailable": "unavail."}
COLUMNS = [
    "variant", "architecture", "data_fusion", "dataset", "pairing", "metric", "mean", "half", "behind", "first",
    "status", "absent", "mean_rank", "ranked_on", "of",
]  # fmt: skip


def frame(run: Run) -> pd.DataFrame:
    """Return one row a cell of the map.

    Columns: `variant, architecture, data_fusion, dataset, pairing, metric, mean, half, behind` (distance to
    the data set's best, 0 or more, in the metric's unit), `first`, `status` (the one that most needs a look),
    `absent` (why there is no mean), `mean_rank` of the variant over the data sets of this pairing (nothing where
    it is not complete on those), `ranked_on` so many of them, `of` so many.
    """
    table = across.ranks(run)
    ranks = {(row.variant, row.pairing): (row.mean_rank, row.ranked_on, row.datasets) for row in records(table)}
    rows = []
    for name in run.shown:
        for dataset in run.datasets:
            scores, pairing = run.scores(dataset), run.data(dataset).get("pairing") or "unknown"
            behind = abs(scores.mean(name) - scores.mean(scores.best)) if scores.best else np.nan
            absent = "" if name in scores else why_absent(run, name, dataset)
            head = (
                name,
                *run.axes(name),
                dataset,
                pairing,
                label(run.metric),
                scores.mean(name),
                scores.half(name),
            )
            tail = (behind, name in scores.first, worst(run.statuses(name, dataset)), absent)
            rows.append((*head, *tail, *ranks.get((name, pairing), (np.nan, 0, 0))))
    return pd.DataFrame(rows, columns=COLUMNS)


@figure(
    "accuracy",
    "{metric} by variant and data set",
    "Mean {metric} over seeds, coloured by the distance to the best of the data set; ★ shares its first place: "
    "it is not shown to be behind, which a wide spread over seeds earns too. "
    "Rows by architecture and data fusion; a cell without a mean says why. Mean ranks (1 is best) are over the "
    "data sets on which all that are ranked are complete, apart for each kind of pairing; – is not ranked. Ranks "
    "tell nothing of how far apart two variants are.",
    frame=frame,
    empty="The run has no planned cell.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw the map, a column a data set and one of mean ranks after those of each pairing."""
    rows = data.drop_duplicates("variant")[["variant", "architecture", "data_fusion"]]
    names, over, places, ranks = _columns(data)
    figure, axis = layout.grid(
        heading, rows, names, _legend(data["metric"].iloc[0]), least=0.58, over=over if len(set(over)) > 1 else ()
    )
    y = {name: place for place, name in enumerate(rows["variant"])}
    _paint(axis, data, y, places, len(names))
    gone = data[data["mean"].isna() & data["status"].ne("")]
    words = gone["status"].where(gone["status"] != "ok", "undefined")
    gone = gone.assign(x=gone["dataset"].map(places), y=gone["variant"].map(y), word=words)
    status.paint(axis, gone["x"], gone["y"], gone["word"])
    for row in records(gone):
        axis.text(
            row.x + 0.5, row.y + 0.5, SHORT.get(row.word) or row.word, ha="center", va="center_baseline",
            fontsize=6.5, bbox=status.PLAIN,
        )  # fmt: skip
    for pairing, x in ranks.items():
        _ranks(axis, data[data["pairing"] == pairing].drop_duplicates("variant"), x)
    return figure


def _columns(data: pd.DataFrame) -> tuple[list[str], list[str], dict[str, int], dict[str, int]]:
    """Return the columns' names and headings, and where data sets and the ranks of pairings stand."""
    names, over, places, ranks = [], [], {}, {}
    for pairing, mine in data.groupby("pairing", sort=False):
        title = PAIRED.get(str(pairing), str(pairing).replace("_", " "))
        for dataset in mine["dataset"].unique():
            places[str(dataset)] = len(names)
            names.append(str(dataset))
        on, of = int(mine["ranked_on"].max()), int(mine["of"].max())
        if mine["mean_rank"].notna().any():
            ranks[str(pairing)] = len(names)
            names.append(
                "rank" if of == 1 else f"mean rank, {on if on == of else f'{on} of {of}'}\N{NO-BREAK SPACE}sets"
            )
        over += [title] * (len(names) - len(over))
    return names, over, places, ranks


def _ranks(axis: Axes, data: pd.DataFrame, x: int) -> None:
    """Write the mean ranks of one pairing; a rank is no amount and has no colour."""
    digits = 0 if int(data["of"].max()) == 1 and data["mean_rank"].mod(1).eq(0).all() else 1
    texts = [number(rank, digits) or "–" for rank in data["mean_rank"]]
    y = np.arange(len(data)) + 0.5
    colours = np.where(data["mean_rank"].notna(), "black", "#777777").tolist()
    stamp(axis, np.full(len(data), x + 0.5), y, texts, 7, colours)


def _paint(axis: Axes, data: pd.DataFrame, y: dict[str, int], x: dict[str, int], across: int) -> None:
    """Colour the cells that have a mean, and write it; seaborn turns the axis upside down and takes its ticks."""
    known = data[data["mean"].notna()]
    if known.empty:
        return
    step = np.searchsorted(STEPS, known["behind"], side="right") - 1
    known = known.assign(x=known["dataset"].map(x), y=known["variant"].map(y), step=step.astype(float))
    steps = known.pivot(index="y", columns="x", values="step").reindex(index=range(len(y)), columns=range(across))
    held = axis.get_xlim(), axis.get_ylim(), axis.xaxis.get_major_locator(), axis.yaxis.get_major_locator()
    written = axis.xaxis.get_major_formatter(), axis.yaxis.get_major_formatter()
    _seaborn().heatmap(
        steps, ax=axis, cmap=ListedColormap(SHADES), vmin=0,
        vmax=len(STEPS) - 1, cbar=False, linewidths=0.6, linecolor="white", xticklabels=False, yticklabels=False,
    )  # fmt: skip
    axis.set(xlabel="", ylabel="", xlim=held[0], ylim=held[1])
    for side, locator, formatter in zip((axis.xaxis, axis.yaxis), held[2:], written, strict=True):
        side.set_major_locator(locator)
        side.set_major_formatter(formatter)
    stars = np.where(known["first"], " ★", "")
    texts = [f"{short(mean, 3)}{star}" for mean, star in zip(known["mean"], stars, strict=True)]
    inks = ["white" if np.dot(SHADES[place][:3], (0.299, 0.587, 0.114)) < 0.5 else "black" for place in step]
    stamp(axis, known["x"] + 0.5, known["y"] + 0.5, texts, 7, inks)


def _seaborn() -> Any:
    """Import seaborn; the pyplot that comes with it must not change the caller's backend."""
    held = dict.get(matplotlib.rcParams, "backend")
    import seaborn

    if isinstance(held, str):
        matplotlib.rcParams["backend"] = held
    return seaborn


def _legend(metric: str) -> list[Patch]:
    unit = " nat" if metric == "log-loss" else ""
    inner = [f"{short(start)} to {short(end)}" for start, end in pairwise(STEPS[1:])]
    words = [f"under {short(STEPS[1])}", *inner, f"{short(STEPS[-1])} or more"]
    words = [f"{text}{unit} behind{' the best' if not place else ''}" for place, text in enumerate(words)]
    return [Patch(facecolor=SHADES[place], label=text, **layout.EDGE) for place, text in enumerate(words)]
