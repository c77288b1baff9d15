"""The source files of this package's rooms: what a program is, apart from what it has written beside itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

import psutil

MARGIN = 2.0  # seconds by which clocks of disk and processes may disagree


def source_files(room: str) -> Iterator[tuple[str, Path]]:
    """Yield (`room/path within it`, file) of a room's code and whatever its packages hold, sorted by folder.

    Packages alone: in a checkout, runs lie beside the code of their rooms. What Python compiled is left out.
    """
    for folder in folders(room):
        packages = sorted(path.parent for path in folder.glob("*/__init__.py"))
        found = [*sorted(folder.iterdir()), *(path for package in packages for path in sorted(package.rglob("*")))]
        for path in found:
            if path.is_file() and path.suffix != ".pyc":
                yield f"{room}/{path.relative_to(folder).as_posix()}", path


def edited(rooms: Iterable[str]) -> bool:
    """Return whether code of some rooms has changed since this process began: what is loaded may be older."""
    began = psutil.Process().create_time() - MARGIN
    files = (path.stat() for room in rooms for _, path in source_files(room) if path.suffix == ".py")
    return any(max(file.st_mtime, file.st_ctime) >= began for file in files)


def folders(room: str) -> list[Path]:
    """Return where a room's code stands."""
    spec = find_spec(f"{__name__.partition('.')[0]}.{room}")
    return [Path(place) for place in (spec.submodule_search_locations if spec is not None else None) or ()]
