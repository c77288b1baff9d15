"""How many cores other processes keep busy meanwhile: a time that was taken beside them says so.

What all processes computed, less what those of this run did, over the time that passed. Only cores that this
process may use count, so that neighbours on other cores of a large machine do not. Time that a hypervisor gave to
other guests (steal) counts as theirs; waiting for a disk is idle.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import psutil

# seconds: counters step by hundredths, and less time would tell more of their steps than of the load
SHORTEST, LONG_ENOUGH = 0.5, 0.55
BUSY_KINDS = ("user", "nice", "system", "irq", "softirq", "steal")  # guests' time is within that of users
IDLE_KINDS = ("idle", "iowait")

_family: list[int] = []  # the process whose tree is this run; this process alone where none was named


class Reading(NamedTuple):
    """Seconds counted so far: by the clock, by busy cores, by cores busy or idle, by this run's own processes."""

    clock: float
    busy: float
    counted: float
    own: float


class Others:
    """Watches other processes from the moment it is made.

    Parameters
    ----------
    read
        Reads all counters; None from it means that they cannot be had.
    """

    def __init__(self, read: Callable[[], Reading | None] | None = None):
        self._read = reading if read is None else read
        self._begin = self._read()

    def cores(self) -> float | None:
        """Return how many cores they kept busy, on average; None where it was too short or is not known here."""
        end = self._read()
        if self._begin is None or end is None:
            return None
        passed = Reading(*(after - before for before, after in zip(self._begin, end, strict=True)))
        if passed.clock < SHORTEST or passed.counted <= 0:  # a sandbox may show counters that stand still
            return None
        return round(max(0.0, (passed.busy - passed.own) / passed.clock), 3)


def belong_to(pid: int) -> None:
    """Say which process started this run: what it and its descendants do is no load by others."""
    _family[:] = [pid]


def reading() -> Reading | None:
    """Read all counters now; None where the system does not tell."""
    try:
        counters = _cores()
        busy = sum(_seconds(each, BUSY_KINDS) for each in counters)
        idle = sum(_seconds(each, IDLE_KINDS) for each in counters)
        return Reading(time.monotonic(), busy, busy + idle, _own())
    except (psutil.Error, OSError, NotImplementedError, RuntimeError):
        return None


def _cores() -> list[Any]:
    """Return the counters of each core that this process may use; of all where they are not told apart."""
    counters = psutil.cpu_times(percpu=True)
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(len(counters)))
    return [counters[core] for core in usable] if max(usable) < len(counters) else counters


def _own() -> float:
    """Return the seconds of this run's processes, with those that have ended and been waited for."""
    root, total = psutil.Process(_family[0] if _family else os.getpid()), 0.0
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.Error):  # it has just ended
            total += _seconds(process.cpu_times(), ("user", "system", "children_user", "children_system"))
    return total


def _seconds(times: Any, kinds: tuple[str, ...]) -> float:
    return sum(getattr(times, kind, 0.0) for kind in kinds)
