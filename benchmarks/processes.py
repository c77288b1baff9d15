"""Worker processes as their parent sees them; what they train with is imported there and not by the parent."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path

import psutil

from .job import Job, Outcome

HELD_BACK = {getattr(signal, name) for name in ("SIGINT", "SIGHUP", "SIGTERM") if hasattr(signal, name)}


def prepare(
    plugins: tuple[str, ...], parent: int, stopping: Path, family: int, environment: Mapping[str, str]
) -> None:
    """Make this process a worker; see `worker.prepare`."""
    from . import worker

    worker.prepare(plugins, parent, stopping, family, environment)


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
