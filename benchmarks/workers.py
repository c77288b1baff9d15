"""Worker processes: isolated, one thread each, watched from outside for time, memory and death.

Limits are the parent's: one set inside a reused worker would outlive its cell. A worker never raises;
what ends it (a signal, an exit) costs its own job only.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
from pebble import ProcessExpired, ProcessPool

from . import cell, stages, timing, work
from .job import Job, Outcome

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
KINDS: dict[str, Callable[[Job], Outcome]] = {"stage": stages.run, "cell": cell.run, "timing": timing.run}
LOOK = 0.2  # seconds between looks at time and memory


def execute(job: Job, started: Path | None = None) -> Outcome:
    """Do one job in this process; `started` is a file that tells the parent who does it."""
    if started is not None:
        started.write_text(str(os.getpid()))
    return KINDS[job.kind](job)


def initialise(plugins: tuple[str, ...], parent: int) -> None:
    """Prepare a worker: interrupts are the parent's, one thread, plugins by file, no life without parent."""
    import torch

    from .. import fusion

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    threading.Thread(target=_follow_parent, args=(parent,), daemon=True).start()
    fusion.load_all()
    fusion.load_plugins(plugins)
    work.warm_up()


def _follow_parent(parent: int) -> None:
    while psutil.pid_exists(parent) and os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


_spawning = threading.Lock()


@contextmanager
def _hidden_main() -> Iterator[None]:
    """Hide the caller's main module and set thread variables while a process starts.

    A spawned process would otherwise run the user's script again; a notebook has none to run.
    """
    with _spawning:
        held = sys.modules["__main__"]
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        sys.modules["__main__"] = ModuleType("__main__")
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
        try:
            yield
        finally:
            sys.modules["__main__"] = held
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


class _Process(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _hidden_main():
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]


class _Context(SpawnContext):
    Process = _Process


@dataclass
class _Running:
    job: Job
    marker: Path
    begun: float | None = None
    pid: int | None = None
    verdict: Outcome | None = None


class Workers:
    """A pool that takes one job a worker, so that the next is chosen when one is free.

    Parameters
    ----------
    count
        Worker processes; 0 = work in this process (no isolation, for debugging).
    plugins
        Files of entries outside the package.
    timeout
        Wall seconds of one job, by the monotonic clock.
    memory
        Resident megabytes of one worker; 0 = no limit.
    """

    def __init__(self, count: int, plugins: tuple[str, ...] = (), timeout: float = 900, memory: float = 0):
        self.count, self.timeout, self.memory = count, timeout, memory
        self.running: dict[Any, _Running] = {}
        self.folder = tempfile.TemporaryDirectory(prefix="fusebench-")
        self.pool = None
        if count:
            self.pool = ProcessPool(
                count,
                initializer=initialise,
                initargs=(plugins, os.getpid()),
                context=_Context(),  # type: ignore[arg-type]
            )
        self._number = 0
        self._finished: list[tuple[Job, Outcome]] = []

    @property
    def free(self) -> int:
        """Workers without a job."""
        return max(self.count, 1) - len(self.running) - len(self._finished)

    def start(self, job: Job) -> None:
        """Give a job to a free worker."""
        if self.pool is None:
            self._finished.append((job, execute(job)))
            return
        self._number += 1
        marker = Path(self.folder.name) / str(self._number)
        future = self.pool.schedule(execute, args=(job, marker))
        self.running[future] = _Running(job, marker)

    def finished(self, patience: float = LOOK) -> list[tuple[Job, Outcome]]:
        """Return the jobs that ended, waiting at most `patience` seconds; limits are enforced on the way."""
        if self.pool is None:
            done, self._finished = self._finished, []
            return done
        ended, _ = wait(list(self.running), timeout=patience, return_when=FIRST_COMPLETED)
        results = [self._result(future) for future in ended]
        for held in self.running.values():
            self._look(held)
        return results

    def _result(self, future: Any) -> tuple[Job, Outcome]:
        held = self.running.pop(future)
        held.marker.unlink(missing_ok=True)
        try:
            return held.job, future.result()
        except ProcessExpired as error:
            return held.job, held.verdict or Outcome("failed", _death(error.exitcode))
        except Exception as error:  # the pool itself: a broken pipe, a task that cannot be sent
            return held.job, held.verdict or Outcome("failed", f"{type(error).__name__}: {error}")

    def _look(self, held: _Running) -> None:
        now = time.monotonic()
        if held.pid is None:
            with suppress(OSError, ValueError):
                held.pid, held.begun = int(held.marker.read_text()), now
            return
        assert held.begun is not None
        if held.verdict is None:
            held.verdict = self._verdict(held.pid, now - held.begun)
            if held.verdict is not None:
                with suppress(psutil.Error):
                    psutil.Process(held.pid).kill()

    def _verdict(self, pid: int, seconds: float) -> Outcome | None:
        if seconds > self.timeout:
            return Outcome("timeout", f"stopped after {self.timeout:g} s ([limits] timeout)", seconds)
        if not self.memory:
            return None
        try:
            used = psutil.Process(pid).memory_info().rss / 1e6
        except psutil.Error:
            return None
        if used <= self.memory:
            return None
        return Outcome("out_of_memory", f"used {used:.0f} of {self.memory:g} MB ([limits] memory)", seconds)

    def close(self, now: bool = False) -> None:
        """Stop the workers; with `now`, without waiting for their jobs."""
        if self.pool is not None:
            if now:
                self.pool.stop()
            else:
                self.pool.close()
            self.pool.join()
        self.folder.cleanup()


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"its process was killed by signal {-code} ({signal.Signals(-code).name})"
    return f"its process ended with exit code {code}"
