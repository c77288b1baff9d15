"""One cell in a worker: load, fit, predict, score, store. Test labels are read after predicting, once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from .. import fusion
from ..core.seeding import Seeds
from ..datasets import Bundle
from ..datasets.card import Metric
from ..fusion.stages import HeldStages
from ..fusion.variant import Variant
from ..results.record import Record
from ..results.store import Store
from .data import bundle, store_split
from .job import Job, Outcome
from .load import Others
from .metrics import log_probabilities, score
from .stages import StageResult, load_stage, remember
from .work import (
    explain,
    make_task,
    peak_memory,
    reset_peak,
    status_of,
    store_state,
    storing,
)


@dataclass
class Fitted:
    """A fitted variant and what fitting it cost, in seconds."""

    variant: Variant
    wall: float
    cpu: float


def run(job: Job) -> Outcome:
    """Compute and store one cell; whatever goes wrong becomes its record, unless that cannot be stored."""
    store = Store(job.root)
    try:
        record = _compute(job, store)
    except (Exception, SystemExit) as error:  # a worker never raises: some cannot be sent
        record = failure(job, status_of(error), explain(error))
    with storing():
        store.put(record)
    return Outcome(record.status, record.reason, stored=True)


def _compute(job: Job, store: Store) -> Record:
    reset_peak(job.device)
    begin = time.perf_counter()
    rows = bundle(job)
    load = time.perf_counter() - begin
    stages, others = {name: load_stage(store, hash) for name, hash in job.stages.items()}, Others()
    fitted = fit(job, rows, stages)
    beside = others.cores()
    begin = time.perf_counter()
    log_p = {split: predicted(fitted.variant, rows, split) for split in ("validation", "test")}
    predict = time.perf_counter() - begin
    metrics = metrics_of(rows, log_p, job.positive)
    with storing():
        digest = store.put_predictions(job.hash, log_p["validation"], log_p["test"])
        split = store_split(store, job.dataset, job.seed, rows)
    if job.keep_model:
        keep(store.model_path(job.hash), fitted.variant.state())
    history = fitted.variant.history
    own = stages.get(job.name)  # a baseline's training is its stage
    if not history.phases:  # a learner that is not trained in epochs has one phase: it is fitted
        history.phases = {"optimise": own.wall if own else fitted.wall}
    shared = [] if own else [stage.cost for stage in stages.values()]
    return _record(
        job,
        status="ok",
        metrics=metrics,
        curves=history.curves,
        epoch=history.epoch,
        phases=history.phases | {"load": history.phases.get("load", 0.0) + load},
        times={
            "wall_own": own.wall if own else fitted.wall,
            "cpu_own": own.cpu if own else fitted.cpu,
            "wall_shared": sum(wall for wall, _ in shared),
            "cpu_shared": sum(cpu for _, cpu in shared),
            "wall_predict": predict + (own.predict if own else 0.0),
        },
        memory=own.memory if own else peak_memory(job.device),
        parameters=fitted.variant.parameters(),
        flops=fitted.variant.flops(rows.test.unlabelled()),
        split=split,
        predictions=digest,
        load=own.load if own else beside,
    )


def _record(job: Job, **found: Any) -> Record:
    return Record(
        cell=job.hash,
        variant=job.name,
        dataset=job.dataset,
        seed=job.seed,
        fold=job.fold,
        stages=tuple(sorted(job.stages.values())),
        environment=job.environment,
        **found,
    )


def fit(job: Job, rows: Bundle, stages: dict[str, StageResult]) -> Fitted:
    """Fit a job's variant; a baseline is taken from its stage as it is."""
    task = make_task(job, rows)
    held = HeldStages({name: restore_stage(name, stage, task, rows) for name, stage in stages.items()})
    if job.name in stages:
        return Fitted(held.get(job.name), 0.0, 0.0)
    variant = fusion.build(job.name, task)
    variant.stages = held
    wall, cpu = time.perf_counter(), time.process_time()
    variant.fit(rows.train, rows.validation, Seeds(job.dataset, job.seed, job.fold, job.name))
    return Fitted(variant, time.perf_counter() - wall, time.process_time() - cpu)


def restore_stage(name: str, stage: StageResult, task: fusion.Task, rows: Bundle | None = None) -> Any:
    """Return the fitted stage; an expert that has been asked about these rows remembers its answers."""
    fitted = fusion.build_stage(name, task).restore(stage.state)
    fitted.history = stage.history
    if rows is not None:
        remember(fitted, rows, stage.answers)
    return fitted


def predicted(variant: Variant, rows: Bundle, split: str) -> np.ndarray:
    """Return a split's log probabilities (n, classes).

    Raises
    ------
    ValueError
        Where the variant gave something else than probabilities of these rows and classes.
    """
    p = np.asarray(variant.predict_proba(rows.splits[split].unlabelled()), dtype=np.float64)
    expected = (len(rows.splits[split]), len(rows.classes))
    if p.shape != expected:
        raise ValueError(f"predict_proba returned shape {p.shape} for {split} rows, expected {expected}")
    if not np.isfinite(p).all() or p.min() < 0 or not (p.sum(1) > 0).all():
        raise ValueError(
            f"predict_proba returned NaN, infinity, a negative value or a row of zeros ({split} rows)"
        )
    return log_probabilities(p)


def metrics_of(rows: Bundle, log_p: dict[str, Any], positive: str | None) -> dict[str, float]:
    """Return the metrics of test rows, and accuracy and log-loss of validation rows."""
    index = rows.classes.index(positive) if positive in rows.classes else None
    test = score(log_p["test"], rows.test.labels, rows.test.log_posterior, index)
    held_out = score(log_p["validation"], rows.validation.labels, None, index)
    wanted = get_args(Metric)  # whichever a suite is judged by, its validation value selects
    return test | {f"validation_{name}": held_out[name] for name in wanted}


def failure(job: Job, status: str, reason: str) -> Record:
    """Return the record of a cell that gave no result."""
    return _record(job, status=status, reason=reason)


def keep(path: Path, state: dict[str, Any]) -> None:
    """Store a fitted state; one that cannot be pickled is left out and refitted when it is timed."""
    try:
        store_state(path, state)
    except (AttributeError, TypeError, RuntimeError) as error:
        if "pickle" not in str(error).lower() and "local" not in str(error).lower():
            raise
