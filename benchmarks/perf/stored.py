"""Part `stored`: how long it takes to find out that nothing is to be done, and how all cells of a suite stand."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ...core.files import dumps
from ...core.machine import fingerprint, fingerprint_id
from ...results.record import Record
from ...results.store import Store
from .. import plan as planning
from .. import run as running
from ..describe import describe
from ..options import Options
from ..plan import Cell, Plan
from .alternate import alternate
from .commands import fusebench, seconds, write_suite
from .measurement import Measurement, Scale, Side

DATASETS = ("digits_sklearn", "mfeat")
ENTRIES = ("concat_features", "merge_sum", "merge_max", "merge_mean", "merge_product")
IMPORT = "import of torch alone"
RESTED = 1_700_000_000  # when the records were written, in seconds since 1970
METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss", "brier", "auroc", "ece", "ece_floor")


def measure(scale: Scale) -> list[Measurement]:
    """Measure a rerun of a complete suite, and the status of a large store."""
    return [
        _measure(scale, scale.cells, 10, 3.0, "rerun", ("run", "--no-report"), "rerun of a complete suite"),
        _measure(scale, scale.many, 100, 5.0, "status", ("status",), "status of a complete suite"),
    ]


def _measure(
    scale: Scale, count: int, variants: int, target: float, id: str, command: tuple[str, ...], what: str
) -> Measurement:
    with tempfile.TemporaryDirectory(prefix="fusebench-perf-") as name:
        folder = Path(name)
        suite, cells = fill(folder, count, min(variants, count))
        cache, (verb, *flags) = folder / "cache", command
        asked = partial(seconds, fusebench(verb, suite, *flags, "--out", folder), cache)
        first = asked()  # where there is an index of the folder, it is made here
        sides = {"ours": asked, "torch": partial(seconds, fusebench_python("import torch"))}
        took = alternate(sides, scale.repetitions)
    return Measurement(
        id,
        f"{what} of {cells:,} cells",
        "beyond",
        target,
        Side(f"fusebench {' '.join(command)}", took.seconds["ours"]),
        Side(IMPORT, took.seconds["torch"]),
        took.load,
        notes=[f"The first time, with nothing in FUSEBENCH_CACHE, it took {first:.1f} s in all."],
        more={"cells": cells, "first": first},
    )


def fusebench_python(code: str) -> list[str]:
    """Return the command that runs a line of Python as `fusebench` would be run."""
    return [fusebench()[0], "-P", "-c", code]


def fill(folder: Path, count: int, variants: int) -> tuple[Path, int]:
    """Write a complete suite of at least `count` cells: a real plan, and records as large as real ones.

    Returns
    -------
    The suite's file, and how many cells it has.
    """
    each = -(-variants // len(ENTRIES))
    names = [f"{entry}(width={8 + step})" for step in range(each) for entry in ENTRIES][:variants]
    seeds = range(-(-count // (variants * len(DATASETS))))
    suite = write_suite(folder, "stored", names, DATASETS, list(seeds), {"epochs": 25})
    plan, store, _ = running.prepare(str(suite), Options(out=folder))
    machine = fingerprint()
    environment = fingerprint_id(machine)
    store.put_suite(describe(plan, {}, {environment: machine}))
    _put(store, plan, environment)
    return suite, len(plan.cells)


def _put(store: Store, plan: Plan, environment: str) -> None:
    """Write records, and timings of the cells that a run would time; nothing is flushed to disk one by one."""
    timed: set[Sequence[str]] = set()
    for cell in sorted(plan.cells, key=lambda each: each.seed):
        path = store.path(cell.hash)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dumps(_record(cell, plan, environment).to_json()) + "\n", "utf-8")
        os.utime(path, (RESTED, RESTED))  # as of a run that ended long ago
        if cell.key[:2] not in timed:
            timed.add(cell.key[:2])
            store.put_timing(cell.hash, _timing(cell, environment))


def _record(cell: Cell, plan: Plan, environment: str) -> Record:
    """Return a record with as many numbers as a trained cell's, none of them a result."""
    curve = [0.123456 + 0.01 * epoch for epoch in range(25)]
    return Record(
        cell=cell.hash,
        variant=cell.variant,
        dataset=cell.dataset,
        seed=cell.seed,
        fold=planning.fold(plan.sources[cell.dataset], cell.seed),
        status="ok",
        metrics=dict.fromkeys((*METRICS, *(f"validation_{name}" for name in METRICS)), 0.123456789012345),
        curves=dict.fromkeys(("train_loss", "validation_loss", "validation_accuracy"), curve),
        epoch=25,
        phases=dict.fromkeys(("load", "encode", "fuse", "head", "optimise", "validate"), 0.0123456789012345),
        times=dict.fromkeys(("wall_own", "cpu_own", "wall_shared", "cpu_shared", "wall_predict"), 0.123456789),
        memory=300_000_000,
        parameters=50_000,
        flops=1_000_000,
        stages=tuple(sorted(stage.hash for stage in cell.stages.values())),
        split="0" * 32,
        predictions="0" * 64,
        environment=environment,
    )


def _timing(cell: Cell, environment: str) -> dict[str, Any]:
    return {
        "cell": cell.hash,
        "variant": cell.variant,
        "dataset": cell.dataset,
        "latency_ms": [1.0] * 50,
        "large_s": [0.01] * 5,
        "large_rows": 1024,
        "environment": environment,
    }
