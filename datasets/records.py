"""Records of numbers and categories in CSV files, as rows of a fixed width."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import FusebenchError, UnreadableFileError, nearest

ABSENT = frozenset(("", "NA", "NaN", "nan"))
"""Cells that stand for no value."""

Columns = Mapping[str, Sequence[str]]
"""Column name → the cells of all rows as text."""


def read_columns(path: Path, needed: Iterable[str]) -> Columns:
    """Read a CSV file with a header as text.

    Parameters
    ----------
    path
        The file, UTF-8 with or without a byte order mark.
    needed
        Columns it must have.

    Raises
    ------
    UnreadableFileError
        Where it is no CSV file or lacks a column; the column and its nearest neighbour are named.
    """
    import pandas

    try:
        table = pandas.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        reason = f"cannot be read as CSV ({type(error).__name__}: {error}); replace it"
        raise UnreadableFileError("Table", path, reason) from error
    for name in needed:
        if name not in table.columns:
            near = nearest(name, map(str, table.columns))
            told = f" (the nearest is {near!r})" if near else ""
            raise UnreadableFileError("Table", path, f"has no column {name!r}{told}; replace it")
    return {str(name): [cell.strip() for cell in table[name]] for name in table.columns}


@dataclass(frozen=True)
class Record:
    """Which columns make a record, and how wide each is.

    A number takes two places: its value, the training rows' median where it is absent, and whether it
    is. A category takes as many places as it is given: one for each of the values most frequent among
    training rows. An absent or rarer value is 0 in all of them. So the width is known before any file
    is read, and validation and test rows have no part in the encoding.

    Parameters
    ----------
    numeric
        Columns of numbers.
    categorical
        Column → number of values that have a place of their own.
    """

    numeric: tuple[str, ...]
    categorical: Mapping[str, int]

    @property
    def width(self) -> int:
        """Length of an encoded record."""
        return 2 * len(self.numeric) + sum(self.categorical.values())

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (*self.numeric, *self.categorical)

    def encoded(self, columns: Columns, train: np.ndarray, owner: str) -> np.ndarray:
        """Return all rows as float32 of shape (n, width), fitted by the rows at `train`.

        Raises
        ------
        FusebenchError
            Where a column of numbers holds something else.
        """
        parts = [
            _filled(numbers(columns[name], f"Data set {owner!r}, column {name!r}"), train) for name in self.numeric
        ]
        parts += [_category(columns[name], train, places) for name, places in self.categorical.items()]
        return np.hstack(parts).astype(np.float32)


def numbers(cells: Sequence[str], owner: str) -> np.ndarray:
    """Return a column of numbers, float64 of shape (n,), NaN where a cell is absent.

    Raises
    ------
    FusebenchError
        Where a cell holds something else; the row is named, counted from 1.
    """
    values = np.array([_parsed(cell) for cell in cells])
    wrong = np.flatnonzero(np.isinf(values))
    if len(wrong):
        raise FusebenchError(
            f"{owner}: row {wrong[0] + 1} holds {cells[wrong[0]]!r}, expected a number; replace the table."
        )
    return values


def _parsed(cell: str) -> float:
    try:
        return np.nan if cell in ABSENT else float(cell)
    except ValueError:
        return np.inf  # infinity is no number here either


def _filled(values: np.ndarray, train: np.ndarray) -> np.ndarray:
    known = values[train][~np.isnan(values[train])]
    absent = np.isnan(values)
    middle = np.median(known) if len(known) else 0.0
    return np.column_stack([np.where(absent, middle, values), absent])


def _category(cells: Sequence[str], train: np.ndarray, places: int) -> np.ndarray:
    counts = Counter(cells[row] for row in train.tolist() if cells[row] not in ABSENT)
    kept = sorted(counts, key=lambda value: (-counts[value], value))[:places]
    place = {value: number for number, value in enumerate(kept)}
    coded = np.zeros((len(cells), places))
    for row, cell in enumerate(cells):
        if cell in place:
            coded[row, place[cell]] = 1
    return coded
