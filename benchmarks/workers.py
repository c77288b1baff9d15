"""Worker processes (pebble): isolated, one thread each, watched from outside for time, memory and death.

Limits are the parent's: one set inside a reused worker would outlive its job. A worker never raises; what
ends it (a signal, an exit) costs its own job only.
"""

from __future__ import annotations

import os
import tempfile
import time
from concurrent.futures import FIRST_COMPLETED, wait
from pathlib import Path
from typing import Any, Protocol

import psutil
from pebble import ProcessExpired, ProcessPool

from ..core.errors import FusebenchError
from ..core.liveness import lives
from .job import Job, Outcome
from .processes import Task, death, execute, kill, prepare
from .starting import environment, server, starter

LOOK = 0.2  # seconds between looks at time and memory
GRACE = 2.0  # seconds after its death in which the pool may say how a worker ended
STARTS = 3  # times in a row that workers may die while they start
UNTOLD = 255  # the exit code of a worker whose server has gone, which alone can tell it


class Crew(Protocol):
    """What takes jobs: worker processes here, or the nodes of a cluster."""

    @property
    def running(self) -> list[Job]: ...  # noqa: D102
    @property
    def free(self) -> int: ...  # noqa: D102
    def start(self, job: Job) -> None: ...  # noqa: D102
    def finished(self, patience: float = LOOK) -> list[tuple[Job, Outcome]]: ...  # noqa: D102
    def close(self, now: bool = False) -> None: ...  # noqa: D102


