"""Embeddings made elsewhere: one row of numbers an item, from .npy, .npz or .mat."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import FusebenchError, nearest, unknown
from .matlab import mat_array, mat_names

ROWS = ("first", "last")
_BROKEN = (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error)


def read_vectors(
    path: Path, key: str | None = None, rows: str | None = None, expected: int | None = None
) -> np.ndarray:
    """Read a matrix of which each row is one item's vector.

    Parameters
    ----------
    path
        A file that ends in .npy, .npz or .mat (MATLAB, up to version 7.2 or 7.3).
    key
        The array's name, where the file holds several; `"X{2}"` is the second cell of a cell array.
    rows
        Which axis counts items: `first` for a matrix (n, d), `last` for (d, n), in MATLAB's order of
        axes for a .mat. Default: the first, but in a .mat the one whose length is `expected`.
    expected
        How many items there are.

    Returns
    -------
    numpy.ndarray
        Float32 array of shape (n, d). Values are as they stand: NaN is not refused here.

    Raises
    ------
    FusebenchError
        Where the file, the key or the number of rows is not as declared, or a .mat does not tell which
        axis counts items.
    DataUnavailableError
        Where a MATLAB 7.3 file is to be read and h5py is not installed.
    """
    if rows is not None and rows not in ROWS:
        raise unknown("value of rows", rows, ROWS)
    owner = f"File {path.name!r}" if key is None else f"File {path.name!r}, {key!r}"
    matrix = _numbers(_read(path, key), owner)
    if rows is None:
        rows = _rows_of_mat(matrix.shape, expected, owner) if path.suffix.lower() == ".mat" else "first"
    matrix = matrix.T if rows == "last" else matrix
    if expected is not None and len(matrix) != expected:
        raise _miscounted(matrix.shape, rows, expected, owner)
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused with NaN
        return np.ascontiguousarray(matrix, dtype=np.float32)


def read_mat_column(path: Path, key: str) -> np.ndarray:
    """Read one number an item from a .mat, stored as a row or as a column.

    Returns
    -------
    numpy.ndarray
        Array of shape (n,): int64 where all are whole numbers (they may start at 1), else float64.

    Raises
    ------
    FusebenchError
        Where the variable is no row or column of numbers.
    """
    values = np.asarray(mat_array(path, key))
    if values.size != max(values.shape, default=0) or values.dtype.kind not in "biuf":
        raise FusebenchError(
            f"File {path.name!r}, {key!r} has shape {values.shape} and type {values.dtype}; expected one "
            "number an item, in a row or a column."
        )
    column = values.reshape(-1).astype(np.float64)
    whole = np.isfinite(column).all() and np.array_equal(column, np.round(column))
    return column.astype(np.int64) if whole else column


def mat_views(path: Path, key: str, labels: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Read a multi-view .mat whole: a cell array of matrices, and labels that tell their orientation.

    Returns
    -------
    tuple
        (one float32 array of shape (n, d) a view, labels of shape (n,)).
    """
    target = read_mat_column(path, labels)
    cells = [name for name in mat_names(path) if name.startswith(f"{key}{{")]
    return [read_vectors(path, name, expected=len(target)) for name in cells or [key]], target


def _read(path: Path, key: str | None) -> Any:
    readers: dict[str, Callable[[Path, str | None], Any]] = {".npy": _npy, ".npz": _npz, ".mat": mat_array}
    if path.suffix.lower() not in readers:
        raise FusebenchError(f"File {path.name!r} ends in {path.suffix!r}; embeddings come in .npy, .npz or .mat.")
    if not path.is_file():
        near = nearest(path.name, (held.name for held in path.parent.glob("*"))) if path.parent.is_dir() else None
        advice = f"did you mean {near!r}?" if near else "its path is relative to the card."
        raise FusebenchError(f"File {path.name!r} does not exist in {str(path.parent)!r}: {advice}")
    return readers[path.suffix.lower()](path, key)


def _npy(path: Path, key: str | None) -> Any:
    if key is not None:
        raise FusebenchError(f"File {path.name!r} holds one array, without a name; take key = {key!r} away.")
    return _guarded(path, lambda: np.load(path, mmap_mode="r", allow_pickle=False))


def _npz(path: Path, key: str | None) -> Any:
    archive = _guarded(path, lambda: np.load(path, allow_pickle=False))
    if not isinstance(archive, np.lib.npyio.NpzFile):
        return archive  # an .npy under another name
    with archive:
        if key is None and len(archive.files) == 1:
            return _guarded(path, lambda: archive[archive.files[0]])
        if key is None:
            raise FusebenchError(
                f"File {path.name!r} holds {len(archive.files)} arrays ({', '.join(sorted(archive.files)[:12])}); "
                "name one as key."
            )
        if key not in archive.files:
            raise unknown(f"array of {path.name!r}", key, archive.files)
        return _guarded(path, lambda: archive[key])


def _guarded(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except _BROKEN as error:
        if "allow_pickle" in str(error) or "Python objects" in str(error):
            why = "holds Python objects, which are never unpickled; save an array of numbers"
        else:
            why = f"cannot be read ({type(error).__name__}: {error}); replace it by the whole file"
        raise FusebenchError(f"File {path.name!r} {why}.") from error


def _numbers(given: Any, owner: str) -> np.ndarray:
    values = np.asarray(given)
    if values.dtype.kind not in "biuf":
        raise FusebenchError(f"{owner} holds values of type {values.dtype}; expected real numbers.")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.size == 0:
        raise FusebenchError(f"{owner} has shape {values.shape}; expected a matrix, one row an item.")
    return values


def _rows_of_mat(shape: tuple[int, ...], expected: int | None, owner: str) -> str:
    """Return which axis counts items: files of both kinds are common, so only a length can tell."""
    fits = [axis for axis, length in zip(ROWS, shape, strict=True) if length == expected]
    if len(fits) == 1:
        return fits[0]
    if not fits and expected is not None:
        raise FusebenchError(
            f"{owner} has shape {shape[0]} x {shape[1]} and there are {expected} rows; one of the two lengths "
            "must be the number of rows."
        )
    raise FusebenchError(
        f"{owner} has shape {shape[0]} x {shape[1]}, which does not tell whether items are its rows or its "
        'columns; declare rows = "first" (items x features) or rows = "last" (features x items).'
    )


def _miscounted(shape: tuple[int, ...], rows: str, expected: int, owner: str) -> FusebenchError:
    other = "last" if rows == "first" else "first"
    turned = f', or declare rows = "{other}", since its other axis has this length' if shape[1] == expected else ""
    return FusebenchError(
        f"{owner} has {shape[0]} rows and there are {expected} rows of data; row i must be item i{turned}."
    )
