"""What runs in a worker process: jobs, with one thread, as long as the parent lives."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path

import psutil
import torch
from threadpoolctl import threadpool_limits

from .. import fusion
from . import cell, stages, timing, work
from .job import Job, Outcome

KINDS: dict[str, Callable[[Job], Outcome]] = {"stage": stages.run, "cell": cell.run, "timing": timing.run}


def execute(job: Job) -> Outcome:
    """Do one job in this process."""
    return KINDS[job.kind](job)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread in this process, as every worker does: results would depend on it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(threads)


def prepare(plugins: tuple[str, ...], parent: int) -> None:
    """Make this process a worker: one thread, entries and plugins loaded, no life without the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # interrupts are the parent's
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    fusion.load_all()
    fusion.load_plugins(plugins)
    work.warm_up()


def execute_as(job: Job, marker: Path) -> Outcome:
    """Do one job in a worker; `marker` tells the parent which process does it, and that it has begun."""
    marker.write_text(str(os.getpid()))
    return execute(job)


def _follow(parent: int) -> None:
    while psutil.pid_exists(parent) and os.getppid() == parent:
        time.sleep(1)
    kill(os.getpid())


def kill(pid: int | None) -> None:
    """End a process and everything that it started."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [*process.children(recursive=True), process]:
            with suppress(psutil.Error):
                each.kill()


@contextmanager
def mask_interrupts(block: bool) -> Iterator[None]:
    """Hold SIGINT back, or let it through, in this thread and in the processes that it starts."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it starts with the first process, and lets signals through then
    held = signal.pthread_sigmask(signal.SIG_BLOCK if block else signal.SIG_UNBLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)
