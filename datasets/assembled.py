"""From the arrays of a whole set to the three splits of one seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bundle import Bundle, Rows, all_present, check
from .card import DataSet
from .splits import Split, fold_split


@dataclass(frozen=True, eq=False)
class Items:
    """What is known of every row of a set besides its inputs.

    Parameters
    ----------
    labels
        Int64 array of shape (n,).
    ids
        Array of shape (n,): where a row came from.
    groups
        Array of shape (n,) or None: rows that no split may part.
    """

    labels: np.ndarray
    ids: np.ndarray
    groups: np.ndarray | None = None


def assembled(
    data: DataSet,
    items: Items,
    cuts: Split,
    inputs: Mapping[str, np.ndarray],
    present: np.ndarray | None = None,
) -> Bundle:
    """Return the bundle of one seed; 8-bit inputs become 0–1 as their rows are taken, not before.

    Parameters
    ----------
    data
        The set; it states modalities and classes.
    items
        Labels, ids and groups of all rows.
    cuts
        Row indexes of the training, validation and test split.
    inputs
        Modality name → array of shape (n, *shape): uint8, or numbers of any other kind.
    present
        Bool array of shape (n, modalities); all True where it is not given.

    Raises
    ------
    FusebenchError
        Where the rows do not make a bundle.
    """
    here = all_present(len(items.labels), len(inputs)) if present is None else present

    def part(index: np.ndarray) -> Rows:
        taken = {name: _numbers(values[index]) for name, values in inputs.items()}
        groups = None if items.groups is None else items.groups[index]
        return Rows(taken, here[index], items.labels[index], items.ids[index], groups)

    return check(Bundle(data.modalities, data.classes, *map(part, cuts)), data.name)


def _numbers(values: np.ndarray) -> np.ndarray:
    if values.dtype == np.uint8:
        return np.multiply(values, np.float32(1 / 255), dtype=np.float32)
    return np.asarray(values, dtype=np.float32)


def folds_of_views(
    data: DataSet, owner: str, values: Any, target: Any, columns: Mapping[str, Sequence[int]], seed: int
) -> Bundle:
    """Return one of the stratified folds of a table whose columns are dealt to modalities.

    Parameters
    ----------
    data
        The set; it states modalities, classes and the number of folds.
    owner
        The registered id: every edition of a set has the same folds.
    values
        Array of shape (n, columns).
    target
        Integers of shape (n,).
    columns
        Modality name → its columns, counted from 0.
    seed
        The suite's seed.

    Raises
    ------
    FusebenchError
        Where the rows do not make a bundle.
    """
    table, labels = np.asarray(values), np.asarray(target, dtype=np.int64)
    views = {name: table[:, list(chosen)] for name, chosen in columns.items()}
    cuts = fold_split(labels, seed, owner, data.folds)
    return assembled(data, Items(labels, np.arange(len(labels))), cuts, views)


def fifths(rows: int) -> dict[str, int]:
    """Return the rows by split where three of five folds train; groups may move a split by some rows."""
    return {"train": rows - 2 * (rows // 5), "validation": rows // 5, "test": rows // 5}
