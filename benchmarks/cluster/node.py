"""What runs on a node: a thin supervisor that gives the job to a worker process of its own.

Isolation, limits and the words for what goes wrong are then those of a run without a cluster, for it is the same
code; Ray only brings jobs here and answers back.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...core.errors import FusebenchError
from ...core.machine import fingerprint
from ..job import Job, Outcome
from ..workers import Workers
from . import environment
from .orders import Answer, Begun, Introduction, Order, Shipment
from .parcels import Parcel, lend, pack, unpack

Fetch = Callable[[Any], Parcel]

SPARE = 120.0  # seconds beyond a job's time in which what it was sent is certainly not needed any more

_held: dict[tuple[object, ...], Workers] = {}  # kept from job to job: a worker process takes seconds to start


def introduce(device: str, workers: int) -> Introduction:
    """Describe this node.

    Parameters
    ----------
    device
        What is to train.
    workers
        How many jobs run on it at once.
    """
    from ... import fusion  # imports torch, which a supervisor does without

    fusion.load_all()  # a machine is told with the libraries that a worker loads
    model, trouble = model_here(device)
    return Introduction(environment.describe(), fingerprint(1, workers, model), trouble)


def model_here(device: str) -> tuple[str, str]:
    """Return a device with the name of its model, and why this machine cannot use it (empty where it can)."""
    from ..work import check_device, device_model

    try:
        check_device(device)
    except FusebenchError as error:
        return device, str(error)
    return device_model(device), ""


def serve(order: Order, folder: Path | None = None) -> Iterator[Begun | Answer]:
    """Say that a job has begun, then carry it out.

    Parameters
    ----------
    order
        What is to be done.
    folder
        Where this node keeps the run's files; None = a temporary folder of its own.
    """
    import ray  # pyright: ignore[reportMissingImports]

    yield Begun()
    yield carry_out(order, folder or folder_of(order.run, ray.get_runtime_context().get_node_id()), ray.get)


def folder_of(run: str, node: str) -> Path:
    """Return where a node keeps a run's files; several nodes may be on one machine."""
    return Path(tempfile.gettempdir()) / f"fusebench-{run}" / node[:16]


def sweep(run: str) -> None:
    """Remove a run's files from this machine."""
    shutil.rmtree(Path(tempfile.gettempdir()) / f"fusebench-{run}", ignore_errors=True)


def carry_out(order: Order, folder: Path, fetch: Fetch) -> Answer:
    """Do a job in a worker process and return its outcome with the files that it made.

    Parameters
    ----------
    order
        What is to be done.
    folder
        Where this node keeps the run's files.
    fetch
        Returns the parcel of a reference.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    clear(folder, order.timeout + SPARE)
    places = {shipment.fingerprint: placed(shipment, folder, fetch) for shipment in order.shipments}
    # files alone: beside them Python keeps what it compiled
    sent = places[order.plugins.fingerprint].glob("*/*")
    plugins = sorted(str(path) for path in sent if path.is_file())
    root = Path(tempfile.mkdtemp(prefix="job-", dir=folder))
    try:
        lent = {name for stage in order.stages for name in lend(places[stage.fingerprint], root)}
        job = replace(order.job, root=root, rows=places[order.rows.fingerprint], own=None)
        outcome = _done(job, order, tuple(plugins), folder)
        return Answer(outcome, pack(root, without=lent))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def placed(shipment: Shipment, folder: Path, fetch: Fetch) -> Path:
    """Return the folder of a parcel on this node, fetching it once whoever asks."""
    place = folder / "parcels" / shipment.fingerprint
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        if not place.is_dir():
            unpack(fetch(shipment.held[0]), place)
        os.utime(place)
    return place


def clear(folder: Path, unused: float) -> None:
    """Remove the parcels that no job of the last `unused` seconds has asked for: they would fill the disk."""
    for lock in (folder / "parcels").glob("*.lock"):
        place = lock.with_suffix("")
        with suppress(Timeout, FileNotFoundError), FileLock(lock, timeout=0):
            if time.time() - place.stat().st_mtime > unused:
                shutil.rmtree(place, ignore_errors=True)


def _workers(order: Order, plugins: tuple[str, ...], folder: Path) -> Workers:
    # Ray may show the next job another card; a process sees what it saw when it began
    wanted = (order.run, plugins, order.timeout, order.memory, os.environ.get("CUDA_VISIBLE_DEVICES"))
    if wanted not in _held:
        while _held:
            _held.popitem()[1].close(now=True)
        # a folder where the sweep finds it: Ray ends this process without asking. Its parent, Ray's own on this
        # node, has started whatever else trains here
        _held[wanted] = Workers(1, plugins, order.timeout, order.memory, folder, os.getppid())
    return _held[wanted]


def _done(job: Job, order: Order, plugins: tuple[str, ...], folder: Path) -> Outcome:
    workers = _workers(order, plugins, folder)
    try:
        workers.start(job)
        while True:
            for _, outcome in workers.finished():
                return outcome
    except FusebenchError:  # they die while they start
        _held.clear()
        raise
