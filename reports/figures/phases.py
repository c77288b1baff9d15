"""Where training time goes: seconds and shares by phase, and what shared stages cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ...results.record import PHASES
from .. import style
from ..machines import busy_words, left_out, timed
from ..run import Run
from ..wording import number
from . import layout
from . import rows as chart
from .registry import Heading, figure
from .stamps import stamp

REST, SHARED = "rest", "shared"
PARTS = (*PHASES, REST, SHARED)
WORDS = {REST: "not split", SHARED: "shared stages"}
# cividis from dark to light: the order of phases is the order of lightness, in grey too
SHADES = colormaps["cividis"]((0.02, 0.18, 0.33, 0.46, 0.72, 0.95))
HATCHED: dict[str, Any] = {"facecolor": "#DDDDDD", "hatch": "////"}
FILLS: dict[str, dict[str, Any]] = {
    **{name: {"facecolor": tuple(shade)} for name, shade in zip(PHASES, SHADES, strict=True)},
    REST: {"facecolor": "#FFFFFF"},
    SHARED: HATCHED,
}
COLUMNS = ["variant", "architecture", "data_fusion", "part", "seconds", "share", "total", "datasets", "of"]


def frame(run: Run) -> pd.DataFrame:
    """Return one row a (variant, part of its training time).

    Columns: `variant, architecture, data_fusion`, `part` (a phase, `rest`: what no phase was timed for, or
    `shared`: the stages it uses), `seconds` (share x total), `share` (mean over data sets of the part's share
    of a data set's mean over seeds), `total` (wall seconds, own and shared: median over data sets),
    `datasets` (number of them), `of` (all of the run), `machine` (the one that ran the most cells),
    `elsewhere` (ok cells of other machines, left out), and `remark` where some cells are of a busy machine.
    """
    held = timed(run)
    cells = held.cells[held.cells["wall_own"].notna()]
    parts = _parts(cells).groupby([cells["variant"], cells["dataset"]]).mean()
    totals = parts.sum(axis=1)
    shares = parts.div(totals.where(totals > 0), axis=0).groupby(level=0).mean().to_dict("index")
    sums = totals.groupby(level=0).agg(["median", "size"]).to_dict("index")
    found = []
    for name in (name for name in run.shown if name in sums):
        total, n = float(sums[name]["median"]), int(sums[name]["size"])
        head, ends = (name, *run.axes(name)), (total, n, len(run.datasets))
        found += [(*head, part, shares[name][part] * total, shares[name][part], *ends) for part in PARTS]
    data = pd.DataFrame(found, columns=COLUMNS).assign(machine=held.machine, elsewhere=held.elsewhere)
    return data.assign(remark=busy_words(held)) if held.busy else data


def _parts(cells: pd.DataFrame) -> pd.DataFrame:
    """Return seconds of every part, a row a cell."""
    split = pd.DataFrame({name: cells.get(f"phase_{name}", np.nan) for name in PHASES}, index=cells.index)
    split = split.astype(float).fillna(0.0)
    rest = (cells["wall_own"] - split.sum(axis=1)).clip(lower=0.0)
    return split.assign(**{REST: rest, SHARED: cells["wall_shared"]})


@figure(
    "phases",
    "Where training time goes",
    "Wall seconds of training by phase, of cells on one machine. Length: the median over data sets of a variant's "
    "time, own and shared stages in full; it is split by the mean over data sets of the shares at the right. "
    "Optimise holds the backward pass. Not split: the fitting of classical learners, and what lies between "
    "phases. Where a variant was run on some data sets only, their number is written: lengths over different data "
    "sets cannot be compared.",
    frame=frame,
    empty="No ok cell of this run has a training time.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw seconds and shares side by side, one row a variant."""
    entries = chart.entries(data)
    held = [part for part in PARTS if (data.loc[data["part"] == part, "seconds"] > 0).any()]
    handles = [
        Patch(label=WORDS[part], edgecolor="black", linewidth=0.5, **HATCHED)
        if part == SHARED
        else chart.swatch(FILLS[part]["facecolor"], WORDS.get(part, part))
        for part in held
    ]
    panels = [("training time (s, own + shared)", 4.2), ("share of it (%)", 2.6)]
    heading = Heading(heading.title, " · ".join([heading.notes, *_notes(data)]))
    figure, (seconds, shares) = chart.chart(heading, entries, panels, handles, right=0.3)
    for axis, column, scale in ((seconds, "seconds", 1.0), (shares, "share", 100.0)):
        _stack(axis, data.pivot(index="variant", columns="part", values=column).loc[entries["variant"]], scale)
        axis.spines["left"].set_visible(False)
        axis.grid(axis="x")
    shares.set_xlim(0, 100)
    words = [_length(*row) for row in zip(entries["total"], entries["datasets"], entries["of"], strict=True)]
    wide = seconds.get_position().width * figure.get_size_inches()[0]
    free = 1 - (np.array([style.inches(text, 6.5) for text in words]) + 0.12) / wide
    seconds.set_xlim(0, max(float((entries["total"] / free).max()), 1e-9))
    layout.numbers(seconds, most=6)
    y, black = np.arange(len(words)) + 0.5, ["black"] * len(words)
    stamp(seconds, entries["total"] + 0.015 * seconds.get_xlim()[1], y, words, 6.5, black, left=True)
    return figure


def _length(total: float, n: int, of: int) -> str:
    words = f"{number(total, 2 if total < 10 else 1)} s"
    return f"{words}, {n} of {of}" if n < of else words


def _notes(data: pd.DataFrame) -> list[str]:
    first = data.iloc[0]
    notes = [first["machine"]] if first["machine"] else []
    if first["elsewhere"]:
        notes.append(left_out(first["elsewhere"]))
    if "remark" in data:
        notes.append(first["remark"])
    if (data["datasets"] < data["of"]).any():
        notes.append(f"“1 of {first['of']}”: run on so many of the data sets")
    return notes


def _stack(axis: Axes, parts: pd.DataFrame, scale: float) -> None:
    """Draw one collection of boxes a part."""
    ends = parts[list(PARTS)].to_numpy(dtype=float).cumsum(axis=1) * scale
    starts = np.hstack([np.zeros((len(ends), 1)), ends[:, :-1]])
    for place, part in enumerate(PARTS):
        kept = ends[:, place] > starts[:, place]
        if kept.any():
            y = np.flatnonzero(kept)
            layout.boxes(
                axis, starts[kept, place], ends[kept, place], y, inset=0.12, edgecolor="black", linewidth=0.4,
                **FILLS[part],
            )  # fmt: skip
