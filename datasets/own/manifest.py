"""The manifest of a data card: a table with one row an item, in CSV, TSV or Parquet.

Cells are text as written: `001017` and `1017` are two groups, `NA` is a class. What is absent is what the
card lists under `missing` (the empty cell, unless it says otherwise) and, in Parquet, nulls. Rows are counted
from 1, the first below the header.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...core.errors import FusebenchError, nearest, unknown
from .arrays import listed
from .delimited import TextTable
from .parquet import ArrowTable
from .schema import CardFile

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
_PARQUET = (".parquet", ".pq")
_LARGEST = float(np.finfo(np.float32).max)


class Table(Protocol):
    """A table of which a column is had as text and, where they are stored, as numbers."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        ...

    @property
    def rows(self) -> int:
        """Number of rows."""
        ...

    def text(self, column: str) -> list[str | None]:
        """Return one text a row."""
        ...

    def kind(self, column: str) -> str:
        """Return how a column can be read: as `text`, as `vectors`, or else what it holds."""
        ...

    def numbers(self, column: str) -> np.ndarray | None:
        """Return float64 of shape (n,), or None where the column does not store numbers."""
        ...

    def vectors(self, column: str) -> np.ndarray:
        """Return float32 of shape (n, d) from a column of lists."""
        ...


@dataclass(frozen=True, eq=False)
class Manifest:
    """A table read as its card says.

    Parameters
    ----------
    label
        Its file's name, for messages.
    table
        The cells.
    missing
        The texts that stand for an absent cell.
    decimal
        The sign between units and tenths.
    """

    label: str
    table: Table
    missing: frozenset[str]
    decimal: str = "."

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.table.rows

    def texts(self, column: str) -> list[str | None]:
        """Return a column as text, None where the cell is absent.

        Raises
        ------
        UnknownNameError
            Where there is no such column; the nearest is suggested.
        """
        self._check(column)
        return [None if text is None or text in self.missing else text for text in self.table.text(column)]

    def every(self, column: str) -> np.ndarray:
        """Return a column in which no cell may be absent as an array of text, shape (n,).

        Raises
        ------
        FusebenchError
            Where a cell is absent; its row is named.
        """
        texts = self.texts(column)
        absent = np.array([row for row, text in enumerate(texts, 1) if text is None])
        if len(absent):
            raise FusebenchError(
                f"Manifest {self.label!r}, column {column!r}: {listed(absent, self.rows)} have no value; "
                "fill the cells or take the rows out."
            )
        return np.array(texts)

    def numbers(self, column: str) -> np.ndarray:
        """Return a column as float64 of shape (n,), NaN where the cell is absent.

        Raises
        ------
        FusebenchError
            For a cell that is no number under the card's decimal sign, or too large for float32.
        """
        self._check(column)
        stored = self.table.numbers(column)
        if stored is None:
            stored = self._parsed(column)
        else:
            marks = [float(mark) for mark in self.missing if re.fullmatch(_number_pattern("."), mark)]
            stored = np.where(np.isin(stored, marks), np.nan, stored)
        large = np.flatnonzero(np.abs(stored) > _LARGEST)
        if len(large):
            raise FusebenchError(
                f"Manifest {self.label!r}, column {column!r}, row {large[0] + 1}: {stored[large[0]]!s} is "
                "infinite, or too large for float32."
            )
        return stored

    def vectors(self, column: str) -> np.ndarray:
        """Return a column of lists as float32 of shape (n, d), a row of NaN where absent."""
        self._check(column)
        return self.table.vectors(column)

    def _parsed(self, column: str) -> np.ndarray:
        fits = re.compile(_number_pattern(self.decimal), re.ASCII).fullmatch
        values, odd = np.full(self.rows, np.nan), {}
        for row, text in enumerate(self.texts(column)):
            if text is not None and fits(text.strip()):
                values[row] = float(text.replace(self.decimal, "."))
            elif text is not None:
                odd[row + 1] = text
        if odd:
            raise self._no_number(column, odd)
        return values

    def _no_number(self, column: str, odd: dict[int, str]) -> FusebenchError:
        """Return the error about cells that are no numbers: the first, and what others there are."""
        row, text = next(iter(odd.items()))
        other = "," if self.decimal == "." else "."
        if re.fullmatch(_number_pattern(other), text.strip()):
            advice = f'declare decimal = "{other}" if it is one'
        else:
            advice = "list the column under categorical, or the cell under missing if it stands for nothing"
        return FusebenchError(
            f"Manifest {self.label!r}, column {column!r}, row {row}: {text!r} is not a number where the decimal "
            f"sign is {self.decimal!r} and thousands are not set apart{_others(odd)}; {advice}."
        )

    def _check(self, column: str) -> None:
        names = self.table.names
        if column not in names:
            raise unknown(f"column of manifest {self.label!r}", column, names, "See the first line of the file.")


def read_manifest(card: CardFile) -> Manifest:
    """Open the manifest that a card names.

    Raises
    ------
    DataUnavailableError
        For Parquet where pyarrow is not installed.
    FusebenchError
        For a file that is not there, not a table, or in another encoding; the row is named.
    """
    path = card.folder / card.data.manifest
    suffix = path.suffix.lower()
    if not path.is_file():
        near = nearest(path.name, (held.name for held in path.parent.glob("*"))) if path.parent.is_dir() else None
        advice = f"did you mean {near!r}?" if near else "its path is relative to the card."
        raise FusebenchError(f"The manifest {card.data.manifest!r} is not a file: {advice}")
    if suffix in _PARQUET:
        table: Table = ArrowTable(path)
    elif suffix in _SEPARATORS or card.data.separator is not None:
        table = TextTable(path, card.data.separator or _SEPARATORS[suffix], card.data.encoding)
    else:
        raise FusebenchError(
            f"The manifest {path.name!r} ends in {suffix!r}; save it as .csv, .tsv or .parquet, or declare its "
            "separator."
        )
    doubles = [name for name, count in Counter(table.names).items() if count > 1 and name]
    if doubles:
        raise FusebenchError(f"Manifest {path.name!r} has two columns {doubles[0]!r}; rename one of them.")
    if table.rows == 0:
        raise FusebenchError(f"Manifest {path.name!r} has no row below its header.")
    return Manifest(path.name, table, frozenset(card.data.missing), card.data.decimal)


def _others(odd: dict[int, str]) -> str:
    counts = Counter(odd.values())
    if len(odd) == 1:
        return ""
    shown = ", ".join(f"{text!r} ({count})" for text, count in counts.most_common(5))
    return f" ({len(odd)} such cells: {shown}{', …' if len(counts) > 5 else ''})"


def _number_pattern(decimal: str) -> str:
    point = re.escape(decimal)
    return rf"[+-]?(\d+{point}?\d*|{point}\d+)([eE][+-]?\d+)?"
