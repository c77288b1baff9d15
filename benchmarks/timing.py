"""The exclusive timing pass: after training, one process alone times one fitted model of every variant.

Calls are interleaved over variants, so that a machine that slows down slows all of them; a warm-up of
every variant is not counted. What is timed is `predict_proba` as a user calls it, scaling included. Since fitted
models are at hand here, this is also where the interaction of those that were asked for is measured.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from .. import fusion
from ..datasets import Bundle, Inputs, Rows
from ..fusion.stages import HeldStages
from ..results.store import Store
from .cell import fit, restore_stage
from .data import bundle
from .emap import probe
from .job import Job, Outcome
from .stages import load_stage
from .work import explain, make_task, status_of

CALLS, LARGE_CALLS, LARGE_ROWS = 50, 5, 1024
WARM_UP = 2
SECONDS = 0.5  # a variant's share for single calls; slow ones are called less often, at least five times
PROBE_SECONDS = 10.0  # a variant's share for its interaction; slow ones are probed on fewer rows


def run(job: Job) -> Outcome:
    """Time every cell of one data set and store the timings; a model that is gone is refitted first.

    A variant that cannot be timed is left out and told about; the others are timed.
    """
    begin = time.monotonic()
    store = Store(job.root)
    models, troubles, status = {}, [], "ok"
    try:
        rows = bundle(job.dataset, job.seed, job.own)
        many = rows.test.unlabelled().take(slice(0, LARGE_ROWS))
        for cell in job.cells:
            try:
                models[cell[0]] = _warm(_model(job, store, rows, cell), many)
            except (Exception, SystemExit) as error:
                status = status_of(error)
                troubles.append(f"{explain(error)} (timing {cell[1]})")
        _time(job, store, rows.test, many, models)
    except (Exception, SystemExit) as error:  # a worker never raises: some cannot be sent
        return Outcome(status_of(error), explain(error), time.monotonic() - begin)
    return Outcome(status, "\n".join(troubles), time.monotonic() - begin)


def _model(job: Job, store: Store, rows: Bundle, cell: tuple[str, str, Mapping[str, str]]) -> Any:
    hash, name, stages = cell
    loaded = {stage: load_stage(store, h) for stage, h in stages.items()}
    task = make_task(job, rows)
    held = HeldStages({stage: restore_stage(stage, result, task) for stage, result in loaded.items()})
    if name in loaded:
        return held.get(name)
    state = _kept(store.model_path(hash))
    if state is None:
        return fit(replace(job, name=name, hash=hash), rows, loaded).variant
    variant = fusion.build(name, task)
    variant.stages = held
    return variant.restore(state)


def _kept(path: Path) -> dict[str, Any] | None:
    """Return a fitted state that was kept for timing; None where it is gone (another run timed it) or cut."""
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError):
        return None


def _warm(model: Any, many: Inputs) -> Any:
    for _ in range(WARM_UP):
        model.predict_proba(many.take(slice(0, 1)))
    model.predict_proba(many)
    return model


def _time(job: Job, store: Store, test: Rows, many: Inputs, models: dict[str, Any]) -> None:
    single: dict[str, list[float]] = {hash: [] for hash in models}
    large: dict[str, list[float]] = {hash: [] for hash in models}
    for call in range(CALLS):
        row = many.take(slice(call % len(many), call % len(many) + 1))
        for hash, model in models.items():
            if len(single[hash]) < 5 or sum(single[hash]) < SECONDS:
                single[hash].append(_seconds(model, row))
    for _ in range(LARGE_CALLS):
        for hash, model in models.items():
            large[hash].append(_seconds(model, many))
    names = {hash: name for hash, name, _ in job.cells}
    for hash in models:
        timing: dict[str, Any] = {
            "cell": hash,
            "variant": names[hash],
            "dataset": job.dataset,
            "latency_ms": [1000 * s for s in single[hash]],
            "large_s": large[hash],
            "large_rows": len(many),
            "environment": job.environment,
        }
        if names[hash] in job.probes:
            timing["emap"] = _interaction(models[hash], test, job.dataset, len(many) / min(large[hash]))
        store.put_timing(hash, timing)
        store.model_path(hash).unlink(missing_ok=True)


def _interaction(model: Any, test: Rows, dataset: str, rows_a_second: float) -> dict[str, Any]:
    try:
        return probe(model.predict_proba, test, dataset, rows_a_second, PROBE_SECONDS).to_json()
    except Exception as error:  # the timing is kept whatever becomes of this
        return {"reason": explain(error)}


def _seconds(model: Any, rows: Inputs) -> float:
    begin = time.perf_counter()
    model.predict_proba(rows)
    return time.perf_counter() - begin
