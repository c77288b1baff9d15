"""An index of a run's records: the little that planning and counting need of each, so that a file is read once.

It is a sqlite3 file in the cache folder, never beside the results, and never the truth: what it holds of a record
counts for a file of the same name, size and modification time (in ns) alone; every other file is read. Files that
could not be read are in no index, so they are named each time. Where the index is absent, damaged or of another
schema it is made anew; where another process holds it, or the file system refuses, every record is read and one
line says so. Any number of processes may use it at once: what one of them wrote too late the next one reads again.

What it cannot see are other contents under the same name, size and modification time. A run replaces a record as a
whole, and what was written in the last seconds is not taken in (a file system may count time in steps), so that
takes somebody who edits a record without changing its length and puts its time back; `fusebench verify` reads
every record itself.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from ..core.collecting import uncollected
from .record import SCHEMA, Row
from .store import Store

VERSION = 100 * 1 + SCHEMA  # the first number is raised when a column, or what it means, changes
FEW = 500  # records that are read whole as fast
PATIENCE = 2.0  # seconds that another process may hold the index
SETTLED = 3 * 10**9  # ns after which a file written again has another modification time, on any file system

COLUMNS = """file TEXT PRIMARY KEY, size INTEGER, modified INTEGER, cell TEXT, variant TEXT, dataset TEXT,
    seed INTEGER, status TEXT, spent REAL, trouble TEXT, environment TEXT"""


Stamp = tuple[int, int]  # a file's bytes and its modification time in ns: they tell it from the next version


@uncollected
def rows(store: Store, folder: Callable[[], Path]) -> list[Row]:
    """Return what planning and counting need of every readable record, in the order of the files' names.

    Parameters
    ----------
    store
        The run's folder; nothing is written to it. Unreadable records are named in its `broken`, an index that
        cannot be used in its `remarks`.
    folder
        Returns the folder of indexes; asked where there are records enough for one.
    """
    packed = [record.row for record in store.packed_records()]
    now, files = time.time_ns(), stamps(store.root / "cells")
    if len(files) < FEW:
        return [*packed, *_read(store, sorted(files)).values()]
    index = Index(place_of(store, folder()))
    known = index.known(files)
    fresh = _read(store, sorted(files.keys() - known.keys()))
    settled = {name: row for name, row in fresh.items() if abs(now - files[name][1]) > SETTLED}
    index.take(settled, files)
    if index.refused is not None:
        count = "every record was" if not known else f"{len(fresh)} of {len(files)} records were"
        store.remarks.append(f"the index of records could not be used ({index.refused}): {count} read instead")
    found = known | fresh
    return [*packed, *(found[name] for name in sorted(found))]


def place_of(store: Store, folder: Path) -> Path:
    """Return the file of a run's index: one for each results folder."""
    where = hashlib.sha256(str(store.root.resolve()).encode()).hexdigest()[:16]
    return folder / f"{where}.sqlite3"


def stamps(cells: Path) -> dict[str, Stamp]:
    """Return the files of records below a folder, as `xx/HASH.json` → stamp; orphans are left out."""
    found: dict[str, Stamp] = {}
    for folder in _entries(cells):
        if len(folder.name) == 2 and folder.is_dir():
            for entry in _entries(folder.path):
                if entry.name.endswith(".json") and not entry.name.startswith("."):
                    try:
                        told = entry.stat()
                    except FileNotFoundError:  # a run has just moved it to stale/
                        continue
                    found[f"{folder.name}/{entry.name}"] = told.st_size, told.st_mtime_ns
    return found


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:
        return []


def _read(store: Store, names: Collection[str]) -> dict[str, Row]:
    cells = store.root / "cells"
    records = ((name, store.read(cells / name)) for name in names)
    return {name: record.row for name, record in records if record is not None}


class Index:
    """The index of one run.

    Parameters
    ----------
    place
        Its file; made where it is absent.
    """

    def __init__(self, place: Path):
        self.place = place
        self.refused: str | None = None  # why it could not be read or written
        self._vanished: list[str] = []

    def known(self, files: Mapping[str, Stamp]) -> dict[str, Row]:
        """Return the rows of those files that have not changed since they were read; none where it cannot tell."""
        with self._guarded(), closing(self._open()) as opened:
            if _version(opened) == VERSION:
                return dict(self._unchanged(opened, files))
        return {}

    def _unchanged(self, opened: sqlite3.Connection, files: Mapping[str, Stamp]) -> Iterator[tuple[str, Row]]:
        for name, size, modified, *values in opened.execute("SELECT * FROM records"):
            stamp = files.get(name)
            if stamp is None:
                self._vanished.append(name)
            elif stamp == (size, modified):
                yield name, Row._make(values)

    def take(self, fresh: Mapping[str, Row], files: Mapping[str, Stamp]) -> None:
        """Take in rows that were read, and forget files that are gone; nothing where there is neither."""
        if self.refused is not None or not (fresh or self._vanished):
            return
        with self._guarded(), closing(self._open()) as opened:
            opened.execute("BEGIN IMMEDIATE")
            if _version(opened) != VERSION:
                opened.execute("DROP TABLE IF EXISTS records")
                opened.execute(f"CREATE TABLE records ({COLUMNS}) WITHOUT ROWID")
                opened.execute(f"PRAGMA user_version = {VERSION}")
            values = ((name, *files[name], *row) for name, row in fresh.items())
            opened.executemany(f"INSERT OR REPLACE INTO records VALUES ({','.join('?' * 11)})", values)
            opened.executemany("DELETE FROM records WHERE file = ?", [(name,) for name in self._vanished])
            opened.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        self.place.parent.mkdir(parents=True, exist_ok=True)
        return sqlite3.connect(self.place, timeout=PATIENCE, isolation_level=None)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Keep what goes wrong from the run: an index is a saving, never needed."""
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:  # held by another, read-only, full
            self.refused = str(error)
        except sqlite3.DatabaseError:  # no index, or a damaged one: it is made anew
            self._clear()

    def _clear(self) -> None:
        self._vanished.clear()
        try:
            for name in (f"{self.place.name}-journal", self.place.name):  # a journal is played into the next file
                self.place.with_name(name).unlink(missing_ok=True)
        except OSError as error:
            self.refused = str(error)


def _version(opened: sqlite3.Connection) -> int:
    return opened.execute("PRAGMA user_version").fetchone()[0]