class Workers:
    """Worker processes that take one job each, so that the next is chosen when one is free.

    Parameters
    ----------
    count
        Worker processes; 0 = work in this process (no isolation, for debugging).
    plugins
        Files of entries outside the package.
    timeout
        Wall seconds of one job, by the monotonic clock; a job that times several models has as many times that.
    memory
        Resident megabytes of one worker, for such a job as many times that; 0 = no limit.
    folder
        Where its own files stand; None = the system's temporary folder.
    family
        The process whose descendants' work is no load by others; None = this one.
    """

    def __init__(
        self,
        count: int,
        plugins: tuple[str, ...] = (),
        timeout: float = 900,
        memory: float = 0,
        folder: Path | None = None,
        family: int | None = None,
    ):
        self.family = family or os.getpid()
        self.count, self.plugins, self.timeout, self.memory = count, plugins, timeout, memory
        self.tasks: dict[Any, Task] = {}
        self.folder = tempfile.TemporaryDirectory(prefix="fusebench-", dir=folder)
        self._stopping = Path(self.folder.name) / "stopping"  # workers end of no signal before it is there
        self.pool: ProcessPool | None = None
        self._server: int | None = None  # the process that forks its workers
        self._number = self._stillborn = 0
        self._abandoned = False
        self._finished: list[tuple[Job, Outcome]] = []  # of this process

    @property
    def running(self) -> list[Job]:
        """The jobs under way."""
        return [task.job for task in self.tasks.values()]

    @property
    def free(self) -> int:
        """How many jobs can be started now."""
        return max(self.count, 1) - len(self.tasks) - len(self._finished)

    def start(self, job: Job) -> None:
        """Give a job to a free worker."""
        if not self.count:
            from . import worker  # what trains is not imported where others do it

            with worker.one_thread():
                self._finished.append((job, worker.execute(job)))
            return
        try:
            self._schedule(job)
        except (
            RuntimeError,
            OSError,
            EOFError,
        ) as error:  # it broke while none had a job, or starts none
            self._start_again(error)
            self.start(job)

    def _schedule(self, job: Job) -> None:
        if self.pool is None:
            arguments = (self.plugins, os.getpid(), self._stopping, self.family, environment())
            context = starter(job.device)
            self._server = context.server
            self.pool = ProcessPool(self.count, initializer=prepare, initargs=arguments, context=context)
        self._number += 1
        marker = Path(self.folder.name) / str(self._number)
        self.tasks[self.pool.schedule(execute, args=(job, marker))] = Task(job, marker)

    def finished(self, patience: float = LOOK) -> list[tuple[Job, Outcome]]:
        """Return the jobs that ended, waiting at most `patience` seconds; limits are enforced on the way.

        Raises
        ------
        FusebenchError
            Where workers die again and again before they are ready for a job.
        """
        done, self._finished = self._finished, []
        ended, _ = (
            wait(list(self.tasks), timeout=patience, return_when=FIRST_COMPLETED) if self.tasks else ((), ())
        )
        for future in sorted(ended, key=lambda each: each.exception() is not None):  # a break may begin all anew
            if future in self.tasks and (outcome := self._result(future)) is not None:
                done.append((self.tasks.pop(future).job, outcome))
        for future, task in list(self.tasks.items()):
            if (outcome := self._look(task)) is not None:
                done.append((self.tasks.pop(future).job, outcome))
        broken, self._finished = self._finished, []
        return done + broken

    def _result(self, future: Any) -> Outcome | None:
        task = self.tasks[future]
        try:
            outcome = future.result()
        except ProcessExpired as error:
            if error.exitcode == UNTOLD and self._server is not None and self._server != server():
                self._without_server()
                return None
            outcome = task.verdict or Outcome("failed", f"its process {death(error.exitcode)}", task.seconds())
        except Exception as error:  # the pool itself: its workers died while they started, or a pipe broke
            self._start_again(error)
            return None
        self._stillborn = 0
        return outcome

    def _start_again(self, error: Exception) -> None:
        self._stillborn += 1
        if self._stillborn >= STARTS:
            raise FusebenchError(
                f"Workers could not be started {STARTS} times ({type(error).__name__}: {error}); "
                "`--jobs 0` works without them."
            )
        self._anew()

    def _without_server(self) -> None:
        """Begin anew what was under way when the server ended, which is no job's fault the first time."""
        for future, task in list(self.tasks.items()):
            task.look()
            if task.pid is not None:
                kill(task.pid)  # nobody waits for it any more, and it would take a job from its pool
            if task.verdict is not None or task.again:
                ended = Outcome("failed", f"its process {death(UNTOLD)}", task.seconds())
                self._finished.append((self.tasks.pop(future).job, task.verdict or ended))
        begun = [task.job for task in self.tasks.values() if task.pid is not None]
        self._anew()
        for task in self.tasks.values():
            task.again = task.job in begun

    def _anew(self) -> None:
        """Give all jobs under way to other workers."""
        jobs, pool = self.running, self.pool
        self.tasks, self.pool = {}, None
        if pool is not None:
            self._stopping.touch()
            pool.stop()
            pool.join()
            self._stopping.unlink()
        for job in jobs:
            self.start(job)

    def _look(self, task: Task) -> Outcome | None:
        """Enforce the limits; return an outcome for a worker whose death the pool does not tell."""
        if task.pid is None:
            task.look()
            return None
        if not lives(task.pid):  # the pool is silent about an exit with code 0
            task.gone = task.gone or time.monotonic()
            if time.monotonic() - task.gone > GRACE:
                self._abandoned = True
                return task.verdict or Outcome("failed", f"its process {death(0)}", task.seconds())
        elif task.verdict is None:
            task.verdict = self._verdict(task.pid, task.seconds(), max(len(task.job.cells), 1))
            if task.verdict is not None:
                kill(task.pid)
        return None

    def _verdict(self, pid: int, seconds: float, cells: int) -> Outcome | None:
        timeout, memory = self.timeout * cells, self.memory * cells
        if seconds > timeout:
            return Outcome("timeout", f"stopped after {timeout:g} s ([limits] timeout)", seconds)
        if not memory:
            return None
        try:
            used = psutil.Process(pid).memory_info().rss / 1e6
        except psutil.Error:
            return None
        if used <= memory:
            return None
        return Outcome("out_of_memory", f"used {used:.0f} of {memory:g} MB ([limits] memory)", seconds)

    def close(self, now: bool = False) -> None:
        """Stop the workers; with `now`, without waiting for their jobs."""
        if self.pool is not None:
            self._stopping.touch()
            for pid in [task.pid for task in self.tasks.values() if task.pid is not None]:
                if now:
                    kill(pid)
            self.pool.stop() if now or self._abandoned else self.pool.close()
            self.pool.join()
        self.folder.cleanup()
