"""A run that came to its end, by its own run.log and records: what was computed, and what was not training."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ...results.store import Store

LINE = re.compile(r"\s*(?P<end>[\d.]+) (?P<kind>stage|cell|timing) \S+ (?P<status>\w+) (?P<seconds>[\d.]+)s ")
TRAINING = ("stage", "cell")


@dataclass(frozen=True)
class Work:
    """One line of run.log: what a worker did, when it ended since the run began, and for how long it was at it."""

    kind: str
    end: float
    seconds: float

    @property
    def begin(self) -> float:
        """When it began."""
        return self.end - self.seconds


def read_log(path: Path) -> list[Work]:
    """Return what a run's workers did, as its run.log tells; other lines are passed over."""
    found = (LINE.match(line) for line in path.read_text("utf-8").splitlines())
    return [Work(each["kind"], float(each["end"]), float(each["seconds"])) for each in found if each]


def span(work: Sequence[Work], kinds: Sequence[str] = TRAINING) -> float:
    """Return the seconds from the first beginning to the last end of some kinds of work."""
    chosen = [each for each in work if each.kind in kinds]
    return max(each.end for each in chosen) - min(each.begin for each in chosen)


@dataclass(frozen=True)
class Ended:
    """What a run took.

    Parameters
    ----------
    whole
        Seconds of the whole command.
    work
        What its workers did.
    trained
        Worker seconds of training and predicting.
    """

    whole: float
    work: list[Work]
    trained: float

    @classmethod
    def read(cls, root: Path, whole: float) -> Self:
        """Read a run's folder; a stage that several cells use counts once."""
        work = read_log(root / "run.log")
        spent = (record.spent for record in Store(root).records())
        stages = sum(each.seconds for each in work if each.kind == "stage")
        return cls(whole, work, stages + sum(seconds for seconds in spent if seconds is not None))

    @property
    def computing(self) -> float:
        """Seconds from the first training's begin to the last one's end."""
        return span(self.work)

    @property
    def timing(self) -> float:
        """Seconds of the exclusive timing pass, which measures and trains nothing."""
        return self.kinds()["timing"]

    def kinds(self) -> dict[str, float]:
        """Return worker seconds by kind of work."""
        kinds = (*TRAINING, "timing")
        return {kind: sum(each.seconds for each in self.work if each.kind == kind) for kind in kinds}
