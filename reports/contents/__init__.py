"""The tables that a report holds."""

from __future__ import annotations

from ..reproduction import reproduction
from ..run import Run
from ..scoreboard import scores
from ..tables import Table
from .cells import long, status, timing_table
from .chance import equivalence, placebo_table
from .questions import kind_table, questions
from .rankings import against_concat, best, ranks
from .sides import pair_list, pairs

__all__ = [
    "against_concat",
    "best",
    "equivalence",
    "kind_table",
    "long",
    "pair_list",
    "pairs",
    "placebo_table",
    "questions",
    "ranks",
    "scores",
    "status",
    "tables",
    "timing_table",
]


def tables(run: Run) -> list[Table]:
    """Return every table of a run, the main metric's first; those without sections are for machines alone."""
    metrics = dict.fromkeys((run.metric, "accuracy", "log_loss"))
    made = [scores(run, metric) for metric in metrics]
    made += [
        best(run),
        *questions(run),
        against_concat(run),
        ranks(run),
        *pairs(run),
        pair_list(run),
        kind_table(run),
    ]
    made += [equivalence(run), placebo_table(run)]
    made += [reproduction(run)] if run.suite.get("published") else []
    return [*made, timing_table(run), status(run), long(run)]
