"""The registry drawn on its axes: every entry in its cell, with what it adds to the best single modality."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .. import across, style
from ..comparisons import SINGLE
from ..run import Run
from ..wording import axis as axis_label
from ..wording import number, short
from . import cells, layout
from .cells import CHIP, HEADS, LEVELS, LINE, MARK, PAD, Placed, Plan
from .registry import Heading, figure
from .stamps import stamp

STEPS = (-0.05, -0.01, 0.01, 0.05, 0.1, 0.2)  # gains, in the metric's unit, at which a new colour begins
SHADES = tuple(map(colormaps["BuPu"], (0.0, 0.13, 0.27, 0.42, 0.57, 0.73, 0.92)))  # darker is more, in grey too
COLUMNS = [
    "variant", "entry", "architecture", "data_fusion", "level", "figure5", "contestable", "metric", "gain", "low",
    "high", "datasets", "of",
]  # fmt: skip


def frame(run: Run) -> pd.DataFrame:
    """Return one row a variant.

    Columns: `variant, entry, architecture, data_fusion, level, figure5` (the survey's letter), `contestable`
    (whether another placement can be argued for), `metric`, `gain` (mean over data sets of the gain over the
    best single modality, in the metric's unit; nothing for single modalities), `low, high` (its 95 % interval
    over rows and seeds, on these data sets), `datasets` (how many it is over), `of` (how many there are).
    """
    rows = []
    for name in run.shown:
        told, axes = run.variant(name), run.axes(name)
        level = told.get("level") or ""
        head = (
            name,
            told.get("entry") or name,
            *axes,
            level,
            letter(axes[1], level),
            bool(told.get("contestable")),
        )
        gain = (np.nan, np.nan, np.nan, 0)
        if axes[0] != "unimodal":
            found = across.versus(run, name, SINGLE)
            gain = (found.fixed.mean, found.fixed.low, found.fixed.high, len(found.datasets))
        rows.append((*head, run.metric, *gain, len(run.datasets)))
    return pd.DataFrame(rows, columns=COLUMNS)


def letter(fusion: str, level: str) -> str:
    """Return the letter of the survey's figure 5 (Sleeman, Kapoor & Ghosh 2022, arXiv 2109.09020)."""
    pair = {"concat": "ab", "merge": "cd"}.get(fusion, "")
    return pair[level == "nodes"] if pair and level in LEVELS else ""


@figure(
    "taxonomy",
    "The variants on their axes, and what each adds",
    "Rows: where modalities first meet. Columns: how they are joined; letters are those of figure 5 of Sleeman, "
    "Kapoor & Ghosh (2022). Numbers: mean gain in {metric} over the best single modality, over all data sets of "
    "the run, ± half its 95 % interval over rows and seeds, on these data sets; bold where it leaves out zero, "
    "for one variant looked at. 7/8: complete on 7 of 8 data sets, and not comparable with means over all. "
    "‡: another placement can be argued for.",
    frame=frame,
    empty="The run has no planned cell.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a table of cells, and the single modalities in a line below it."""
    fused = data[data["architecture"] != "unimodal"]
    unit = axis_label(data["metric"].iloc[0], "numbers: gain in ")
    made, handles = cells.plan(fused), _handles(fused)
    figure, axis = _sheet(replace(heading, notes=f"{heading.notes} · {unit}"), made, _single(data), handles)
    _frames(axis, made)
    placed = list(made.placed())
    for each in placed:
        if each.level:
            axis.text(each.x, each.y, each.level, va="center", fontsize=6.5, color="#666666", style="italic")
    _entries(axis, [each for each in placed if not each.level])
    return figure


def _sheet(heading: Heading, made: Plan, under: str, handles: list[Patch]) -> tuple[Figure, Axes]:
    """Return a sheet whose axis counts in inches from the table's upper left."""
    width = max(made.width + 0.2, layout.least_width(heading))
    figure = Figure(figsize=(width, 10))
    bottom = layout.foot(figure, handles) if handles else 0.1
    under = layout.wrapped(under, (width - 0.2) / layout.LETTER)
    bottom += layout.LINE * (under.count("\n") + 1) + 0.1 if under else 0.0
    height = layout.above(heading, width)[1] + 0.3 + made.height + 0.1 + bottom
    figure.set_size_inches(width, height)
    layout.head(figure, heading)
    tall = made.height or LINE
    axis = figure.add_axes(
        (0.1 / width, (bottom + 0.1) / height, made.width / width, tall / height),
        xlim=(0, made.width),
        ylim=(tall, 0),
    )
    axis.set_axis_off()
    figure.text(0.1 / width, bottom / height, under, va="top", fontsize=8, color="#444444")
    return figure, axis


def _single(data: pd.DataFrame) -> str:
    """Name the single modalities, an entry that reads several of them once."""
    counts = data[data["architecture"] == "unimodal"]["entry"].value_counts(sort=False)
    told = [f"{name} ({count} modalities)" if count > 1 else str(name) for name, count in counts.items()]
    return f"Single modalities, from the best of which gains are counted: {', '.join(told)}" if told else ""


def _frames(axis: Axes, made: Plan) -> None:
    """Draw the table's lines, the rows' names and colours, and the heads of its columns."""
    across = [[(0, y), (made.width, y)] for y in (*(y for y, _ in made.rows.values()), made.height)]
    down = [[(x, -0.24), (x, made.height)] for x, _ in made.columns.values()]
    axis.add_collection(LineCollection([*across, *down], colors="#AAAAAA", linewidths=0.8, clip_on=False))
    for name, (y, tall) in made.rows.items():
        _boxes(axis, [(0.0, y + 0.02)], (0.12, tall - 0.04), [style.colour(name)])
        words = name.replace("_", "-") or "unknown"
        axis.text(0.19, y + PAD + LINE / 2, words, va="center", fontsize=8, fontweight="bold")
    for key, (x, _) in made.columns.items():
        axis.text(x + PAD + MARK, -0.07, HEADS[key], va="bottom", fontsize=8, fontweight="bold")
        fusion = HEADS[key].partition(":")[0]
        axis.plot(
            x + PAD + 0.05, -0.13, ls="", marker=style.marker(fusion), ms=5, color="#888888", mec="black",
            clip_on=False,
        )  # fmt: skip


def _entries(axis: Axes, placed: list[Placed]) -> None:
    """Write entries, each with its gain on a chip coloured by it."""
    for each in placed:
        axis.text(each.x, each.y, cells.name(each.line), va="center", fontsize=cells.NAME)
    right, y = [each.chip + CHIP + 0.05 for each in placed], [each.y for each in placed]
    halves = [cells.half(each.line) for each in placed]
    stamp(axis, right, y, halves, cells.SMALL, ["#555555"] * len(placed), left=True)
    known = [each for each in placed if np.isfinite(each.line.gain)]
    corners = [(each.chip, each.y - 0.42 * LINE) for each in known]
    _boxes(axis, corners, (CHIP, 0.84 * LINE), [_shade(each.line.gain) for each in known])
    sure = [each.line.low > 0 or each.line.high < 0 for each in known]
    for bold in (False, True):
        mine = [each for each, leaves in zip(known, sure, strict=True) if leaves == bold]
        middle, words = [each.chip + CHIP / 2 for each in mine], [_gain(each.line.gain) for each in mine]
        stamp(
            axis, middle, [each.y for each in mine], words, 7, [_ink(each.line.gain) for each in mine], bold=bold
        )


def _gain(gain: float) -> str:
    return number(gain, 3, sign=True).replace("0.", ".", 1) if abs(gain) < 1 else number(gain, 2, sign=True)


def _boxes(axis: Axes, corners: list[tuple[float, float]], size: tuple[float, float], colours: list[Any]) -> None:
    wide, tall = size
    boxes = [[(x, y), (x + wide, y), (x + wide, y + tall), (x, y + tall)] for x, y in corners]
    axis.add_collection(PolyCollection(boxes, facecolors=colours, linewidths=0), autolim=False)


def _shade(gain: float) -> tuple[float, float, float, float]:
    return SHADES[int(np.searchsorted(STEPS, gain, side="right"))]


def _ink(gain: float) -> str:
    return "white" if np.dot(_shade(gain)[:3], (0.299, 0.587, 0.114)) < 0.5 else "black"


def _handles(fused: pd.DataFrame) -> list[Patch]:
    """Return the legend of the colours that occur."""
    ends = [short(step) for step in STEPS]
    words = [f"under {ends[0]}", *(f"{a} to {b}" for a, b in pairwise(ends)), f"{ends[-1]} or more"]
    held = {int(np.searchsorted(STEPS, gain, side="right")) for gain in fused["gain"] if np.isfinite(gain)}
    return [
        Patch(facecolor=SHADES[place], label=f"gain {text}", **layout.EDGE)
        for place, text in enumerate(words)
        if place in held
    ]
