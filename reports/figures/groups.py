"""Points by architecture and data fusion: every variant, and the mean of each kind with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from .. import style
from ..run import Run, Scores, records
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
    for place, kind in enumerate(order):
        mine = data[(data["architecture"] == kind[0]) & (data["data_fusion"] == kind[1])]
        colour, marker = style.colour(kind[0]), style.marker(kind[1])
        each = mine[mine["variant"] != ""].sort_values(["value", "variant"])
        y = place + np.array([OFFSETS[i % len(OFFSETS)] for i in range(len(each))])
        axis.scatter(each["value"], y, s=14, marker=marker, color=colour, alpha=0.55, linewidths=0.3, ec="black")
        for mean in records(mine[mine["variant"] == ""]):
            half = mean.half if np.isfinite(mean.half) else 0.0
            axis.errorbar(
                mean.value, place + 0.36, xerr=_within(mean.value, half, bounds), marker=marker, ms=5.5,
                color=colour, mec="black", mew=0.7, ecolor="black", elinewidth=1.1, capsize=2, zorder=4,
            )  # fmt: skip
    axis.set_ylim(len(order) - 0.4, -0.5)
    names = [" ".join(part for part in (a.replace("_", "-"), f if f != "none" else "") if part) for a, f in order]
    axis.set_yticks(range(len(order)), names if labels else [""] * len(order))
    axis.tick_params(axis="y", length=0)
    axis.grid(axis="x")
    layout.numbers(axis)


def _within(value: float, half: float, bounds: tuple[float, float]) -> list[list[float]]:
    return [[min(half, value - bounds[0])], [min(half, bounds[1] - value)]]


def handles() -> list[Line2D]:
    """Return legend handles of what `draw` draws."""
    small = Line2D([], [], ls="", marker="o", ms=3.8, color="#888888", mec="black", mew=0.3, label="a variant")
    large = Line2D(
        [],
        [],
        marker="o",
        ms=5.5,
        color="black",
        mfc="#888888",
        mec="black",
        label="mean of the kind, 95 % interval",
    )
    return [small, large]
