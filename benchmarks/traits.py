"""What a plan asks of every variant, kept between runs: why not, what it needs, the hash of its source.

To build a hundred variants and to read their sources takes seconds, and the answers depend on nothing but code,
the shape of the data and the training settings. So they are kept in the cache folder, in a file named by a hash of
every source file they can come from: one byte that is changed anywhere begins a new file. Plugins reach files that
this hash does not cover, and code that was edited since it was loaded is not what the files say: then nothing is
kept, and nothing taken from here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from .. import datasets, fusion
from ..core.files import dumps, write_json
from ..core.sources import edited, source_files
from ..datasets import Modality
from ..datasets.cache import cache_folder
from ..fusion.extractors import EXTRACTORS
from ..fusion.stages import STAGES
from ..fusion.wrappers import WRAPPERS

KEPT = 8  # states of the code whose answers are kept
ROOMS = ("core", "datasets", "fusion", "benchmarks")


@dataclass(frozen=True)
class Trait:
    """What a variant or stage is on data of one shape, whatever the rows.

    Parameters
    ----------
    incompatible
        Why the variant cannot take the data, or None.
    needs
        Names of the stages that it uses.
    source
        The hash of its source and of all that this names.
    """

    incompatible: str | None = None
    needs: tuple[str, ...] = ()
    source: str = ""


class Traits:
    """Answers that are known already.

    Parameters
    ----------
    training
        The suite's training settings, in JSON values.
    keep
        False where data sets of a user's own class take part.
    """

    def __init__(self, training: dict[str, Any], keep: bool = True):
        self.training, self.added = training, False
        state = code() if keep and not foreign() else None
        self._file = None if state is None else cache_folder() / "traits" / f"{state}.json"

    def known(
        self,
        find: Callable[[], Trait],
        kind: str,
        name: str,
        modalities: Iterable[Modality] = (),
        classes: Iterable[str] = (),
    ) -> Trait:
        """Return the answer for a cell's variant, a stage or a data set's loader.

        Parameters
        ----------
        find
            Finds it out, where no answer is kept.
        kind, name, modalities, classes
            What it depends on beside the code and the training settings.
        """
        shape = [[m.name, m.kind, list(m.shape)] for m in modalities]
        text = dumps([kind, name, shape, list(classes), self.training])
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        if key not in self._kept:
            self._kept[key] = find()
            self.added = True
        return self._kept[key]

    def save(self) -> None:
        """Keep what was noted; where the cache folder cannot be written, it is found out again next time."""
        if not self.added or self._file is None:
            return
        with suppress(OSError):
            write_json(self._file, {key: asdict(trait) for key, trait in self._kept.items()})
            files = sorted(self._file.parent.glob("[!.]*.json"), key=lambda path: path.stat().st_mtime_ns)
            for path in files[:-KEPT]:
                path.unlink(missing_ok=True)

    @cached_property
    def _kept(self) -> dict[str, Trait]:
        if self._file is None:
            return {}
        try:
            held = json.loads(self._file.read_bytes())
            return {key: Trait(t["incompatible"], tuple(t["needs"]), t["source"]) for key, t in held.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):  # absent or damaged: found out again
            return {}


def code() -> str | None:
    """Return the hash of Python's version and of every source file of the rooms that a plan reads.

    Returns
    -------
    str or None
        None where a file has changed since this process began: what is loaded may be older.
    """
    if edited(ROOMS):
        return None
    taken = hashlib.sha256(sys.version.encode())
    for room in ROOMS:
        for name, path in source_files(room):
            if path.suffix == ".py":
                taken.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return taken.hexdigest()[:32]


def foreign() -> bool:
    """Return whether anything is registered that is defined outside of this package."""
    registries = (fusion.REGISTRY, EXTRACTORS, STAGES, WRAPPERS, datasets.REGISTRY)
    return not all(ours(entry.definition) for registry in registries for entry in registry)


def ours(definition: Callable[..., Any]) -> bool:
    """Return whether a class or function is defined in this package."""
    return definition.__module__.partition(".")[0] == _package()


def _package() -> str:
    return __name__.partition(".")[0]
