"""Compiled parts of libraries, readied by one process at a time.

librosa compiles its loops when it is first imported and keeps them beside itself. Two processes that do so at once
leave a cache in which one loop stands under another's name, and whoever reads it afterwards crashes.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib import import_module

from filelock import FileLock

from ..datasets import DataSet
from ..datasets.cache import cache_folder

PARTS = ("librosa", "librosa.core.pitch", "librosa.feature")


def ready(source: DataSet) -> None:
    """Import what compiles itself, where a data set needs it, while no other process does."""
    if any(modality.kind == "audio" for modality in source.modalities):
        _sound()


@cache
def _sound() -> None:
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    with (
        FileLock(folder / "librosa.lock"),
        suppress(ImportError, OSError),
    ):  # its absence is told when sound is read
        for part in PARTS:
            import_module(part)
