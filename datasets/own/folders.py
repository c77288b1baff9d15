"""Where the files of a column lie below a table's folder."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

_LOOKED_UP = 20
_FOLDERS = 500


def located(folder: Path, cell: str) -> Path:
    """Return the file that a cell names below `folder`.

    Where nothing is called so, the spellings of other systems are looked up: `\\` between folders (Windows),
    and letters with marks in one piece or in two (macOS). They name one file, and tables travel.
    """
    written = folder / cell
    if (cell.isascii() and "\\" not in cell) or os.path.exists(written):
        return written
    slashed = cell.replace("\\", "/")
    others = (folder / unicodedata.normalize(form, slashed) for form in ("NFC", "NFD"))
    return next((other for other in (folder / slashed, *others) if os.path.exists(other)), written)


class Neighbours:
    """What stands in folders, each of them listed once."""

    def __init__(self) -> None:
        self._listed: dict[Path, dict[str, str] | None] = {}

    def about(self, path: Path) -> str:
        """Return, of a file that does not exist, where it was looked for and what is called almost so."""
        folder = path.parent
        if folder not in self._listed:
            self._listed[folder] = _names(folder)
        names = self._listed[folder]
        if names is None:
            return f": there is no folder {str(folder)!r}"
        near = names.get(_loose(path.name))
        if near == path.name:
            return f" in {str(folder)!r}: it is a link to what is not there"
        return f" in {str(folder)!r}" + (f", where {near!r} does" if near else "")


def _names(folder: Path) -> dict[str, str] | None:
    try:
        return {_loose(name): name for name in sorted(os.listdir(folder))}
    except (OSError, ValueError):
        return None


def _loose(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


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
    return sum(os.path.isfile(located(folder, cell)) for cell in cells)


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
