"""Which variants may be the best: the confidence set of the best over every group of data sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from .. import across, style
from ..across.best import OVER_SEEDS
from ..run import Run
from ..statistics import LEVEL, least_sets
from ..wording import short
from . import layout
from . import rows as chart
from .registry import Heading, figure
from .stamps import stamp

WIDE, NARROW, GAP = 0.8, 0.36, 0.15  # inches: a group's column, one of a group that is too small, between them
STEPS = (LEVEL, 0.1, 0.25, 0.5)  # of p, where a new shade begins
SHADES = (0.16, 0.32, 0.52, 0.78)
ONE = "#F5DEB0"  # a share of the first place over the seeds of one data set
OF_GROUP = ["group", "title", "datasets", "ranked_on", "units", "unit", "basis", "detectable"]
UNABLE: dict[str, Any] = {"facecolor": "#F2F2F2", "hatch": "////", "edgecolor": "#BBBBBB", "linewidth": 0}
ABSENT: dict[str, Any] = {"facecolor": "#EFEFEF", "hatch": "....", "linewidth": 0}
FIRST = "first places\non single\ndata sets"
TOO_FEW = "too few data sets to exclude anybody"


def frame(run: Run) -> pd.DataFrame:
    """Return one row a (group of data sets, variant ranked on it).

    Columns: `group, title, datasets, ranked_on, units, unit, basis, detectable` of `across.best`; `able` (whether
    the group can leave anybody out), `metric`; `variant, architecture, data_fusion, mean, p, inside`, the last
    three empty where the variant is not complete on the group's data sets (`ranked`); `first` (number of single
    data sets whose first place the variant shares) and `of` (those where it could). No row where no group is able.
    """
    data = across.best(run)
    claims = [scores for dataset in run.datasets if (scores := run.scores(dataset)).within.df > 0]
    first = [sum(name in scores.first for scores in claims) for name in run.shown]
    of = [sum(name in scores for scores in claims) for name in run.shown]
    axes = pd.DataFrame(list(map(run.axes, run.shown)), columns=["architecture", "data_fusion"])
    shown = pd.DataFrame({"variant": run.shown, **axes, "first": first, "of": of})
    parts = [pd.DataFrame(columns=[*OF_GROUP, "able", "metric", *shown.columns, "mean", "p", "inside", "ranked"])]
    for _, group in data.groupby("group", sort=False):
        told, able = group.iloc[0], _able(group)
        part = shown.merge(group[["variant", "mean", "p", "inside"]], on="variant", how="left")
        part = part.assign(
            ranked=part["mean"].notna(),
            metric=run.metric,
            able=able,
            **{column: told[column] for column in OF_GROUP},
        )
        parts.append(part[parts[0].columns])
    found = pd.concat(parts[1:] or parts, ignore_index=True)
    return found if found["able"].any() else found.iloc[:0]


def _able(group: pd.DataFrame) -> bool:
    """Say whether a group of data sets can leave anybody out; a single one can where its seeds can."""
    if group["basis"].iloc[0] == OVER_SEEDS:
        return bool(group["inside"].notna().any())
    return bool(0.5 ** float(group["units"].iloc[0]) <= LEVEL)


def why_not(run: Run) -> str:
    """Say why no group of data sets can leave anybody out."""
    data = across.best(run)
    if data.empty:
        return "No variant is complete on a data set, so nothing can be compared."
    together = data.loc[data["basis"] != OVER_SEEDS, "units"]
    most = int(together.max()) if len(together) else 1
    return (
        f"No group of data sets can leave anybody out: the largest holds {most}, a sign-flip test at 5 % takes "
        f"{least_sets(1, sides=1)}, and no single data set has two complete variants on two seeds."
    )


@figure(
    "best",
    "Which variants may be the best",
    "A column is a group of data sets. Shaded: the variant stays in the confidence set of the best by {metric} "
    "(joint sign flips of data sets, 5 %; p is written): all that stay share the first place, and sets are wide "
    "where data sets are few. ★: one data set alone, the first place is that over its seeds. Under a group's "
    "title: its data sets, and what it detects: how far behind the best, in {metric}, a variant must be for four "
    "suites in five to leave it out. At the right: single data sets whose first place a variant shares. Variants "
    "that stay nowhere have no row, but are counted.",
    frame=frame,
    empty=why_not,
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a strip a group, one row a variant that stays somewhere."""
    stays = data["able"] & (data["inside"] == True)  # noqa: E712 - None where nothing is claimed
    entries = chart.entries(data)
    rows = entries[entries["variant"].isin(set(data.loc[stays, "variant"]))].reset_index(drop=True)
    groups = [group for _, group in data.groupby("group", sort=False)]
    columns = [group for group in groups if group["able"].iloc[0]]
    narrow = [group for group in groups if not group["able"].iloc[0]]
    titles = [_title(group) for group in columns]
    wide = len(columns) * WIDE + (GAP + len(narrow) * NARROW if narrow else 0.0) + GAP + WIDE
    upright = [_upright(group) for group in narrow]
    lines = max(title.count("\n") + 1 for title in (*titles, FIRST))
    over = 0.1 + max([layout.LINE * lines, *map(style.inches, upright)])
    notes = [heading.notes, _left(len(entries) - len(rows), len(entries))]
    heading = Heading(heading.title, " · ".join(note for note in notes if note))
    figure, (axis,) = chart.chart(heading, rows, [("", wide)], _handles(data, stays), right=0.2, over=over)
    axis.set(xlim=(0, wide), xticks=[])
    axis.spines[:].set_visible(False)
    for place, (group, title) in enumerate(zip(columns, titles, strict=True)):
        _column(axis, group, rows, place * WIDE)
        axis.text((place + 0.5) * WIDE, -0.25, title, ha="center", va="bottom", linespacing=1.1)
    start = len(columns) * WIDE + GAP
    if narrow:
        _too_few(axis, upright, start, len(rows))
        start += len(narrow) * NARROW + GAP
    _first(axis, rows, start)
    return figure


