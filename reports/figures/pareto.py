"""Accuracy against the time that training took, and the variants that nothing beats in both."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ..machines import remarks, timed
from ..run import Run, Scores
from . import fronts
from .registry import Heading, figure

TIME = fronts.Cost("seconds", "training time (s, own + shared)", "{:g}".format)


def frame(run: Run) -> pd.DataFrame:
    """Return one row a complete variant with a training time.

    Columns: `dataset, variant, architecture, data_fusion, metric, mean, half, seconds` (wall, own and
    shared stages, mean over seeds, of the machine that ran the most cells), `front` (whether no other is
    both faster and better), and where there is something to say of the times `remark`.
    """
    held = timed(run)
    cells, said = held.cells, " · ".join(remarks(held))
    seconds = (cells["wall_own"] + cells["wall_shared"]).groupby([cells["dataset"], cells["variant"]]).mean()

    def costs(dataset: str, _: Scores) -> dict[str, float]:
        held = seconds[seconds.index.get_level_values(0) == dataset].droplevel(0)
        return {str(name): float(value) for name, value in held.items()}

    data = fronts.rows(run, "seconds", costs, keep=False)
    return data.assign(remark=said) if said else data


@figure(
    "pareto",
    "{metric} against training time",
    "Wall seconds of training on one machine, own and shared stages in full, mean over seeds. The line joins the "
    "variants that no other beats in both: by their means alone, whose 95 % intervals over seeds are drawn for "
    "them. They are numbered and named, fastest first.",
    frame=frame,
    empty="No complete variant has a training time.",
)
def draw(data: pd.DataFrame, heading: Heading) -> Figure:
    """Draw one panel a data set, its front named beside it."""
    if "remark" in data and len(data):
        heading = Heading(heading.title, " · ".join([heading.notes, data["remark"].iloc[0]]))
    return fronts.draw(data, heading, TIME)
