"""What the tables and macros of a paper hold: score, gain and training time of entries on data sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .. import comparisons
from ..machines import timed
from ..run import Run, records
from ..wording import plus_minus, why_absent
from .latex import FIRST

NONE = "–"


@dataclass(frozen=True)
class Value:
    """A number of one entry on one data set.

    Parameters
    ----------
    value
        NaN where there is none.
    half
        Half its 95 % interval; NaN where there is none.
    first
        Whether it shares the first place.
    word
        Why there is no number.
    """

    value: float = np.nan
    half: float = np.nan
    first: bool = False
    word: str = ""

    def text(self, digits: int = 3, sign: bool = False) -> str:
        """Write `0.843 ± 0.012 ★`, or why there is no number."""
        if not np.isfinite(self.value):
            return self.word
        return plus_minus(self.value, self.half, digits, sign) + (f" {FIRST}" if self.first else "")


Board = Mapping[tuple[str, str], Value]


def scores(run: Run) -> Board:
    """Return (variant, data set) → the run's metric, its mean over seeds; the first place is judged over all."""
    found = {}
    for dataset in run.datasets:
        held = run.scores(dataset)
        for name in run.shown:
            word = why_absent(run, name, dataset) or "not planned"
            known = Value(held.mean(name), held.half(name), name in held.first)
            found[name, dataset] = known if name in held else Value(word=word)
    return found


def gains(run: Run) -> Board:
    """Return (variant, data set) → the gain over the best single modality; positive is better."""
    found = {}
    for dataset in run.datasets:
        held = run.scores(dataset)
        rows = {row.variant: row for row in records(comparisons.gains(run, dataset))}
        for name in run.shown:
            row = rows.get(name)
            if row is not None and np.isfinite(row.gain):
                found[name, dataset] = Value(float(row.gain), float(row.gain_half), name in held.first)
            else:
                word = NONE if name in held else why_absent(run, name, dataset) or "not planned"
                found[name, dataset] = Value(word=word)
    return found


def seconds(run: Run) -> Board:
    """Return (variant, data set) → wall seconds of training, own and shared stages, mean over seeds.

    Only cells of one machine, the run's most used, are compared.
    """
    times, several = train_times(run), len({*run.cells.get("environment", pd.Series(dtype=object)).dropna()}) > 1
    found = {}
    for dataset in run.datasets:
        for name in run.shown:
            word = why_absent(run, name, dataset) or "not planned"
            if name in run.scores(dataset):
                word = "other machine" if several else "not measured"
            found[name, dataset] = Value(times.get((name, dataset), np.nan), word=word)
    return found


def train_times(run: Run) -> dict[tuple[str, str], float]:
    """Return the mean training time of what ran on the run's machine on every seed in use."""
    cells = timed(run).cells
    found = {}
    if "wall_own" not in run.cells:
        return found
    totals = cells["wall_own"] + cells["wall_shared"]
    for (name, dataset), used in totals.groupby([cells["variant"], cells["dataset"]]):
        if len(used) == len(run.seeds(str(dataset))):
            found[str(name), str(dataset)] = float(used.mean())
    return found


def lay_out(
    board: Board, names: Mapping[str, str], datasets: tuple[str, ...], digits: int = 3, sign: bool = False
) -> pd.DataFrame:
    """Return a board as text: a row an entry under the name it goes by, a column a data set."""
    rows = [
        {"entry": display} | {dataset: board[name, dataset].text(digits, sign) for dataset in datasets}
        for name, display in names.items()
    ]
    return pd.DataFrame(rows, columns=["entry", *datasets])
