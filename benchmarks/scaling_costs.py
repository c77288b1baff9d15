"""What a job costs beside its training: measured here, with the real workers, scheduler and store."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from .. import fusion
from ..core.errors import FusebenchError
from ..core.machine import fingerprint, fingerprint_id
from ..results.claims import Claims
from ..results.record import Record
from ..results.store import Store
from .job import Job, Outcome
from .load import Others
from .progress import Progress
from .scaling_replay import Costs
from .scheduler import Scheduler, Unit
from .suite import TrainingTable
from .worker import execute, one_thread
from .workers import LOOK, Workers

# fitted in milliseconds; the rows of the first come with scikit-learn, the second has the usual 4,000 test rows
VARIANT, SMALL, USUAL = "early_concat_logreg", "wine_views", "synthetic_private"
JOBS, ROUNDS = 100, 5  # of a measurement of dispatch, and how often each measurement is made
QUEUED, LOOKS = 200, 10
PUTS = 60


@dataclass(frozen=True)
class Measured:
    """Costs and where they were measured.

    Parameters
    ----------
    costs
        In seconds: the least of the rounds, for what others compute meanwhile only ever adds; medians of storing
        and of handing out, which are measured many times.
    spread
        Name of a cost → smallest and largest of its measurements.
    machine
        The fingerprint.
    load
        Cores that other processes kept busy meanwhile; None where that is not known.
    """

    costs: Costs
    spread: dict[str, tuple[float, float]]
    machine: dict[str, Any]
    load: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        told = {"costs": asdict(self.costs), "spread": {name: list(ends) for name, ends in self.spread.items()}}
        return told | {"machine": self.machine, "environment": fingerprint_id(self.machine), "load": self.load}


def measured(stored: dict[str, Any]) -> Measured:
    """Return what `Measured.to_json` told."""
    spread = {name: (ends[0], ends[1]) for name, ends in stored["spread"].items()}
    return Measured(Costs(**stored["costs"]), spread, stored["machine"], stored["load"])


def measure(typical: Store, folder: Path, jobs: int = JOBS, rounds: int = ROUNDS) -> Measured:
    """Measure what a job costs here.

    Parameters
    ----------
    typical
        A run whose record of median size is what is stored.
    folder
        Where to write meanwhile: on the file system that results are written to.
    jobs, rounds
        Jobs of a measurement of dispatch, and how many measurements are made of each cost.

    Raises
    ------
    FusebenchError
        Where the small cell gives no result here.
    """
    others = Others()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".costs-", dir=folder) as place:
        found = {"store": put_seconds(typical, Store(Path(place) / "puts"))}
        found |= queue_seconds(Store(Path(place) / "queue"))
        found |= dispatch_seconds(Store(Path(place) / "jobs"), jobs, rounds)
        found |= record_seconds(Store(Path(place) / "records"), rounds)
    often = {name: median(found[name]) for name in ("store", "hand_out")}
    found["take"] = [max(busy - often["hand_out"], 0.0) for busy in found.pop("busy")]
    # where the driver stores what a worker found, the worker does not
    found["record"] = [max(seconds - often["store"], 0.0) for seconds in found["record"]]
    costs = Costs(**({name: min(values) for name, values in found.items()} | often))
    spread = {name: (min(values), max(values)) for name, values in found.items()}
    return Measured(costs, spread, fingerprint(1, 1), others.cores())


def small(store: Store, number: int, dataset: str = SMALL, seed: int = 0) -> Job:
    """Return a job that a worker does in milliseconds, once it holds the rows."""
    training = TrainingTable().model_dump(mode="json")
    return Job("cell", f"{number:032x}", VARIANT, dataset, seed, 0, store.root, training)


def record_seconds(store: Store, rounds: int) -> dict[str, list[float]]:
    """Return a worker's seconds for a cell of the usual size: to `read` rows, and to `record` what it found."""
    fusion.load_all()
    found: dict[str, list[float]] = {"read": [], "record": []}
    with one_thread():
        for number in range(rounds + 1):  # the first pays for first calls
            job = small(store, number, USUAL, number)
            inside, (spent, load) = execute(job).seconds, _counted(store, job)
            found["read"].append(load)
            found["record"].append(inside - spent - load)
    return {name: seconds[1:] for name, seconds in found.items()}


