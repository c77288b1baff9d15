"""Matched pairs, one by one: their list, and the difference of each on every data set and by kind of data."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .. import comparisons, contrasts
from ..matched import QUESTIONS
from ..run import Run, records
from ..tables import Table
from ..wording import label
from .cell_text import fixed_splits, per, record, with_half, with_interval


def pairs(run: Run) -> list[Table]:
    """Tabulate matched pairs, by question; beside what is read, for machines alone, each pair by kind of data."""
    data, groups = comparisons.pairs(run), contrasts.pair_groups(run)
    sections = []
    for key, question in QUESTIONS.items():
        mine = data[data["question"] == key]
        if len(mine):
            sections.append((f"{question.title} Positive: {question.positive}", _rows(run, mine, groups)))
    notes = (
        f"Left minus right in {per(run.metric)}; ± for one pair looked at on one data set; * where that interval "
        "leaves out zero (one in twenty does by chance). All data sets: mean, t interval over data sets, data "
        "sets won–tied–lost.",
        "pair_groups.csv: each pair by kind of pairing and of interaction. pair_list.csv: the whole list.",
    )
    notes = (*notes, *fixed_splits(run))
    title = f"Matched pairs by {label(run.metric)}"
    return [
        Table("pairs", title, data, tuple(sections) or (("", data),), notes),
        Table("pair_groups", f"{title} and kind of data", groups),
    ]


def _rows(run: Run, mine: pd.DataFrame, groups: pd.DataFrame) -> pd.DataFrame:
    whole = {(row.left, row.right): row for row in records(groups[groups["group"] == "all"])}
    rows = []
    for (left, right, equal), cells in mine.groupby(["left", "right", "equal"], sort=False):
        each = {r.dataset: with_half(r.effect, r.half, run.metric, r.beyond_noise) for r in records(cells)}
        total: Any = whole[str(left), str(right)]
        mean = with_interval(total.effect, total.low, total.high, run.metric)
        counts = f" (not counted: {total.counts})" if total.counts else ""
        rows.append(
            {
                "left − right": f"{left} − {right}",
                "held equal": f"{equal}{counts}",
                "all data sets": f"{mean}, {record(total.wins, total.ties, total.losses)}",
            }
            | {dataset: each.get(dataset, "") for dataset in run.datasets}
        )
    return pd.DataFrame(rows)


def pair_list(run: Run) -> Table:
    """Return the list of matched pairs, those that this run does not hold among them: for machines alone."""
    return Table("pair_list", "The list of matched pairs", contrasts.listing(run))
