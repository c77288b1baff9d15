"""Worker processes as their parent sees them; what they train with is imported there and not by the parent."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path

import psutil

from .job import Job, Outcome

HELD_BACK = {getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)}


@dataclass
class Task:
    """A job that a worker was given, and what is known of the worker: none before it has begun."""

    job: Job
    marker: Path
    pid: int | None = None
    begun: float = 0.0
    gone: float | None = None
    verdict: Outcome | None = None
    again: bool = False

    def look(self) -> None:
        """See whether a worker has begun it."""
        if self.pid is None:
            with suppress(OSError, ValueError):
                self.pid, self.begun = int(self.marker.read_text()), time.monotonic()

    def seconds(self) -> float:
        """How long its worker has been at it."""
        return time.monotonic() - self.begun if self.pid is not None else 0.0


def prepare(
    plugins: tuple[str, ...], parent: int, stopping: Path, family: int, environment: Mapping[str, str]
) -> None:
    """Make this process a worker with all variables of its parent; see `worker.prepare`."""
    os.environ.clear()
    os.environ.update(environment)  # before libraries read it that no server has imported
    from . import worker

    worker.prepare(plugins, parent, stopping, family)


def execute(job: Job, marker: Path) -> Outcome:
    """Do one job in a worker; see `worker.execute`."""
    from . import worker

    return worker.execute(job, marker)


def kill(pid: int | None) -> None:
    """End a process and everything that it started."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                each.kill()


@contextmanager
def mask_interrupts(block: bool) -> Iterator[None]:
    """Hold interrupts back, or let them through, in this thread and in the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it starts with the first process, and lets signals through then
    held = signal.pthread_sigmask(signal.SIG_BLOCK if block else signal.SIG_UNBLOCK, HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def death(code: int | None) -> str:
    """Return how a process with an exit code ended, in words."""
    if code is not None and code < 0:
        with suppress(ValueError):
            return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    return f"ended with exit code {code}"
