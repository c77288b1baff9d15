"""Tables of cells: what they cost, what became of them, all that was measured."""

from __future__ import annotations

from ..machines import BUSY_NOTE
from ..run import Run
from ..scoreboard import grid
from ..tables import Table
from ..timing import LOADS, timing
from ..wording import status_words


def timing_table(run: Run) -> Table:
    """Tabulate time, size and memory, apart for each machine."""
    data, sections = timing(run)
    notes = [
        "Training seconds are means over seeds; shared stages are charged in full to every variant that uses "
        "them. Latency is of one row at a time. Compare times of one machine only. "
        "Peak memory is that of the whole worker process while it fits and predicts, libraries and held data sets "
        "included; the memory of shared stages is not added.",
    ]
    if any("remark" in shown for _, shown in sections):
        notes.append(BUSY_NOTE)
    return Table("timing", "Time, size and memory", data, tuple(sections), tuple(notes))


def status(run: Run) -> Table:
    """Tabulate what became of every planned cell."""
    planned = run.cells[run.cells["variant"].isin(run.shown)]
    data = planned.groupby(["variant", "dataset", "status"], sort=True).size().rename("cells").reset_index()
    return Table("status", "Status", data, (("", grid(run, lambda v, d: status_words(run.statuses(v, d)))),))


def long(run: Run) -> Table:
    """Return every cell with everything measured: for machines alone."""
    data = run.cells[run.cells["variant"].isin(run.shown)].reset_index(drop=True)
    unknown = [name for name in LOADS if name in data and data[name].isna().all()]
    return Table("long", "Every cell", data.drop(columns=unknown))
