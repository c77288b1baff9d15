"""How worker processes are started: forked from a server that has imported what they need, or spawned.

A worker imports torch, scikit-learn and every variant, which takes seconds; a server does it once for all workers
of a process and for those that take the place of ended ones. It computes nothing and holds no data, so that a fork
of it is a fresh process. Forks are used on Linux and for the processor alone: libraries of other systems and
drivers of other devices do not stand them.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from types import ModuleType
from typing import Any

from ..core import sources
from ..core.liveness import lives
from ..core.sources import edited
from .processes import mask_interrupts

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ONE_THREAD: dict[str, str] = dict.fromkeys(THREAD_VARIABLES, "1")
ROOMS = ("core", "datasets", "fusion", "benchmarks", "results")  # what a worker imports
PATIENCE = 60.0  # seconds that a server may take to import; then workers do it themselves
TELL = "FUSEBENCH_SERVER_READY"  # the variable that names the file in which a server says that it is ready

_starting = threading.Lock()


def starter(device: str) -> Any:
    """Return the context whose processes are workers, once it can start them; its `server` is what forks them.

    A server forks the code that it imported, so that where source files were edited since this process began,
    workers are spawned and read them anew. The driver of another device stands no fork of a process that has only
    asked for it, and libraries may ask.
    """
    return _Forked() if _forks(device) and _server is not None and _server.ready() else _Spawned()


def ahead(device: str) -> None:
    """Let a server import meanwhile what workers need, while this process prepares their work."""
    if _forks(device) and _server is not None:
        _server.begin()


def server() -> int | None:
    """Return the process that workers are forked from; None where there is none, or none that lives."""
    pid = None if _server is None else _server.pid
    return pid if pid is not None and lives(pid) else None


def code_here() -> str:
    """Return where this process has its code from."""
    return f"{sources.__file__}\n{__file__}"


def environment() -> dict[str, str]:
    """Return the environment that a worker gets: this process's, with one thread for every library."""
    return {**os.environ, **ONE_THREAD}


def _forks(device: str) -> bool:
    return sys.platform == "linux" and device == "cpu" and not edited(ROOMS)


@contextmanager
def _clean_start(variables: dict[str, str]) -> Iterator[None]:
    """Hide the caller's main module and set variables while a process starts; a caller holds `_starting`.

    A new process would otherwise run the user's script again; a notebook has none to run.
    """
    held = sys.modules["__main__"]
    before = {name: os.environ.get(name) for name in variables}
    sys.modules["__main__"] = ModuleType("__main__")
    os.environ.update(variables)
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
        with _starting, mask_interrupts(block=True), _clean_start(ONE_THREAD):  # until the worker ignores them
            return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined]


class _Spawned(SpawnContext):
    Process = _SpawnedProcess
    server = None


if sys.platform == "win32":
    _Forked, _server = _Spawned, None
else:
    from multiprocessing import forkserver
    from multiprocessing.context import ForkServerContext, ForkServerProcess

    class _Server:
        """A server of our own: in its children signals wait, as they must not in others of the user's program."""

        def __init__(self) -> None:
            self._server: Any = forkserver.ForkServer()
            self._server.set_forkserver_preload([f"{__package__}.ready"])
            self._folder: tempfile.TemporaryDirectory[str] | None = None
            self._told = Path()  # no file before a server was begun
            self._trouble = False
            self._owner = 0

        @property
        def pid(self) -> int | None:
            """The process, which may have ended."""
            return self._server._forkserver_pid

        def begin(self) -> None:
            """Start it, where none lives; it imports while this process goes on."""
            try:
                with _starting:
                    self._begin()
            except OSError:  # no socket can be made here, or another process started it
                self._trouble = True

        def _begin(self) -> None:
            self._folder = self._folder or tempfile.TemporaryDirectory(prefix="fusebench-")
            told, before = Path(self._folder.name) / str(time.monotonic_ns()), self.pid
            # it would look for modules in the current folder first, and not where this process does
            paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
            variables = {**ONE_THREAD, "PYTHONSAFEPATH": "1", "PYTHONPATH": paths, TELL: str(told)}
            with mask_interrupts(block=True), _clean_start(variables):
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})  # it waits for its children by it
                self._server.ensure_running()
            if self.pid != before:
                self._told = told
            if self._owner != os.getpid():
                self._owner = os.getpid()
                atexit.register(self.end)

        def end(self) -> None:
            """End it with its owner, whose children's time is that of its workers then."""
            pid = self.pid
            with suppress(OSError):  # somebody else has waited for it
                if pid is not None and self._owner == os.getpid() and os.waitpid(pid, os.WNOHANG) == (0, 0):
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)

        def ready(self) -> bool:
            """Wait until it can fork; return whether it can, and has the code that this process has."""
            self.begin()
            end = time.monotonic() + PATIENCE
            while not self._trouble and not self._told.is_file():
                self._trouble = time.monotonic() > end or self.pid is None or not lives(self.pid)
                time.sleep(0.02)
            return not self._trouble and self._told.read_text("utf-8") == code_here()

        def fork(self, process_obj: Any) -> Any:
            """Start a process; a server that is not there any more is started anew."""
            with _starting:
                self._begin()
                held = forkserver.connect_to_new_process
                forkserver.connect_to_new_process = self._server.connect_to_new_process
                try:
                    with _clean_start({}):
                        return ForkServerProcess._Popen(process_obj)  # type: ignore[attr-defined]
                finally:
                    forkserver.connect_to_new_process = held

    _server = _Server()

    class _ForkedProcess(ForkServerProcess):
        @staticmethod
        def _Popen(process_obj: Any) -> Any:
            return _server.fork(process_obj)

    class _Forked(ForkServerContext):
        Process = _ForkedProcess

        def __init__(self) -> None:
            self.server = _server.pid
