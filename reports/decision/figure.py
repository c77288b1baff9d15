"""One picture: every variant with its interval, and the learning curves where there are any."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import style
from ..run import ARCHITECTURES, records
from ..wording import axis as axis_label
from ..wording import label
from .verdict import Verdict

WIDTH, CURVES = 7.6, 3.0  # inches of the map, and of the curves beside it
ROW, LINE = 0.25, 0.16
DPI = 160


def draw(verdict: Verdict) -> bytes | None:
    """Return the picture as PNG; None where no variant is complete."""
    if not verdict.evidence.names:
        return None
    texts = [*verdict.table["variant"], label(verdict.evidence.metric)]
    missing = style.fonts(style.signs(texts))[1]
    with style.drawing(texts):
        made = _figure(verdict, missing)
        FigureCanvasAgg(made)
        held = io.BytesIO()
        made.savefig(held, format="png", dpi=DPI, metadata={"Software": None}, facecolor="white")
    return held.getvalue()


def _figure(verdict: Verdict, missing: frozenset[str]) -> Figure:
    table = verdict.table[verdict.table["mean"].notna()]
    height = 1.5 + ROW * len(table)
    width = WIDTH + CURVES * bool(verdict.curves)
    figure = Figure(figsize=(width, max(height, 3.2)), layout="constrained")
    if verdict.curves:
        left, right = figure.subplots(1, 2, width_ratios=[WIDTH, CURVES + 0.6])
        _curves(right, verdict, missing, float(figure.get_size_inches()[1]))
    else:
        left = figure.subplots()
    _map(left, verdict, missing)
    figure.legend(handles=_key(verdict), loc="outside lower center", ncols=7, fontsize=7.5, handletextpad=0.4)
    return figure


def _map(axis: Axes, verdict: Verdict, missing: frozenset[str]) -> None:
    table = verdict.table[verdict.table["mean"].notna()]
    run = verdict.evidence.run
    for place, row in enumerate(records(table)):
        architecture, fusion = run.axes(row.variant)
        colour = style.colour(architecture)
        axis.errorbar(
            row.mean, place, xerr=row.half if np.isfinite(row.half) else None, fmt=style.marker(fusion),
            color=colour, ecolor=colour, markersize=6, markeredgecolor="black", markeredgewidth=0.5,
            elinewidth=1.6, markerfacecolor=colour if row.first else "white",
        )  # fmt: skip
    if verdict.gate is not None:
        axis.axvline(verdict.gate.guess, color=style.OTHER, linestyle=(0, (4, 2)), linewidth=1)
    names = [style.legible(name, missing) for name in table["variant"]]
    axis.set_yticks(range(len(table)), names)
    for tick, name in zip(axis.get_yticklabels(), table["variant"], strict=True):
        tick.set_fontweight("bold" if name == verdict.recommended else "normal")
    axis.set_ylim(len(table) - 0.4, -0.6)
    axis.grid(axis="x")
    axis.set_xlabel(axis_label(verdict.evidence.metric, "mean ", detail="95 % interval"))
    word = f"{len(verdict.evidence.seeds)} {verdict.evidence.seed_word}s"
    axis.set_title(f"{label(verdict.evidence.metric)} of every variant, {word}".capitalize())


def _curves(axis: Axes, verdict: Verdict, missing: frozenset[str], height: float) -> None:
    run = verdict.evidence.run
    for place, curve in enumerate(verdict.curves):
        architecture, fusion = run.axes(curve.variant)
        axis.plot(
            curve.rows, curve.means, color=style.colour(architecture), marker=style.marker(fusion), markersize=5,
            linestyle=(0, style.DASHES[place]) if style.DASHES[place] else "-", markeredgecolor="black",
            markeredgewidth=0.5, label=style.legible(curve.variant, missing),
        )  # fmt: skip
    rows = verdict.curves[0].rows
    axis.set_xscale("log", base=2)
    axis.set_xticks(rows, [f"{count:,}" for count in rows], rotation=0)
    axis.minorticks_off()
    axis.grid()
    axis.set_xlabel("training rows")
    axis.set_title("With fewer training rows")
    low, high = axis.get_ylim()
    room = min(
        0.6, (LINE * len(verdict.curves) + 0.1) / (height - 1.2)
    )  # of the panel, for the names above the lines
    axis.set_yticks([tick for tick in axis.get_yticks() if low <= tick <= high])
    axis.set_ylim(low, low + (high - low) / (1 - room))
    axis.legend(fontsize=7, loc="upper left", labelspacing=0.3)


def _key(verdict: Verdict) -> list[Line2D]:
    used = {verdict.evidence.run.axes(name)[0] for name in verdict.evidence.names}
    plain = {"linestyle": "none", "markersize": 6, "markeredgecolor": "black", "markeredgewidth": 0.5}
    found = [
        Line2D([], [], marker="o", color=style.colour(name), label=name.replace("_", "-"), **plain)
        for name in ARCHITECTURES
        if name in used
    ]
    shares = Line2D([], [], marker="s", color=style.OTHER, label="filled: shares the first place", **plain)
    dashes = Line2D([], [], color=style.OTHER, linestyle=(0, (4, 2)), label="guessing")
    return [*found, shares, dashes]
