"""How restless variants are: what each seed gives beyond its level and the variant's mean, a column a data set."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

from .. import style
from ..run import Run, Scores
from ..wording import short, unit
from . import layout
from . import rows as chart
from .registry import Heading, figure

REACH = 4.0  # pooled standard deviations from the middle of a cell to its edge
BAND = 2.0  # those that are shaded
RESTLESS = 2.0  # a variant's own standard deviation over the pooled one from which its cell is filled
FILL, SHADE = "#F0BE7A", "#EFEFEF"
FEWEST = 1e-12  # a pooled variance below it is rounding


def frame(run: Run) -> pd.DataFrame:
    """Return one row a (data set, variant, seed).

    Columns: `dataset, variant, architecture, data_fusion, metric, seed`, `deviation` (from the variant's mean
    and the seed's level, in the metric's unit), `pooled` (standard deviation of one seed's value, pooled over
    variants), `own` (the variant's: root of its squares over S - 1), `form` of the intervals (`pooled` or
    `moderated`: then the level of a seed is the mean of the middle half of variants), `drawn_up` (the
    variant's standard deviation that intervals use), `chance` (how often `own` would reach twice the pooled
    one if all variants were alike and errors normal). Data sets with one seed or one variant have no row.
    """
    columns = ["dataset", "variant", "architecture", "data_fusion", "metric", "seed", "deviation"]
    parts = [pd.DataFrame(columns=[*columns, "pooled", "own", "form", "drawn_up", "chance"])]
    parts += [part for dataset in run.datasets if len(part := _spread(run, dataset, run.scores(dataset)))]
    return pd.concat(parts[1:] or parts, ignore_index=True)


def _spread(run: Run, dataset: str, scores: Scores) -> pd.DataFrame:
    k, seeds = scores.values.shape
    if scores.within.df <= 0:
        return pd.DataFrame()
    deviations = scores.values - scores.values.mean(axis=1, keepdims=True)
    pooled = float(((deviations - deviations.mean(axis=0)) ** 2).sum() / ((k - 1) * (seeds - 1)))
    moderated = scores.within.form == "moderated"
    residuals = deviations - (stats.trim_mean(deviations, 0.25, axis=0) if moderated else deviations.mean(axis=0))
    own = np.sqrt((residuals**2).sum(axis=1) / (seeds - 1))
    chance = float(stats.chi2.sf(RESTLESS**2 * (seeds - 1), seeds - 1))
    drawn = np.sqrt(scores.within.variances)
    found = [
        (dataset, name, *run.axes(name), run.metric, seed, residuals[i, j], np.sqrt(pooled), own[i],
         scores.within.form, drawn[i], chance)
        for i, name in enumerate(scores.names)
        for j, seed in enumerate(scores.seeds)
        if name in run.shown
    ]  # fmt: skip
    columns = ["dataset", "variant", "architecture", "data_fusion", "metric", "seed", "deviation"]
    return pd.DataFrame(found, columns=[*columns, "pooled", "own", "form", "drawn_up", "chance"])


@figure(
    "seeds",
    "Spread of {metric} over seeds",
    "A point a seed: its {metric} beyond the variant's mean and the seed's level, which all variants share. A "
    "column has a scale of its own: it reaches four standard deviations to either side, pooled over variants and "
    "given above it; the band is two of them. Points beyond are hollow, at the edge. Filled: the variant's own "
    "standard deviation is twice the pooled one or more, which also happens by chance. Where spreads differ "
    "between variants, intervals use the moderated form (marked m): each variant's variance is drawn up to the "
    "common one, and the seed's level is the mean of the middle half.",
    frame=frame,
    empty="No data set of this run has two complete variants on two seeds or more, so there is no spread to show.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw a grid: one row a variant, one column a data set."""
    rows = chart.entries(data)[["variant", "architecture", "data_fusion"]]
    sets = data.drop_duplicates("dataset")
    columns = [_header(*told) for told in zip(sets["dataset"], sets["pooled"], sets["form"], strict=True)]
    if (data["form"] == "moderated").any():
        heading = Heading(heading.title, " · ".join([heading.notes, "m: moderated form of intervals"]))
    figure, axis = layout.grid(heading, rows, columns, _handles(data), least=0.6)
    y = data["variant"].map({name: place for place, name in enumerate(rows["variant"])}).to_numpy(dtype=float)
    x = data["dataset"].map({name: place for place, name in enumerate(sets["dataset"])}).to_numpy(dtype=float)
    _ground(axis, data, x, y, len(rows), len(columns))
    scaled = (data["deviation"] / data["pooled"].where(data["pooled"] ** 2 > FEWEST)).fillna(0.0).to_numpy()
    at = x + 0.5 + np.clip(scaled, -REACH, REACH) / (2 * REACH) * 0.94
    colours, inside = data["architecture"].map(style.colour).to_numpy(), np.abs(scaled) <= REACH
    for fusion in sorted(data["data_fusion"].unique()):
        kept = (data["data_fusion"] == fusion).to_numpy()
        axis.scatter(
            at[kept], y[kept] + 0.5, s=11, marker=style.marker(fusion), linewidths=0.5, zorder=4,
            c=np.where(inside, colours, "white")[kept].tolist(),
            edgecolors=np.where(inside, "black", colours)[kept].tolist(),
        )  # fmt: skip
    return figure


def _header(dataset: str, pooled: float, form: str) -> str:
    """Name a data set and its spread; the blank inside the spread is none that a line may break at."""
    return f"{dataset} sd\u00a0{short(pooled, 4)}" + ("\u00a0m" if form == "moderated" else "")


def _ground(axis: Axes, data: pd.DataFrame, x: np.ndarray, y: np.ndarray, k: int, across: int) -> None:
    """Draw the bands, the middles, and the cells of restless variants."""
    middle, half = np.arange(across) + 0.5, BAND / (2 * REACH) * 0.94
    for place in middle:
        axis.axvspan(place - half, place + half, color=SHADE, lw=0, zorder=0)
    restless = (data["own"] >= RESTLESS * data["pooled"]).to_numpy() & (data["pooled"] ** 2 > FEWEST).to_numpy()
    held = np.unique(np.stack([x[restless], y[restless]], axis=1), axis=0)
    if len(held):
        layout.boxes(axis, held[:, 0], held[:, 0] + 1, held[:, 1], facecolor=FILL, linewidth=0, zorder=1)
    axis.vlines(middle, 0, k, color="#999999", lw=0.6, zorder=2)
    axis.vlines(np.arange(across + 1), 0, k, color="#666666", lw=0.6, zorder=2)
    axis.hlines(np.arange(k + 1), 0, across, color="white", lw=0.6, zorder=2)


def _handles(data: pd.DataFrame) -> list[Line2D]:
    measure = unit(data["metric"].iloc[0])
    words = f"± {BAND:g} pooled sd ({measure})" if measure else f"± {BAND:g} pooled sd"
    handles = [chart.swatch(SHADE, words)]
    if (np.abs(data["deviation"]) > REACH * data["pooled"]).any():
        words = f"hollow: beyond {REACH:g} sd"
        handles.append(Line2D([], [], ls="", marker="o", ms=3.6, color="black", mfc="white", label=words))
    if (data["own"] >= RESTLESS * data["pooled"]).any():
        low, high = (f"{100 * chance:.1f}" for chance in (data["chance"].min(), data["chance"].max()))
        chance = f"by chance {low if low == high else f'{low} to {high}'} % of cells"
        handles.append(chart.swatch(FILL, f"own sd {RESTLESS:g} times the pooled or more ({chance})"))
    return handles
