"""Validation loss by epoch, for the best of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import style
from ..run import Run, records
from . import layout
from .registry import Heading, figure

CURVE = "validation_loss"
STROKE = (patheffects.Stroke(linewidth=2.2, foreground="#555555"), patheffects.Normal())


def frame(run: Run) -> pd.DataFrame:
    """Return mean curves of the variants chosen.

    Columns: `dataset, variant, architecture, data_fusion, colour, marker, dash, epoch, loss` (nats, mean over
    the seeds in use), `kept` (whether this is the median epoch whose weights were kept).
    """
    chosen, looks = choose(run), style.lines(run)
    curves = run.curves[(run.curves["curve"] == CURVE) & run.curves["variant"].isin(chosen)]
    curves = curves.assign(value=pd.to_numeric(curves["value"], errors="coerce"))
    rows = []
    for dataset in run.datasets:
        for name in chosen:
            mine = curves[(curves["dataset"] == dataset) & (curves["variant"] == name)]
            mine = mine[mine["seed"].isin(run.seeds(dataset))]
            head = (dataset, name, *run.axes(name), *looks[name])
            rows += [(*head, *point) for point in _mean_curve(run, mine, dataset, name)]
    columns = ["dataset", "variant", "architecture", "data_fusion", "colour", "marker", "dash"]
    return pd.DataFrame(rows, columns=[*columns, "epoch", "loss", "kept"])


def _mean_curve(run: Run, curves: pd.DataFrame, dataset: str, name: str) -> list[tuple[int, float, bool]]:
    wide = curves.pivot(index="epoch", columns="seed", values="value").dropna()  # epochs that every seed reached
    cells = run.cells[(run.cells["dataset"] == dataset) & (run.cells["variant"] == name)]
    kept = pd.to_numeric(cells.get("epoch", pd.Series(dtype=float)), errors="coerce").median()
    kept = round(kept) if np.isfinite(kept) else None
    points = zip(wide.index.tolist(), wide.mean(axis=1).tolist(), strict=True)
    return [(int(epoch), float(mean), epoch == kept) for epoch, mean in points if np.isfinite(mean)]


def choose(run: Run) -> list[str]:
    """Return the best shown variant of every kind with curves, by validation, mean over data sets.

    The kind is (architecture, data fusion); the best has the lowest mean rank, so that no single data
    set decides.
    """
    curved = set(run.curves.loc[run.curves["curve"] == CURVE, "variant"])
    names = [name for name in run.shown if name in curved]
    losses = pd.DataFrame(
        {d: {n: run.scores(d, "validation_log_loss").mean(n) for n in names} for d in run.datasets}, index=names
    )
    ranks = losses.rank().mean(axis=1).fillna(np.inf)
    best: dict[tuple[str, str], str] = {}
    for name in names:
        kind = run.axes(name)
        if kind not in best or ranks[name] < ranks[best[kind]]:
            best[kind] = name
    return [name for name in names if name in best.values()]


@figure(
    "curves",
    "Validation loss by epoch, the best-validating variant of each kind",
    "Mean over seeds, of the variant of every architecture and data fusion that validates best; the marker "
    "stands at the median epoch whose weights were kept.",
    frame=frame,
    empty="No variant with training curves has been run.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a data set."""
    names, looks = list(data["dataset"].unique()), ["colour", "marker", "dash"]
    entries = data.drop_duplicates("variant")
    handles = [
        Line2D([], [], label=row.variant, **_look(row.colour, row.marker, row.dash)) for row in records(entries)
    ]
    figure, axes = layout.panels(
        heading, names, (2.7, 2.0), columns=3, left=0.65, between=0.6, below=0.6, handles=handles
    )
    for axis, name in zip(axes, names, strict=True):
        mine = data[data["dataset"] == name]
        for (_, *look), line in mine.groupby(["variant", *looks], sort=False):
            kept = np.flatnonzero(line["kept"].to_numpy())
            axis.plot(line["epoch"], line["loss"], markevery=kept.tolist(), **_look(*look))
        axis.set_xlabel("epoch")
        axis.set_ylabel("validation log-loss (nat)")
        axis.grid()
        layout.numbers(axis)
        layout.numbers(axis, "y")
    return figure


def _look(colour: str, marker: str, dash: int) -> dict[str, Any]:
    pattern = style.DASHES[dash]
    line = (0, pattern) if pattern else "-"
    pale = {"path_effects": STROKE} if colour == style.COLOURS["hybrid"] else {}
    return {"color": colour, "marker": marker, "ls": line, "lw": 1.3, "ms": 5.5, "mec": "black", **pale}
