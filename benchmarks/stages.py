"""Stages in a worker: trained once per (data set, seed, settings), stored with their cost, shared by cells."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import fusion
from ..core.files import write_json
from ..core.seeding import Seeds
from ..datasets import Bundle, Inputs
from ..fusion.stages import resolve_stage
from ..fusion.variant import History, Variant
from ..results.store import Store
from .data import bundle
from .job import Job, Outcome
from .load import Others
from .work import explain, make_task, peak_memory, reset_peak, status_of, store_state, storing

SCHEMA = 2  # of a stage's file; one of another schema is trained again


@dataclass
class StageResult:
    """A stored stage: its fitted state, training history, cost in seconds, peak memory in bytes.

    Experts have been asked already, once for all their users: `answers` holds their probabilities by split, (n, K)
    float64, and `predict` the seconds that took. `load` is what other processes kept busy meanwhile, in cores.
    """

    state: dict[str, Any]
    wall: float
    cpu: float
    history: History = field(default_factory=History)
    memory: int | None = None
    answers: dict[str, np.ndarray] = field(default_factory=dict)
    predict: float = 0.0
    load: float | None = None

    @property
    def cost(self) -> tuple[float, float]:
        """Wall and processor seconds: what a user is charged."""
        return self.wall + self.predict, self.cpu + self.predict


def run(job: Job) -> Outcome:
    """Train and store one stage; whatever goes wrong becomes its description, unless that cannot be stored."""
    store = Store(job.root)
    try:
        return _train(job, store)
    except (Exception, SystemExit) as error:  # a worker never raises: some cannot be sent
        outcome = Outcome(status_of(error), explain(error), stored=True)
    with storing():
        write_failure(store, job, outcome)
    return outcome


def write_failure(store: Store, job: Job, outcome: Outcome) -> None:
    """Store why a stage gave no result."""
    write_json(store.stage_path(job.hash), describe(job, outcome))


def _train(job: Job, store: Store) -> Outcome:
    reset_peak(job.device)
    rows = bundle(job)
    stage = fusion.build_stage(job.name, make_task(job, rows))
    others, wall, cpu = Others(), time.perf_counter(), time.process_time()
    stage.fit(rows.train, rows.validation, Seeds(job.dataset, job.seed, job.fold, job.name))
    cost: dict[str, Any] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    begin, cost["load"] = time.perf_counter(), others.cores()
    answers = _answers(stage, rows) if _is_expert(job.name) else {}
    cost["predict"] = time.perf_counter() - begin
    cost["memory"] = peak_memory(job.device)
    path = store.stage_path(job.hash)
    store_state(path.with_suffix(".pt"), {"state": stage.state(), "answers": answers})
    cost["sha256"] = _digest(path)
    history = {"curves": stage.history.curves, "epoch": stage.history.epoch, "phases": stage.history.phases}
    with storing():
        write_json(path, describe(job, Outcome("ok")) | cost | {"history": history})
    return Outcome("ok", stored=True)


def _is_expert(name: str) -> bool:
    """Return whether a stage is a baseline: then its users ask for its decisions."""
    return resolve_stage(name) is None


def _answers(expert: Variant, rows: Bundle) -> dict[str, np.ndarray]:
    return {split: expert.predict_proba(rows.splits[split].unlabelled()) for split in ("validation", "test")}


def remember(expert: Variant, rows: Bundle, answers: Mapping[str, np.ndarray]) -> None:
    """Let an expert answer from memory when it is asked for a whole split of these rows, as they are."""
    ask = expert.predict_proba
    known = [(rows.splits[split], p) for split, p in answers.items()]

    def answer(inputs: Inputs) -> np.ndarray:
        for part, p in known:
            if inputs.inputs is part.inputs and inputs.present is part.present:
                return p.copy()
        return ask(inputs)

    expert.predict_proba = answer


def describe(job: Job, outcome: Outcome) -> dict[str, Any]:
    """Return what a stage's file says."""
    return {
        "schema": SCHEMA,
        "stage": job.hash,
        "name": job.name,
        "dataset": job.dataset,
        "seed": job.seed,
        "status": outcome.status,
        "reason": outcome.reason,
    }


def read(path: Path) -> dict[str, Any] | None:
    """Return a stage's description; None where it is absent, cut or older, or its state gone or damaged."""
    try:
        held = json.loads(path.read_bytes())
        whole = held["schema"] == SCHEMA and (held["status"] != "ok" or held["sha256"] == _digest(path))
        return held if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.with_suffix(".pt").read_bytes()).hexdigest()


def load_stage(store: Store, hash: str) -> StageResult:
    """Return a stored stage that ended well."""
    path = store.stage_path(hash)
    held = read(path)
    assert held is not None  # the run schedules a cell only when its stages are stored
    kept = torch.load(path.with_suffix(".pt"), map_location="cpu", weights_only=False)
    cost: dict[str, Any] = {name: held.get(name) for name in ("wall", "cpu", "memory", "predict", "load")}
    return StageResult(kept["state"], history=History(**held["history"]), answers=kept["answers"], **cost)
