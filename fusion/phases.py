"""Seconds by phase, measured in laps: what passed since the last lap belongs to the phase that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import torch


class Clock:
    """A lap clock; it counts nothing until started, so that inference outside training costs nothing.

    On a CUDA device work is only enqueued, so the host's clock would tell when it was asked for: there a lap is an
    event in the device's own stream, and all of them are read when the clock stops, once an epoch.

    Parameters
    ----------
    device
        Where the work that is timed is done.
    """

    def __init__(self, device: str = "cpu") -> None:
        self.seconds: dict[str, float] = {}
        self.device = device
        self._now = _event if device.startswith("cuda") else perf_counter
        self._last: Any = None
        self._laps: list[tuple[str, Any, Any]] = []

    def start(self) -> None:
        """Begin to count."""
        self._last = self._now()

    def stop(self) -> None:
        """Stop counting; what passed since the last lap is dropped."""
        self._last = None
        for phase, begin, end in self._laps:
            self._add(phase, _between(begin, end))
        self._laps.clear()

    def lap(self, phase: str) -> None:
        """Give the time since the last lap to `phase`."""
        if self._last is None:
            return
        now = self._now()
        if isinstance(now, float):
            self._add(phase, now - self._last)
        else:
            self._laps.append((phase, self._last, now))
        self._last = now

    @contextmanager
    def whole(self, phase: str) -> Iterator[None]:
        """Give everything inside to `phase`, whatever laps are called there; it ends by reading a number."""
        self.stop()
        begin = perf_counter()
        yield
        self._add(phase, perf_counter() - begin)
        self.start()

    def __deepcopy__(self, memo: object) -> Clock:
        return Clock(self.device)  # a copied network is timed anew

    def _add(self, phase: str, seconds: float) -> None:
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds


def _event() -> Any:
    event = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _between(begin: Any, end: Any) -> float:
    end.synchronize()
    return begin.elapsed_time(end) / 1000
