"""How raw files are had: the user's folder first, then a checked download from the original home.

`FUSEBENCH_DATA` is a read-only folder (or a base URL) in which every file stands at the path its card
names; downloads go to the cache folder. Whatever the caches hold, a raw file is checked before its rows
are used, so that the same command has the same outcome on the first day and on the tenth.
"""

from __future__ import annotations

from pathlib import Path

from .digest import file_sha256, folder_sha256
from .obtain import damaged, obtain
from .raw_file import Raw, cached, fault, given, remember

__all__ = ["Raw", "file_sha256", "folder_sha256", "place_of", "raw", "verify"]


def raw(source: Raw) -> Path:
    """Return where a raw file (or folder) lies on this machine, checked; download it where need be.

    Raises
    ------
    FusebenchError
        Where the file in `FUSEBENCH_DATA` does not have the published checksum.
    DataUnavailableError
        Where it can be had neither there nor from its original home.
    """
    place = given(source)
    if place is not None:
        wrong = fault(source, place)
        if wrong:
            raise damaged(source, wrong)
        return place
    place = cached(source)
    if not place.exists() or fault(source, place):
        obtain(source, place)
    remember(source, place)
    return place


def place_of(source: Raw) -> Path | None:
    """Return where a raw file lies on this machine, unchecked; None where it does not."""
    place = given(source) or cached(source)
    return place if place.exists() else None


def verify(source: Raw) -> str:
    """Return `ok`, `absent` or what is wrong with the file on this machine, in words; download nothing.

    A file whose checksum nobody published is `ok` as long as it is what was downloaded first.
    """
    place = place_of(source)
    return "absent" if place is None else fault(source, place) or "ok"
