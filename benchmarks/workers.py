"""Worker processes: isolated, one thread each, watched from outside for time, memory and death.

Limits are the parent's: one set inside a reused worker would outlive its job. A worker never raises; what
ends it (a signal, an exit) costs its own job only. Each has a pipe of its own, so that nothing a dying
worker leaves behind can hold up another.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import ModuleType

import psutil

from ..core.errors import FusebenchError
from .job import Job, Outcome
from .worker import execute, kill, mask_interrupts, one_thread, serve

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
LOOK = 0.2  # seconds between looks at time and memory
GRACE = 2.0  # seconds in which a worker that was told to end may do so
STARTS = 3  # workers in a row that may die while they start


@contextmanager
def _clean_start() -> Iterator[None]:
    """Hide the caller's main module, set thread variables and hold interrupts while a process starts.

    A spawned process would otherwise run the user's script again; a notebook has none to run.
    """
    held = sys.modules["__main__"]
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        with mask_interrupts(block=True):  # until the worker ignores them
            yield
    finally:
        sys.modules["__main__"] = held
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    link: Connection
    ready: bool = False
    job: Job | None = None
    begun: float = 0.0
    verdict: Outcome | None = None

    def seconds(self) -> float:
        """How long it has been at its job."""
        return time.monotonic() - self.begun

    def death(self) -> str:
        """Wait for the end of a process that has left, and say how it ended."""
        self.process.join(GRACE)
        if self.process.is_alive():  # it closed its pipe and went on
            kill(self.process.pid)
            self.process.join()
        self.link.close()
        return _death(self.process.exitcode)


class Workers:
    """Worker processes that take one job each, so that the next is chosen when one is free.

    Parameters
    ----------
    count
        Worker processes at most; 0 = work in this process (no isolation, for debugging).
    plugins
        Files of entries outside the package.
    timeout
        Wall seconds of one job, by the monotonic clock.
    memory
        Resident megabytes of one worker; 0 = no limit.
    """

    def __init__(self, count: int, plugins: tuple[str, ...] = (), timeout: float = 900, memory: float = 0):
        self.count, self.plugins, self.timeout, self.memory = count, plugins, timeout, memory
        self.workers: list[_Worker] = []
        self._stillborn = 0
        self._finished: list[tuple[Job, Outcome]] = []  # of this process

    @property
    def running(self) -> list[Job]:
        """The jobs under way."""
        return [worker.job for worker in self.workers if worker.job is not None]

    @property
    def free(self) -> int:
        """How many jobs can be started now."""
        return max(self.count, 1) - len(self.running) - len(self._finished)

    def start(self, job: Job) -> None:
        """Give a job to a free worker."""
        if not self.count:
            with one_thread():
                self._finished.append((job, execute(job)))
            return
        idle = [worker for worker in self.workers if worker.job is None]
        for worker in [w for w in idle if not w.process.is_alive()]:
            self.workers.remove(worker)
            idle.remove(worker)
        chosen = idle[0] if idle else self._spawn()
        chosen.job, chosen.begun = job, time.monotonic()
        with suppress(OSError):  # it died this moment: that is noticed when it is listened to
            chosen.link.send(job)

    def _spawn(self) -> _Worker:
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=serve, args=(there, self.plugins, os.getpid()), name="fusebench-worker")
        with _clean_start():
            process.start()
        there.close()
        self.workers.append(_Worker(process, here))
        return self.workers[-1]

    def finished(self, patience: float = LOOK) -> list[tuple[Job, Outcome]]:
        """Return the jobs that ended, waiting at most `patience` seconds; limits are enforced on the way.

        Raises
        ------
        FusebenchError
            Where workers die again and again before they are ready for a job.
        """
        done, self._finished = self._finished, []
        busy = [worker for worker in self.workers if worker.job is not None]
        if busy:
            wait([worker.link for worker in busy], timeout=patience)
        for worker in busy:
            job, outcome = worker.job, self._listen(worker)
            if job is not None and outcome is not None:
                worker.job = None
                done.append((job, outcome))
        return done

    def _listen(self, worker: _Worker) -> Outcome | None:
        alive = worker.process.is_alive()  # asked first: what it said before it died is still heard
        try:
            while worker.link.poll():
                answer = worker.link.recv()
                if answer is not None:
                    return answer
                worker.ready, worker.begun, self._stillborn = True, time.monotonic(), 0
        except (EOFError, OSError):
            alive = False
        if not alive:
            return self._lost(worker)
        if worker.ready and worker.verdict is None:
            worker.verdict = self._verdict(worker)
            if worker.verdict is not None:
                kill(worker.process.pid)
        return None

    def _lost(self, worker: _Worker) -> Outcome | None:
        self.workers.remove(worker)
        reason = f"its process {worker.death()}"
        if worker.ready:
            return worker.verdict or Outcome("failed", reason, worker.seconds())
        self._stillborn += 1
        if self._stillborn >= STARTS:
            raise FusebenchError(
                f"A worker could not be started {STARTS} times: {reason}; `--jobs 0` works without workers."
            )
        assert worker.job is not None  # only busy workers are listened to
        self.start(worker.job)
        return None

    def _verdict(self, worker: _Worker) -> Outcome | None:
        seconds = worker.seconds()
        if seconds > self.timeout:
            return Outcome("timeout", f"stopped after {self.timeout:g} s ([limits] timeout)", seconds)
        if not self.memory:
            return None
        try:
            used = psutil.Process(worker.process.pid).memory_info().rss / 1e6
        except psutil.Error:
            return None
        if used <= self.memory:
            return None
        return Outcome("out_of_memory", f"used {used:.0f} of {self.memory:g} MB ([limits] memory)", seconds)

    def close(self, now: bool = False) -> None:
        """Stop the workers; with `now`, without waiting for their jobs."""
        for worker in self.workers:
            if now:
                kill(worker.process.pid)
            else:
                with suppress(OSError):
                    worker.link.send(None)
        for worker in self.workers:
            worker.death()
        self.workers.clear()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    return f"ended with exit code {code}"
