"""What is said between the machine that runs a suite and the nodes: plain data, pickled by Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..job import Job, Outcome
from .parcels import Parcel


@dataclass(frozen=True)
class Shipment:
    """A parcel that a node fetches unless it has it.

    Parameters
    ----------
    fingerprint
        Its name on the node.
    held
        One reference into Ray's object store, in a list: Ray would resolve a bare one before the node could look.
    """

    fingerprint: str
    held: list[Any]


@dataclass(frozen=True)
class Order:
    """A job as it is sent to a node.

    Parameters
    ----------
    run
        Names the run: its files on a node stand apart from those of others.
    job
        The job; its folders are the sender's, the node has its own.
    rows, stages, plugins
        What it needs: the rows of its data set and seed, its stages, the plugin files.
    timeout, memory
        Limits of the job: wall seconds, resident megabytes (0 = none).
    """

    run: str
    job: Job
    rows: Shipment
    stages: tuple[Shipment, ...]
    plugins: Shipment
    timeout: float
    memory: float

    @property
    def shipments(self) -> tuple[Shipment, ...]:
        """Everything that the node fetches unless it has it."""
        return (self.rows, self.plugins, *self.stages)


@dataclass(frozen=True)
class Answer:
    """What became of a job on a node: its outcome, and the files that it made."""

    outcome: Outcome
    files: Parcel


@dataclass(frozen=True)
class Introduction:
    """What a node says of itself before its first job.

    Parameters
    ----------
    versions
        `environment.describe()` there.
    machine
        Its fingerprint, as records name it.
    trouble
        Why the device cannot be used there; empty where it can.
    """

    versions: Mapping[str, str]
    machine: Mapping[str, Any]
    trouble: str = ""


# ---- what is heard of a job under way


@dataclass(frozen=True)
class Begun:
    """The node has taken it up."""


@dataclass(frozen=True)
class Lost:
    """Nothing will come: its node died, or what ran it there.

    Parameters
    ----------
    reason
        In Ray's words.
    memory
        Whether Ray ended it because the node ran out of memory.
    """

    reason: str
    memory: bool = False


@dataclass(frozen=True)
class Broken:
    """The node could not carry it out.

    Parameters
    ----------
    reason
        In one line.
    final
        Whether it is a sentence for the user, which ends the run.
    full
        Whether its disk had no room: no fault of the job.
    """

    reason: str
    final: bool = False
    full: bool = False


Event = Begun | Answer | Introduction | Lost | Broken
