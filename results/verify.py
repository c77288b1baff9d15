"""Whether what a run has left is whole: its records and the files that they speak of. Nothing is written."""

from __future__ import annotations

import hashlib
import json
import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import FusebenchError
from ..core.files import TEMPORARY
from .record import STATUSES, Key, Record, Row
from .store import Store, digest

UNREADABLE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error, FusebenchError)

COUNTS = ("seed", "fold", "memory", "parameters", "flops", "epoch")  # some None: not measured, not of this learner
ALWAYS = ("accuracy", "log_loss")
RANKED = ("auroc", "average_precision", "sensitivity_at_90_specificity")
SHARES = ("accuracy", "balanced_accuracy", "macro_f1", *RANKED)
MAY_BE_UNDEFINED = (*RANKED, "regret_se")  # a class without rows has no rank, one row no spread
ROUNDING = 1e-9


@dataclass(frozen=True)
class Problem:
    """Something that is not as a run leaves it.

    Parameters
    ----------
    cause
        Its kind, by which problems are grouped.
    file
        Below the run's folder; empty where there is none.
    why
        What is wrong, as the end of a sentence that begins with the file or the cell.
    key
        (variant, data set, seed) of the cell; None where the file belongs to none.
    """

    cause: str
    file: str
    why: str
    key: Key | None = None


@dataclass
class Held:
    """What a run's folder holds.

    Parameters
    ----------
    rows
        Every readable record.
    problems
        What is damaged.
    orphans
        Temporary files that a killed process has left.
    """

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    orphans: int = 0


def look(store: Store) -> Held:
    """Read all that a run has left.

    Records of a packed run are compared with nothing else: it holds no predictions, splits or stages.
    """
    held, beside = Held(), _Beside(store)
    for record in store.records():
        held.rows.append(record.row)
        file = file_of(store, record.cell)
        faults = [("record", why) for why in record_faults(record)]
        if not faults and record.status == "ok" and not store.packed.is_file():
            faults = list(beside.faults(record))
        held.problems += [Problem(cause, file, why, record.key) for cause, why in faults]
    held.problems += [Problem("stage", *fault) for fault in _stage_faults(store)]
    broken = dict(store.broken)
    store.timings()  # names those that cannot be read
    unread = {path: ("unreadable" if path in broken else "timing", why) for path, why in store.broken.items()}
    held.problems += [Problem(cause, _below(store, path), why) for path, (cause, why) in sorted(unread.items())]
    held.orphans = sum(1 for _ in store.root.rglob(f"{TEMPORARY}*"))
    return held


def file_of(store: Store, cell: str) -> str:
    """Return where a cell's record stands, below the run's folder."""
    return store.packed.name if store.packed.is_file() else _below(store, store.path(cell))


def _below(store: Store, path: Path) -> str:
    return path.relative_to(store.root).as_posix()


# ---- a record by itself


def record_faults(record: Record) -> Iterator[str]:
    """Yield what cannot be right in a record that has the fields of one."""
    for name in COUNTS:
        value = getattr(record, name)
        if value is not None and not (isinstance(value, int) and value >= 0):
            yield f"{name} is {value!r}, not a whole number from 0"
    for table in ("phases", "times"):
        for name, value in getattr(record, table).items():
            if not _finite(value) or value < 0:
                yield f"{table}.{name} is {value!r}, not seconds"
    if record.status == "ok":
        yield from (f"it holds no {name}" for name in ALWAYS if name not in record.metrics)
    for name, value in record.metrics.items():
        metric = name.removeprefix("validation_")
        if value is None and metric in MAY_BE_UNDEFINED:
            continue
        if not _finite(value):
            yield f"{name} is {value!r}, not a finite number"
        elif metric in SHARES and not -ROUNDING <= value <= 1 + ROUNDING:
            yield f"{name} is {value!r}, not between 0 and 1"


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


# ---- the files that it speaks of


class _Beside:
    """Compares records with their predictions and splits; a split that several share is read once."""

    def __init__(self, store: Store):
        self.store = store
        self.splits: dict[str, dict[str, int] | str] = {}

    def faults(self, record: Record) -> Iterator[tuple[str, str]]:
        """Yield (cause, what is wrong) of a record that is ok."""
        split = self._split(record.split)
        if isinstance(split, str):
            yield "split", split
        predictions = self._predictions(record)
        if isinstance(predictions, str):
            yield "predictions", predictions
        elif isinstance(split, dict) and predictions != split:
            yield "predictions", f"its predictions are of {predictions} rows, its split has {split}"

    def _split(self, name: str | None) -> dict[str, int] | str:
        """Return the rows of a split by part, or what is wrong with its file."""
        if name is None:
            return "it names no split"
        if name not in self.splits:
            self.splits[name] = self._read_split(name)
        return self.splits[name]

    def _read_split(self, name: str) -> dict[str, int] | str:
        try:
            return _rows(self.store.split(name), "_labels")
        except UNREADABLE as error:
            return self._why(f"splits/{name}.npz", error)

    def _predictions(self, record: Record) -> dict[str, int] | str:
        """Return the rows of a cell's predictions by part, or what is wrong with them."""
        file = f"predictions/{record.cell}.npz"
        try:
            held = self.store.predictions(record.cell)
            if digest(held) != record.predictions:
                return f"{file} has another SHA-256 than the record says"
            return _rows(held)
        except UNREADABLE as error:
            return self._why(file, error)

    def _why(self, file: str, error: BaseException) -> str:
        there = (self.store.root / file).is_file()
        return f"{file} cannot be read ({type(error).__name__}: {error})" if there else f"{file} is not there"


def _stage_faults(store: Store) -> Iterator[tuple[str, str]]:
    """Yield (file, what is wrong) of the fitted stages that are kept."""
    for path in sorted((store.root / "stages").glob("??/[!.]*.json")):
        state = path.with_suffix(".pt")
        try:
            told = json.loads(path.read_bytes())
            if told["stage"] != path.stem or told["status"] not in STATUSES:
                yield _below(store, path), f"it describes stage {told['stage']!r} with status {told['status']!r}"
            elif told["status"] == "ok" and hashlib.sha256(state.read_bytes()).hexdigest() != told["sha256"]:
                yield _below(store, state), "it has another SHA-256 than its description says"
        except FileNotFoundError:
            yield _below(store, state), "it is not there"
        except UNREADABLE as error:
            yield _below(store, path), f"it cannot be read ({type(error).__name__}: {error})"


def _rows(arrays: Mapping[str, np.ndarray], suffix: str = "") -> dict[str, int]:
    """Return how many rows validation and test have."""
    return {part: len(arrays[f"{part}{suffix}"]) for part in ("validation", "test")}
