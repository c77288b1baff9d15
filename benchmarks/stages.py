"""Stages in a worker: trained once per (data set, seed, settings), stored with their cost, shared by cells."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .. import fusion
from ..core.files import write_atomic, write_json
from ..core.seeding import Seeds
from ..fusion.variant import History
from ..results.store import Store
from .data import bundle
from .job import Job, Outcome
from .work import explain, make_task, peak_memory, reset_peak, status_of


@dataclass
class StageResult:
    """A stored stage: its fitted state, training history, cost in seconds, peak memory in bytes."""

    state: dict[str, Any]
    wall: float
    cpu: float
    history: History = field(default_factory=History)
    memory: int | None = None


def run(job: Job) -> Outcome:
    """Train and store one stage; whatever goes wrong becomes its description."""
    begin = time.monotonic()
    store = Store(job.root)
    try:
        outcome = _train(job, store)
    except (Exception, SystemExit) as error:  # a worker never raises: some cannot be sent
        outcome = Outcome(status_of(error), explain(error))
    if outcome.status != "ok":
        write_failure(store, job, outcome)
    return Outcome(outcome.status, outcome.reason, time.monotonic() - begin, stored=True)


def write_failure(store: Store, job: Job, outcome: Outcome) -> None:
    """Store why a stage gave no result."""
    write_json(store.stage_path(job.hash), describe(job, outcome))


def _train(job: Job, store: Store) -> Outcome:
    reset_peak(job.device)
    rows = bundle(job.dataset, job.seed, job.own)
    stage = fusion.build_stage(job.name, make_task(job, rows))
    wall, cpu = time.perf_counter(), time.process_time()
    stage.fit(rows.train, rows.validation, Seeds(job.dataset, job.seed, job.fold, job.name))
    cost: dict[str, Any] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    cost["memory"] = peak_memory(job.device)
    path = store.stage_path(job.hash)
    write_atomic(path.with_suffix(".pt"), lambda file: torch.save(stage.state(), file))
    cost["sha256"] = _digest(path)
    history = {"curves": stage.history.curves, "epoch": stage.history.epoch, "phases": stage.history.phases}
    write_json(path, describe(job, Outcome("ok")) | cost | {"history": history})
    return Outcome("ok")


def describe(job: Job, outcome: Outcome) -> dict[str, Any]:
    """Return what a stage's file says."""
    return {
        "schema": 1,
        "stage": job.hash,
        "name": job.name,
        "dataset": job.dataset,
        "seed": job.seed,
        "status": outcome.status,
        "reason": outcome.reason,
    }


def read(path: Path) -> dict[str, Any] | None:
    """Return a stage's description; None where it is absent or cut, or its fitted state gone or damaged."""
    try:
        held = json.loads(path.read_bytes())
        return held if held["status"] != "ok" or held["sha256"] == _digest(path) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.with_suffix(".pt").read_bytes()).hexdigest()


def load_stage(store: Store, hash: str) -> StageResult:
    """Return a stored stage that ended well."""
    path = store.stage_path(hash)
    held = read(path)
    assert held is not None  # the run schedules a cell only when its stages are stored
    state = torch.load(path.with_suffix(".pt"), map_location="cpu", weights_only=False)
    return StageResult(state, held["wall"], held["cpu"], History(**held["history"]), held["memory"])
