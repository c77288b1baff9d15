"""Loss by epoch on validation and training rows, for the best of every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import style
from ..run import Run, records
from . import layout
from .registry import Heading, figure

CURVE, TRAIN = "validation_loss", "train_loss"
LOG = 8.0  # validation losses that span such a factor are drawn on a logarithmic axis
BELOW = 0.35  # of the range of validation losses, shown below it: training losses go further
STROKE = (patheffects.Stroke(linewidth=2.2, foreground="#555555"), patheffects.Normal())


def frame(run: Run) -> pd.DataFrame:
    """Return mean curves of the variants chosen.

    Columns: `dataset, variant, architecture, data_fusion, colour, marker, dash, epoch, loss` (on validation
    rows, nats, mean over the seeds in use), `kept` (whether this is the median epoch whose weights were kept),
    `train` (what is minimised on training rows, mean over the epoch's batches; NaN where none is stored).
    """
    chosen, looks = choose(run), style.lines(run)
    held, train = (_means(run, chosen, curve) for curve in (CURVE, TRAIN))
    kept = _kept(run)
    rows = [
        (dataset, name, *run.axes(name), *looks[name], epoch, mean, epoch == kept.get((dataset, name)), other)
        for dataset in run.datasets
        for name in chosen
        for epoch, mean in held.get((dataset, name), {}).items()
        for other in [train.get((dataset, name), {}).get(epoch, np.nan)]
    ]
    columns = ["dataset", "variant", "architecture", "data_fusion", "colour", "marker", "dash"]
    return pd.DataFrame(rows, columns=[*columns, "epoch", "loss", "kept", "train"])


def _means(run: Run, chosen: list[str], curve: str) -> dict[tuple[str, str], dict[int, float]]:
    """Return the mean by epoch, of epochs that every seed in use reached with a finite value."""
    rows = run.curves[(run.curves["curve"] == curve) & run.curves["variant"].isin(chosen)]
    used = [seed in run.seeds(dataset) for dataset, seed in zip(rows["dataset"], rows["seed"], strict=True)]
    rows = rows[np.array(used, dtype=bool)]
    rows = rows.assign(value=pd.to_numeric(rows["value"], errors="coerce"))
    pair = ["dataset", "variant"]
    means = rows.groupby([*pair, "epoch"])["value"].agg(n="count", loss="mean").reset_index()
    means["seeds"] = means.groupby(pair)["n"].transform("max")  # every seed has a first epoch
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in records(means[np.isfinite(means["loss"]) & (means["n"] == means["seeds"])]):
        found.setdefault((row.dataset, row.variant), {})[int(row.epoch)] = float(row.loss)
    return found


def _kept(run: Run) -> dict[tuple[str, str], int]:
    """Return the median epoch whose weights were kept, by data set and variant."""
    epochs = pd.to_numeric(run.cells.get("epoch", pd.Series(np.nan, index=run.cells.index)), errors="coerce")
    medians = run.cells.assign(epoch=epochs).groupby(["dataset", "variant"])["epoch"].median().dropna()
    return {(row.dataset, row.variant): round(row.epoch) for row in records(medians.reset_index())}


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
    "Loss by epoch, the best-validating variant of each kind",
    "Mean over seeds, as far as all of them ran, of the variant of every architecture and data fusion that "
    "validates best. Strong lines: validation rows; the marker stands at the median epoch whose weights were "
    "kept. Thin lines: what is minimised on training rows, to which some variants add terms of their own; it "
    "falls on while the loss on validation rows rises where a variant learns its rows by heart. Panels whose "
    "validation losses span a factor of eight have a logarithmic axis.",
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
    if data["train"].notna().any():
        handles.append(Line2D([], [], color="#888888", lw=0.7, label="thin: training rows"))
    figure, axes = layout.panels(
        heading, names, (2.7, 2.0), columns=3, left=0.65, between=0.6, below=0.6, handles=handles, flow=True
    )
    for axis, name in zip(axes, names, strict=True):
        mine = data[data["dataset"] == name]
        for (_, *look), line in mine.groupby(["variant", *looks], sort=False):
            kept = np.flatnonzero(line["kept"].to_numpy())
            axis.plot(line["epoch"], line["loss"], markevery=kept.tolist(), **_look(*look))
            thin = {**_look(*look), "marker": "", "lw": 0.6, "alpha": 0.8, "path_effects": []}
            axis.plot(line["epoch"], line["train"], zorder=1.5, **thin)
        axis.set_xlabel("epoch (number)")
        axis.set_ylabel("log-loss (nat)")
        axis.grid()
        layout.numbers(axis)
        _scale(axis, mine["loss"].to_numpy(dtype=float))
    return figure


def _scale(axis: Axes, loss: np.ndarray) -> None:
    """Fit the vertical axis to the validation losses, with some room below for those of training rows."""
    low, high = float(loss.min()), float(loss.max())
    if low > 0 and high / low >= LOG:
        axis.set_yscale("log")
        room = (high / low) ** BELOW
        axis.set_ylim(low / room, high * room**0.2)
        ticks = [m * 10.0**e for e in range(-8, 5) for m in (1, 2, 5)]
        held = [tick for tick in ticks if low / room <= tick <= high * room**0.2]
        held = held if len(held) < 7 else [tick for tick in held if f"{tick:.0e}".startswith("1")]
        axis.set_yticks(held, [f"{tick:g}" for tick in held])
        axis.minorticks_off()
        return
    reach = max(high - low, 1e-3)
    axis.set_ylim(max(low - BELOW * reach, min(0.0, low)), high + 0.06 * reach)
    layout.numbers(axis, "y")


def _look(colour: str, marker: str, dash: int) -> dict[str, Any]:
    pattern = style.DASHES[dash]
    line = (0, pattern) if pattern else "-"
    pale = {"path_effects": STROKE} if colour == style.COLOURS["hybrid"] else {}
    return {"color": colour, "marker": marker, "ls": line, "lw": 1.3, "ms": 5.5, "mec": "black", **pale}
