"""The tables that a report holds, beside the main ones."""

from __future__ import annotations

from typing import Any

import pandas as pd

from . import comparisons
from .run import Run, records
from .scoreboard import grid, scores
from .tables import Table
from .timing import timing
from .wording import label, number, plus_minus, status_words


def tables(run: Run) -> list[Table]:
    """Return every table of a run, the main metric's first."""
    metrics = dict.fromkeys((run.metric, "accuracy", "log_loss"))
    made = [scores(run, metric) for metric in metrics]
    return [*made, ranks(run), pairs(run), equivalence(run), timing_table(run), status(run), long(run)]


def ranks(run: Run) -> Table:
    """Tabulate mean ranks by the run's metric on complete data sets, apart for each kind of pairing."""
    data = comparisons.ranks(run)
    sections = []
    for pairing, group in data.groupby("pairing", sort=False):
        ranked = group[group["mean_rank"].notna()].sort_values(["mean_rank", "variant"], kind="stable")
        first = group.iloc[0]
        caption = (
            f"{str(pairing).replace('_', ' ')}: ranked on {first['ranked_on']} of {first['datasets']} data sets"
        )
        left = [name for name in group["variant"] if name not in set(ranked["variant"])]
        caption += f" ({first['names']})" if first["names"] else ""
        caption += f"; not ranked, being incomplete there: {', '.join(left)}" if left else ""
        shown = pd.DataFrame(
            {"variant": ranked["variant"], "mean rank": [number(rank, 2) for rank in ranked["mean_rank"]]}
        )
        sections.append((caption, shown))
    note = "1 is best. A rank says nothing about how far apart two variants are: read it beside the intervals."
    return Table("ranks", f"Mean ranks by {label(run.metric)}", data, tuple(sections), (note,))


def pairs(run: Run) -> Table:
    """Tabulate matched pairs: two variants that differ in one thing."""
    data = comparisons.pairs(run)
    shown = pd.DataFrame(
        {
            "differs in": data["axis"],
            "left": data["left"],
            "right": data["right"],
            "held equal": data["equal"],
            "data set": data["dataset"],
            "left − right": [_effect(row) for row in records(data)],
        }
    )
    notes = (
        f"In {label(run.metric)}, positive where the left one is better; ± for one pair looked at; "
        "* where the interval leaves out zero (one in twenty does by chance).",
    )
    return Table("pairs", "Matched pairs", data, (("", shown),), notes)


def _effect(row: Any) -> str:
    text = plus_minus(row.effect, row.half, 3, sign=True)
    return f"{text} *" if row.beyond_noise else text


def equivalence(run: Run) -> Table:
    """Tabulate classes of entries that are one function under several names."""
    data = comparisons.equivalence(run)
    known = data["beyond_noise"].notna()
    shown = pd.DataFrame(
        {
            "class": data["equivalence_class"],
            "data set": data["dataset"],
            "members": data["members"],
            "largest difference": [number(value, 3) for value in data["largest_difference"]],
            "between": data["between"],
            "spread of one seed (sd)": [number(value, 3) for value in data["seed_spread"]],
            "pairs beyond noise": [
                f"{int(row.beyond_noise)} of {row.pairs}" if ok else "no interval"
                for ok, row in zip(known, records(data), strict=True)
            ],
        }
    )
    notes = ["Members of a class can represent the same functions: a difference is optimisation or noise."]
    if known.any():
        total, beyond = int(data.loc[known, "pairs"].sum()), int(data.loc[known, "beyond_noise"].sum())
        notes.append(f"Beyond noise: {beyond} of {total} pairs ({beyond / total:.0%}); 5 % would be by chance.")
    return Table("equivalence", "One function, several names", data, (("", shown),), tuple(notes))


def timing_table(run: Run) -> Table:
    """Tabulate time, size and memory, apart for each machine."""
    data, shown = timing(run)
    notes = (
        "Training seconds are means over seeds; shared stages are charged in full to every variant that uses "
        "them. Latency is of one row at a time. Compare times of one machine only. "
        "Peak memory is that of the whole worker process while it fits and predicts, libraries and held data sets "
        "included; the memory of shared stages is not added.",
    )
    return Table("timing", "Time, size and memory", data, (("", shown),), notes)


def status(run: Run) -> Table:
    """Tabulate what became of every planned cell."""
    planned = run.cells[run.cells["variant"].isin(run.shown)]
    data = planned.groupby(["variant", "dataset", "status"], sort=True).size().rename("cells").reset_index()
    return Table("status", "Status", data, (("", grid(run, lambda v, d: status_words(run.statuses(v, d)))),))


def long(run: Run) -> Table:
    """Return every cell with everything measured: for machines alone."""
    data = run.cells[run.cells["variant"].isin(run.shown)].reset_index(drop=True)
    return Table("long", "Every cell", data)
