"""A score against a cost, a panel a data set: a point a variant, those that nothing beats numbered and named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import style
from ..run import LOWER, Run, Scores
from ..statistics import pareto_front
from ..wording import axis as axis_label
from ..wording import short
from . import layout
from .looks import looking
from .registry import Heading

COLUMNS = ["dataset", "variant", "architecture", "data_fusion", "metric", "mean", "half"]
SIZE = (3.4, 2.3)  # of a panel, in inches
LEFT, LOW = 0.72, 0.65  # room for the labels of axes
LIST = 0.131  # height of a line of the list of names
# where a number may stand beside its point, in points: above first, then around, then further out
SPOTS = np.array(
    [
        (r * np.sin(a), r * np.cos(a))
        for r in (7.5, 12, 17, 23, 30, 38, 47, 57)
        for a in np.arange(0, 2 * np.pi, np.pi / 6)
    ]
)
NUMBER = (9.5, 8.8)  # room for a number, in points
NEAR, SHY = 8.0, 4.5  # a number further from its point is joined to it by a line, which begins beside the number
HALO = [patheffects.withStroke(linewidth=1.6, foreground="white")]
EDGE = 0.06  # of the axis, left free at either end


@dataclass(frozen=True)
class Cost:
    """What stands on the horizontal axis.

    Parameters
    ----------
    column
        Its column.
    label
        Its words, with the unit.
    write
        How a tick is written.
    none
        What a variant is said to have that has none of it.
    """

    column: str
    label: str
    write: Callable[[float], str]
    none: str = "none"


def rows(run: Run, column: str, costs: Callable[[str, Scores], Mapping[str, float]], keep: bool) -> pd.DataFrame:
    """Return one row a complete variant: `COLUMNS`, its cost, and `front` (nothing is cheaper and better).

    Parameters
    ----------
    column
        What the cost is called.
    costs
        Data set and scores → the cost of each variant, above 0.
    keep
        Whether a variant without a cost has a row too, off the front.
    """
    found = []
    sign = -1 if run.metric in LOWER else 1
    for dataset in run.datasets:
        scores = run.scores(dataset)
        told = costs(dataset, scores)
        cost = np.array([told.get(name, np.nan) for name in scores.names], dtype=float)
        cost[~(cost > 0)] = np.nan
        front = pareto_front(cost, sign * scores.within.means)
        for name, each, best in zip(scores.names, cost, front, strict=True):
            if name in run.shown and (keep or np.isfinite(each)):
                value = run.metric, scores.mean(name), scores.half(name), each, bool(best)
                found.append((dataset, name, *run.axes(name), *value))
    return pd.DataFrame(found, columns=[*COLUMNS, column, "front"])


def draw(data: pd.DataFrame, heading: Heading, cost: Cost) -> Figure:
    """Draw one panel a data set, its front named to the right; below it where a look has no room for that."""
    names = list(data["dataset"].unique())
    fronts = {name: data[data["front"] & (data["dataset"] == name)] for name in names}
    longest = max((style.inches(name, 7) for name in data.loc[data["front"], "variant"]), default=0.0)
    beside = 0.35 + max(longest + style.inches("00  ", 7), 1.3)
    under = looking().room < 2 * (LEFT + SIZE[0] + beside)
    talls = [(len(fronts[name]) + 3) * LIST for name in names]
    line = Line2D([], [], color="#666666", lw=1, label="front, with 95 % intervals")
    figure, axes = layout.panels(
        heading, names, (SIZE[0], SIZE[1] if under else max([SIZE[1], *talls])), columns=2, left=LEFT,
        between=LEFT + (0.3 if under else beside), right=0.3 if under else beside,
        below=[LOW + tall for tall in talls] if under else LOW, flow=True, handles=[*layout.kinds(data), line],
    )  # fmt: skip
    for axis, name in zip(axes, names, strict=True):
        mine = data[data["dataset"] == name].sort_values([cost.column, "variant"], kind="stable")
        x = _across(axis, mine, cost)
        y, told = _up(axis, mine)
        _points(axis, mine.assign(x=x, y=y))
        axis.set_xlabel(cost.label)
        axis.set_ylabel(axis_label(mine["metric"].iloc[0]))
        _name(axis, mine[mine["front"]], told, under)
        _number(axis, mine.assign(x=x, y=y))
    return figure


def _across(axis: Axes, data: pd.DataFrame, cost: Cost) -> np.ndarray:
    """Scale the horizontal axis; return where points stand: those without a cost in a strip at the left."""
    x = data[cost.column].to_numpy(dtype=float)
    known = np.isfinite(x)
    axis.set_xscale("log")
    low, high = (np.log10(x[known].min()), np.log10(x[known].max())) if known.any() else (0.0, 1.0)
    reach = max(high - low, 0.3)
    first = low - (EDGE if known.all() else 0.22) * reach
    axis.set_xlim(10**first, 10 ** (high + EDGE * reach))
    aside = 10 ** (low - 0.15 * reach)
    ticks = _ticks(10 ** (low - EDGE * reach), 10 ** (high + EDGE * reach))
    texts = [cost.write(tick) for tick in ticks]
    if not known.all():
        axis.axvline(10 ** (low - 0.08 * reach), color="#AAAAAA", ls=":", lw=0.8)
        ticks, texts = [aside, *ticks], [f"{cost.none}\n({int((~known).sum())})", *texts]
    axis.set_xticks(ticks, texts)
    axis.minorticks_off()
    return np.where(known, x, aside)


def _ticks(low: float, high: float) -> list[float]:
    every = [m * 10.0**e for e in range(-5, 13) for m in (1, 2, 5)]
    ticks = [tick for tick in every if low <= tick <= high]
    return ticks if len(ticks) < 7 else [tick for tick in ticks if f"{tick:.0e}".startswith("1")]


def _up(axis: Axes, data: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Scale the vertical axis; return where points stand, and what is said of those beyond it.

    Points far behind would squeeze the front together: those beyond a fence of 1.5 quartile ranges stand
    at the edge and are told of in words. The front is always inside.
    """
    y = data["mean"].to_numpy(dtype=float)
    sign = -1.0 if data["metric"].iloc[0] in LOWER else 1.0
    front = sign * y[data["front"].to_numpy()]
    lower, upper = np.quantile(sign * y, [0.25, 0.75])
    fence = min([lower - 1.5 * (upper - lower), *front])
    out = sign * y < fence
    worst, best = (sign * y[~out]).min(), (sign * y).max()
    reach = max(best - worst, 5e-3)
    half = float(data.loc[data["front"], "half"].fillna(0.0).max()) if data["front"].any() else 0.0
    ends = worst - (0.16 if out.any() else 0.1) * reach, best + min(max(0.12 * reach, 1.1 * half), 0.35 * reach)
    axis.set_ylim(*sorted((sign * ends[0], sign * ends[1])))
    axis.grid()
    layout.numbers(axis, "y")
    if not out.any():
        return y, ""
    axis.axhline(sign * (worst - 0.06 * reach), color="#AAAAAA", ls=":", lw=0.8)
    low, high = y[out].min(), y[out].max()
    span = short(low) if short(low) == short(high) else f"{short(low)} to {short(high)}"
    words = f"beyond the dotted line:\n{int(out.sum())}, at {span}"
    return np.where(out, sign * (worst - 0.11 * reach), y), words


