"""What nodes need of this machine, put into the cluster's memory once and named by contents."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

from ...results.store import Store
from .. import shared
from ..data import bundle
from ..job import Job
from ..work import NotStoredError
from .orders import Order, Shipment
from .parcels import Parcel, contents, fingerprint

HELD = 64  # parcels kept in the cluster's memory beyond those of jobs under way


class Shipping:
    """Makes orders of jobs.

    Parameters
    ----------
    put
        Keeps a value in the cluster's memory and returns a reference.
    store
        The results folder, where stages lie.
    run
        Names the run on nodes.
    plugins
        Files of entries outside the package.
    timeout, memory
        Limits of a job: wall seconds, resident megabytes.
    """

    def __init__(
        self,
        put: Callable[[Parcel], Any],
        store: Store,
        run: str,
        plugins: Sequence[str],
        timeout: float,
        memory: float,
    ):
        self.put, self.store, self.run, self.timeout, self.memory = put, store, run, timeout, memory
        self._held: OrderedDict[Hashable, Shipment] = OrderedDict()
        files = {f"{i:03d}/{Path(file).name}": contents(Path(file)) for i, file in enumerate(plugins)}
        self.plugins = self._shipment(files)

    def order(self, job: Job) -> Order:
        """Return a job with everything that it needs.

        Raises
        ------
        NotStoredError
            Where rows cannot be written to this machine's temporary folder.
        Exception
            Whatever a data set raises that cannot be had.
        """
        rows = self._kept((job.dataset, job.seed), lambda: self._rows(job))
        stages = tuple(self._kept(h, lambda h=h: self._stage(h)) for h in sorted(set(job.stages.values())))
        return Order(self.run, job, rows, stages, self.plugins, self.timeout, self.memory)

    def _kept(self, key: Hashable, make: Callable[[], Parcel]) -> Shipment:
        if key not in self._held:
            self._held[key] = self._shipment(make())
            if len(self._held) > HELD:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]

    def _shipment(self, parcel: Parcel) -> Shipment:
        return Shipment(fingerprint(parcel), [self.put(dict(parcel))])

    def _rows(self, job: Job) -> Parcel:
        assert job.rows is not None  # a run always has a folder for them
        place = shared.place(job.rows, job.dataset, job.seed)
        bundle(job)
        if not place.is_file():
            raise NotStoredError(f"no room in {job.rows.parent} for the rows of {job.dataset!r}: set TMPDIR")
        return {place.name: contents(place)}

    def _stage(self, hash: str) -> Parcel:
        path = self.store.stage_path(hash)
        files = (path, path.with_suffix(".pt"))
        return {file.relative_to(self.store.root).as_posix(): contents(file) for file in files}
