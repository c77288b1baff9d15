"""Compiled parts of libraries, readied by one process at a time.

librosa compiles its loops when it is first imported and keeps them beside itself. Two processes that do so at once
leave a cache in which one loop stands under another's name, and whoever reads it afterwards crashes.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from ..datasets import DataSet
from ..datasets.cache import cache_folder

PARTS = ("librosa", "librosa.core.pitch", "librosa.feature")


def ready(source: DataSet) -> None:
    """Import what compiles itself, where a data set reads sound, while no other process does.

    What has been compiled stays so: then nothing is imported, for decoded sound is mostly read from the cache.
    """
    reads_sound = any(modality.kind == "audio" for modality in source.modalities)
    if reads_sound and source.card.pairing != "synthetic" and not _compiled():
        _sound()


def _compiled() -> bool:
    """Return whether librosa's loops stand compiled beside it."""
    found = find_spec("librosa")
    places = found.submodule_search_locations if found is not None else None
    return any(any(Path(place).glob("core/__pycache__/*pitch*.nbi")) for place in places or ())


@cache
def _sound() -> None:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # where it cannot be imported, whoever reads sound says so
    with FileLock(folder / "librosa.lock"), suppress(ImportError, OSError):
        for part in PARTS:
            import_module(part)