class _Watched(Workers):
    """Workers that tell how long the driver waited for them, and what its processor did meanwhile."""

    waited = worked = 0.0

    def finished(self, patience: float = LOOK) -> list[tuple[Job, Outcome]]:
        wall, busy = time.perf_counter(), time.process_time()
        done = super().finished(patience)
        self.waited += time.perf_counter() - wall
        self.worked += time.process_time() - busy
        return done


def dispatch_seconds(store: Store, jobs: int, rounds: int) -> dict[str, list[float]]:
    """Run small jobs through the scheduler and one worker, a new one each round.

    Returns
    -------
    dict
        Seconds, one value a round: `start`, and for each job `busy` (of the driver: all but waiting, and what its
        pool's threads compute while it waits) and `gap` (what a job is on its way beyond that).
    """
    found: dict[str, list[float]] = {"start": [], "busy": [], "gap": []}
    for number in range(rounds):
        workers = _Watched(1)
        # a seed each, so that no record supersedes another
        first, *listed = (small(store, n, seed=n) for n in range(number * (jobs + 1), (number + 1) * (jobs + 1)))
        try:
            wall, inside = _timed(store, workers, [first])
            found["start"].append(wall - inside)
            workers.waited = workers.worked = 0.0
            wall, inside = _timed(store, workers, listed)
        finally:
            workers.close()
        busy = wall - workers.waited + workers.worked
        found["busy"].append(busy / jobs)
        found["gap"].append(max(wall - busy - inside, 0.0) / jobs)
    return found


def _timed(store: Store, workers: Workers, jobs: Sequence[Job]) -> tuple[float, float]:
    """Do jobs as a run does; return seconds by the clock, and seconds in the worker."""
    begin = time.perf_counter()
    inside = sum(_run(store, workers, jobs))
    return time.perf_counter() - begin, inside


def _run(store: Store, workers: Workers, jobs: Sequence[Job]) -> list[float]:
    progress, inside = Progress(store.root / "run.log", 1, quiet=True), list[float]()

    def tell(job: Job, outcome: Outcome) -> None:
        progress.told(job, outcome)
        inside.append(outcome.seconds)

    units, claims = [Unit(job, 0.0) for job in jobs], Claims(store.root)
    progress.begin(len(units), {job.hash: 0.0 for job in jobs})
    try:
        Scheduler(store, units, set(), {}, tell, claims=claims).run(workers)
    finally:
        claims.close()
        progress.close()
    return inside


def _counted(store: Store, job: Job) -> tuple[float, float]:
    """Return seconds that a record counts, and seconds in which its rows were read."""
    record = store.get(job.hash)
    if record is None or record.spent is None:
        why = "it is not stored" if record is None else f"{record.status}: {record.reason}"
        raise FusebenchError(f"Costs could not be measured with {VARIANT} on {job.dataset}: {why}")
    return record.spent, record.phases["load"]


def queue_seconds(store: Store) -> dict[str, list[float]]:
    """Return driver seconds to hand out a job (`hand_out`), and to look at a running one, while a pool starts."""
    workers = Workers(1)
    try:
        workers.start(small(store, 0))  # starts the pool
        alone = median(_looks(workers))
        handed = []
        for number in range(1, QUEUED):
            begin = time.perf_counter()
            workers.start(small(store, number))
            handed.append(time.perf_counter() - begin)
        each = [max(seconds - alone, 0.0) / (QUEUED - 1) for seconds in _looks(workers)]
    finally:
        workers.close(now=True)
    return {"hand_out": handed, "look": each}


def _looks(workers: Workers) -> list[float]:
    found = []
    for _ in range(LOOKS):
        begin = time.perf_counter()
        workers.finished(patience=0)
        found.append(time.perf_counter() - begin)
    return found


def put_seconds(typical: Store, store: Store) -> list[float]:
    """Return seconds to store the record of median size, with predictions of as many rows, in a folder."""
    records = sorted(
        (r for r in typical.records() if r.spent is not None), key=lambda r: len(json.dumps(r.to_json()))
    )
    record = records[len(records) // 2]
    told = typical.suite()["datasets"][record.dataset]
    drawn = np.random.default_rng(0)
    validation, test = (
        np.log(drawn.dirichlet(np.ones(len(told["classes"])), told["rows"][split]))
        for split in ("validation", "test")
    )
    found = []
    for number in range(PUTS):
        begin, cell = time.perf_counter(), f"{number:032x}"
        store.put_predictions(cell, validation, test)
        store.put(Record(**{**record.__dict__, "cell": cell}))
        found.append(time.perf_counter() - begin)
    return found
