"""MATLAB files: variables by name, from the old format and from 7.3, which is HDF5 inside.

HDF5 stores MATLAB's columns as rows: axes are turned round here, so that both formats give the shape
that MATLAB shows. Names are as MATLAB spells them: `X`, or `X{2}` for the second cell of a cell array.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import DataUnavailableError, FusebenchError, unknown

_HDF5 = b"\x89HDF\r\n\x1a\n"
_NAME = re.compile(r"(?P<name>[^{}]+)(?:\{(?P<cell>[1-9]\d*)\})?")


def mat_array(path: Path, key: str | None = None) -> Any:
    """Return one variable, or one cell, of a MATLAB file.

    Parameters
    ----------
    path
        A .mat file of any version from 4 to 7.3.
    key
        `X`, or `X{2}` (cells count from 1). None where the file holds one variable.

    Returns
    -------
    numpy.ndarray
        In MATLAB's order of axes; whether it holds numbers is for the caller to check.

    Raises
    ------
    FusebenchError
        Where the file is damaged, or the key names no array in it.
    DataUnavailableError
        Where the file is of version 7.3 and h5py is not installed.
    """
    return _opened(path, lambda file: _pick(file, path, key))


def mat_names(path: Path) -> list[str]:
    """Return the keys of a MATLAB file: its variables, cell arrays as one key a cell."""
    return _opened(path, lambda file: _keys(file))


def _keys(file: _Old | _New) -> list[str]:
    keys = []
    for name in file.names():
        cells = file.cells(name)
        keys += [name] if cells is None else [f"{name}{{{place}}}" for place in range(1, cells + 1)]
    return keys


def _pick(file: _Old | _New, path: Path, key: str | None) -> Any:
    keys = _keys(file)
    if key is None and len(keys) == 1:
        key = keys[0]
    if key is None:
        shown = ", ".join(keys[:12]) + (", …" if len(keys) > 12 else "") or "nothing"
        raise FusebenchError(f"File {path.name!r} holds {shown}; name one of them as key.")
    if key not in keys:
        cells = [held for held in keys if held.startswith(f"{key}{{")]
        if cells:
            raise FusebenchError(
                f"File {path.name!r}, {key!r} is a cell array of {len(cells)}; name one cell, "
                f"from key = {cells[0]!r} to {cells[-1]!r}."
            )
        raise unknown(f"variable of {path.name!r}", key, keys)
    spelt = _NAME.fullmatch(key)
    name, cell = (key, None) if spelt is None else spelt.group("name", "cell")
    return file.array(name, None if cell is None else int(cell) - 1)


def _opened(path: Path, use: Callable[[Any], Any]) -> Any:
    try:
        if not _is_hdf5(path):
            return use(_Old(path))
        with _h5py().File(path, "r") as file:
            return use(_New(file))
    except (FusebenchError, MemoryError):
        raise
    except Exception as error:  # what a damaged file makes the parsers raise is not foreseeable
        raise FusebenchError(
            f"File {path.name!r} cannot be read as a MATLAB file ({type(error).__name__}: {error}); "
            "replace it by the whole file."
        ) from error


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(520)
    return _HDF5 in (head[:8], head[512:])  # MATLAB puts 512 bytes of its own before it


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise DataUnavailableError(
            "MATLAB 7.3 files are HDF5, which needs h5py: `pip install 'fusebench[data]'`, or save the file "
            "in MATLAB with `save(…, '-v7')`."
        ) from error
    return h5py


class _Old:
    """Versions 4 to 7.2, read by SciPy; a variable is read when it is asked for."""

    def __init__(self, path: Path) -> None:
        from scipy.io import whosmat

        self.path = path
        self.kinds = {name: (shape, kind) for name, shape, kind in whosmat(path)}

    def names(self) -> list[str]:
        return list(self.kinds)

    def cells(self, name: str) -> int | None:
        shape, kind = self.kinds[name]
        return int(np.prod(shape)) if kind == "cell" else None

    def array(self, name: str, cell: int | None) -> Any:
        from scipy.io import loadmat

        value = loadmat(self.path, variable_names=[name])[name]
        if cell is not None:
            value = value.ravel(order="F")[cell]
        return value.toarray() if hasattr(value, "toarray") else value  # sparse


class _New:
    """Version 7.3: an HDF5 file in which cells are references."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def names(self) -> list[str]:
        return [name for name in self.file if not name.startswith("#")]  # `#refs#` holds the cells

    def cells(self, name: str) -> int | None:
        node = self.file[name]
        return int(node.size) if _is_cell(node) else None

    def array(self, name: str, cell: int | None) -> Any:
        node = self.file[name]
        if cell is not None:
            node = self.file[node[()].ravel()[cell]]  # turned round twice: HDF5's C order is MATLAB's
        if "MATLAB_sparse" in node.attrs:
            return _sparse(node)
        if not hasattr(node, "dtype"):  # a struct
            return np.array(None, dtype=object)
        if node.attrs.get("MATLAB_empty", 0):
            return np.zeros(tuple(int(length) for length in node[()]))
        return node[()].T if node.attrs.get("MATLAB_class", b"") != b"char" else np.array(None, dtype=object)


def _is_cell(node: Any) -> bool:
    return hasattr(node, "dtype") and node.dtype.hasobject and node.attrs.get("MATLAB_class", b"cell") == b"cell"


def _sparse(node: Any) -> np.ndarray:
    from scipy.sparse import csc_matrix

    columns = node["jc"][()]
    parts = (node["data"][()], node["ir"][()], columns) if "data" in node else ([], [], columns)
    return csc_matrix(parts, shape=(int(node.attrs["MATLAB_sparse"]), len(columns) - 1)).toarray()
