"""Phase diagram: which families share the first place at every combination of two dials."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from .. import comparisons, families, style, sweeps
from ..run import Run, records
from ..wording import short
from . import layout
from .registry import Heading, figure

CELL = (1.0, 0.8)  # width and height, in inches
APART = "apart"  # hatched
PALE = 0.4  # share of its colour
LETTERS = 13  # to a line of a cell
ASIDE = 0.5  # inches that an axis' label may be longer than its axis
NONE: dict[str, Any] = {"facecolor": "#EFEFEF", "hatch": "xxx", "edgecolor": "#888888", "linewidth": 0}
BEFORE = ["grid", "held", "x", "y", "x_setting", "y_setting", "x_place", "y_place", "dataset"]


def frame(run: Run) -> pd.DataFrame:
    """Return one row a family at a data set of a grid.

    Columns: `grid` (its number), `held` (the name that its data sets have in common), `x` and `y` (the
    dials), `x_setting` and `y_setting` (their values as written), `x_place` and `y_place` (by order),
    `dataset`, those of `families.COLUMNS`, and the data set's `ceiling`.
    """
    rows = []
    for number, grid in enumerate(sweeps.grids(run.synthetic), start=1):
        for (x, y), dataset in sorted(grid.cells.items()):
            settings = (sweeps.words(grid.xs[x]), sweeps.words(grid.ys[y]))
            point = (number, grid.held, grid.x, grid.y, *settings, x, y, dataset)
            ceiling = (comparisons.ceiling(run, dataset) or {"full": np.nan})["full"]
            rows += [(*point, *standing, ceiling) for standing in records(families.standings(run, dataset))]
    return pd.DataFrame(rows, columns=[*BEFORE, *families.COLUMNS, "ceiling"])


@figure(
    "phase",
    "Which family does best where",
    "Every cell is a data set. Its colours are the families that share the first place there by regret to the "
    "exact ceiling: those not shown to be behind another (one-sided Dunnett, 5 %, among the families; the "
    "lowest mean is listed first). A family is an architecture and whether its experts are trained apart or "
    "jointly, through the fusion; on every seed it is represented by the entry with the lowest validation "
    "log-loss. Written below: the lowest mean regret, and the best accuracy that any method can reach. "
    "A combination without a cell is not in the run.",
    frame=frame,
    empty="No synthetic data sets of this run form a grid over two dials.",
    always=False,
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a grid."""
    grids = [grid for _, grid in data.groupby("grid", sort=False)]
    across, up = (max(int(data[place].max()) + 1, 2) for place in ("x_place", "y_place"))
    size = (across * CELL[0], up * CELL[1])
    titles = [_title(grid.iloc[0]) for grid in grids]
    figure, axes = layout.panels(
        heading, titles, size, columns=2, left=0.85, between=0.95, below=0.65, handles=_handles(data)
    )
    for axis, grid in zip(axes, grids, strict=True):
        _frame(axis, grid, across, up)
        for _, cell in grid.groupby("dataset", sort=False):
            _cell(axis, cell)
    return figure


def _title(row: pd.Series) -> str:
    name, _, options = row["held"].partition("(")
    return f"{name}: {options.rstrip(')').replace(',', ', ')}" if options else name


def _frame(axis: Axes, grid: pd.DataFrame, across: int, up: int) -> None:
    """Label the cells' rows and columns; a panel smaller than the largest one leaves room unused."""
    axis.set_xlim(0, across)
    axis.set_ylim(0, up)
    room = {"x": across * CELL[0], "y": up * CELL[1]}
    for side, which in ((axis.xaxis, "x"), (axis.yaxis, "y")):
        places = grid.drop_duplicates(f"{which}_place").sort_values(f"{which}_place")
        letters = int((room[which] if which == "y" else CELL[0]) / layout.LETTER)
        labels = [layout.wrapped(text, min(letters, 13)) for text in places[f"{which}_setting"]]
        side.set_ticks((places[f"{which}_place"] + 0.5).tolist(), labels)
        text = layout.wrapped(_label(grid[which].iloc[0]), (room[which] + ASIDE) / layout.LETTER)
        if len(places) == {"x": across, "y": up}[which]:
            side.set_label_text(text)
        elif which == "x":  # in the middle of a panel that is half empty it would stand beside nothing
            axis.set_xlabel(text, loc="left")
        else:
            axis.set_ylabel(text, loc="bottom")
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)


def _label(dial: str) -> str:
    told = sweeps.DIALS.get(dial)
    return f"{told.words} {dial}: {told.unit}" if told else dial


def _fill(family: families.Family) -> dict[str, Any]:
    """Return how a family is filled: apart is pale and hatched, so that it differs from joint in print too."""
    colour = np.array(to_rgb(style.colour(family.architecture)))
    if family.training != APART:
        return {"facecolor": tuple(colour), "linewidth": 0}
    return {"facecolor": tuple(1 - PALE * (1 - colour)), "hatch": "////", "linewidth": 0}


def _cell(axis: Axes, cell: pd.DataFrame) -> None:
    """Draw one data set: a strip a family at the first place, and what is said of it."""
    x, y = int(cell["x_place"].iloc[0]), int(cell["y_place"].iloc[0])
    first = families.listed(cell[cell["first"]])
    for place, family in enumerate(first):
        axis.add_patch(Rectangle((x + place / len(first), y), 1 / len(first), 1, **_fill(family)))
        axis.plot([x + place / len(first)] * 2, [y, y + 1], color="white", lw=1)
    if cell["value"].isna().all():
        axis.add_patch(Rectangle((x, y), 1, 1, **NONE))
    axis.add_patch(Rectangle((x, y), 1, 1, fill=False, ec="white" if first else "#888888", lw=2 if first else 0.6))
    axis.text(
        x + 0.5, y + 0.5, "\n".join(_lines(cell)), ha="center", va="center", fontsize=6.5, linespacing=1.15,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.92},
    )  # fmt: skip


def _lines(cell: pd.DataFrame) -> list[str]:
    """Return what a cell says: the codes, which families have no value, the lowest regret, the ceiling."""
    known = cell[cell["value"].notna()].sort_values("value", kind="stable")
    if known.empty:
        return ["nothing is ok", f"ceiling {short(cell['ceiling'].iloc[0], 3)}"]
    claimed = known[known["first"]]
    codes = [row.code + ("*" if row.absent else "") for row in records(claimed if len(claimed) else known[:1])]
    text = layout.wrapped(" ".join(codes), LETTERS)
    lines = [text if len(claimed) else f"({text})"]
    if out := list(cell.loc[cell["value"].isna(), "code"]):
        lines.append(layout.wrapped(f"without {' '.join(out)}", LETTERS))
    return [*lines, f"regret {short(known['value'].iloc[0], 3)}", f"ceiling {short(known['ceiling'].iloc[0], 3)}"]


def _handles(data: pd.DataFrame) -> list[Patch | Line2D]:
    handles: list[Patch | Line2D] = [
        Patch(label=f"{family.code}: {family.name}", **_fill(family)) for family in families.listed(data)
    ]
    complete = data["value"].notna()
    if (complete & (data["absent"] != "")).any():
        words = "some entries of the family are not ok there"
        handles.append(Line2D([], [], ls="", marker="*", color="black", label=words))
    cells = data.groupby(["grid", "dataset"])
    if not cells["first"].any()[cells["value"].count() > 0].all():
        words = "in brackets: lowest mean; one seed or one family supports no claim"
        handles.append(Patch(facecolor="white", edgecolor="#888888", label=words))
    if (cells["value"].count() == 0).any():
        handles.append(Patch(label="no entry is ok", **NONE))
    return handles