def _points(axis: Axes, data: pd.DataFrame) -> None:
    """Draw every point, an artist a marker; those of the front larger, with intervals, over the others."""
    front = data[data["front"]]
    axis.plot(front["x"], front["y"], drawstyle="steps-post", color="#666666", lw=1, zorder=2)
    half = front["half"].fillna(0.0).to_numpy()
    axis.errorbar(front["x"], front["y"], yerr=half, fmt="none", ecolor="#999999", elinewidth=0.7, zorder=2)
    for (fusion, best), group in data.groupby(["data_fusion", "front"], sort=True):
        axis.scatter(
            group["x"], group["y"], s=42 if best else 20, marker=style.marker(str(fusion)),
            c=[style.colour(name) for name in group["architecture"]], edgecolors="black",
            linewidths=0.9 if best else 0.4, zorder=4 if best else 3,
        )  # fmt: skip


def _number(axis: Axes, data: pd.DataFrame) -> None:
    """Number the front's points where there is room inside the panel, with a line to those further off."""
    to_points = 72 / axis.figure.dpi
    points = axis.transData.transform(data[["x", "y"]].to_numpy(dtype=float)) * to_points
    box = np.array(axis.get_window_extent().extents) * to_points
    front, taken = points[data["front"].to_numpy()], [*points]
    for point in front:
        taken.append(_spot(point, np.array(taken), box))
    places = np.array(taken[len(points) :]).reshape(-1, 2)
    back = axis.transData.inverted().transform
    for number, (x, y) in enumerate(back(places / to_points), start=1):
        axis.text(x, y, str(number), ha="center", va="center", fontsize=7, zorder=6, path_effects=HALO)
    reach = np.hypot(*(places - front).T)[:, None]
    ends = np.stack([places + (front - places) * (SHY / reach), front], axis=1)[reach[:, 0] > NEAR]
    lines = back(ends.reshape(-1, 2) / to_points).reshape(-1, 2, 2)
    axis.add_collection(LineCollection(list(lines), colors="#444444", linewidths=0.5, zorder=5), autolim=False)


def _spot(point: np.ndarray, taken: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Return the nearest place beside a point, inside a box, that is free; the least crowded where none is."""
    spots = point + SPOTS
    room = (np.abs(spots[:, None] - taken[None]) / NUMBER).max(axis=2).min(axis=1)
    inside = ((spots >= box[:2] + 5) & (spots <= box[2:] - 5)).all(axis=1)
    free = (room >= 1) & inside
    return spots[int(np.argmax(free)) if free.any() else int(np.argmax(np.where(inside, room, -1.0)))]


def _name(axis: Axes, front: pd.DataFrame, told: str, under: bool) -> None:
    """List the front beside its panel or under it, and then what is said of points beyond the edge."""
    names = "\n".join(f"{number}  {name}" for number, name in enumerate(front["variant"], start=1))
    small: dict[str, Any] = {"fontsize": 7, "linespacing": 1.35}
    if under:
        lines = "\n".join(filter(None, (names, told.replace("\n", " "))))
        place: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "top"}
        axis.annotate(lines, (0, 0), (0, -72 * LOW), **place, **small)
        return
    axis.text(1.03, 1.0, names, transform=axis.transAxes, va="top", **small)
    axis.text(1.03, 0.0, told, transform=axis.transAxes, va="bottom", fontsize=7, color="#555555")
