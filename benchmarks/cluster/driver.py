"""Jobs on the nodes of a cluster, behind the face of local workers: who does what, and what is put back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from ...core.errors import FusebenchError
from ...results.store import Store
from ..job import NOT_STORED, Job, Outcome
from ..work import NotStoredError, explain, status_of, storing
from ..workers import Workers
from .node import model_here, serve, sweep
from .nodes import Nodes
from .orders import Answer, Begun, Broken, Event, Lost
from .parcels import deliver
from .remote import Node
from .shipping import Shipping
from .task import Task

LOOK = 0.2  # seconds between looks
GRACE = 60.0  # seconds beyond a job's time in which its node must say how it ended; its worker may have to start
SWEEP = 5.0  # seconds for taking away what nodes kept

Ended = list[tuple[Job, Outcome]]


class RayWorkers:
    """Workers on the nodes of a cluster.

    Parameters
    ----------
    nodes
        The nodes, checked.
    store
        The results folder, which this process alone writes.
    plugins
        Files of entries outside the package; nodes are sent them.
    timeout
        Wall seconds of one job.
    memory
        Resident megabytes of one job; 0 = no limit.
    most
        How many jobs run at once at most; None = as many as the cluster has room for.
    stopping
        Whether the user asked to stop: what has not begun is dropped then.
    """

    def __init__(
        self,
        nodes: Nodes,
        store: Store,
        plugins: tuple[str, ...] = (),
        timeout: float = 900,
        memory: float = 0,
        most: int | None = None,
        stopping: Callable[[], object] = lambda: False,
    ):
        self.nodes, self.store, self.timeout, self.most, self.stopping = nodes, store, timeout, most, stopping
        self.cluster = nodes.cluster
        self.run = uuid.uuid4().hex[:12]
        self.shipping = Shipping(self.cluster.put, store, self.run, plugins, timeout, memory)
        self.tasks: list[Task] = []
        self.back: list[Task] = []  # without a node
        self._finished: Ended = []  # without a task
        self.here = Workers(1, plugins, timeout, memory)  # times what has been trained
        self._noted: set[str] = set()
        self._note_environments()

    @property
    def running(self) -> list[Job]:
        """The jobs under way."""
        return [
            *(task.job for task in [*self.tasks, *self.back]),
            *(job for job, _ in self._finished),
            *self.here.running,
        ]

    @property
    def free(self) -> int:
        """How many jobs can be started now: those that run and, on each node, one that waits."""
        room = sum(self._room(node) for node in self.nodes.admitted.values())
        if self.most is not None:
            room = min(room, self.most - len(self.tasks))
        return max(room - len(self.back) - len(self._finished), 0)

    def _room(self, node: Node) -> int:
        return self.nodes.slots(node) + 1 - len(self._on(node))

    def _on(self, node: Node) -> list[Task]:
        return [task for task in self.tasks if task.node.id == node.id]

    # ---- starting

    def start(self, job: Job) -> None:
        """Give a job to the node that has most room; timing is done here, by one process alone."""
        if job.kind == "timing":
            self._start_here(job)
            return
        try:
            try:
                self.back.append(Task(job, self.shipping.order(job)))
            except (Exception, SystemExit) as error:  # as a worker that loads its rows says it
                self._finished.append((job, Outcome(status_of(error), explain(error))))
        except NotStoredError as error:
            self._finished.append((job, Outcome(NOT_STORED, str(error))))
        self._send()

    def _start_here(self, job: Job) -> None:
        _, trouble = model_here(job.device)
        if trouble:
            self.nodes.say(f"Not timed: {trouble}")
            self._finished.append((job, Outcome("unavailable", trouble)))
        else:
            self.here.start(job)

    def _send(self) -> None:
        """Start what waits for a node."""
        while self.back:
            node = self._pick(self.back[0].avoid)
            if node is None:
                return
            task = self.back.pop(0)
            task.node, task.begun = node, None
            order = replace(task.order, job=replace(task.job, environment=self.nodes.machines[node.id]))
            task.handle = self.cluster.start(node, self.nodes.gpus, serve, order)
            self.tasks.append(task)

    def _pick(self, avoid: set[str]) -> Node | None:
        able = [node for node in self.nodes.admitted.values() if self._room(node) > 0]
        others = [node for node in able if node.id not in avoid]
        return max(others or able, key=self._room, default=None)

    def _level(self) -> None:
        """Take back what waits behind other jobs where a node would begin it at once."""
        idle = [node for node in self.nodes.admitted.values() if len(self._on(node)) < self.nodes.slots(node)]
        for node in [node for node in self.nodes.admitted.values() if self._room(node) <= 0]:
            waiting = [task for task in self._on(node) if task.begun is None]
            if idle and len(waiting) == 1:  # the others have begun: this one waits for them
                self.cluster.cancel(waiting[0].handle)
                self.tasks.remove(waiting[0])
                self.back.append(waiting[0])
                idle.pop()

    # ---- ending

    def finished(self, patience: float = LOOK) -> Ended:
        """Return the jobs that ended, waiting at most `patience` seconds; their files are in the store by then.

        Raises
        ------
        FusebenchError
            Where workers die on a node before they are ready for a job, or no node is left for minutes.
        """
        if self.here.running:  # training is over: whether nodes are left is all the same
            return self.here.finished(patience)
        self.nodes.look()
        self._note_environments()
        done, self._finished = self._finished, []
        for task in [task for task in self.tasks if task.node.id in self.nodes.missed]:
            self.cluster.cancel(task.handle)  # Ray itself takes long to tell of what waited there
            done += self._put_back(task, Lost("it left the cluster"))
        if self.stopping():
            done += self._drop_waiting()
        self._level()
        self._send()
        tasks = {task.handle: task for task in self.tasks}
        for handle, event in self.cluster.hear(list(tasks), 0 if done else patience):
            done += self._take(tasks[handle], event)
        for task in [task for task in self.tasks if task.seconds() > self.timeout + GRACE]:
            self.cluster.cancel(task.handle)
            done += self._end(task, Outcome("timeout", self._overdue, task.seconds()))
        return done

    @property
    def _overdue(self) -> str:
        return f"stopped after {self.timeout:g} s ([limits] timeout)"

    def _take(self, task: Task, event: Event) -> Ended:
        if isinstance(event, Begun):
            task.begun = time.monotonic()
            return []
        if isinstance(event, Answer):
            return self._take_answer(task, event)
        assert isinstance(event, Lost | Broken)
        if isinstance(event, Broken) and event.final:
            raise FusebenchError(f"Node {task.node.address}: {event.reason.partition(': ')[2]}")
        return self._put_back(task, event)

    def _take_answer(self, task: Task, answer: Answer) -> Ended:
        if answer.outcome.status == NOT_STORED:  # its own disk is full: no fault of this one's
            return self._put_back(task, Broken(answer.outcome.reason, full=True))
        try:
            with storing():
                deliver(answer.files, self.store.root)
        except NotStoredError as error:
            return self._end(task, Outcome(NOT_STORED, str(error), answer.outcome.seconds))
        return self._end(task, answer.outcome)

    def _end(self, task: Task, outcome: Outcome) -> Ended:
        self.tasks.remove(task)
        return [(replace(task.job, environment=self.nodes.machines[task.node.id]), outcome)]

    def _put_back(self, task: Task, event: Lost | Broken) -> Ended:
        self._tell_lost(task, event)
        outcome = task.came_to_nothing(event)
        if outcome is not None:
            return self._end(task, outcome)
        self.tasks.remove(task)
        self.back.append(task)
        return []

    def _tell_lost(self, task: Task, event: Lost | Broken) -> None:
        where = f"Node {task.node.address}"
        if isinstance(event, Broken):
            self.nodes.say(f"{where} could not carry out {task.title} ({event.reason}); it is put back.")
        elif not self.nodes.alive(task.node):
            self.nodes.miss(task.node)
        else:
            self.nodes.say(f"{where} lost {task.title} ({event.reason}); it is put back.")

    def _note_environments(self) -> None:
        """Name the nodes' machines in suite.json before a record does."""
        new = {key: value for key, value in self.nodes.environments.items() if key not in self._noted}
        if new and self.store.suite_file.is_file():
            self.store.put_environments(new)
            self._noted |= set(new)

    # ---- stopping

    def _drop_waiting(self) -> Ended:
        dropped = [task for task in self.tasks if task.begun is None]
        for task in dropped:
            self.cluster.cancel(task.handle)
            self.tasks.remove(task)
        dropped, self.back = [*dropped, *self.back], []
        # a failure that nobody has stored is forgotten by a run that stops
        return [(task.job, Outcome("failed", "the run was stopped before it began")) for task in dropped]

    def close(self, now: bool = False) -> None:
        """Take away what nodes kept; with `now`, end what runs first."""
        self.here.close(now)
        for task in self.tasks if now else ():
            self.cluster.cancel(task.handle)
        asked = [self.cluster.ask(node, 0, sweep, self.run) for node in self.nodes.admitted.values()]
        end = time.monotonic() + SWEEP
        while asked and time.monotonic() < end:
            heard = {handle for handle, _ in self.cluster.hear(asked, LOOK)}
            asked = [handle for handle in asked if handle not in heard]
