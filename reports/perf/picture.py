"""The figure of `make perf`: a row a measurement, its value and spread on a logarithmic axis, and its target."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ...core.files import write_atomic
from .. import style
from ..figures import files
from .rows import Row, limit
from .words import judged, value

TITLES = {
    "share": "Our time as a share of the other side's (left is better)",
    "times": "How many times as fast (right is better)",
    "beyond": "Seconds beyond the import of torch (left is better)",
}
LOOKS = {
    True: ("#0072B2", "o", "target held"),
    False: ("#D55E00", "X", "target missed"),
    None: (style.OTHER, "D", ""),
}
WIDE, ROW, TITLE, UNDER, TOP, FOOT = 8.6, 0.27, 0.3, 0.34, 0.1, 0.3  # inches
TICKS = (1, 1.5, 2, 3, 4, 5, 7)  # of every power of ten
FLOORS = {"beyond": 0.05}  # seconds: what is less is drawn there, for a logarithm has no zero
LEAST = 0.001  # of a share
LIMIT = "#009E73"


def draw(rows: Sequence[Row]) -> Figure:
    """Draw the rows that were measured, a panel a form."""
    panels = {form: [row for row in rows if row.form == form and row.value is not None] for form in TITLES}
    panels = {form: held for form, held in panels.items() if held}
    tall = TOP + FOOT + sum(TITLE + UNDER + ROW * len(held) for held in panels.values())
    figure = Figure(figsize=(WIDE, tall))
    left = 0.25 + max((style.inches(row.what) for held in panels.values() for row in held), default=1.0)
    right = 0.25 + max((style.inches(_beside(row)) for held in panels.values() for row in held), default=1.0)
    top = tall - TOP
    for form, held in panels.items():
        high = ROW * len(held)
        box = (left / WIDE, (top - TITLE - high) / tall, (WIDE - left - right) / WIDE, high / tall)
        _panel(figure.add_axes(box), held, TITLES[form])
        top -= TITLE + high + UNDER
    figure.legend(handles=_handles(), loc="lower left", ncols=5, bbox_to_anchor=(0.0, 0.0), borderaxespad=0.4)
    return figure


def _panel(axis: Axes, rows: Sequence[Row], title: str) -> None:
    axis.set_title(title, pad=5)
    axis.set_xscale("log")
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_yticks(range(len(rows)), [row.what for row in rows])
    axis.tick_params(axis="y", length=0)
    for place, row in enumerate(rows):
        _row(axis, place, row)
    low, high = axis.get_xlim()
    axis.set_xlim(low / 1.15, high * 1.15)
    _ticks(axis)
    axis.grid(axis="x")
    if rows[0].form != "beyond":
        axis.axvline(1, color="#444444", lw=0.8, zorder=1)


def _row(axis: Axes, place: int, row: Row) -> None:
    colour, marker, _ = LOOKS[row.held]
    floor = FLOORS.get(row.form, LEAST)
    if row.spread is not None:
        low, high = (max(end, floor) for end in row.spread)
        axis.hlines(place, low, high, color=colour, lw=2.2, zorder=3)
    axis.plot(
        [max(row.value or 0.0, floor)], [place], marker=marker, ms=6, color=colour, mec="white", mew=0.6, zorder=4
    )
    if row.target is not None:
        axis.vlines(row.target, place - 0.36, place + 0.36, color="black", lw=1.6, zorder=5)
    least = limit(row)
    if least is not None:
        axis.vlines(1 / least.other, place - 0.36, place + 0.36, color=LIMIT, lw=1.6, ls=(0, (1, 1)), zorder=5)
    beside: dict[str, Any] = {"xytext": (8, 0), "textcoords": "offset points", "va": "center"}
    axis.annotate(_beside(row), (1, place), xycoords=("axes fraction", "data"), **beside)


def _beside(row: Row) -> str:
    """Return what stands to the right of a row."""
    return f"{value(row, row.value)}  {judged(row).removeprefix('— ').removeprefix('—')}".strip()


def _ticks(axis: Axes) -> None:
    """Put ticks at numbers that people like, as many as there is room for."""
    low, high = axis.get_xlim()
    chosen = TICKS if high / low < 12 else (1, 2, 5) if high / low < 200 else (1,)
    places = [tick * 10.0**power for power in range(-3, 4) for tick in chosen]
    axis.xaxis.set_major_locator(FixedLocator([place for place in places if low <= place <= high]))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def _handles() -> list[Line2D]:
    shown = [(*LOOKS[True],), (*LOOKS[False],), (style.OTHER, "D", "no target")]
    drawn = [Line2D([], [], ls="", marker=m, color=c, mec="white", label=text) for c, m, text in shown]
    upright: dict[str, Any] = {"ls": "", "marker": "|", "ms": 9, "mew": 1.6}
    target = Line2D([], [], color="black", label="target", **upright)
    return [*drawn, target, Line2D([], [], color=LIMIT, label="what the processor could do at best", **upright)]


def write(rows: Sequence[Row], path: Path) -> None:
    """Draw the figure as a PNG, the same bytes for the same rows."""
    with style.drawing([row.what for row in rows]):
        made = draw(rows)
        write_atomic(path, lambda file: files.save(made, "png", file))
