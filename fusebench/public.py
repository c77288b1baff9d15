"""Raw files of public data sets: fetched, verified, found."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from . import datasets
from .core.errors import DataUnavailableError, FusebenchError
from .datasets.cache import cache_folder
from .datasets.fetch import Raw, place_of
from .datasets.fetch import verify as verify_file


def fetch(names: tuple[str, ...]) -> int:
    """Load data sets once, so that their files are in the cache; print a line each.

    Returns
    -------
    The exit code: 0, or 1 where a named set cannot be had or a file is damaged.
    """
    worst = 0
    for name, _ in _chosen(names):
        try:
            source = datasets.get(name)
            if source.card.terms:
                print(f"{name}: {source.card.terms}", file=sys.stderr, flush=True)
            rows = source.load(0)
        except DataUnavailableError as error:
            print(f"{name}: unavailable: {error}")
            worst |= bool(names)
        except FusebenchError as error:
            print(f"{name}: {error}")
            worst = 1
        else:
            print(f"{name}: {', '.join(f'{len(part)} {split}' for split, part in rows.splits.items())} rows")
    return int(worst)


def verify(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the state of every raw file: `ok`, `absent`, or what is wrong with it; nothing is downloaded."""
    found: dict[Raw, dict[str, Any]] = {}
    for name, sources in _chosen(names):
        for source in sources:
            if source in found:
                found[source]["dataset"] += f", {name}"
            else:
                found[source] = {"dataset": name, "file": source.path, "state": verify_file(source)}
    return list(found.values())


def paths(name: str | None) -> Iterator[str]:
    """Yield the cache folder, or where each raw file of a data set lies."""
    if name is None:
        yield str(cache_folder())
        return
    ((_, sources),) = _chosen((name,))
    if not sources:
        yield f"{name} reads no raw file: it is generated, or ships with a library."
    for source in sources:
        place = place_of(source)
        if place is None:
            print(f"{source.path} is not here: fusebench data fetch {name}", file=sys.stderr)
        else:
            yield str(place)


def _chosen(names: tuple[str, ...]) -> list[tuple[str, tuple[Raw, ...]]]:
    """Return name and raw files of the named sets, or of every set that has files."""
    datasets.load_all()
    entries = [datasets.REGISTRY.get(name.partition("(")[0]) for name in names]
    if names:
        return [(name, tuple(entry.card.sources)) for name, entry in zip(names, entries, strict=True)]
    return [(entry.id, tuple(entry.card.sources)) for entry in datasets.REGISTRY if entry.card.sources]
