"""Drives workers through stages and cells: seed by seed, longest first, a stage before its users."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..core.errors import FusebenchError
from ..results.claims import Claims
from ..results.record import Key
from ..results.store import Store
from . import stages as stage_files
from .cell import failure
from .interrupt import Interrupt
from .job import NOT_STORED, Job, Outcome
from .work import NotStoredError, storing
from .workers import Crew

WAIT = 0.5  # seconds between looks at what another run is computing


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
    claims
        Which run does what, where several share the folder; None = this one alone.
    pass_by
        Called with a cell that another run has computed meanwhile, and its outcome.
    in_time
        Expected seconds → whether what takes so long may still be started; what may not stays in `units`.
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
    claims: Claims | None = None
    pass_by: Callable[[Job, Outcome], None] = lambda job, outcome: None
    in_time: Callable[[float], bool] = lambda seconds: True
    unstored: str | None = None
    cut: bool = False
    told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        # a record that was not there when the run was planned is another run's, however early it came
        seen = (u.job for u in self.units if u.job.kind == "stage" or self.keys.get(key_of(u.job)) == u.job.hash)
        self.known = {job.hash: self._traces(job) for job in seen}

    def run(self, workers: Crew) -> bool:
        """Do everything; return whether it came to the end.

        Raises
        ------
        FusebenchError
            Where results cannot be written: what runs is finished first.
        """
        while self.units or workers.running:
            if self.interrupt.count >= 2:
                return False
            stopping = self.interrupt.count or self.unstored is not None
            if not stopping:
                self._feed(workers)
                idle = workers.free > 0 and not workers.running
                if idle and not any(map(self._startable, self.units)):
                    break  # whatever is left would end too late
            elif not workers.running:
                break
            elif self.interrupt.count:
                self._say_once(f"Stopping when {len(workers.running)} running jobs are done; once more stops now.")
            self._take_in(workers)
        if self.unstored is not None:
            raise cannot_write(self.store.root, self.unstored)
        return not ((self.units or self.cut) and self.interrupt.count)

    def _take_in(self, workers: Crew) -> None:
        if self.claims is not None:
            self.claims.beat()
        if workers.free > 0 and not workers.running:
            time.sleep(WAIT)  # all that is left is being computed by another run
        for job, outcome in workers.finished():
            ended_with_the_run = self.interrupt.count and outcome.status == "failed" and not outcome.stored
            if ended_with_the_run:  # a signal to the whole process group, or it had not begun
                self.cut = True
            else:
                self._settle(job, outcome)
            self._release(job)

    def _say_once(self, line: str) -> None:
        kind = line.split(" ", 1)[0]
        if kind not in self.told:
            self.told.add(kind)
            self.say(line)

    def _feed(self, workers: Crew) -> None:
        while workers.free > 0:
            unit = self._next()
            if unit is None:
                return
            workers.start(unit.job)

    def _next(self) -> Unit | None:
        position = 0
        while position < len(self.units) and self.unstored is None:
            unit = self.units[position]
            if not self._startable(unit) or not self._claim(unit.job):
                position += 1
                continue
            del self.units[position]
            if self._done_elsewhere(unit.job):
                continue
            reason = self._why_not(unit)
            if reason is None:
                return unit
            self._settle(unit.job, reason)
            self._release(unit.job)
        return None

    def _startable(self, unit: Unit) -> bool:
        """Return whether a unit can be begun now, or need not be tried."""
        ready = unit.waits <= self.ready and self.in_time(unit.seconds)
        return ready or self._why_not(unit) is not None

    def _why_not(self, unit: Unit) -> Outcome | None:
        """Return the outcome of a unit that need not be tried: its data or a stage could not be had."""
        if unit.job.dataset in self.blocked:
            return self.blocked[unit.job.dataset]
        spoilt = [self.spoilt[stage] for stage in unit.waits if stage in self.spoilt]
        return spoilt[0] if spoilt else None

    # ---- beside other runs of the folder

    def _claim(self, job: Job) -> bool:
        try:
            with storing():
                if self.claims is None or self.claims.take(job.hash):
                    return True
        except NotStoredError as error:
            self.unstored = self.unstored or str(error)
            return False
        self._say_once("Another run computes some of these jobs: its results are taken over as they come.")
        return False

    def _release(self, job: Job) -> None:
        if self.claims is not None:
            self.claims.release(job.hash)

    def _traces(self, job: Job) -> tuple[int, int] | None:
        """Return what changes when somebody stores a job's result."""
        path = self.store.path(job.hash) if job.kind == "cell" else self.store.stage_path(job.hash)
        try:
            found = path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _done_elsewhere(self, job: Job) -> bool:
        """Take over what another run has stored since this one looked; return whether there was something."""
        if self._traces(job) == self.known.get(job.hash):
            return False
        if job.kind == "stage":
            held = stage_files.read(self.store.stage_path(job.hash))
            outcome = None if held is None else Outcome(held["status"], held["reason"], stored=True)
        else:
            record = self.store.get(job.hash)
            outcome = None if record is None else Outcome(record.status, record.reason, stored=True)
        if outcome is None or outcome.status == "unavailable":  # data that one host lacks another may have
            return False
        try:
            self._note(job, outcome)
        except NotStoredError as error:
            self.unstored = self.unstored or str(error)
        self._release(job)
        self.pass_by(job, outcome)
        return True

    # ---- results

    def _settle(self, job: Job, outcome: Outcome) -> None:
        if outcome.status != NOT_STORED:
            try:
                self._note(job, outcome)
                self.tell(job, outcome)
                return
            except NotStoredError as error:
                outcome = Outcome(NOT_STORED, str(error))
        self.unstored = self.unstored or outcome.reason

    def _note(self, job: Job, outcome: Outcome) -> None:
        if outcome.status == "unavailable":
            self.blocked[job.dataset] = Outcome("unavailable", outcome.reason)
        with storing():
            if job.kind == "stage":
                self._note_stage(job, outcome)
            elif job.kind == "cell":
                if not outcome.stored:
                    self.store.put(failure(job, outcome.status, outcome.reason))
                self.store.retire(self.keys, key_of(job), job.hash)

    def _note_stage(self, job: Job, outcome: Outcome) -> None:
        if outcome.status == "ok":
            self.ready.add(job.hash)
            return
        if not outcome.stored:
            stage_files.write_failure(self.store, job, outcome)
        self.spoilt[job.hash] = dependant(job.name, outcome)


def key_of(job: Job) -> Key:
    """Return the key of a cell's job."""
    return job.name, job.dataset, job.seed


def cannot_write(root: Path, why: str) -> FusebenchError:
    """Return the error that ends a run whose results cannot be stored."""
    return FusebenchError(
        f"Results cannot be written to {str(root)!r} ({why}). What was stored is kept: make room or mend it, then "
        "run again; it goes on where it stopped."
    )


def dependant(stage: str, outcome: Outcome) -> Outcome:
    """Return what a failed stage makes of the cells that use it."""
    if outcome.status == "unavailable":
        return Outcome("unavailable", outcome.reason)
    return Outcome(outcome.status, f"its stage {stage} gave no result: {outcome.reason}")
