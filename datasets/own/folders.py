"""Where the files of a column lie below a table's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

_LOOKED_UP = 20
_FOLDERS = 500


def folder_of(root: Path, cells: Sequence[str | None]) -> str:
    """Return the folder, relative to `root` and with `/`, in which most of a column's files exist.

    A sample of files is looked up in `root` and in the folders below it; empty where `root` itself is as
    good as any.
    """
    held = [cell for cell in cells if cell]
    sample = held[:: max(1, len(held) // _LOOKED_UP)][:_LOOKED_UP]
    best, most = "", _found(root, sample)
    for folder in _below(root):
        if most == len(sample):
            break
        count = _found(root / folder, sample)
        if count > most:
            best, most = folder, count
    return best


def _found(folder: Path, cells: Sequence[str]) -> int:
    return sum((folder / cell).is_file() for cell in cells)


def _below(root: Path) -> Iterator[str]:
    """Yield folders below, the near ones first; not more than a few hundred, nor hidden ones."""
    waiting, seen = [root], 0
    while waiting and seen < _FOLDERS:
        above = waiting.pop(0)
        try:
            names = sorted(entry.name for entry in os.scandir(above) if entry.is_dir() and entry.name[:1] != ".")
        except OSError:  # one that may not be opened
            continue
        for name in names:
            seen += 1
            waiting.append(above / name)
            yield (above / name).relative_to(root).as_posix()
