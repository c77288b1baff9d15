"""What a cell will cost: from a stored record of the same variant and data set, else a rough count."""

from __future__ import annotations

from collections.abc import Iterable

from ..datasets import DataSet
from ..results.record import Record
from .suite import TrainingTable

# Orders of magnitude of one core, for a first guess only: what a network computes a second, what a
# step costs beside its arithmetic, and what a classical learner takes for a thousand rows.
FLOPS_A_SECOND, SECONDS_A_STEP, CLASSICAL_SECONDS = 5e10, 4e-4, 1.0
RULE_SECONDS = 0.4
BYTES_A_CELL = 60_000


class Costs:
    """Estimates in seconds.

    Parameters
    ----------
    training
        The suite's settings.
    sources
        Data sets by name.
    records
        What is stored; another seed of a cell is the best guess.
    """

    def __init__(self, training: TrainingTable, sources: dict[str, DataSet], records: Iterable[Record]):
        self.training, self.sources = training, sources
        self.seen = {
            (r.variant, r.dataset): r.times["wall_own"] + r.times.get("wall_predict", 0.0)
            for r in records
            if r.status == "ok" and "wall_own" in r.times
        }

    def seconds(self, name: str, dataset: str, learner: str = "neural") -> float:
        """Return the expected wall seconds of a cell or stage."""
        if (name, dataset) in self.seen:
            return self.seen[name, dataset]
        source = self.sources[dataset]
        rows = source.rows["train"]
        if learner == "rule":
            return RULE_SECONDS
        if learner == "classical":
            return CLASSICAL_SECONDS * rows / 1000 * max(1.0, len(source.classes) / 4)
        flops = sum(_forward(m.shape) for m in source.modalities)
        updates = rows * self.training.epochs
        return 3 * flops * updates / FLOPS_A_SECOND + SECONDS_A_STEP * updates / self.training.batch


def _forward(shape: tuple[int, ...]) -> float:
    if len(shape) == 1:
        return 2.0 * shape[0] * 64
    channels, height, width = shape
    return height * width * (2 * 9 * 16 * channels + 2 * 9 * 16 * 32 / 4)
