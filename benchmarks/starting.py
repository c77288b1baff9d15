"""How worker processes are started: forked from a server that has imported what they need, or spawned.

A worker imports torch, scikit-learn and every variant, which takes seconds; a server does it once for all workers
of a process and for those that take the place of ended ones. It computes nothing and holds no data, so that a fork
of it is a fresh process. Forks are used on Linux and for the processor alone: libraries of other systems and
drivers of other devices do not stand them.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

from ..core.sources import edited
from .processes import mask_interrupts

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ROOMS = ("core", "datasets", "fusion", "benchmarks", "results")  # what a worker imports
READY = f"{__package__}.ready"

_starting = threading.Lock()


def starter(device: str) -> Any:
    """Return the context whose processes are workers; its `ready()` begins what can be done beforehand.

    A server forks the code that it imported, so that where source files were edited since this process began,
    workers are spawned and read them anew. The driver of another device stands no fork of a process that has only
    asked for it, and libraries may ask.
    """
    forks = sys.platform == "linux" and device == "cpu" and not edited(ROOMS)
    return _Forked() if forks else _Spawned()


def environment() -> dict[str, str]:
    """Return the environment that a worker gets: this process's, with one thread for every library."""
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}


@contextmanager
def _clean_start() -> Iterator[None]:
    """Hide the caller's main module, set thread variables and hold interrupts while a process starts.

    A new process would otherwise run the user's script again; a notebook has none to run.
    """
    with _starting, mask_interrupts(block=True):  # until the worker ignores them
        held = sys.modules["__main__"]
        before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
        sys.modules["__main__"] = ModuleType("__main__")
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
        try:
            yield
        finally:
            sys.modules["__main__"] = held
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value


class _SpawnedProcess(SpawnProcess):
    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _clean_start():
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]


class _Spawned(SpawnContext):
    Process = _SpawnedProcess

    def ready(self) -> None:
        """Do nothing: each process imports for itself."""


if sys.platform == "win32":
    _Forked = _Spawned
else:
    from multiprocessing import forkserver
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    class _ForkedProcess(ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: Any) -> Any:
            with _clean_start():  # a server that is not there any more starts in it too
                return ForkServerProcess._Popen(process_obj)  # type: ignore[attr-defined]

    class _Forked(ForkServerContext):
        Process = _ForkedProcess

        def ready(self) -> None:
            """Start the server, where there is none; it imports while this process goes on."""
            with _clean_start():
                self.set_forkserver_preload([READY])
                forkserver.ensure_running()
