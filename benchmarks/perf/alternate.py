"""Sides taken in turn, so that a machine that slows down slows all of them."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..load import Others

Side = Callable[[], float]


@dataclass(frozen=True)
class Alternated:
    """Seconds of each side in the order in which they came, and the cores that others kept busy meanwhile."""

    seconds: dict[str, list[float]]
    load: float | None


def alternate(sides: Mapping[str, Side], repetitions: int, warm_up: bool = True) -> Alternated:
    """Call every side once a repetition, forwards and backwards in turn.

    Parameters
    ----------
    sides
        Name → what does the work and returns the seconds it took.
    repetitions
        Of each side.
    warm_up
        Whether each is first called once without being counted.
    """
    if warm_up:
        for side in sides.values():
            side()
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    others = Others()
    for repetition in range(repetitions):
        for name in list(sides)[:: 1 if repetition % 2 == 0 else -1]:
            gc.collect()  # what one side leaves behind is not paid by the next
            seconds[name].append(sides[name]())
    return Alternated(seconds, others.cores())


def timed(work: Callable[..., Any], *given: Any) -> Side:
    """Return a side that calls `work` and takes the seconds by the wall clock."""

    def side() -> float:
        begin = time.perf_counter()
        work(*given)
        return time.perf_counter() - begin

    return side
