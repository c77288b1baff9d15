"""A job on its way through nodes: how long it has been on one, where it came to nothing, when to give up."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from ..job import NOT_STORED, Job, Outcome
from .orders import Broken, Lost, Order
from .remote import Node

TRIES = 3  # times that a job's node may be lost
NOWHERE = Node("", "", 0, 0)


@dataclass(eq=False)
class Task:
    """A job with what has become of it so far.

    Parameters
    ----------
    job, order
        What is wanted, and how nodes are told.
    node, handle, begun
        Where it is, what stands for it there, and when the node said that it began (by the monotonic clock).
    avoid
        Ids of nodes on which it came to nothing.
    tries
        How often it came to nothing.
    """

    job: Job
    order: Order
    node: Node = NOWHERE
    handle: Any = None
    begun: float | None = None
    avoid: set[str] = field(default_factory=set)
    tries: int = 0

    @property
    def title(self) -> str:
        """What people call it."""
        return f"{self.job.name} on {self.job.dataset}, seed {self.job.seed}"

    def seconds(self) -> float:
        """How long its node has been at it."""
        return 0.0 if self.begun is None else time.monotonic() - self.begun

    def came_to_nothing(self, event: Lost | Broken) -> Outcome | None:
        """Note it; return what the job has become where it has been tried often enough."""
        self.tries += self.begun is not None or isinstance(event, Broken)  # waiting costs no try
        self.avoid.add(self.node.id)
        return _given_up(event, self.seconds()) if self.tries >= TRIES else None


def _given_up(event: Lost | Broken, seconds: float) -> Outcome:
    if isinstance(event, Broken) and event.full:
        return Outcome(NOT_STORED, f"its nodes had no room {TRIES} times: {event.reason}", seconds)
    if isinstance(event, Broken):
        return Outcome("failed", f"its nodes could not carry it out {TRIES} times: {event.reason}", seconds)
    if event.memory:
        return Outcome("out_of_memory", f"Ray ended it {TRIES} times: its node ran out of memory", seconds)
    return Outcome("failed", f"its node was lost {TRIES} times ({event.reason})", seconds)
