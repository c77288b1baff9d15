"""The exclusive timing pass: after training, one process alone times one fitted model of every variant.

Calls are interleaved over variants, so that a machine that slows down slows all of them; a warm-up of every
variant is not counted. What is timed is `predict_proba` as a user calls it, scaling included, until the device has
done the work; what other processes keep busy meanwhile is stored with it. Since fitted models are at hand here,
this is also where the interaction of those that were asked for is measured.
"""

from __future__ import annotations

import json
import pickle
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from .. import fusion
from ..core.seeding import Seeds
from ..datasets import Bundle, Inputs, Rows
from ..fusion.stages import HeldStages
from ..results.store import Store
from .cell import fit, restore_stage
from .data import bundle
from .emap import probe
from .job import Job, Outcome
from .load import LONG_ENOUGH, Others
from .stages import load_stage, read
from .work import explain, make_task, status_of, storing

CALLS, LARGE_CALLS, LARGE_ROWS = 50, 5, 1024
FEWEST = 5  # calls of even the slowest
WARM_UP, LEAST_WARM_UP, WARM_UP_SECONDS = 5, 2, 5.0  # calls; the most, unless they take longer than that
SECONDS = 0.5  # a variant's share for single calls; slow ones are called less often, at least `FEWEST` times
PROBE_SECONDS = 10.0  # a variant's share for its interaction; slow ones are probed on fewer rows


def run(job: Job) -> Outcome:
    """Time every cell of one data set and store the timings; a model that is gone is refitted first.

    A variant that cannot be timed is left out and told about; the others are timed.
    """
    store = Store(job.root)
    models: dict[str, Timed] = {}
    troubles, status = [], "ok"
    try:
        rows = bundle(job)
        many = rows.test.unlabelled().take(slice(0, LARGE_ROWS))
        watch = Stopwatch(many, synchroniser(job.device))
        for cell in job.cells:
            try:
                models[cell[0]] = watch.warm(_model(job, store, rows, cell))
            except (Exception, SystemExit) as error:
                status = status_of(error)
                troubles.append(f"{explain(error)} (timing {cell[1]})")
        _time(job, store, rows.test, watch, models)
    except (Exception, SystemExit) as error:  # a worker never raises: some cannot be sent
        return Outcome(status_of(error), explain(error))
    return Outcome(status, "\n".join(troubles))


def _model(job: Job, store: Store, rows: Bundle, cell: tuple[str, str, Mapping[str, str]]) -> Any:
    hash, name, stages = cell
    task, descriptions = make_task(job, rows), [read(store.stage_path(h)) for h in stages.values()]
    if any(told is None or told["status"] != "ok" for told in descriptions):  # a folder may come without them
        seeds = Seeds(job.dataset, job.seed, job.fold, name)
        return fusion.build(name, task).fit(rows.train, rows.validation, seeds)
    loaded = {stage: load_stage(store, h) for stage, h in stages.items()}
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


# ---- measuring


def synchroniser(device: str) -> Callable[[], object]:
    """Return what waits until a torch device has done all that was enqueued; nothing on a processor."""
    kind = torch.device(device).type
    if kind == "cuda":
        return partial(torch.cuda.synchronize, device)
    return torch.mps.synchronize if kind == "mps" else _nothing


def _nothing() -> None:
    pass


@dataclass
class Timed:
    """A model and what its calls took, in seconds.

    Parameters
    ----------
    model
        Answers by `predict_proba`.
    warm_up
        First calls, of one row: they do not count.
    single, large
        Calls of one row, and of many; all of them count.
    """

    model: Any
    warm_up: list[float] = field(default_factory=list)
    single: list[float] = field(default_factory=list)
    large: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Stopwatch:
    """Times models on the same rows.

    Parameters
    ----------
    many
        The rows.
    synchronise
        Waits until a device has done what was enqueued: the clock is read after that, before a call and behind it.
    clock
        Seconds.
    """

    many: Inputs
    synchronise: Callable[[], object] = _nothing
    clock: Callable[[], float] = time.perf_counter

    def warm(self, model: Any) -> Timed:
        """Make a model's first, slow calls: rows one by one, then all of them, whose first is slow too."""
        timed = Timed(model)
        for call in range(WARM_UP):
            if call < LEAST_WARM_UP or sum(timed.warm_up) < WARM_UP_SECONDS:
                timed.warm_up.append(self._seconds(model, self._one(call)))
        model.predict_proba(self.many)
        return timed

    def measure(self, models: Collection[Timed]) -> None:
        """Time warm models in turn: rows one by one, then all of them at once."""
        for call in range(CALLS):
            row = self._one(call)
            for timed in models:
                if len(timed.single) < FEWEST or sum(timed.single) < SECONDS:
                    timed.single.append(self._seconds(timed.model, row))
        for _ in range(LARGE_CALLS):
            for timed in models:
                timed.large.append(self._seconds(timed.model, self.many))

    def _one(self, call: int) -> Inputs:
        place = call % len(self.many)
        return self.many.take(slice(place, place + 1))

    def _seconds(self, model: Any, rows: Inputs) -> float:
        self.synchronise()
        begin = self.clock()
        model.predict_proba(rows)
        self.synchronise()
        return self.clock() - begin


# ---- storing


def _time(job: Job, store: Store, test: Rows, watch: Stopwatch, models: Mapping[str, Timed]) -> None:
    others, begin = Others(), time.monotonic()
    watch.measure(models.values())
    # a few fast models are done before a load can be told
    time.sleep(max(0.0, begin + LONG_ENOUGH - time.monotonic()))
    load = others.cores()
    names = {hash: name for hash, name, _ in job.cells}
    for hash, timed in models.items():
        timing: dict[str, Any] = {
            "cell": hash,
            "variant": names[hash],
            "dataset": job.dataset,
            "latency_ms": [1000 * s for s in timed.single],
            "warm_up_ms": [1000 * s for s in timed.warm_up],
            "large_s": timed.large,
            "large_rows": len(watch.many),
            "load": load,
            "environment": job.environment,
        }
        if names[hash] in job.probes:
            pace = len(watch.many) / min(timed.large)
            timing["emap"] = _interaction(timed.model, test, job.dataset, pace)
        else:
            timing |= _probed_before(store, hash)
        with storing():
            store.put_timing(hash, timing)
            store.model_path(hash).unlink(missing_ok=True)


def _interaction(model: Any, test: Rows, dataset: str, rows_a_second: float) -> dict[str, Any]:
    try:
        return probe(model.predict_proba, test, dataset, rows_a_second, PROBE_SECONDS).to_json()
    except Exception as error:  # the timing is kept whatever becomes of this
        return {"reason": explain(error)}


def _probed_before(store: Store, hash: str) -> dict[str, Any]:
    """Return the interaction that a timing, taken again now, already held: it is no matter of time."""
    with suppress(OSError, ValueError, KeyError):
        return {"emap": json.loads((store.root / "timing" / f"{hash}.json").read_bytes())["emap"]}
    return {}
