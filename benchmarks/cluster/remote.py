"""The only file that speaks to Ray: joining a cluster, its nodes, jobs sent to one of them, what is heard back."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ...core.errors import FusebenchError
from ..work import FULL
from .orders import Broken, Event, Lost

REACH = 5.0  # seconds in which a cluster's head must take a connection


@dataclass(frozen=True)
class Node:
    """A machine of the cluster: Ray's id, its address, its processors and its accelerators."""

    id: str
    address: str
    cpus: int
    gpus: int


class Remote:
    """A cluster that this process has joined.

    Parameters
    ----------
    address
        `auto` (the cluster that this machine is part of) or HOST:PORT of its head.

    Raises
    ------
    FusebenchError
        Where Ray is not installed, or there is no such cluster, or this machine is not part of it.
    """

    def __init__(self, address: str):
        self.ray = library()
        self.joined_here = not self.ray.is_initialized()
        if self.joined_here:
            _join(self.ray, address)

    def nodes(self) -> list[Node]:
        """Return the nodes that are alive."""
        return [
            Node(
                each["NodeID"],
                each["NodeManagerAddress"],
                int(each["Resources"].get("CPU", 0)),
                int(each["Resources"].get("GPU", 0)),
            )
            for each in self.ray.nodes()
            if each["Alive"]
        ]

    def put(self, value: Any) -> Any:
        """Keep a value in the cluster's memory; return a reference to it."""
        return self.ray.put(value)

    def start(self, node: Node, gpus: float, serve: Callable[..., Any], *arguments: Any) -> Any:
        """Start a job that tells of itself bit by bit on a node; return a handle."""
        settings = {"num_cpus": 1, "num_gpus": gpus, "num_returns": "streaming"}
        return self._task(serve, node, settings).remote(*arguments)

    def ask(self, node: Node, gpus: float, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on a node in a process of its own; return a handle."""
        # it ends with the call: one that has imported torch, or looked at a card, would hold memory all the time
        settings = {"num_cpus": 0, "num_gpus": gpus, "max_calls": 1}
        return self._task(function, node, settings).remote(*arguments)

    def _task(self, function: Callable[..., Any], node: Node, settings: dict[str, Any]) -> Any:
        affinity = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        where = affinity(node.id, soft=False)
        return self.ray.remote(max_retries=0, scheduling_strategy=where, **settings)(function)

    def hear(self, handles: Sequence[Any], patience: float) -> list[tuple[Any, Event]]:
        """Return what has been heard of jobs, waiting at most `patience` seconds for the first of it."""
        if not handles:
            time.sleep(patience)
            return []
        ready, rest = self.ray.wait(list(handles), timeout=patience)
        if ready and rest:
            ready += self.ray.wait(rest, num_returns=len(rest), timeout=0)[0]
        return [(handle, self._heard(handle)) for handle in ready]

    def _heard(self, handle: Any) -> Event:
        errors = self.ray.exceptions
        try:
            return self.ray.get(next(handle) if hasattr(handle, "__next__") else handle)
        except StopIteration:
            return Lost("it ended without an answer")
        except errors.RayTaskError as error:
            cause = error.cause if isinstance(error.cause, BaseException) else error
            told = f"{type(cause).__name__}: {cause}".splitlines()[0]
            full = isinstance(cause, OSError) and cause.errno in FULL
            return Broken(told, isinstance(cause, FusebenchError), full)
        except errors.RayError as error:
            return Lost(type(error).__name__, isinstance(error, errors.OutOfMemoryError))

    def cancel(self, handle: Any) -> None:
        """End a job at once, whether it has begun or not."""
        with suppress(self.ray.exceptions.RayError, ValueError):
            self.ray.cancel(handle, force=True)

    def leave(self) -> None:
        """Leave the cluster, unless this process was part of it before."""
        if self.joined_here:
            self.ray.shutdown()


def library() -> Any:
    """Return the module `ray`, which only runs on a cluster need.

    Raises
    ------
    FusebenchError
        Where it is not installed.
    """
    try:
        return import_module("ray")
    except ImportError as error:
        raise FusebenchError(
            f"--cluster needs Ray, which cannot be imported here ({error}): pip install 'fusebench[cluster]', "
            "here and on every node."
        ) from error


def _join(ray: Any, address: str) -> None:
    if address != "auto":
        _check_reachable(address)
    # quiet about a change of behaviour that this package does not meet
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        with _own_signals():
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        # it would print a lost node's log among our lines; there is no setting for that
        ray._private.worker._worker_logs_enabled = False
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise FusebenchError(
            f"The cluster {address!r} cannot be joined ({why}): start it with `ray start --head`, or join it from "
            "this machine with `ray start --address=HOST:PORT --num-cpus=0`, then run again."
        ) from error


def _check_reachable(address: str) -> None:
    host, colon, port = address.rpartition(":")
    if not colon or not host or "/" in address or not port.isdigit():
        raise FusebenchError(
            f"--cluster {address!r} is neither 'auto' nor HOST:PORT of a cluster's head, such as 10.0.0.1:6379."
        )
    try:  # Ray itself would try for a minute, then end the process
        socket.create_connection((host.strip("[]"), int(port)), REACH).close()
    except (OSError, OverflowError) as error:
        raise FusebenchError(
            f"The cluster {address!r} cannot be reached ({error}): start its head with `ray start --head`, or "
            "give the address that this printed."
        ) from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this process's handling of signals: Ray puts its own in place of it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
