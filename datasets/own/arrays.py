"""What a user hands over as rows: values of any kind to rows of numbers, or to one text a row."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.errors import FusebenchError


def as_text(values: Any, owner: str) -> list[str]:
    """Return one text a row: text as written, whole numbers without a point.

    Raises
    ------
    FusebenchError
        Where a value is missing (None, NaN, masked), or there is more than one a row.
    """
    import pandas

    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(object), None)
    column = np.asarray(values, dtype=object)
    if column.ndim != 1:
        raise FusebenchError(f"{owner} have shape {column.shape}; expected one value a row, shape (n,).")
    lacking = np.flatnonzero(pandas.isna(column))
    if len(lacking):
        raise FusebenchError(f"{owner}: {listed(lacking, len(column))} have no value; give one or drop them.")
    return [_one_text(value) for value in column.tolist()]


def _one_text(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value)) if whole else str(value)


def in_order(texts: list[str]) -> tuple[str, ...]:
    """Return the distinct values: in numeric order where all are numbers (10 after 9), else as words."""
    distinct = sorted(set(texts))
    try:
        return tuple(sorted(distinct, key=_number))
    except ValueError:
        return tuple(distinct)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):  # "nan" and "inf" are words here
        raise ValueError(text)
    return number


def dense(given: Any, owner: str) -> tuple[np.ndarray, np.ndarray]:
    """Return (float32 rows with 0 where absent, bool of shape (n,): which rows are present).

    Raises
    ------
    FusebenchError
        Where rows differ in shape, hold text, or are not finite in part.
    """
    try:
        values = _stacked(given)
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused below
            values = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan).astype(np.float32, "C")
    except (TypeError, ValueError) as error:
        raise FusebenchError(f"{owner} is not rows of numbers of one shape ({error}).") from error
    if values.size == 0:
        raise FusebenchError(f"{owner} has shape {values.shape}: there is nothing in it.")
    flat = values.reshape(len(values), -1)
    absent = np.asarray(np.isnan(flat).all(axis=1))
    broken = np.flatnonzero(~np.isfinite(flat).all(axis=1) & ~absent)
    if len(broken):
        raise FusebenchError(
            f"{owner}: {listed(broken, len(flat))} hold NaN, infinity or masked values beside numbers; "
            "fill them in, or make the whole row NaN where it is absent."
        )
    values[absent] = 0
    return values, ~absent


def _stacked(given: Any) -> Any:
    """Return an array of numbers; rows that are None become NaN, and so do the empty cells of a table."""
    import pandas

    if hasattr(given, "to_numpy"):  # a table, or a column of one
        given = np.array(given, dtype=object)
        if given.ndim == 2:
            given[pandas.isna(given)] = np.nan
    boxed = isinstance(given, np.ndarray) and given.ndim == 1 and given.dtype.hasobject
    if not boxed and not isinstance(given, list | tuple):
        return given
    empty = [np.ndim(row) == 0 and bool(pandas.isna(row)) for row in given]
    held = [None if gone else np.asarray(row, dtype=np.float64) for row, gone in zip(given, empty, strict=True)]
    shapes = {row.shape for row in held if row is not None}
    if len(shapes) != 1:
        raise ValueError(f"shapes of rows: {', '.join(map(str, sorted(shapes))) or 'all are None'}")
    blank = np.full(shapes.pop(), np.nan)
    return np.stack([blank if row is None else row for row in held])


def counted(number: int, noun: str) -> str:
    """Return `1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(rows: np.ndarray, total: int) -> str:
    """Return the first rows by number and how many there are, for a message."""
    shown = ", ".join(map(str, rows[:5].tolist())) + (", …" if len(rows) > 5 else "")
    return f"rows {shown} ({len(rows)} of {total})"
