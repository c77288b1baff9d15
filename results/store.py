"""Where records live: one atomic JSON file a cell, so there is no lock, no shared file, no lost row."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..core.collecting import uncollected
from ..core.errors import FusebenchError
from ..core.files import dumps, write_atomic, write_json, write_text
from .record import InvalidRecordError, Key, Record, from_json

LOWEST = -30.0  # log probabilities are clipped here: float16 holds them and exp(-30) is no evidence


@dataclass
class Store:
    """The results folder of one suite.

    Parameters
    ----------
    root
        `results/<suite>`; made when first written to.
    broken
        File that could not be read → why, filled by reading.
    remarks
        What else reading met that a user should know, a line each.
    """

    root: Path
    broken: dict[Path, str] = field(default_factory=dict, compare=False)
    remarks: list[str] = field(default_factory=list, compare=False)

    def path(self, cell: str) -> Path:
        """Return the file of a cell's record."""
        return self.root / "cells" / cell[:2] / f"{cell}.json"

    @property
    def packed(self) -> Path:
        """The file of a committed reference run: one sorted line a cell, in place of `cells/`."""
        return self.root / "records.jsonl"

    def put(self, record: Record) -> None:
        """Store a record; arrays it speaks of must be there already."""
        write_json(self.path(record.cell), record.to_json())

    def get(self, cell: str) -> Record | None:
        """Return a stored record; None where there is none or it cannot be read (then see `broken`)."""
        path = self.path(cell)
        return self.read(path) if path.is_file() else None

    def records(self) -> Iterator[Record]:
        """Yield every readable record; unreadable files are named in `broken`, orphans ignored."""
        yield from self.packed_records()
        for path in sorted((self.root / "cells").glob("??/*.json")):
            if not path.name.startswith(".") and (record := self.read(path)) is not None:
                yield record

    def read(self, path: Path) -> Record | None:
        """Return the record in a file of `cells/`; None where it is gone or cannot be read (then see `broken`)."""
        try:
            record = from_json(json.loads(path.read_bytes()))
            if record.cell != path.stem:
                raise InvalidRecordError(f"it is the record of cell {record.cell}")
        except FileNotFoundError:  # a run has just moved it to stale/
            return None
        except (InvalidRecordError, ValueError, TypeError) as error:
            self.broken[path] = str(error)
            return None
        self.broken.pop(path, None)
        return record

    def packed_records(self) -> Iterator[Record]:
        """Yield the readable records of a packed run, and none of any other."""
        if not self.packed.is_file():
            return
        for number, line in enumerate(self.packed.read_text("utf-8").splitlines(), start=1):
            try:
                yield from_json(json.loads(line))
            except (InvalidRecordError, ValueError, TypeError) as error:
                self.broken[self.packed.with_name(f"records.jsonl:{number}")] = str(error)

    def retire(self, keys: dict[Key, str], key: Key, cell: str) -> None:
        """Move the record that `cell` supersedes to `stale/`; `keys` maps key → stored cell."""
        held = keys.get(key)
        if held is not None and held != cell and self.path(held).is_file():
            target = self.root / "stale" / f"{held}.json"
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # another run was quicker
                os.replace(self.path(held), target)
        keys[key] = cell

    def pack(self, target: Path, cells: Iterable[str]) -> int:
        """Write the records of `cells` to `target/records.jsonl`, sorted by key; return how many."""
        wanted = set(cells)
        kept = sorted((r for r in self.records() if r.cell in wanted), key=lambda r: r.key)
        write_text(target / "records.jsonl", "".join(dumps(r.to_json()) + "\n" for r in kept))
        return len(kept)

    def unpack(self, packed: Store) -> int:
        """Take over the records and timings of a committed run where this one has none; return how many records.

        Predictions do not come along: a committed run holds none.
        """
        if packed.suite_file.is_file():  # its machines are named there
            told = packed.suite()
            if self.suite_file.is_file():
                self.put_environments(told["environments"])
            else:
                self.put_suite(told)
        held = {record.key for record in self.records()}
        taken = [record for record in packed.records() if record.key not in held]
        for record in taken:
            self.put(record)
        cells = {record.cell for record in taken}
        for timing in packed.timings():
            if timing["cell"] in cells:
                self.put_timing(timing["cell"], timing)
        return len(taken)

    # ---- arrays beside the records

    def put_predictions(self, cell: str, validation: np.ndarray, test: np.ndarray) -> str:
        """Store log probabilities (n, classes) as float16, clipped at -30; return their SHA-256."""
        arrays = {
            "validation": np.maximum(validation, LOWEST).astype(np.float16),
            "test": np.maximum(test, LOWEST).astype(np.float16),
        }
        self._put_arrays(self.root / "predictions" / f"{cell}.npz", arrays)
        return digest(arrays)

    def predictions(self, cell: str) -> dict[str, np.ndarray]:
        """Return the stored log probabilities of a cell: `validation`, `test`.

        Raises
        ------
        FusebenchError
            Where none are stored (reference runs are committed without them).
        """
        return self._arrays(self.root / "predictions" / f"{cell}.npz", f"Cell {cell[:12]}: predictions")

    def put_split(self, split: str, arrays: dict[str, np.ndarray]) -> None:
        """Store row ids, groups, labels and exact log posterior of a split once."""
        path = self.root / "splits" / f"{split}.npz"
        if not path.is_file():
            self._put_arrays(path, arrays)

    def split(self, split: str) -> dict[str, np.ndarray]:
        """Return a stored split's arrays."""
        return self._arrays(self.root / "splits" / f"{split}.npz", f"Split {split[:12]}")

    def _put_arrays(self, path: Path, arrays: dict[str, np.ndarray]) -> None:
        write_atomic(path, lambda file: np.savez_compressed(file, **arrays))

    def _arrays(self, path: Path, what: str) -> dict[str, np.ndarray]:
        if not path.is_file():
            raise FusebenchError(f"{what} not stored in {str(self.root)!r}: run the suite there first.")
        with np.load(path) as held:
            return {name: held[name] for name in held.files}

    # ---- the run's own description

    @property
    def suite_file(self) -> Path:
        """The run's plan and everything that reports tell about entries and data sets."""
        return self.root / "suite.json"

    def put_suite(self, description: dict[str, Any]) -> None:
        """Store suite.json."""
        write_json(self.suite_file, description, indent=1)

    def put_environments(self, environments: Mapping[str, Any]) -> None:
        """Describe machines in suite.json, environment id → fingerprint; those it knows stay as they are."""
        suite = self.suite()
        known = suite.get("environments", {})
        if not environments.keys() <= known.keys():
            self.put_suite(suite | {"environments": {**environments, **known}})

    @uncollected
    def suite(self) -> dict[str, Any]:
        """Return suite.json.

        Raises
        ------
        FusebenchError
            Where the folder holds no run, or its file is damaged.
        """
        if not self.suite_file.is_file():
            raise FusebenchError(
                f"No run is stored in {str(self.root)!r} (it has no suite.json): run the suite first, "
                "or name the folder of a run."
            )
        try:
            return json.loads(self.suite_file.read_bytes(), object_pairs_hook=lambda pairs: dict(sorted(pairs)))
        except ValueError as error:
            raise FusebenchError(
                f"{str(self.suite_file)!r} is not readable ({error}): delete it and run the suite again; the "
                "records beside it are kept."
            ) from error

    def put_timing(self, cell: str, timing: dict[str, Any]) -> None:
        """Store a cell's exclusive timing."""
        write_json(self.root / "timing" / f"{cell}.json", timing)

    def timings(self) -> list[dict[str, Any]]:
        """Return every readable exclusive timing; those that are not stand in `broken`, as records do."""
        packed = self.root / "timing.jsonl"
        lines = packed.read_text("utf-8").splitlines() if packed.is_file() else []
        texts: list[tuple[Path, str | bytes]] = [
            (packed.with_name(f"{packed.name}:{number}"), line) for number, line in enumerate(lines, start=1)
        ]
        texts += [(path, path.read_bytes()) for path in sorted((self.root / "timing").glob("[!.]*.json"))]
        found: dict[str, dict[str, Any]] = {}
        for path, text in texts:
            try:
                timing = json.loads(text)
                found[timing["cell"]] = timing
            except (ValueError, KeyError, TypeError) as error:
                self.broken[path] = str(error)
        return [found[cell] for cell in sorted(found)]

    def timing_done(self, cell: str) -> bool:
        """Return whether a cell's timing is stored."""
        return (self.root / "timing" / f"{cell}.json").is_file()

    def model_path(self, cell: str) -> Path:
        """Return where a cell's fitted model is kept until it has been timed."""
        return self.root / "models" / f"{cell}.pt"

    def stage_path(self, stage: str) -> Path:
        """Return where a stage's description is kept; its fitted model stands beside it (`.pt`)."""
        return self.root / "stages" / stage[:2] / f"{stage}.json"


def digest(predictions: Mapping[str, np.ndarray]) -> str:
    """Return the SHA-256 of stored log probabilities, of `validation` then `test`, which their record holds."""
    return hashlib.sha256(predictions["validation"].tobytes() + predictions["test"].tobytes()).hexdigest()


def name_of(root: Path) -> str:
    """Return a results folder's path below its last `results/`; its own name where there is none."""
    parts = Path(os.path.abspath(root)).parts
    if "results" in parts[:-1]:
        last = len(parts) - 2 - parts[:-1][::-1].index("results")
        return "/".join(parts[last + 1 :])
    return parts[-1]
