"""Columns of a manifest as a table of numbers and categories, still without any statistic taken of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import FusebenchError
from .arrays import in_order
from .manifest import Manifest
from .schema import TabularSpec

COLUMNS_EACH = 50  # that a categorical column may take; with more values, the rare ones share the last


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of one tabular modality.

    Parameters
    ----------
    numeric
        Float64 array of shape (n, numeric columns), NaN where a cell is absent.
    codes
        Int64 array of shape (n, categorical columns): index into `categories`, −1 where absent.
    categories
        For each categorical column its values in these rows, numbers in numeric order.
    """

    numeric: np.ndarray
    codes: np.ndarray
    categories: tuple[tuple[str, ...], ...]

    @property
    def present(self) -> np.ndarray:
        """Bool array of shape (n,): False where every cell of the row is absent."""
        return np.asarray(~self.absent_cells.all(axis=1))

    @property
    def absent_cells(self) -> np.ndarray:
        """Bool array of shape (n, columns), the numeric ones first."""
        return np.column_stack([np.isnan(self.numeric), self.codes < 0])

    @property
    def gaps(self) -> np.ndarray:
        """Bool array of shape (columns,): those with an absent cell in a row that is not wholly absent."""
        return np.asarray(self.absent_cells[self.present].any(axis=0))

    @property
    def widths(self) -> tuple[int, ...]:
        """How many numbers each categorical column becomes, its gap not counted."""
        return tuple(min(len(values), COLUMNS_EACH) for values in self.categories)

    def digest(self) -> str:
        """Return the sha256 of the contents; how they were stored and what columns are called do not enter."""
        taken = hashlib.sha256(repr((self.numeric.shape, self.codes.shape, self.categories)).encode())
        taken.update(np.ascontiguousarray(self.numeric + 0.0, dtype="<f8").tobytes())  # −0 is 0
        taken.update(np.ascontiguousarray(self.codes, dtype="<i8").tobytes())
        return taken.hexdigest()


def read_columns(manifest: Manifest, spec: TabularSpec, kept: np.ndarray) -> Columns:
    """Read the columns of a tabular modality.

    Parameters
    ----------
    manifest, spec
        The table, and what is read of it.
    kept
        Indexes from 0 of the manifest's rows that the data set keeps.

    Raises
    ------
    FusebenchError
        For a column without a value, a numeric cell that is no number, or a categorical column that
        tells rows apart rather than kinds; the column is named.
    """
    numeric = [manifest.numbers(name)[kept] for name in spec.numeric]
    coded = [_coded([texts[row] for row in kept]) for texts in map(manifest.texts, spec.categorical)]
    table = Columns(
        np.column_stack(numeric) if numeric else np.empty((len(kept), 0)),
        np.column_stack([codes for codes, _ in coded]) if coded else np.empty((len(kept), 0), np.int64),
        tuple(values for _, values in coded),
    )
    for name, empty in zip(spec.columns, np.all(table.absent_cells, axis=0).tolist(), strict=True):
        if empty:
            raise FusebenchError(f"Manifest {manifest.label!r}, column {name!r} has no value in any row; drop it.")
    for name, values in zip(spec.categorical, table.categories, strict=True):
        _check_kinds(manifest.label, name, values, len(kept))
    return table


def _coded(texts: Sequence[str | None]) -> tuple[np.ndarray, tuple[str, ...]]:
    values = in_order([text for text in texts if text is not None])
    place: dict[str | None, int] = {text: number for number, text in enumerate(values)}
    return np.array([place.get(text, -1) for text in texts], dtype=np.int64), values


def _check_kinds(label: str, column: str, values: tuple[str, ...], rows: int) -> None:
    """Refuse what is nearly another value in every row: nothing that is learnt of it holds in another row."""
    if len(values) > COLUMNS_EACH and len(values) > rows / 2:
        raise FusebenchError(
            f"Manifest {label!r}, column {column!r} has {len(values)} different values in {rows} rows; list it "
            "under numeric if they are numbers, and leave it out if they name the rows."
        )
