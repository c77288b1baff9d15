"""What cells and stages have cost in the committed reference runs: the best guess before a run's first record."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

from .store import Store

REFERENCE = Path(__file__).with_name("reference")


@dataclass(frozen=True)
class Size:
    """What decides how long a training takes: training rows, shapes of a row's modalities, classes, epochs."""

    rows: int
    shapes: tuple[tuple[int, ...], ...]
    classes: int
    epochs: int


@dataclass(frozen=True)
class Cost:
    """Wall seconds of a cell (its stages not counted) or of a stage, a mean over seeds, and its size."""

    seconds: float
    size: Size


@cache
def recorded(folder: Path = REFERENCE) -> dict[tuple[str, str], Cost]:
    """Return (variant or stage, data set) → cost from every run below a folder; empty where there is none.

    Where several runs hold one, the last in the order of names counts. Of stages that several cells use together
    alone, records tell the sum: each is given an equal part of it.
    """
    found: dict[tuple[str, str], Cost] = {}
    for path in sorted(folder.glob("*/suite.json")):
        found |= _costs(Store(path.parent))
    return found


def _costs(store: Store) -> dict[tuple[str, str], Cost]:
    suite = store.suite()
    own: dict[tuple[str, str], list[float]] = defaultdict(list)
    parts: dict[tuple[str, str], list[float]] = defaultdict(list)
    names = {stage["stage"]: stage["name"] for stage in suite["plan"]["stages"]}
    stages = {cell["cell"]: [names[stage] for stage in cell["stages"]] for cell in suite["plan"]["cells"]}
    for record in store.records():
        if (spent := record.spent) is not None and record.cell in stages:
            own[record.variant, record.dataset].append(spent)
            used = stages[record.cell]
            for name in used:
                shared = record.times.get("wall_shared", 0.0) / len(used)
                (own if len(used) == 1 and shared else parts)[name, record.dataset].append(shared)
    sizes = {name: _size(told, suite["training"]["epochs"]) for name, told in suite["datasets"].items()}
    return {key: Cost(fmean(values), sizes[key[1]]) for key, values in (parts | own).items()}


def _size(told: dict[str, Any], epochs: int) -> Size:
    shapes = tuple(tuple(modality["shape"]) for modality in told["modalities"])
    return Size(told["rows"]["train"], shapes, len(told["classes"]), epochs)
