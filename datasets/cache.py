"""The cache folder, `FUSEBENCH_CACHE`: downloads, and arrays that took time to decode.

Nothing in it is needed: what is absent, cut short or unreadable is made again.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np


def cache_folder() -> Path:
    """Return the folder of downloads and decoded arrays."""
    given = os.environ.get("FUSEBENCH_CACHE", "")
    if given:
        return Path(given).expanduser()
    import pooch  # not needed by what only plans

    return Path(pooch.os_cache("fusebench"))


def cached_array(key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
    """Return `make()`, from the cache of decoded arrays where it has been made before.

    Parameters
    ----------
    key
        Everything the array depends on: the checksum of the raw file, the reader's parameters and its
        version. The words before the first `|` become part of the file's name.
    make
        Called without arguments where the cache has no whole file under the key.

    Returns
    -------
    numpy.ndarray
        Read-only and memory-mapped; where the cache folder cannot be written, the array as made.
    """
    label = re.sub(r"[^a-z0-9]+", "-", key.partition("|")[0].lower())
    place = cache_folder() / "arrays" / f"{label}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npy"
    held = _opened(place)
    if held is not None:
        return held
    array = np.ascontiguousarray(make())
    try:
        _write(place, array)
    except OSError:  # a read-only or full cache costs time, not the run
        return array
    held = _opened(place)
    return array if held is None else held


def _opened(place: Path) -> np.ndarray | None:
    try:
        return np.load(place, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):  # absent, cut short or no array: it is made again
        return None


def _write(place: Path, array: np.ndarray) -> None:
    """Write beside the place and move: other processes see the whole file or none."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(name, place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
