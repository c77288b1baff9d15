"""The nodes that may be given jobs: each is checked before its first, and missed when it goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ...core.errors import FusebenchError
from ...core.machine import fingerprint_id
from ..options import Options
from . import environment
from .node import introduce
from .orders import Broken, Event, Introduction, Lost
from .remote import Node, Remote

LOOK = 1.0  # seconds between looks at who is there
CHECK = 180.0  # seconds in which a node must introduce itself: it imports torch first
ALONE = 300.0  # seconds that a run waits for a node when all are gone


@contextmanager
def joined(options: Options, say: Callable[[str], None] = lambda line: None) -> Iterator[Nodes]:
    """Join a run's cluster and check its nodes; leave it at the end.

    Raises
    ------
    FusebenchError
        Where Ray or the cluster is not there, or a node differs from this machine.
    """
    assert options.cluster is not None
    if options.jobs == 0:
        raise FusebenchError("--jobs 0 works in this process alone; with --cluster give at least 1.")
    if options.device not in ("cpu", "cuda"):
        raise FusebenchError(
            f"--device {options.device!r} with --cluster: say 'cpu' or 'cuda', Ray picks the card."
        )
    cluster = Remote(options.cluster)
    try:
        nodes = Nodes(cluster, options.device, options.gpu_share, say)
        nodes.admit()
        yield nodes
    finally:
        cluster.leave()


class Cluster(Protocol):
    """What is asked of a cluster; `remote.Remote` is the real one."""

    def nodes(self) -> list[Node]: ...  # noqa: D102
    def put(self, value: Any) -> Any: ...  # noqa: D102
    def start(self, node: Node, gpus: float, serve: Callable[..., Any], *arguments: Any) -> Any: ...  # noqa: D102
    def ask(self, node: Node, gpus: float, function: Callable[..., Any], *arguments: Any) -> Any: ...  # noqa: D102
    def hear(self, handles: list[Any], patience: float) -> list[tuple[Any, Event]]: ...  # noqa: D102
    def cancel(self, handle: Any) -> None: ...  # noqa: D102
    def leave(self) -> None: ...  # noqa: D102


@dataclass
class Nodes:
    """Who may be given jobs.

    Parameters
    ----------
    cluster
        The cluster.
    device
        What trains: `cpu` or `cuda`.
    share
        The part of a card that one job takes.
    say
        Prints a line.
    """

    cluster: Cluster
    device: str
    share: float
    say: Callable[[str], None]
    admitted: dict[str, Node] = field(default_factory=dict)
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)  # node → id of its environment
    missed: set[str] = field(default_factory=set)  # ids of nodes that went
    _asked: dict[Any, tuple[Node, float]] = field(default_factory=dict)
    _refused: set[str] = field(default_factory=set)
    _looked: float = -LOOK
    _alone: float | None = None

    @property
    def gpus(self) -> float:
        """The part of a card that one job takes; 0 where processors train."""
        return self.share if self.device.startswith("cuda") else 0.0

    def slots(self, node: Node) -> int:
        """Return how many jobs a node runs at once."""
        return min(node.cpus, node.gpus * int(1 / self.gpus)) if self.gpus else node.cpus

    def admit(self) -> None:
        """Check every node that is there.

        Raises
        ------
        FusebenchError
            For a node that differs from this machine, cannot use the device or does not answer, or where no node
            has room for a job.
        """
        self._look_around()
        while self._asked:
            for node, event in self._answers(patience=LOOK):
                why = self._why_not(node, event)
                if why is not None:
                    raise why
        if not self.admitted:
            what = f"a processor and {self.share:g} of a card" if self.gpus else "a processor"
            raise FusebenchError(
                f"No node of the cluster has {what} for jobs: join one with `ray start --address`."
            )

    @property
    def total(self) -> int:
        """How many jobs the cluster runs at once."""
        return sum(self.slots(node) for node in self.admitted.values())

    def look(self) -> None:
        """Take in who came and miss who went.

        Raises
        ------
        FusebenchError
            Where all have been gone for minutes.
        """
        if time.monotonic() - self._looked < LOOK:
            return
        self._look_around()
        for node, event in self._answers(patience=0):
            why = self._why_not(node, event)
            if why is not None:
                self._refused.add(node.id)
                self.say(f"Not used: {why}")
        self._alone = None if self.admitted else self._alone or time.monotonic()
        if self._alone is not None and time.monotonic() - self._alone > ALONE:
            raise FusebenchError(
                f"The cluster has had no node for {ALONE:g} s: everything finished is stored; mend it, then run "
                "the same command again."
            )

    def miss(self, node: Node) -> None:
        """Give a node that is gone no more jobs, and say so once."""
        self.admitted.pop(node.id, None)
        if node.id not in self.missed:
            self.missed.add(node.id)
            self.say(f"Node {node.address} is lost; what ran there is put back.")

    def alive(self, node: Node) -> bool:
        """Return whether a node is there, by the cluster's word."""
        return node.id in {each.id for each in self.cluster.nodes()}

    def _look_around(self) -> None:
        self._looked = time.monotonic()
        alive = {node.id: node for node in self.cluster.nodes()}
        asked = {node.id for node, _ in self._asked.values()}
        for node in alive.values():
            if node.id not in self.admitted.keys() | asked | self._refused and self.slots(node):
                handle = self.cluster.ask(node, self.gpus, introduce, self.device, self.slots(node))
                self._asked[handle] = node, time.monotonic()
        for node in [node for node in self.admitted.values() if node.id not in alive]:
            self.miss(node)

    def _answers(self, patience: float) -> list[tuple[Node, Event]]:
        heard = self.cluster.hear(list(self._asked), patience) if self._asked else []
        found = [(self._asked.pop(handle)[0], event) for handle, event in heard]
        late = [handle for handle, (_, since) in self._asked.items() if time.monotonic() - since > CHECK]
        return found + [(self._asked.pop(handle)[0], Lost(f"silent for {CHECK:g} s")) for handle in late]

    def _why_not(self, node: Node, event: Event) -> FusebenchError | None:
        """Admit a node that introduced itself well; return what is against any other."""
        if not isinstance(event, Introduction):
            why = event.reason if isinstance(event, Lost | Broken) else "no answer"
            return FusebenchError(
                f"Node {node.address} could not introduce itself ({why}): install the same fusebench[cluster] on "
                "it as here, or take it out of the cluster (`ray stop` on it), then run again."
            )
        found = environment.differences(environment.describe(), event.versions)
        if found:
            return environment.refusal(node.address, found)
        if event.trouble:
            return FusebenchError(f"Node {node.address}: {event.trouble}")
        description = dict(event.machine)
        self.machines[node.id] = fingerprint_id(description)
        self.environments[self.machines[node.id]] = description
        self.admitted[node.id] = node
        return None
