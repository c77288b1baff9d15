"""Training times that may be compared: of the machine that ran the most cells, on the seeds in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..run import Run


@dataclass(frozen=True)
class Timed:
    """Cells whose times may be compared.

    Parameters
    ----------
    cells
        The ok cells, on the seeds in use, that one machine ran; `wall_own` and `wall_shared` in seconds.
    machine
        The machine in words, empty where it is not known.
    elsewhere
        Number of ok cells that other machines ran: their times are left out.
    """

    cells: pd.DataFrame
    machine: str
    elsewhere: int


def timed(run: Run) -> Timed:
    """Return the cells of the machine that ran the most; the first by its id where several ran as many."""
    cells = run.cells[(run.cells["status"] == "ok") & run.cells["variant"].isin(run.variants)]
    used = [seed in run.seeds(dataset) for dataset, seed in zip(cells["dataset"], cells["seed"], strict=True)]
    cells = cells[np.array(used, dtype=bool)]
    cells = cells.assign(
        environment=_column(cells, "environment").astype(object).fillna(""),
        wall_own=_column(cells, "wall_own").astype(float),
        wall_shared=_column(cells, "wall_shared").astype(float).fillna(0.0),
    )
    if cells.empty:
        return Timed(cells, "", 0)
    counts = cells["environment"].value_counts()
    chosen = min(counts.index, key=lambda name: (-counts[name], name))
    kept = cells[cells["environment"] == chosen]
    return Timed(kept, _words(run.suite.get("environments", {}).get(chosen)), len(cells) - len(kept))


def _words(machine: dict[str, Any] | None) -> str:
    if not machine:
        return ""
    device = machine.get("device") or ""
    parts = [machine.get("processor"), f"{machine.get('threads', '?')} thread a cell"]
    return ", ".join(str(part) for part in (*parts, device if device != "cpu" else "") if part)


def _column(cells: pd.DataFrame, name: str) -> pd.Series:
    return cells[name] if name in cells else pd.Series(np.nan, index=cells.index)
