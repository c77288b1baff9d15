"""Which part of a run can be compared over data sets, and what a test over them flips the signs of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..comparisons import SINGLE, mean
from ..run import LOWER, Run
from ..statistics import largest_block
from ..wording import listed, why_absent

FEWEST_FAMILIES = 6


@dataclass(frozen=True)
class Block:
    """Variants that are complete on every one of some data sets.

    Parameters
    ----------
    names, datasets
        In the run's order; `SINGLE` last.
    values
        Shape (n data sets, k names): means over seeds, turned so that larger is better.
    left_out
        Data set or variant → why it is not in the block.
    """

    names: tuple[str, ...]
    datasets: tuple[str, ...]
    values: np.ndarray
    left_out: dict[str, str]


def block(
    run: Run,
    datasets: Iterable[str] | None = None,
    names: Iterable[str] | None = None,
    metric: str | None = None,
    single: bool = False,
) -> Block:
    """Return the part of a run that can be compared over data sets (`statistics.largest_block`).

    Parameters
    ----------
    datasets, names
        What to choose from: all of the run's where None.
    metric
        The run's where None.
    single
        Whether to add `SINGLE`, the single modality chosen on validation rows: entries that read one
        modality are not planned wherever their modality is absent, and so stand in no block.
    """
    asked = tuple(run.datasets if datasets is None else datasets)
    columns = (*(run.variants if names is None else names), *((SINGLE,) if single else ()))
    cells = [[mean(run, dataset, name, metric) for name in columns] for dataset in asked]
    table = np.array(cells, dtype=float).reshape(len(asked), len(columns))
    present = np.isfinite(table)
    used = largest_block(present.T)
    inside = np.asarray(present[used].all(axis=0) & used.any())
    left_out = _left_out(run, asked, columns, present, used, metric)
    values = table[np.ix_(used, inside)] * (-1 if (metric or run.metric) in LOWER else 1)
    return Block(_chosen(columns, inside), _chosen(asked, used), values, left_out)


def _chosen(names: tuple[str, ...], inside: np.ndarray) -> tuple[str, ...]:
    return tuple(name for name, stays in zip(names, inside, strict=True) if stays)


def _left_out(
    run: Run,
    datasets: tuple[str, ...],
    names: tuple[str, ...],
    present: np.ndarray,
    used: np.ndarray,
    metric: str | None,
) -> dict[str, str]:
    out: dict[str, str] = {}
    kept = np.asarray(present[used].all(axis=0) if used.any() else present.any(axis=0))
    for row, dataset in enumerate(datasets):
        if not used[row]:
            gone = [
                absent(run, n, dataset, metric) for n, k, p in zip(names, kept, present[row], strict=True) if k > p
            ]
            out[dataset] = listed(gone, 3) or "nothing is complete"
    for column, name in enumerate(names):
        gone = [d for d, inside, p in zip(datasets, used, present[:, column], strict=True) if inside and not p]
        if gone or not used.any():
            out[name] = listed([absent(run, name, d, metric, short=True) for d in gone], 3) or "nowhere complete"
    return out


def absent(run: Run, name: str, dataset: str, metric: str | None = None, short: bool = False) -> str:
    """Say in words that a variant is not complete on a data set: `film on d: failed 1/3`."""
    why = (why_absent(run, name, dataset, metric) if name != SINGLE else "none is complete") or "not planned"
    return f"{why} on {dataset}" if short else f"{name}: {why}"


@dataclass(frozen=True)
class Units:
    """What a test over data sets flips the signs of.

    Parameters
    ----------
    values
        Shape (n, …): one row a unit.
    labels
        The data sets, or the source families where there are enough to speak of a new data set.
    families
        Number of source families.
    """

    values: np.ndarray
    labels: tuple[str, ...]
    families: int

    @property
    def claim(self) -> bool:
        """Whether anything is said of a new data set."""
        return self.families >= FEWEST_FAMILIES

    @property
    def kind(self) -> str:
        """What a unit is called."""
        return "source family" if self.claim else "data set"


def units(run: Run, datasets: Iterable[str], values: np.ndarray) -> Units:
    """Average rows (one a data set) within source families where there are `FEWEST_FAMILIES`; else keep them.

    A data set whose card names no family counts to one unnamed family with all others such.
    """
    datasets = tuple(datasets)
    own = [run.data(name).get("source_family") or "" for name in datasets]
    families = tuple(dict.fromkeys(own))
    if len(families) < FEWEST_FAMILIES:
        return Units(values, datasets, len(families))
    means = [values[[mine == family for mine in own]].mean(axis=0) for family in families]
    return Units(np.stack(means), families, len(families))


def no_claim(families: int, single: bool = False) -> str:
    """Say why nothing is said of new data; empty where something is."""
    if families >= FEWEST_FAMILIES:
        return ""
    word = "family" if families == 1 else "families"
    return f"{families} source {word}; a claim about a new data set takes {FEWEST_FAMILIES}"
