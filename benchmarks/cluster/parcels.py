"""Files that cross between machines: machines share no folder, so each job's files travel with it."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from ...core.errors import FusebenchError
from ...core.files import TEMPORARY, write_atomic

# relative path, parts joined by "/" → contents as uint8 of shape (bytes,): Ray hands arrays over without a copy
Parcel = Mapping[str, np.ndarray]

NAMED_BY_CONTENTS = ("splits",)  # a file that is there is the same file


def pack(root: Path, without: Collection[str] = ()) -> Parcel:
    """Return every file below a folder.

    Parameters
    ----------
    root
        The folder.
    without
        Relative paths that stay.
    """
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith(TEMPORARY))
    named = {path.relative_to(root).as_posix(): path for path in files}
    return {name: contents(path) for name, path in named.items() if name not in without}


def contents(path: Path) -> np.ndarray:
    """Return a file's bytes as uint8 of shape (bytes,)."""
    return np.fromfile(path, dtype=np.uint8)


def fingerprint(parcel: Parcel) -> str:
    """Return a name that parcels share only where names and contents are equal."""
    taken = hashlib.sha256()
    for name in sorted(parcel):
        taken.update(f"{len(name)} {name} {parcel[name].nbytes} ".encode())
        taken.update(np.ascontiguousarray(parcel[name]).data)
    return taken.hexdigest()[:32]


def in_order(parcel: Parcel) -> list[str]:
    """Return a parcel's names as they are to be written: JSON, which speaks of the arrays, last."""
    return sorted(parcel, key=lambda name: (name.endswith(".json"), name))


def deliver(parcel: Parcel, root: Path) -> None:
    """Write what a job made into the results folder, each file as a whole, records last.

    Raises
    ------
    FusebenchError
        For a path that leaves the folder or lies directly in it; nothing is written then.
    """
    places = {name: inside(root, name) for name in in_order(parcel)}
    for name, path in places.items():
        if PurePosixPath(name).parts[0] not in NAMED_BY_CONTENTS or not path.is_file():
            write_atomic(path, lambda file, name=name: file.write(parcel[name].data))


def inside(root: Path, name: str) -> Path:
    """Return where a file of a parcel belongs.

    Raises
    ------
    FusebenchError
        Where that is not in a folder below `root`.
    """
    path = PurePosixPath(name)
    strange = path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name
    if strange or len(path.parts) < 2:
        raise FusebenchError(
            f"A node sent the file {name!r}, which belongs in no folder of {str(root)!r}: take that node out of "
            "the cluster, then run again."
        )
    return root.joinpath(*path.parts)


def unpack(parcel: Parcel, place: Path) -> None:
    """Make a folder of a parcel: wholly there, or not."""
    place.parent.mkdir(parents=True, exist_ok=True)
    held = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=place.parent))
    try:
        for name in parcel:
            path = held.joinpath(*PurePosixPath(name).parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(parcel[name].data)
        os.replace(held, place)
    finally:
        shutil.rmtree(held, ignore_errors=True)


def lend(place: Path, root: Path) -> set[str]:
    """Show an unpacked parcel's files in another folder, too; return their names there."""
    names = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    for name in names:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(place / name, target)
        except OSError:  # a file system without links
            shutil.copyfile(place / name, target)
    return names
