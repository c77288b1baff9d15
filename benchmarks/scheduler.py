"""Drives workers through stages and cells: seed by seed, longest first, a stage before its users."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..results.record import Key
from ..results.store import Store
from . import stages as stage_files
from .cell import failure
from .job import Job, Outcome
from .workers import Workers


@dataclass
class Interrupt:
    """How often the user asked to stop: once = finish what runs, twice = stop now.

    Parameters
    ----------
    abrupt
        Raise KeyboardInterrupt the second time: where the work is done in this process, nobody else looks.
    """

    abrupt: bool = False
    count: int = 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Count SIGINT and SIGTERM while inside; elsewhere than in the main thread nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        held = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in held.items():
                signal.signal(number, handler)

    def _hear(self, number: int, frame: object) -> None:
        self.count += 1
        if self.abrupt and self.count >= 2:
            raise KeyboardInterrupt


@dataclass
class Unit:
    """A job with what it waits for and the order it is wanted in."""

    job: Job
    seconds: float
    waits: frozenset[str] = frozenset()


@dataclass
class Scheduler:
    """Runs units until none is left or the user stops it.

    Parameters
    ----------
    store
        Where results go.
    units
        In the order in which they are wanted.
    ready
        Hashes of stages that are stored.
    keys
        Key → stored cell, so that a superseded record can be moved away.
    tell
        Called with every finished job and its outcome.
    interrupt
        The user's wish to stop.
    spoilt
        Stage → what it makes of the cells that use it, where it gave no result.
    blocked
        Data set → what it makes of its cells, where it could not be had.
    say
        Prints a line.
    """

    store: Store
    units: list[Unit]
    ready: set[str]
    keys: dict[Key, str]
    tell: Callable[[Job, Outcome], None]
    interrupt: Interrupt = field(default_factory=Interrupt)
    spoilt: dict[str, Outcome] = field(default_factory=dict)
    blocked: dict[str, Outcome] = field(default_factory=dict)
    say: Callable[[str], None] = print

    def run(self, workers: Workers) -> bool:
        """Do everything; return whether it came to the end."""
        told = False
        while self.units or workers.running:
            if self.interrupt.count >= 2:
                return False
            if not self.interrupt.count:
                self._feed(workers)
            elif not workers.running:
                return False
            elif not told:
                self.say(f"Stopping when {len(workers.running)} running jobs are done; once more stops now.")
                told = True
            for job, outcome in workers.finished():
                ended_with_the_run = self.interrupt.count and outcome.status == "failed" and not outcome.stored
                if not ended_with_the_run:  # a signal to the whole process group
                    self._settle(job, outcome)
        return True

    def _feed(self, workers: Workers) -> None:
        while workers.free > 0:
            unit = self._next()
            if unit is None:
                return
            workers.start(unit.job)

    def _next(self) -> Unit | None:
        position = 0
        while position < len(self.units):
            unit = self.units[position]
            reason = self._why_not(unit)
            if reason is not None:
                del self.units[position]
                self._settle(unit.job, reason)
            elif unit.waits <= self.ready:
                return self.units.pop(position)
            else:
                position += 1
        return None

    def _why_not(self, unit: Unit) -> Outcome | None:
        """Return the outcome of a unit that need not be tried: its data or a stage could not be had."""
        if unit.job.dataset in self.blocked:
            return self.blocked[unit.job.dataset]
        spoilt = [self.spoilt[stage] for stage in unit.waits if stage in self.spoilt]
        return spoilt[0] if spoilt else None

    def _settle(self, job: Job, outcome: Outcome) -> None:
        if outcome.status == "unavailable":
            self.blocked[job.dataset] = Outcome("unavailable", outcome.reason)
        if job.kind == "stage":
            self._settle_stage(job, outcome)
        elif job.kind == "cell":
            if not outcome.stored:
                self.store.put(failure(job, outcome.status, outcome.reason))
            self.store.retire(self.keys, (job.name, job.dataset, job.seed), job.hash)
        self.tell(job, outcome)

    def _settle_stage(self, job: Job, outcome: Outcome) -> None:
        if outcome.status == "ok":
            self.ready.add(job.hash)
            return
        if not outcome.stored:
            stage_files.write_failure(self.store, job, outcome)
        self.spoilt[job.hash] = dependant(job.name, outcome)


def dependant(stage: str, outcome: Outcome) -> Outcome:
    """Return what a failed stage makes of the cells that use it."""
    if outcome.status == "unavailable":
        return Outcome("unavailable", outcome.reason)
    return Outcome(outcome.status, f"its stage {stage} gave no result: {outcome.reason}")
