"""The inputs of a data card: tables, and arrays on disk, turned to rows of float32 when a fold is loaded.

What is large stays on disk: an input is pickled without its array, and opens it again where it arrives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...core.errors import FusebenchError
from .arrays import listed
from .columns import Columns
from .encoder import fit, width
from .schema import CardFile
from .sources import FileSource, VectorSource

_ROWS_AT_ONCE = 4096

Encode = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class TableInput:
    """Columns of the manifest."""

    columns: Columns

    @property
    def shape(self) -> tuple[int, ...]:
        """(numbers in a row,)."""
        return (width(self.columns),)

    @property
    def present(self) -> np.ndarray:
        """Bool array of shape (n,): rows in which some cell is not absent."""
        return self.columns.present

    @property
    def digest(self) -> str:
        """Sha256 of the cells."""
        return self.columns.digest()

    def fit(self, train: np.ndarray) -> Encode:
        """Learn medians, and which values there are."""
        encoder = fit(self.columns, train)
        return lambda rows: encoder.encode(self.columns, rows)


@dataclass(frozen=True, eq=False)
class ArrayInput:
    """Rows of an array that is opened when the first of them is asked for.

    Parameters
    ----------
    owner
        The modality, for messages.
    source
        Where the array comes from.
    kept
        Int array of shape (n,): the array's rows that the data set keeps.
    present
        Bool array of shape (n,).
    shape
        Of a row.
    digest
        Hash of the contents of the kept rows.
    stamp
        Of the source's files when the card was read.
    """

    owner: str
    source: FileSource | VectorSource
    kept: np.ndarray
    present: np.ndarray
    shape: tuple[int, ...]
    digest: str
    stamp: str

    def fit(self, train: np.ndarray) -> Encode:
        """Learn nothing: pictures, sounds and vectors are taken as they are."""
        return self._rows

    def _rows(self, rows: np.ndarray) -> np.ndarray:
        held = self._array[self.kept[rows]]
        held = held / np.float32(255) if held.dtype == np.uint8 else held.astype(np.float32)
        held[~self.present[rows]] = 0
        return held

    @cached_property
    def _array(self) -> np.ndarray:
        if self.source.stamp(self.kept) != self.stamp:
            raise FusebenchError(f"{self.owner}: files have changed since the card was read; start the run again.")
        return self.source.open()

    def __getstate__(self) -> dict[str, Any]:
        """Leave the opened array behind."""
        return {key: value for key, value in self.__dict__.items() if key != "_array"}


# both have shape, present, digest (in which no name enters) and fit
Input = TableInput | ArrayInput


def file_input(owner: str, source: FileSource, kept: np.ndarray) -> ArrayInput:
    """Return the kept rows of a column of files, all of which can be read."""
    stamp = source.stamp(kept)
    return ArrayInput(owner, source, kept, source.present[kept], tuple(source.decoder.shape), stamp, stamp)


def vector_input(owner: str, source: VectorSource, kept: np.ndarray) -> ArrayInput:
    """Return the kept rows of vectors; a row of NaN is absent.

    Raises
    ------
    FusebenchError
        Where a row is finite in part; the rows are named.
    """
    array, taken, present = source.open(), hashlib.sha256(), np.zeros(len(kept), dtype=bool)
    broken: list[int] = []
    for part in _parts(len(kept)):
        held = np.array(array[kept[part]], dtype="<f4")
        present[part] = ~np.isnan(held).all(axis=1)
        broken.extend(kept[part][~np.isfinite(held).all(axis=1) & present[part]] + 1)
        held[~present[part]] = 0
        taken.update(held.tobytes())
    if broken:
        raise FusebenchError(
            f"{owner}: {listed(np.array(broken), len(array))} hold NaN or infinity beside numbers; fill them in, "
            "or make the whole row NaN where it is absent."
        )
    return ArrayInput(owner, source, kept, present, array.shape[1:], taken.hexdigest(), source.stamp(kept))


def _parts(rows: int) -> Iterator[slice]:
    yield from (slice(start, start + _ROWS_AT_ONCE) for start in range(0, rows, _ROWS_AT_ONCE))


def check_absent(
    spec: CardFile, present: Mapping[str, np.ndarray], numbers: np.ndarray, rows: int, owner: str
) -> None:
    """Refuse absent inputs that the card does not mask, and rows and modalities in which there is nothing.

    Parameters
    ----------
    spec, owner
        The card, and the data set in messages.
    present
        Modality → bool array of shape (n,).
    numbers, rows
        The manifest's numbers of these rows, and how many it has.

    Raises
    ------
    FusebenchError
        Naming the modality, its column and the rows.
    """
    for name in spec.modalities:
        here = present[name]
        if not here.any():
            raise FusebenchError(f"{owner}, modality {name!r} is absent in all rows; take it out of the card.")
        if not here.all() and spec.modalities[name].missing == "refuse":
            columns = spec.modalities[name].columns
            where = f" (column {columns[0]!r})" if len(columns) == 1 else ""
            raise FusebenchError(
                f"{owner}, modality {name!r}{where} is absent in {listed(numbers[~here], rows)}; fill the cells, "
                f'or say missing = "mask" in [modalities.{name}] to keep these rows with a mask.'
            )
    nothing = numbers[~np.column_stack(list(present.values())).any(axis=1)]
    if len(nothing):
        raise FusebenchError(f"{owner}: in {listed(nothing, rows)} every modality is absent; take them out.")
