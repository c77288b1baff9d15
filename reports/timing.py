"""Time, size and memory of variants, one row a (variant, data set, machine)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..results.record import busy
from . import machines
from .machines import BUSY_WORDS, Timed, column, timed
from .run import Run, records
from .wording import counted, number

SECONDS = ("wall_own", "wall_shared", "cpu_own", "cpu_shared")
COUNTS = ("parameters", "flops", "memory")
LATENCY = ("latency_p50", "latency_p95", "throughput")
LOADS = ("load", "timing_load")
ROW = ["dataset", "variant", "environment"]


def timing(run: Run) -> tuple[pd.DataFrame, list[tuple[str, pd.DataFrame]]]:
    """Return times as measured, and as read: a section for each machine, the one with most cells first.

    The first has columns `dataset, variant, architecture, environment, cells`, seconds `wall_own,
    wall_shared, cpu_own, cpu_shared` (means over ok cells), `latency_p50`, `latency_p95` (milliseconds),
    `throughput` (rows a second), `parameters`, `flops` (one row's forward pass), `memory` (bytes),
    `timing_environment` (the same machine, where latency was measured on it), and where a load was measured the
    largest of the cells', `load`, and that of latency, `timing_load` (cores that other processes kept busy).
    """
    cells = run.cells[(run.cells["status"] == "ok") & run.cells["variant"].isin(run.shown)]
    measured = (*SECONDS, *COUNTS, *LATENCY, *LOADS)
    cells = cells.assign(
        environment=_filled(cells, "environment", ""),
        timing_environment=_filled(cells, "timing_environment", ""),
        **{name: column(cells, name).astype(float) for name in measured},
    )
    data = _trained(cells).merge(_answered(cells), on=ROW, how="outer", sort=False)
    data["cells"] = data["cells"].fillna(0).astype(int)
    data["timing_environment"] = data["timing_environment"].fillna("")
    sizes = ["parameters", "flops"]  # no matter of machines: a row of latency alone has them too
    data[sizes] = data.groupby(["dataset", "variant"])[sizes].transform("max")
    data.insert(2, "architecture", [run.axes(name)[0] for name in data["variant"]])
    order = [(run.datasets.index(d), run.shown.index(v), e) for d, v, e in data[ROW].itertuples(index=False)]
    data = data.iloc[sorted(range(len(data)), key=order.__getitem__)].reset_index(drop=True)
    loads = [name for name in LOADS if data[name].notna().any()]
    head = ["dataset", "variant", "architecture", "environment", "cells"]
    data = data[[*head, *SECONDS, *LATENCY, *COUNTS, "timing_environment", *loads]]
    return data, _sections(run, data)


def _trained(cells: pd.DataFrame) -> pd.DataFrame:
    """Return what cells took where they were trained."""
    how = {name: (name, "mean" if name in SECONDS else "max") for name in (*SECONDS, *COUNTS, "load")}
    return cells.groupby(ROW, sort=False).agg(cells=("cell", "size"), **how).reset_index()


def _answered(cells: pd.DataFrame) -> pd.DataFrame:
    """Return what answers took where they were timed: nothing where they were not."""
    known = cells[cells["latency_p50"].notna()].assign(environment=cells["timing_environment"])
    how = {name: (name, "first") for name in (*LATENCY, "timing_load", "timing_environment")}
    return known.groupby(ROW, sort=False).agg(**how).reset_index()


def _sections(run: Run, data: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    counts = data.groupby("environment")["cells"].sum()
    keys = sorted(counts.index, key=lambda key: (-counts[key], key))
    if len(keys) < 2:
        return [("", _shown(data))]
    return [
        (_caption(run, key, int(counts[key])), _shown(data[data["environment"] == key].reset_index(drop=True)))
        for key in keys
    ]


def _caption(run: Run, key: str, cells: int) -> str:
    machine = machines.words(run.suite.get("environments", {}).get(key)) or "not described"
    return f"{machine} (machine {key or 'unknown'}): {counted(cells, 'cell')}"


def train_seconds(run: Run, dataset: str, names: tuple[str, ...], held: Timed | None = None) -> np.ndarray:
    """Return mean training wall seconds, own and shared stages, of variants over the seeds in use.

    Only cells of one machine, the run's most used, are counted; NaN where there are none. `held` is `timed(run)`,
    where that is at hand.
    """
    cells = (held or timed(run)).cells
    cells = cells[cells["dataset"] == dataset]
    total = (cells["wall_own"] + cells["wall_shared"]).groupby(cells["variant"]).mean()
    return total.reindex(list(names)).to_numpy(dtype=float)


def _filled(cells: pd.DataFrame, name: str, default: Any) -> pd.Series:
    if name not in cells:
        return pd.Series(default, index=cells.index)
    return cells[name].where(cells[name].notna(), default)


def _shown(data: pd.DataFrame) -> pd.DataFrame:
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
    remarks = [_remark(row) for row in records(data)]
    return pd.DataFrame(shown | ({"remark": remarks} if any(remarks) else {}))


def _remark(row: Any) -> str:
    """Say that times of a row are of a busy machine: which, and how many cores others kept busy."""
    loads = {"training": getattr(row, "load", np.nan), "latency": getattr(row, "timing_load", np.nan)}
    told = [f"{what} {number(cores, 2)}" for what, cores in loads.items() if busy(cores)]
    return f"{BUSY_WORDS} ({', '.join(told)} cores)" if told else ""


def _grouped(value: float, missing: str) -> str:
    return f"{int(value):,}" if np.isfinite(value) and value > 0 else missing
