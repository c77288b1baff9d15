"""Which times may be compared: those of one machine, and which of them were taken on a busy one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..results.record import BUSY
from .run import Run
from .wording import counted

BUSY_WORDS = "busy machine"
BUSY_NOTE = (
    f"“{BUSY_WORDS}”: processes outside the run kept more than a tenth of a core busy meanwhile; `fusebench time` "
    "takes latency and throughput again where the machine is quiet."
)


@dataclass(frozen=True)
class Timed:
    """Rows whose times may be compared.

    Parameters
    ----------
    cells
        The rows of one machine.
    machine
        The machine in words, empty where it is not known.
    elsewhere
        Number of rows of other machines: their times are left out.
    load
        The column of cores that other processes kept busy.
    """

    cells: pd.DataFrame
    machine: str
    elsewhere: int
    load: str = "load"

    @property
    def busy(self) -> int:
        """Number of the rows that were taken on a busy machine."""
        return int(beside_load(self.cells, self.load).sum())

    def loaded(self, dataset: str) -> set[str]:
        """Return the variants of which a time on a data set was taken on a busy machine."""
        rows = self.cells[beside_load(self.cells, self.load) & (self.cells["dataset"] == dataset)]
        return set(rows["variant"])


def timed(run: Run) -> Timed:
    """Return the ok cells, on the seeds in use, of the machine that ran the most; the first by id of several.

    `wall_own` and `wall_shared` are there, in seconds.
    """
    cells = run.cells[(run.cells["status"] == "ok") & run.cells["variant"].isin(run.variants)]
    used = [seed in run.seeds(dataset) for dataset, seed in zip(cells["dataset"], cells["seed"], strict=True)]
    cells = cells[np.array(used, dtype=bool)]
    cells = cells.assign(
        environment=column(cells, "environment").astype(object).fillna(""),
        wall_own=column(cells, "wall_own").astype(float),
        wall_shared=column(cells, "wall_shared").astype(float).fillna(0.0),
    )
    if cells.empty:
        return Timed(cells, "", 0)
    kept = of_one(cells, "environment")
    key = str(kept["environment"].iloc[0])
    return Timed(kept, words(run.suite.get("environments", {}).get(key)), len(cells) - len(kept))


def answered(run: Run) -> Timed:
    """Return one row a (variant, data set) with a latency, of the machine on which most were timed."""
    cells = run.cells[(run.cells["status"] == "ok") & column(run.cells, "latency_p50").notna()]
    cells = cells.drop_duplicates(["variant", "dataset"])
    kept = of_one(cells, "timing_environment")
    key = commonest(column(kept, "timing_environment"))
    return Timed(kept, words(run.suite.get("environments", {}).get(key)), len(cells) - len(kept), "timing_load")


def note(run: Run) -> str:
    """Say what columns of times leave out and what is marked in them; empty where neither is so."""
    trained, answers, parts = timed(run), answered(run), []
    if trained.elsewhere:
        parts.append(f"Training times are of one machine: {left_out(trained.elsewhere)}.")
    if answers.elsewhere:
        rows = counted(answers.elsewhere, "row")
        parts.append(f"Latency is of one machine: {rows} of other machines left out.")
    return " ".join([*parts, BUSY_NOTE] if trained.busy or answers.busy else parts)


def commonest(keys: pd.Series) -> str:
    """Return the fingerprint id that most rows have, the first where several do; empty where none has one."""
    counts = keys.dropna().value_counts()
    return min(counts.index, key=lambda key: (-counts[key], str(key))) if len(counts) else ""


def of_one(cells: pd.DataFrame, machine: str) -> pd.DataFrame:
    """Return the rows of the machine that most are of; all of them where no machine is told.

    Parameters
    ----------
    cells
        The rows.
    machine
        The column that says where: `environment` of training, `timing_environment` of latency and throughput.
    """
    if machine not in cells or not cells[machine].notna().any():
        return cells
    return cells[cells[machine] == commonest(cells[machine])]


def beside_load(cells: pd.DataFrame, load: str) -> pd.Series:
    """Return which rows are of a busy machine; `load` is `load` of training or `timing_load`."""
    return column(cells, load).astype(float) > BUSY


def words(machine: Mapping[str, Any] | None) -> str:
    """Return a machine in words, empty where it is not known."""
    if not machine:
        return ""
    device = machine.get("device") or ""
    parts = [machine.get("processor"), f"{machine.get('threads', '?')} thread a cell"]
    return ", ".join(str(part) for part in (*parts, device if device != "cpu" else "") if part)


def remarks(held: Timed) -> list[str]:
    """Say what a column of training times leaves out, and what in it was taken on a busy machine."""
    return [left_out(held.elsewhere)] * (held.elsewhere > 0) + [busy_words(held)] * (held.busy > 0)


def left_out(count: int) -> str:
    """Say how many cells are left out for the machine that they ran on."""
    return f"{counted(count, 'cell')} of other machines {'is' if count == 1 else 'are'} left out"


def busy_words(held: Timed) -> str:
    """Say how many cells were trained on a busy machine."""
    return f"{BUSY_WORDS}: {held.busy} of {counted(len(held.cells), 'cell')} trained beside other load"


def column(cells: pd.DataFrame, name: str) -> pd.Series:
    """Return a column, of NaN where there is none."""
    return cells[name] if name in cells else pd.Series(np.nan, index=cells.index)
