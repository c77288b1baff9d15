"""What one variant costs against another: time on one machine, latency, parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..machines import commonest
from ..run import Run


@dataclass(frozen=True)
class Ratio:
    """Left over right, one value a data set.

    Parameters
    ----------
    median, low, high
        Middle, smallest and largest.
    datasets
        How many there are.
    """

    median: float
    low: float
    high: float
    datasets: int


def training(run: Run, left: str, right: str, datasets: Iterable[str]) -> Ratio | None:
    """Compare training seconds, own and shared stages; None where the two never ran on one machine.

    Only seeds that both ran on the same machine count, of the machine with most of them on a data set.
    """
    return _ratio(run, left, right, datasets, "seconds", "environment")


def latency(run: Run, left: str, right: str, datasets: Iterable[str]) -> Ratio | None:
    """Compare the median latency of one row, measured on the same machine; None where it was not."""
    return _ratio(run, left, right, datasets, "latency_p50", "timing_environment")


def parameters(run: Run, left: str, right: str, datasets: Iterable[str]) -> Ratio | None:
    """Compare numbers of trained parameters; None where one of the two has none."""
    return _ratio(run, left, right, datasets, "parameters", "")


def seconds(cells: pd.DataFrame) -> pd.Series:
    """Return training wall seconds of cells, stages that variants share charged in full; NaN where not stored."""
    own = cells["wall_own"] if "wall_own" in cells else pd.Series(np.nan, index=cells.index)
    shared = cells["wall_shared"] if "wall_shared" in cells else pd.Series(0.0, index=cells.index)
    return own.astype(float) + shared.astype(float).fillna(0.0)


def _ratio(run: Run, left: str, right: str, datasets: Iterable[str], column: str, machine: str) -> Ratio | None:
    found = [_divide(measured(run, dataset, column, machine), left, right) for dataset in datasets]
    known = [value for value in found if np.isfinite(value)]
    return Ratio(float(np.median(known)), min(known), max(known), len(known)) if known else None


def shares(run: Run, names: Sequence[str], datasets: Iterable[str]) -> dict[str, float]:
    """Return training time over that of the first name, the median of data sets; without those not comparable."""
    tables = [measured(run, dataset, "seconds", "environment") for dataset in datasets]
    found = {name: [_divide(table, name, names[0]) for table in tables] for name in names}
    return {name: float(np.median(values)) for name, values in found.items() if np.isfinite(values).all()}


def measured(run: Run, dataset: str, column: str, machine: str = "") -> pd.DataFrame:
    """Return what ok cells of the seeds in use measured: one row a seed and machine, one column a variant.

    `machine` names the column that says where; values that are not positive are left out.
    """
    cells = run.cells[(run.cells["dataset"] == dataset) & (run.cells["status"] == "ok")]
    cells = cells[cells["seed"].isin(run.seeds(dataset))]
    cells = cells.assign(seconds=seconds(cells))
    if column not in cells or (machine and machine not in cells):
        return pd.DataFrame()
    keys = ["seed", machine] if machine else ["seed"]
    cells = cells[(cells[column].astype(float) > 0) & cells[keys].notna().all(axis=1)]
    return cells.astype({column: float}).pivot(index=keys, columns="variant", values=column)


def _divide(table: pd.DataFrame, left: str, right: str) -> float:
    if left not in table or right not in table:
        return np.nan
    both = table[table[left].notna() & table[right].notna()]
    if len(both) and both.index.nlevels > 1:
        keys = both.index.get_level_values(1)
        both = both[keys == commonest(pd.Series(keys))]
    return float(both[left].mean() / both[right].mean()) if len(both) else np.nan
