"""Tables in Parquet: a column as text, as numbers or as vectors, whatever type it is stored in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataUnavailableError, FusebenchError


class ArrowTable:
    """A Parquet file of which a column is read when it is asked for.

    Raises
    ------
    DataUnavailableError
        Where pyarrow is not installed.
    FusebenchError
        Where the file is not Parquet; it is named.
    """

    def __init__(self, path: Path):
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError as error:
            raise DataUnavailableError(
                f"Manifest {path.name!r} is Parquet, which pyarrow reads: `pip install 'fusebench[data]'`."
            ) from error
        try:
            self._file = parquet.ParquetFile(path)
        except (pyarrow.ArrowException, OSError) as error:
            raise FusebenchError(f"Manifest {path.name!r} cannot be read as Parquet ({error}).") from error
        self._label = path.name
        self._schema = self._file.schema_arrow  # pyarrow makes it anew at each look, which takes its time
        self._names = tuple(self._schema.names)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns."""
        return self._names

    def kind(self, column: str) -> str:
        """Return how a column can be read: as `text`, as `vectors`, or else what it holds."""
        import pyarrow.types as kinds

        stored = self._schema.field(column).type
        stored = stored.value_type if kinds.is_dictionary(stored) else stored
        if kinds.is_nested(stored) or _is_bytes(stored):
            return "vectors" if _is_list_of_numbers(stored) else str(stored)
        return "text"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self._file.metadata.num_rows

    def text(self, column: str) -> list[str | None]:
        """Return one text a row, None where null.

        Integers are their decimals, whole floats lose the point, other floats are the shortest text
        that stands for them; NaN is null, as pandas stores it.
        """
        import pyarrow.types as kinds

        values = self._column(column)
        if kinds.is_floating(values.type):
            return [_float_text(value) for value in values.to_numpy()]
        if self.kind(column) != "text":
            raise FusebenchError(
                f"Manifest {self._label!r}: column {column!r} holds {values.type}; expected text or numbers."
            )
        return [None if value is None else str(value) for value in values.to_pylist()]

    def numbers(self, column: str) -> np.ndarray | None:
        """Return float64 of shape (n,), NaN where null, or None where the column does not store numbers."""
        values = self._column(column)
        return _as_float(values) if _is_number(values.type) else None

    def vectors(self, column: str) -> np.ndarray:
        """Return float32 of shape (n, d) from a column of lists, a row of NaN where null.

        Raises
        ------
        FusebenchError
            Where the column holds no lists of numbers, or lists of several lengths.
        """
        from pyarrow import compute

        owner = f"Manifest {self._label!r}, column {column!r}"
        values = self._column(column)
        if not _is_list_of_numbers(values.type):
            raise FusebenchError(f"{owner} holds {values.type}; expected lists of numbers.")
        here, held = values.is_valid().to_numpy(), values.drop_null()
        lengths = compute.call_function("list_value_length", [held]).to_numpy()
        if len(lengths) == 0 or lengths[0] == 0:
            raise FusebenchError(f"{owner} holds no numbers.")
        odd = np.flatnonzero(lengths != lengths[0])
        if len(odd):
            first, other = np.flatnonzero(here)[[0, odd[0]]] + 1
            raise FusebenchError(
                f"{owner} holds lists of several lengths: {lengths[0]} numbers in row {first} and "
                f"{lengths[odd[0]]} in row {other}."
            )
        vectors = np.full((len(here), int(lengths[0])), np.nan, dtype=np.float32)
        flat = _as_float(compute.call_function("list_flatten", [held]))
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused with NaN
            vectors[here] = flat.reshape(len(lengths), -1)
        return vectors

    def _column(self, column: str) -> Any:
        import pyarrow.types as kinds

        values = self._file.read(columns=[column]).column(column)
        if kinds.is_dictionary(values.type):  # pandas' categories, or repeated text packed
            values = values.cast(values.type.value_type)
        return values


def _is_number(kind: Any) -> bool:
    import pyarrow.types as kinds

    return any(test(kind) for test in (kinds.is_integer, kinds.is_floating, kinds.is_decimal, kinds.is_null))


def _is_list_of_numbers(kind: Any) -> bool:
    import pyarrow.types as kinds

    lists = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    return lists and _is_number(kind.value_type)


def _is_bytes(kind: Any) -> bool:
    import pyarrow.types as kinds

    return kinds.is_binary(kind) or kinds.is_large_binary(kind) or kinds.is_fixed_size_binary(kind)


def _as_float(values: Any) -> np.ndarray:
    import pyarrow

    return np.asarray(values.cast(pyarrow.float64(), safe=False).to_numpy(), dtype=np.float64)


def _float_text(value: np.floating | None) -> str | None:
    if value is None or np.isnan(value):
        return None
    return str(int(value)) if np.isfinite(value) and value == int(value) else str(value)
