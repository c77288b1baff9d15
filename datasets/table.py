"""Tables of numbers in text files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np


def read_numbers(path: Path, delimiter: str | None = None) -> np.ndarray:
    """Read a text file of numbers without a header.

    Parameters
    ----------
    path
        One row a line.
    delimiter
        What stands between numbers; None is any white space.

    Returns
    -------
    numpy.ndarray
        Float64 array of shape (rows, columns).
    """
    return np.loadtxt(path, delimiter=delimiter, dtype=np.float64, ndmin=2)


def numbers_sha256(path: Path) -> str:
    """Return the sha256 of a white-space table's numbers: little-endian float64, C order."""
    return hashlib.sha256(np.ascontiguousarray(read_numbers(path), dtype="<f8").tobytes()).hexdigest()
