"""Checksums of many files: each is read once, after which a look at its size and time is enough."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from ...core.files import write_text
from ..cache import cache_folder
from ..fetch import file_sha256

_NEW_NS = 2_000_000_000  # the coarsest clock of a file system in use (FAT) ticks every two seconds
_AT_ONCE = 64  # files a task: a look at one takes less time than handing it to a thread
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def fingerprint(paths: Sequence[Path | None]) -> str:
    """Return one sha256 for the contents of files in their order; names do not enter.

    Parameters
    ----------
    paths
        One a row; None where a row has no file. Rows without a file, and files that do not exist or
        cannot be opened, count as what they are.
    """
    return hashlib.sha256("\n".join(checksums(paths)).encode()).hexdigest()


def checksums(paths: Sequence[Path | None]) -> list[str]:
    """Return the sha256 of each file; `none`, `missing` or `unreadable` where there is none to take.

    The cache folder keeps an index of what was read: a file whose size, times and inode have not
    changed is not read again. A damaged index is as good as none.
    """
    spelt = [None if path is None else os.path.abspath(path) for path in paths]
    wanted = sorted({path for path in spelt if path is not None})
    if not wanted:
        return ["none"] * len(paths)
    place = _index_place(wanted)
    index = _read_index(place)
    found, fresh = {}, {}
    with ThreadPoolExecutor(worker_count()) as pool:
        parts = (wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE))
        for path, text, entry in chain.from_iterable(each(pool, lambda part: _taken(part, index), parts)):
            found[path] = text
            if entry is not None and entry != index.get(path):
                fresh[path] = entry
    if fresh:
        with suppress(OSError):  # a read-only cache costs time, not the run
            write_text(place, json.dumps(index | fresh))
    return ["none" if path is None else found[path] for path in spelt]


def worker_count() -> int:
    """Return how many threads read and decode: one for each core this process may use, at most 16."""
    held = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(16, held)


def each(
    pool: ThreadPoolExecutor, work: Callable[[_Item], _Result], items: Iterable[_Item], ahead: int = 64
) -> Iterator[_Result]:
    """Yield `work(item)` in the order of the items, at most `ahead` of them under way or waiting.

    `pool.map` would submit everything at once and hold every result that is not yet asked for.
    """
    rest = iter(items)
    waiting = deque(pool.submit(work, item) for item in islice(rest, ahead))
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(pool.submit(work, item) for item in islice(rest, 1))
        yield result


def _index_place(paths: Sequence[str]) -> Path:
    """Return the index of the folder above all files: a manifest that grows keeps its index."""
    try:
        above = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # several drives
        above = ""
    return cache_folder() / "checksums" / f"{hashlib.sha256(above.encode()).hexdigest()[:16]}.json"


def _read_index(place: Path) -> dict[str, list[object]]:
    try:
        held = json.loads(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent or damaged: every file is read
        return {}
    return held if isinstance(held, dict) else {}


def _taken(part: Sequence[str], index: dict[str, list[object]]) -> list[tuple[str, str, list[object] | None]]:
    return [(path, *_checksum(path, index.get(path))) for path in part]


def _checksum(path: str, entry: list[object] | None) -> tuple[str, list[object] | None]:
    """Return a file's checksum, and its entry for the index unless the file may still be changing."""
    try:
        seen = os.stat(path)  # before reading: a change meanwhile then shows in the next look
        stamp: list[object] = [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]
        if isinstance(entry, list) and entry[:-1] == stamp and isinstance(entry[-1], str):
            return entry[-1], entry
        start = time.time_ns()
        text = file_sha256(Path(path))
    except (FileNotFoundError, ValueError):  # ValueError: what no path can be, with a zero byte
        return "missing", None
    except OSError:
        return "unreadable", None
    settled = start - seen.st_mtime_ns > _NEW_NS  # else a second write could leave the same time
    return text, [*stamp, text] if settled else None
