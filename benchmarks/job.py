"""What a worker is told and what it answers: plain data, so that nothing but names crosses processes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One unit of work.

    Parameters
    ----------
    kind
        `stage`, `cell` or `timing`.
    hash, name, dataset, seed, fold
        What is computed.
    stages
        Stage name → hash of the stages it uses.
    root
        The results folder.
    training
        The suite's `[training]` table.
    device, environment, positive
        Torch device, fingerprint id, and the positive label.
    keep_model
        Whether the fitted model is stored until it has been timed.
    own
        File of the user's pickled data sets by name, or None for a registered one.
    rows
        The run's folder of decoded rows, which its workers map into memory; None = each decodes its own.
    cells
        For `timing`: the cells of one data set, (hash, variant, stages).
    probes
        For `timing`: names of the variants whose interaction between modalities is measured.
    """

    kind: str
    hash: str
    name: str
    dataset: str
    seed: int
    fold: int
    root: Path
    training: Mapping[str, Any]
    stages: Mapping[str, str] = field(default_factory=dict)
    device: str = "cpu"
    environment: str = ""
    positive: str | None = None
    keep_model: bool = False
    own: Path | None = None
    rows: Path | None = None
    cells: tuple[tuple[str, str, Mapping[str, str]], ...] = ()
    probes: tuple[str, ...] = ()


NOT_STORED = "not_stored"


@dataclass(frozen=True)
class Outcome:
    """What became of a job; a worker answers with this and never raises.

    Parameters
    ----------
    status, reason
        As in a record; `NOT_STORED` where a result could not be written.
    seconds
        Wall time in the worker.
    stored
        Whether the worker stored it; what ends a worker is stored by the parent.
    """

    status: str
    reason: str = ""
    seconds: float = 0.0
    stored: bool = False
