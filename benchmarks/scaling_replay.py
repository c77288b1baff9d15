"""Jobs with recorded times are replayed on any number of workers, event by event, without a process.

One driver hands out jobs and takes their results one after another, as `Scheduler.run` does: it wakes when a job
ends, takes every result that is there, then gives each free worker the first job that waits for nothing. All
times are seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import inf

PARTS = ("computing", "recording", "reading", "starting", "driver", "waiting", "tail", "lost")
"""What the time of all workers goes to, see `Replay`."""
HELD = 12  # rows of so many data sets and seeds stay in a worker's memory


@dataclass(frozen=True)
class Work:
    """A job to be replayed.

    Parameters
    ----------
    seconds
        Of training and scoring, as recorded.
    waits
        Places, in the list of all, of the jobs whose results must have been taken before it is handed out.
    name
        What it is.
    rows
        Which rows it needs; none where empty.
    """

    seconds: float
    waits: tuple[int, ...] = ()
    name: str = ""
    rows: str = ""


@dataclass(frozen=True)
class Costs:
    """What a job costs beside its training, in seconds.

    Parameters
    ----------
    start
        Of a worker, until it can take a job.
    hand_out, take
        Of the driver for a job, and for its result: settled, retired, logged.
    store
        Of the driver for a record and its predictions, flushed to disk; 0 where workers write them.
    look
        Of the driver for each running job whenever it wakes.
    gap
        While a job and its answer are on their way, and the driver is free.
    record
        Of a worker for a job beside what its record counts: rows copied, metrics, stages read.
    read
        Of a worker for rows that are not among the last that it used: as if each had a disk of its own.
    """

    start: float = 0.0
    hand_out: float = 0.0
    take: float = 0.0
    store: float = 0.0
    look: float = 0.0
    gap: float = 0.0
    record: float = 0.0
    read: float = 0.0


@dataclass(frozen=True)
class Replay:
    """How a replay went.

    Parameters
    ----------
    workers
        How many.
    makespan
        Seconds until the last result is taken.
    spent
        Seconds of all workers together by `PARTS`, adding up to workers x makespan: computing (recorded),
        recording (copies, metrics, files), reading (rows), starting, driver (a job or result waits for it, or is
        on the way), waiting (every job left needs another's result), tail (no job is left, others run on), lost
        (on nodes that went).
    order
        Places of the jobs as they were handed out.
    """

    workers: int
    makespan: float
    spent: dict[str, float]
    order: tuple[int, ...] = field(default=(), repr=False)


def replay(works: Sequence[Work], workers: int, costs: Costs, losses: Iterable[tuple[float, int]] = ()) -> Replay:
    """Replay jobs, wanted in the order given, on a number of workers.

    Parameters
    ----------
    works
        The jobs.
    workers
        From 1.
    costs
        What each costs beside its seconds.
    losses
        (seconds, worker from 0) in order of time: the worker's job is begun anew elsewhere, and another worker
        starts in its place.

    Raises
    ------
    ValueError
        For no worker, or jobs that wait for each other.
    """
    if workers < 1:
        raise ValueError(f"{workers} workers cannot do anything: at least 1 is needed")
    return _Replaying(works, workers, costs, iter(losses)).run()


class _Replaying:
    """The driver's loop in simulated time."""

    def __init__(self, works: Sequence[Work], workers: int, costs: Costs, losses: Iterator[tuple[float, int]]):
        self.works, self.workers, self.costs = works, workers, costs
        self.losses, self.loss = losses, next(losses, None)
        self.now, self.started = 0.0, costs.start  # started: when the last of the workers so far is ready
        self.users: dict[int, list[int]] = defaultdict(list)
        self.needs = [len(set(work.waits)) for work in works]
        for place, work in enumerate(works):
            for needed in set(work.waits):
                self.users[needed].append(place)
        self.ready = [place for place, needs in enumerate(self.needs) if not needs]  # sorted, so a heap
        self.free = [(costs.start, worker) for worker in range(workers)]
        self.running: list[tuple[float, int, int]] = []  # end, worker, place
        self.begun: dict[int, float] = {}  # worker → when its job began
        self.reading: dict[int, float] = {}  # worker → how much of its job is reading rows
        self.held: dict[int, dict[str, None]] = defaultdict(dict)  # worker → rows in its memory, oldest first
        self.spent: dict[str, float] = defaultdict(float)
        self.taken, self.order, self.restarts = 0, list[int](), list[float]()

    def run(self) -> Replay:
        while self.taken < len(self.works):
            self._feed()
            if not self.running:
                raise ValueError(f"{len(self.works) - self.taken} jobs wait for each other and can never begin")
            self._sleep()
            self._collect()
        total = self.workers * self.now
        told = {
            "computing": sum(work.seconds for work in self.works),
            "recording": self.costs.record * len(self.works),
            "starting": self.workers * min(self.costs.start, self.now),
            **{part: self.spent[part] for part in ("reading", "waiting", "tail")},
            "lost": self.spent["lost"] + sum(min(self.costs.start, self.now - when) for when in self.restarts),
        }
        told["driver"] = max(total - sum(told.values()), 0.0)
        return Replay(self.workers, self.now, {part: told[part] for part in PARTS}, tuple(self.order))

    def _feed(self) -> None:
        while self.free and self.ready:
            place = heappop(self.ready)
            ready, worker = heappop(self.free)
            self.now += self.costs.hand_out
            self.begun[worker] = max(self.now, ready)
            lasts = self.costs.gap + self.works[place].seconds + self.costs.record + self._reads(worker, place)
            heappush(self.running, (self.begun[worker] + lasts, worker, place))
            self.order.append(place)

    def _reads(self, worker: int, place: int) -> float:
        """Return the seconds in which a worker reads a job's rows: none where it still holds them."""
        rows, held = self.works[place].rows, self.held[worker]
        self.reading[worker] = 0.0 if not rows or rows in held else self.costs.read
        self.spent["reading"] += self.reading[worker]
        held.pop(rows, None)
        held[rows] = None  # the last that it used
        if len(held) > HELD:
            del held[next(iter(held))]
        return self.reading[worker]

    def _sleep(self) -> None:
        """Let time pass until a job ends or a worker is lost; who is free meanwhile has nothing to do."""
        wakes = min(self.running[0][0], self.loss[0] if self.loss else inf)
        if wakes <= self.now:
            return
        left = len(self.works) - self.taken - len(self.running)
        part = "waiting" if left else "tail"
        if self.now >= self.started:
            self.spent[part] += len(self.free) * (wakes - self.now)
        else:
            self.spent[part] += sum(max(0.0, wakes - max(self.now, ready)) for ready, _ in self.free)
        self.now = wakes

    def _collect(self) -> None:
        woken = self.now
        while self.loss and self.loss[0] <= woken:
            self._lose(*self.loss)
            self.loss = next(self.losses, None)
        self.now += self.costs.look * len(self.running)
        while self.running and self.running[0][0] <= woken:
            _, worker, place = heappop(self.running)
            self.now += self.costs.take + self.costs.store
            heappush(self.free, (0.0, worker))
            self.taken += 1
            for user in self.users[place]:
                self.needs[user] -= 1
                if not self.needs[user]:
                    heappush(self.ready, user)

    def _lose(self, when: float, worker: int) -> None:
        """Take a worker away, and its job back; one that is still starting is left alone."""
        for held in self.running:
            if held[1] == worker and self.begun[worker] <= when < held[0]:
                self.running.remove(held)
                heapify(self.running)
                heappush(self.ready, held[2])
                self.spent["lost"] += when - self.begun[worker]
                self.spent["reading"] -= self.reading[worker]  # it is within what is lost
                self._start_again(when, worker)
                return
        for held in self.free:
            if held[1] == worker and held[0] <= when:
                self.free.remove(held)
                heapify(self.free)
                self._start_again(when, worker)
                return

    def _start_again(self, when: float, worker: int) -> None:
        self.restarts.append(when)
        self.held[worker] = {}
        self.started = max(self.started, when + self.costs.start)
        heappush(self.free, (when + self.costs.start, worker))
