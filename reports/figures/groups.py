"""Points by architecture and data fusion: every variant, and the mean of each kind with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .. import style
from ..run import Run, Scores
from . import layout

COLUMNS = ["dataset", "architecture", "data_fusion", "variant", "members", "value", "half"]
ROW = 0.34  # height of a kind, in inches
OFFSETS = (0.0, -0.2, 0.2, -0.1, 0.1)  # by rank of the value, so that equal neighbours stay visible


def rows(
    run: Run, scores: Scores, dataset: str, values: Mapping[Any, float], reference: float = 0.0
) -> pd.DataFrame:
    """Return one row a variant (its `value` and `half`), and one a kind (`variant` empty, `members` counted).

    Parameters
    ----------
    scores
        Where the variances come from.
    values
        Variant → value to show.
    reference
        Variance of one seed of what the values were counted from.
    """
    factor, quantile = scores.within.factor, scores.within.quantile
    variance = dict(zip(scores.names, scores.within.variances, strict=True))
    found, kinds = [], {}
    for name in (n for n in run.shown if n in values):
        half = quantile * np.sqrt(factor * (variance[name] + reference))
        found.append((dataset, *run.axes(name), name, 1, values[name], half))
        kinds.setdefault(run.axes(name), []).append(name)
    for kind, names in kinds.items():
        own = sum(variance[name] for name in names) / len(names) ** 2
        half = quantile * np.sqrt(factor * (own + reference))
        mean = float(np.mean([values[name] for name in names]))
        found.append((dataset, *kind, "", len(names), mean, half))
    return pd.DataFrame(found, columns=COLUMNS)


def kinds(data: pd.DataFrame) -> list[tuple[str, str]]:
    """Return the (architecture, data fusion) kinds of a table, in its order of first sight."""
    return list(dict.fromkeys(zip(data["architecture"], data["data_fusion"], strict=True)))


def draw(
    axis: Axes,
    data: pd.DataFrame,
    order: list[tuple[str, str]],
    labels: bool,
    bounds: tuple[float, float] = (-np.inf, np.inf),
) -> None:
    """Draw one data set's points: small ones for variants, large ones with intervals for kinds.

    Intervals end at `bounds`, beyond which the quantity has no values.
    """
    places = {kind: place for place, kind in enumerate(order)}
    row = np.array(
        [places[kind] for kind in zip(data["architecture"], data["data_fusion"], strict=True)], dtype=float
    )
    small = (data["variant"] != "").to_numpy()
    each = data[small].assign(row=row[small]).sort_values(["row", "value", "variant"])
    turn = each.groupby("row").cumcount() % len(OFFSETS)
    _points(axis, each.assign(row=each["row"] + np.array(OFFSETS)[turn]), 14, 0.55, 0.3)
    means = data[~small].assign(row=row[~small] + 0.36)
    half = means["half"].where(np.isfinite(means["half"]), 0.0)
    low, high = (np.clip(means["value"] + sign * half, *bounds) for sign in (-1, 1))
    axis.hlines(means["row"], low, high, color="black", lw=1.1, zorder=3)
    caps = {"ls": "", "marker": "|", "ms": 4, "color": "black", "mew": 1.1, "zorder": 3}
    axis.plot(np.concatenate([low, high]), np.concatenate([means["row"], means["row"]]), **caps)
    _points(axis, means, 30, 1.0, 0.7)
    axis.set_ylim(len(order) - 0.4, -0.5)
    names = [" ".join(part for part in (a.replace("_", "-"), f if f != "none" else "") if part) for a, f in order]
    axis.set_yticks(range(len(order)), names if labels else [""] * len(order))
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")
    layout.numbers(axis)


def _points(axis: Axes, data: pd.DataFrame, size: float, alpha: float, edge: float) -> None:
    """Draw points, an artist a marker."""
    for fusion, mine in data.groupby("data_fusion", sort=True):
        colours = [style.colour(name) for name in mine["architecture"]]
        axis.scatter(
            mine["value"], mine["row"], s=size, marker=style.marker(str(fusion)), c=colours, alpha=alpha,
            linewidths=edge, edgecolors="black", zorder=4,
        )  # fmt: skip


def handles() -> list[Line2D]:
    """Return legend handles of what `draw` draws."""
    point: dict[str, Any] = {"marker": "o", "mec": "black"}
    small = Line2D([], [], ls="", ms=3.8, color="#888888", mew=0.3, label="a variant", **point)
    words = "mean of the kind, 95 % interval"
    return [small, Line2D([], [], ms=5.5, color="black", mfc="#888888", label=words, **point)]
