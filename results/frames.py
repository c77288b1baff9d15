"""Stored records as tidy pandas frames: one row a cell."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import FusebenchError
from .record import PHASES, Record
from .store import Store

AXES = ("architecture", "data_fusion", "level", "operator", "sharing", "training", "learner")


def find(suite: str | Path, out: str | Path = ".") -> Store:
    """Return the store of a run named by suite (`quick`), by TOML file or by folder.

    Raises
    ------
    FusebenchError
        Where no such run is stored.
    """
    text = str(suite)
    name = Path(text).stem if text.endswith(".toml") else text
    tried = [Path(text), Path(out) / "results" / name]
    for folder in tried:
        if (folder / "suite.json").is_file():
            return Store(folder)
    raise FusebenchError(
        f"No run {text!r} is stored: neither {str(tried[0])!r} nor {str(tried[1])!r} holds a suite.json; "
        f"run `fusebench run {name}` first, or name its folder."
    )


def load_results(suite: str | Path, out: str | Path = ".") -> pd.DataFrame:
    """Read a run as a frame, one row a current cell.

    Columns: `suite, cell, variant, dataset, seed, fold, status, reason`, the axes of the taxonomy
    (`architecture` …), `entry`, `tier`, `equivalence_class`, every metric (`accuracy`,
    `validation_accuracy`, `log_loss`, `regret` …), times in seconds (`wall_own`, `wall_shared`,
    `cpu_own`, `cpu_shared`, and the wall time of training split by phase: `phase_load`, `phase_encode`,
    `phase_fuse`, `phase_head`, `phase_optimise`, `phase_validate`, NaN for a phase that was not timed, such
    as all but `load` of a classical learner), `latency_p50`, `latency_p95` (milliseconds at batch 1),
    `throughput` (rows a second), `memory` (bytes), `parameters`, `flops`, `epoch`, `environment` and
    `timing_environment` (ids of the machines that trained and timed), `load` and `timing_load` (cores that other
    processes kept busy meanwhile, NaN where not measured).

    Parameters
    ----------
    suite
        A suite's name, its TOML file, or a results folder.
    out
        The base folder that holds `results/`.
    """
    return frame(find(suite, out))


def frame(store: Store) -> pd.DataFrame:
    """Read a store as `load_results` does; records that the plan no longer names are left out."""
    suite = store.suite()
    records = _planned(store, suite)
    table = pd.DataFrame([_row(record, suite) for record in records])
    if table.empty:
        return pd.DataFrame(columns=["suite", "cell", "variant", "dataset", "seed", "status", "reason"])
    planned = {cell["cell"] for cell in suite["plan"]["cells"]}
    timing = pd.DataFrame([_timing_row(t) for t in store.timings() if t["cell"] in planned])
    if not timing.empty:
        timing = timing.drop_duplicates(["variant", "dataset"])  # a pair may have been timed at two seeds
        table = table.merge(timing, on=["variant", "dataset"], how="left")
    return table.sort_values(["variant", "dataset", "seed"], kind="stable", ignore_index=True)


def _planned(store: Store, suite: dict[str, Any]) -> list[Record]:
    """Return the planned cells' records in an order of their own: nothing may follow that of the files."""
    planned = {cell["cell"] for cell in suite["plan"]["cells"]}
    return sorted((r for r in store.records() if r.cell in planned), key=lambda r: (*r.key, r.cell))


def _row(record: Record, suite: dict[str, Any]) -> dict[str, Any]:
    entry = suite["variants"].get(record.variant, {})
    head = {
        "suite": suite["name"],
        "cell": record.cell,
        "variant": record.variant,
        "dataset": record.dataset,
        "seed": record.seed,
        "fold": record.fold,
        "status": record.status,
        "reason": record.reason,
    }
    described = {key: entry.get(key) for key in ("entry", *AXES, "tier", "equivalence_class")}
    measured = {key: np.nan if value is None else value for key, value in record.metrics.items()}
    cost = {key: getattr(record, key) for key in ("memory", "parameters", "flops", "epoch", "environment")}
    phases = {f"phase_{name}": record.phases.get(name, np.nan) for name in PHASES}
    beside = {"load": np.nan if record.load is None else record.load}
    return head | described | measured | dict(record.times) | phases | cost | beside


def _timing_row(timing: dict[str, Any]) -> dict[str, Any]:
    single = np.asarray(timing["latency_ms"], dtype=float)
    large = np.asarray(timing["large_s"], dtype=float)
    return {
        "variant": timing["variant"],
        "dataset": timing["dataset"],
        "latency_p50": float(np.percentile(single, 50)),
        "latency_p95": float(np.percentile(single, 95)),
        "throughput": timing["large_rows"] / float(np.median(large)),
        "timing_environment": timing["environment"],
        "timing_load": np.nan if timing.get("load") is None else timing["load"],
    }


def curves(store: Store) -> pd.DataFrame:
    """Return training curves, one row an epoch: `variant, dataset, seed, epoch, curve, value`."""
    rows = [
        (record.variant, record.dataset, record.seed, epoch, name, value)
        for record in _planned(store, store.suite())
        for name, values in sorted(record.curves.items())
        for epoch, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=["variant", "dataset", "seed", "epoch", "curve", "value"])


def find_cell(start: str, out: str | Path = ".") -> Record:
    """Return the record whose cell hash begins with `start`, searched in every run below `out/results`.

    Raises
    ------
    FusebenchError
        Where none or several begin so.
    """
    if not start.isalnum():
        raise FusebenchError(f"Cell {start!r} is not the start of a hash: it has the digits 0-9 and a-f.")
    stores = [Store(path.parent) for path in sorted((Path(out) / "results").glob("**/suite.json"))]
    found = {record.cell: record for store in stores for record in _starting(store, start)}
    if not found:
        raise FusebenchError(f"No stored cell begins with {start!r}; `fusebench status` counts what is stored.")
    if len(found) > 1:
        more = _apart(start, found)
        raise FusebenchError(f"{len(found)} stored cells begin with {start!r}: give more of it, such as {more!r}.")
    return next(iter(found.values()))


def _apart(start: str, cells: Iterable[str]) -> str:
    """Return the shortest start, not shorter than `start`, that the first of some hashes has alone."""
    first, *others = sorted(cells)
    longest = next(n for n in range(len(start), len(first) + 1) if all(o[:n] != first[:n] for o in others))
    return first[:longest]


def _starting(store: Store, start: str) -> list[Record]:
    if store.packed.is_file():
        return [record for record in store.records() if record.cell.startswith(start)]
    paths = (store.root / "cells").glob(f"{start[:2]}*/{start}*.json")
    return [record for path in paths if (record := store.get(path.stem)) is not None]
