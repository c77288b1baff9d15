"""Accuracy against the number of trained parameters, and the variants that nothing beats in both."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..run import Run, Scores
from . import fronts
from .registry import Heading, figure


def written(count: float) -> str:
    """Write a number of parameters briefly: `500`, `20k`, `1.5M`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= unit:
            return f"{count / unit:g}{letter}"
    return f"{count:g}"


SIZE = fronts.Cost("parameters", "trained parameters (number)", written)


def frame(run: Run) -> pd.DataFrame:
    """Return one row a complete variant.

    Columns: `dataset, variant, architecture, data_fusion, metric, mean, half, parameters` (those that receive
    a gradient, of all stages; NaN for a classical learner, which has none that are counted), `front` (whether
    no other with parameters is both smaller and better).
    """
    cells = run.cells[run.cells["status"] == "ok"]
    known = cells.get("parameters", pd.Series(np.nan, index=cells.index)).astype(float)
    counts = known.groupby([cells["dataset"], cells["variant"]]).max()

    def costs(dataset: str, _: Scores) -> dict[str, float]:
        held = counts[counts.index.get_level_values(0) == dataset].droplevel(0)
        return {str(name): float(value) for name, value in held.items()}

    data = fronts.rows(run, "parameters", costs, keep=True)
    counted = data.groupby("dataset")["parameters"].transform("count") > 0
    return data[counted].reset_index(drop=True)


@figure(
    "size",
    "{metric} against the number of parameters",
    "Trained parameters that receive a gradient, experts included. The line joins the variants that no other with "
    "parameters beats in both: by their means alone, whose 95 % intervals over seeds are drawn for them. They are "
    "numbered and named, smallest first. Classical learners have no such number: they stand apart at the left, "
    "marked none and counted, and no front holds them.",
    frame=frame,
    empty="No complete variant has a number of parameters.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a data set, its front named beside it."""
    return fronts.draw(data, heading, SIZE)