def _title(group: pd.DataFrame) -> str:
    row = group.iloc[0]
    lines = [layout.wrapped(row["title"], (WIDE - 0.04) / layout.LETTER)]
    lines.append(
        f"{row['ranked_on']} of {row['datasets']} sets" if row["ranked_on"] < row["datasets"] else _sets(row)
    )
    if row["unit"] == "source family":
        lines.append(f"{row['units']} families")
    if np.isfinite(row["detectable"]):
        lines.append(f"detects {short(row['detectable'], 3)}")
    return "\n".join(lines)


def _sets(row: pd.Series) -> str:
    return f"{row['datasets']}\u00a0set{'s' if row['datasets'] > 1 else ''}"  # no line breaks at such a blank


def _upright(group: pd.DataFrame) -> str:
    return layout.wrapped(f"{group['title'].iloc[0]}, {_sets(group.iloc[0])}", 22)


def _left(out: int, of: int) -> str:
    return f"{out} of {of} variants stay nowhere and have no row" if out else ""


def _column(axis: Axes, group: pd.DataFrame, rows: pd.DataFrame, x: float) -> None:
    held = group.set_index("variant").reindex(rows["variant"])
    absent = ~held["ranked"].to_numpy(dtype=bool)
    stays = (held["inside"] == True).to_numpy()  # noqa: E712
    p = held["p"].to_numpy(dtype=float)
    fills = [_shade(value) if np.isfinite(value) else ONE for value in p]
    y = np.arange(len(rows))
    for kept, look in (
        (stays, {"facecolor": [f for f, s in zip(fills, stays, strict=True) if s]}),
        (absent, ABSENT),
    ):
        if kept.any():
            look = {"edgecolor": "white", "linewidth": 0.8} | look
            layout.boxes(axis, np.full(kept.sum(), x), np.full(kept.sum(), x + WIDE), y[kept], **look)
    words = ["★" if np.isnan(value) else short(value, 2) for value in p[stays]]
    inks = np.where(p[stays] >= STEPS[-1], "white", "black").tolist()
    stamp(axis, np.full(stays.sum(), x + WIDE / 2), y[stays] + 0.5, words, 7, inks)
    axis.vlines([x, x + WIDE], 0, len(rows), color="#BBBBBB", lw=0.6)


def _shade(p: float) -> tuple[float, float, float, float]:
    return colormaps["YlGnBu"](SHADES[max(int(np.searchsorted(STEPS, p, side="right")) - 1, 0)])


def _too_few(axis: Axes, words: list[str], start: float, k: int) -> None:
    """Hatch the columns of groups that can leave nobody out: nobody is shown to share a first place there."""
    x = start + NARROW * np.arange(len(words))
    axis.add_patch(Rectangle((start, 0), len(words) * NARROW, k, **UNABLE))
    axis.vlines([start, *(x + NARROW)], 0, k, color="#BBBBBB", lw=0.6)
    for place, text in zip(x, words, strict=True):
        axis.text(place + NARROW / 2, -0.25, text, rotation=90, ha="center", va="bottom")
    if style.inches(TOO_FEW) + 0.2 < layout.ROW * k:
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        middle = (start + x[-1] + NARROW) / 2
        axis.text(middle, k / 2, TOO_FEW, rotation=90, ha="center", va="center", bbox=box)


def _first(axis: Axes, rows: pd.DataFrame, start: float) -> None:
    axis.text(start + WIDE / 2, -0.25, FIRST, ha="center", va="bottom", linespacing=1.1)
    words = [f"{first} of {of}" for first, of in zip(rows["first"], rows["of"], strict=True)]
    stamp(axis, np.full(len(rows), start + WIDE / 2), np.arange(len(rows)) + 0.5, words, 7, ["black"] * len(rows))


def _handles(data: pd.DataFrame, stays: pd.Series) -> list[Line2D | Patch]:
    told = data[stays]
    handles: list[Line2D | Patch] = []
    for place, low in enumerate(STEPS):
        high = (*STEPS, np.inf)[place + 1]
        end = f"to {short(high)}" if np.isfinite(high) else "or more"
        if ((told["p"] >= low) & (told["p"] < high)).any():
            handles.append(chart.swatch(_shade(low), f"stays, p {short(low)} {end}"))
    if (told["basis"] == OVER_SEEDS).any():
        handles.append(
            Line2D([], [], ls="", marker="*", ms=6, color="black", label="stays, over seeds of one set")
        )
    handles.append(chart.swatch("white", "left out of the set"))
    if not data.loc[data["able"], "ranked"].all():
        handles.append(Patch(label="not complete there: not ranked", **ABSENT))
    if not data["able"].all():
        handles.append(Patch(label=TOO_FEW, **UNABLE))
    return handles
