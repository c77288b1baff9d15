"""The parts of `make perf`, by name: each measures when it is called and not before."""

from __future__ import annotations

from collections.abc import Callable

from . import against, cards, cells, stored, suites
from .measurement import Measurement, Scale

PARTS: dict[str, Callable[[Scale], list[Measurement]]] = {
    "cell": cells.measure,
    "peers": against.measure,
    "suite": suites.measure,
    "stored": stored.measure,
    "device": cards.measure,
}
