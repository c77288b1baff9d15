"""Seconds by phase, measured in laps: what passed since the last lap belongs to the phase that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter


class Clock:
    """A lap clock; it counts nothing until started, so that inference outside training costs nothing."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last: float | None = None

    def start(self) -> None:
        """Begin to count."""
        self._last = perf_counter()

    def stop(self) -> None:
        """Stop counting; what passed since the last lap is dropped."""
        self._last = None

    def lap(self, phase: str) -> None:
        """Give the time since the last lap to `phase`."""
        if self._last is None:
            return
        now = perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now

    @contextmanager
    def whole(self, phase: str) -> Iterator[None]:
        """Give everything inside to `phase`, whatever laps are called there."""
        self.stop()
        begin = perf_counter()
        yield
        self.seconds[phase] = self.seconds.get(phase, 0.0) + perf_counter() - begin
        self.start()
