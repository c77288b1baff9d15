"""Time, size and memory of variants, one row a (variant, data set, machine)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from .run import Run
from .wording import number

SECONDS = ("wall_own", "wall_shared", "cpu_own", "cpu_shared")
COUNTS = ("parameters", "flops", "memory")
LATENCY = ("latency_p50", "latency_p95", "throughput")


def timing(run: Run) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return times as measured and as read.

    The first frame has columns `dataset, variant, architecture, environment, cells`, seconds `wall_own,
    wall_shared, cpu_own, cpu_shared` (means over ok cells), `latency_p50`, `latency_p95` (milliseconds),
    `throughput` (rows a second), `timing_environment`, `parameters`, `flops` (one row's forward pass),
    `memory` (bytes).
    """
    cells = run.cells[(run.cells["status"] == "ok") & run.cells["variant"].isin(run.shown)]
    measured = (*SECONDS, *LATENCY, *COUNTS)
    cells = cells.assign(
        environment=_column(cells, "environment", ""),
        timing_environment=_column(cells, "timing_environment", ""),
        **{name: _column(cells, name, np.nan).astype(float) for name in measured},
    )
    how = {name: (name, "max" if name in COUNTS else "mean") for name in measured}
    groups = cells.groupby(["dataset", "variant", "environment"], sort=False)
    data = groups.agg(cells=("cell", "size"), **how, timing_environment=("timing_environment", "first"))
    data = data.reset_index()
    data.insert(2, "architecture", [run.axes(name)[0] for name in data["variant"]])
    order = [
        (run.datasets.index(row.dataset), run.shown.index(row.variant), row.environment)
        for row in data.itertuples()
    ]
    data = data.iloc[sorted(range(len(data)), key=order.__getitem__)].reset_index(drop=True)
    return data, _shown(data, several=data["environment"].nunique() > 1)


def train_seconds(run: Run, dataset: str, names: tuple[str, ...]) -> np.ndarray:
    """Return mean training wall seconds, own and shared stages, of variants over the seeds in use."""
    cells = run.cells[(run.cells["dataset"] == dataset) & (run.cells["status"] == "ok")]
    cells = cells[cells["seed"].isin(run.seeds(dataset))]
    total = _column(cells, "wall_own", np.nan).astype(float) + _column(cells, "wall_shared", 0.0).astype(float)
    return total.groupby(cells["variant"]).mean().reindex(list(names)).to_numpy(dtype=float)


def _column(cells: pd.DataFrame, name: str, default: Any) -> pd.Series:
    if name not in cells:
        return pd.Series(default, index=cells.index)
    return cells[name].where(cells[name].notna(), default)


def _shown(data: pd.DataFrame, several: bool) -> pd.DataFrame:
    def text(column: str, digits: int, missing: str = "", scale: float = 1.0) -> list[str]:
        return [number(value / scale, digits) or missing for value in data[column]]

    shown = {
        "data set": data["dataset"],
        "variant": data["variant"],
        "train wall, own (s)": text("wall_own", 2),
        "train wall, shared (s)": text("wall_shared", 2),
        "train CPU, own (s)": text("cpu_own", 2),
        "train CPU, shared (s)": text("cpu_shared", 2),
        "latency p50 (ms)": text("latency_p50", 3, "not measured"),
        "latency p95 (ms)": text("latency_p95", 3, "not measured"),
        "throughput (rows/s)": text("throughput", 0, "not measured"),
        "parameters": [_grouped(value, "none") for value in data["parameters"]],
        "FLOPs a row": [_grouped(value, "not counted") for value in data["flops"]],
        "peak memory (MB)": text("memory", 0, "not measured", 1e6),
    }
    if several:
        shown["machine"] = data["environment"]
    return pd.DataFrame(shown)


def _grouped(value: float, missing: str) -> str:
    return f"{int(value):,}" if np.isfinite(value) and value > 0 else missing
