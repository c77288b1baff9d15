"""What runs in a worker process: jobs, with one thread, as long as the parent lives."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import torch
from threadpoolctl import threadpool_limits

from .. import fusion
from ..core.liveness import lives
from . import cell, load, stages, timing, work
from .job import NOT_STORED, Job, Outcome
from .processes import HELD_BACK, kill

# below what the user does meanwhile; where nothing else wants the processor it changes nothing
NICE = getattr(psutil, "BELOW_NORMAL_PRIORITY_CLASS", 5)
KINDS: dict[str, Callable[[Job], Outcome]] = {"stage": stages.run, "cell": cell.run, "timing": timing.run}


def execute(job: Job, marker: Path | None = None) -> Outcome:
    """Do one job in this process and never raise: what cannot be stored is an outcome of its own.

    `marker` tells the parent which process does it, and that it has begun.
    """
    begin = time.monotonic()
    try:
        outcome = _done(job, marker)
    except work.NotStoredError as error:
        outcome = Outcome(NOT_STORED, str(error))
    return replace(outcome, seconds=time.monotonic() - begin)


def _done(job: Job, marker: Path | None) -> Outcome:
    try:
        if marker is not None:
            with work.storing():
                marker.write_text(str(os.getpid()))
        return KINDS[job.kind](job)
    except Exception as error:  # from a pool it would look as if all of its workers were broken
        return Outcome(work.status_of(error), work.explain(error))


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


def prepare(plugins: tuple[str, ...], parent: int, stopping: Path, family: int) -> None:
    """Make this process a worker: one thread, entries and plugins loaded, no life without the parent.

    Signals to the whole process group are the parent's to answer: a worker ends of a termination when `stopping`,
    the parent's word, is there, and not when a batch system sent it to all. `family` is the process whose
    descendants' work is no load by others.
    """

    def end(number: int, frame: object) -> None:
        if stopping.exists():
            os._exit(0)

    for number in HELD_BACK:
        signal.signal(number, end if number == signal.SIGTERM else signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)
    psutil.Process().nice(NICE)
    load.belong_to(family)
    threading.Thread(target=_follow, args=({parent, os.getppid()},), daemon=True).start()
    torch.set_num_threads(1)
    np.random.seed()  # what a plugin draws unseeded is not the same in every fork
    random.seed()
    fusion.load_all()
    fusion.load_plugins(plugins)
    work.warm_up()


def _follow(above: set[int]) -> None:
    """End with the processes above: the parent, and the server that forked this one."""
    try:
        while os.getppid() in above and all(map(lives, above)):
            time.sleep(1)
    finally:
        kill(os.getpid())
