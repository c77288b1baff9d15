"""One cell's result: the schema of a stored record and the one function that reads older ones.

History of the format
---------------------
1   first.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

SCHEMA = 1
STATUSES = ("ok", "failed", "timeout", "out_of_memory", "incompatible", "unavailable")
BAD = ("failed", "timeout", "out_of_memory")
PHASES = ("load", "encode", "fuse", "head", "optimise", "validate")
BUSY = 0.1  # cores that other processes keep busy, beyond which a time is said to be of a busy machine

_KINDS = {"cell": str, "variant": str, "dataset": str, "seed": int, "fold": int, "reason": str}
_KINDS |= {"metrics": dict, "curves": dict, "phases": dict, "times": dict}

Key = tuple[str, str, int]


class Row(NamedTuple):
    """What planning and counting need of a record; a hundred thousand are at hand in a second.

    Parameters
    ----------
    cell, variant, dataset, seed, status, environment
        As in `Record`.
    spent
        `Record.spent`, in seconds.
    trouble
        The last line of `Record.reason`: why the status is not ok.
    """

    cell: str
    variant: str
    dataset: str
    seed: int
    status: str
    spent: float | None = None
    trouble: str = ""
    environment: str | None = None

    @property
    def key(self) -> Key:
        """(variant, dataset, seed): one current record each."""
        return self.variant, self.dataset, self.seed


@dataclass(frozen=True)
class Record:
    """What one (variant, data set, seed) gave. Raw values only; every statistic is computed later.

    Parameters
    ----------
    cell
        Hash of everything that can change the result; also the record's file name.
    variant, dataset
        Canonical names.
    seed, fold
        The suite's seed and the fold whose rows were tested.
    status
        One of `STATUSES`.
    reason
        Why the status is not ok: one sentence, or a traceback with paths made relative.
    metrics
        Metric → value, on test rows, or on validation rows where the name says so; None = undefined.
    curves
        Name → one value an epoch (`train_loss`, `validation_loss`, `validation_accuracy`).
    epoch
        The epoch whose weights were kept, from 1; None where training has no epochs.
    phases
        Seconds by phase (`PHASES`).
    times
        Seconds: `wall_own`, `cpu_own` (this cell's training), `wall_shared`, `cpu_shared` (the stages it
        uses, in full), `wall_predict` (scoring).
    memory
        Peak resident memory in bytes; None = not measured.
    parameters
        Trainable parameters that receive a gradient; None for classical learners.
    flops
        Floating-point operations of one row's forward pass; None = not counted.
    stages
        Hashes of the stages used.
    split
        Hash of the file with row ids, groups, labels and exact log posterior.
    predictions
        SHA-256 of the stored log probabilities (bytes of validation, then test).
    environment
        Id of the machine fingerprint in suite.json.
    load
        Cores that processes outside this run kept busy while it trained; None = not measured.
    """

    cell: str
    variant: str
    dataset: str
    seed: int
    fold: int
    status: str
    reason: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    epoch: int | None = None
    phases: Mapping[str, float] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    memory: int | None = None
    parameters: int | None = None
    flops: int | None = None
    stages: tuple[str, ...] = ()
    split: str | None = None
    predictions: str | None = None
    environment: str | None = None
    load: float | None = None
    schema: int = SCHEMA

    @property
    def key(self) -> Key:
        """(variant, dataset, seed): one current record each."""
        return self.variant, self.dataset, self.seed

    @property
    def spent(self) -> float | None:
        """Wall seconds of the cell itself, its stages not counted; None where it gave no result."""
        if self.status != "ok" or "wall_own" not in self.times:
            return None
        return self.times["wall_own"] + self.times.get("wall_predict", 0.0)

    @property
    def row(self) -> Row:
        """What planning and counting need of it."""
        last = (self.reason.strip().splitlines() or [""])[-1]
        return Row(self.cell, *self.key, self.status, self.spent, last, self.environment)

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain JSON values."""
        return asdict(self)


def busy(load: float | None) -> bool:
    """Return whether a time taken beside such a load is of a busy machine; not where it was not measured."""
    return load is not None and load > BUSY


class InvalidRecordError(ValueError):
    """A stored record that cannot be read as one."""


def from_json(value: Any) -> Record:
    """Read a stored record of any known schema version.

    Raises
    ------
    InvalidRecordError
        Saying what is wrong: not an object, a later schema, a missing or unknown field, a bad status, a field of
        another kind.
    """
    if not isinstance(value, dict):
        raise InvalidRecordError(f"it holds {type(value).__name__}, not an object")
    value = migrate(value)
    known = {f.name for f in fields(Record)}
    required = ("cell", "variant", "dataset", "seed", "fold", "status")
    missing = [name for name in required if name not in value]
    if missing or set(value) - known:
        what = f"misses {missing[0]!r}" if missing else f"has the unknown field {min(set(value) - known)!r}"
        raise InvalidRecordError(f"it {what}")
    if value["status"] not in STATUSES:
        raise InvalidRecordError(f"its status is {value['status']!r}")
    for name, kind in _KINDS.items():
        if name in value and not isinstance(value[name], kind):
            raise InvalidRecordError(f"its {name} is {value[name]!r}")
    if not all(isinstance(seconds, int | float) for seconds in value.get("times", {}).values()):
        raise InvalidRecordError("its times are not all numbers")
    return Record(**(value | {"stages": tuple(value.get("stages", ()))}))


def migrate(value: dict[str, Any]) -> dict[str, Any]:
    """Bring a stored object to the current schema.

    Raises
    ------
    InvalidRecordError
        For a schema this version does not know.
    """
    if value.get("schema") != SCHEMA:
        raise InvalidRecordError(f"its schema is {value.get('schema')!r}, this version reads up to {SCHEMA}")
    return value


_PATH = re.compile(
    r"""(?P<quote>['"])(?P<quoted>(?:[A-Za-z]:)?[/\\][^'"\n]*\w[^'"\n]*)(?P=quote)"""  # may hold blanks
    r"""|(?<![\w:/\\.~])(?P<bare>(?:file://)?(?:[A-Za-z]:\\|/)[^\s'"<>|:;,()\[\]]*\w[^\s'"<>|:;,()\[\]]*)"""
)


def trace(error: BaseException) -> str:
    """Format an exception with its traceback, file paths cut to the part below the package or site."""
    lines = traceback.TracebackException.from_exception(error)
    return without_paths("".join(lines.format()).strip())


def without_paths(text: str) -> str:
    """Cut every absolute path in a text to the part below the package or site, or to its last name."""

    def shorter(found: re.Match[str]) -> str:
        quote = found["quote"] or ""
        return f"{quote}{_relative(found['quoted'] or found['bare'])}{quote}"

    return _PATH.sub(shorter, text)


def _relative(filename: str) -> str:
    parts = Path(filename.replace("\\", "/")).parts
    for anchor in ("site-packages", "fusebench", "benchmarks", "fusion", "datasets", "results", "reports"):
        if anchor in parts:
            place = len(parts) - 1 - parts[::-1].index(anchor)
            return "/".join(parts[place + (anchor == "site-packages") :])
    return parts[-1]
