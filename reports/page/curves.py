"""Learning curves for the page's panels: whole thousandths, thinned where there are very many."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ..figures.registry import without_sweeps
from ..run import Run
from .data import planned_seeds

POINTS = 250_000
KINDS = {"train_loss": "train", "validation_loss": "validation"}
UNIT = 1000


def curves(run: Run) -> dict[str, Any]:
    """Return the losses by epoch of every seed, with the epoch whose weights were kept.

    Returns
    -------
    `unit` (what 1 is), `step` (every how many epochs there is a value; the last epoch always has one) and
    `of`: data set → variant → `train` and `validation` (a list a planned seed, null where there is none),
    `epochs` and `kept` (a number a seed). Settings of long sweeps are left out.
    """
    settled = without_sweeps(run)
    rows = run.curves[run.curves["curve"].isin(list(KINDS)) & run.curves["dataset"].isin(settled.datasets)]
    rows = rows[rows["variant"].isin(run.shown)]
    step = max(1, math.ceil(len(rows) / POINTS))
    held = (
        rows.sort_values("epoch", kind="stable")
        .groupby(["dataset", "variant", "seed", "curve"])["value"]
        .agg(list)
    )
    planned = {name: planned_seeds(run, name) for name in settled.datasets}
    by_set: dict[str, dict[str, Any]] = {}
    for (dataset, variant, seed, kind), values in held.items():  # type: ignore[misc]
        seeds = planned[dataset]
        one = by_set.setdefault(dataset, {}).setdefault(variant, _empty(len(seeds)))
        one[KINDS[kind]][seeds.index(seed)] = [_whole(value) for value in thinned(values, step)]
        one["epochs"][seeds.index(seed)] = len(values)
    _keep(run, planned, by_set)
    return {"unit": UNIT, "step": step, "of": by_set}


def thinned(values: list[float], step: int) -> list[float]:
    """Return every `step`-th value from the first on, and the last."""
    kept = values[::step]
    return kept if (len(values) - 1) % step == 0 else [*kept, values[-1]]


def _empty(seeds: int) -> dict[str, list[Any]]:
    return {key: [None] * seeds for key in ("train", "validation", "epochs", "kept")}


def _whole(value: float) -> int | None:
    return round(value * UNIT) if math.isfinite(value) else None


def _keep(run: Run, planned: dict[str, list[int]], by_set: dict[str, dict[str, Any]]) -> None:
    if "epoch" not in run.cells:
        return
    epochs = pd.to_numeric(run.cells["epoch"], errors="coerce")
    for (variant, dataset, seed), epoch in zip(
        run.cells[["variant", "dataset", "seed"]].itertuples(index=False, name=None), epochs, strict=True
    ):
        one = by_set.get(dataset, {}).get(variant)
        if one is not None and math.isfinite(epoch):
            one["kept"][planned[dataset].index(seed)] = int(epoch)
