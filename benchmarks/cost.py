"""What a cell will cost: from a stored record of the same variant and data set, else a rough count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from statistics import median

from ..core.names import parse
from ..datasets import DataSet
from ..results.record import Record, Row
from ..results.recorded import Cost, Size, recorded
from .suite import TrainingTable

# Orders of magnitude of one core, for a first guess only: what a network computes a second, what a
# step costs beside its arithmetic, and what a classical learner takes for a thousand rows.
FLOPS_A_SECOND, SECONDS_A_STEP, CLASSICAL_SECONDS = 5e10, 4e-4, 1.0
RULE_SECONDS = 0.4
TIMING_SECONDS = 0.5  # of the exclusive pass, for each pair of variant and data set
BYTES_A_CELL = 60_000
TYPICAL = {"neural": "concat_features", "classical": "early_concat_logreg"}
"""Whose count is taken for a variant without any record."""


class Costs:
    """Estimates in seconds.

    What the folder holds of a cell under another seed is the best guess; then what a committed reference run holds
    of it, epochs in proportion; then a rough count, corrected by how far such counts are off for the variant, for
    its entry, or for a typical one, wherever a reference run holds these.

    Parameters
    ----------
    training
        The suite's settings.
    sources
        Data sets by name.
    records
        What is stored.
    reference
        (variant or stage, data set) → cost in the reference runs; those of this checkout where None.
    """

    def __init__(
        self,
        training: TrainingTable,
        sources: Mapping[str, DataSet],
        records: Iterable[Record | Row],
        reference: Mapping[tuple[str, str], Cost] | None = None,
    ):
        self.training, self.sources = training, sources
        self._given = reference
        self.seen = {(r.variant, r.dataset): spent for r in records if (spent := r.spent) is not None}
        self._factors = cache(self._factors_by)

    @cached_property
    def reference(self) -> Mapping[tuple[str, str], Cost]:
        """The reference runs' costs, read when a cell is first asked for that no stored record tells of."""
        return recorded() if self._given is None else self._given

    def seconds(self, name: str, dataset: str, learner: str = "neural") -> float:
        """Return the expected wall seconds of a cell or stage."""
        if learner == "rule":
            return RULE_SECONDS
        if (name, dataset) in self.seen:
            return self.seen[name, dataset]
        if (name, dataset) in self.reference:
            held = self.reference[name, dataset]
            return held.seconds * (self.training.epochs / held.size.epochs if learner == "neural" else 1.0)
        return self._off(name, learner) * rough(self._size(dataset), learner, self.training.batch)

    def _size(self, dataset: str) -> Size:
        source = self.sources[dataset]
        shapes = tuple(m.shape for m in source.modalities)
        return Size(source.rows["train"], shapes, len(source.classes), self.training.epochs)

    def _off(self, name: str, learner: str) -> float:
        """Return by which factor rough counts are off: for this variant, its entry, a typical one, else 1."""
        variants, entries = self._factors(learner)
        known = (variants.get(name), entries.get(parse(name).base), variants.get(TYPICAL[learner]))
        return next((median(factors) for factors in known if factors), 1.0)

    def _factors_by(self, learner: str) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
        """Return how far rough counts are off in the reference runs, by variant and by entry."""
        variants: dict[str, list[float]] = defaultdict(list)
        entries: dict[str, list[float]] = defaultdict(list)
        for (name, _), cost in self.reference.items():
            factor = cost.seconds / rough(cost.size, learner, self.training.batch)
            variants[name].append(factor)
            entries[parse(name).base].append(factor)
        return variants, entries


def rough(size: Size, learner: str, batch: int) -> float:
    """Return seconds from numbers of rows, values, classes and epochs alone."""
    if learner == "classical":
        return CLASSICAL_SECONDS * size.rows / 1000 * max(1.0, size.classes / 4)
    flops, updates = sum(map(_forward, size.shapes)), size.rows * size.epochs
    return 3 * flops * updates / FLOPS_A_SECOND + SECONDS_A_STEP * updates / batch


def _forward(shape: tuple[int, ...]) -> float:
    if len(shape) == 1:
        return 2.0 * shape[0] * 64
    channels, height, width = shape
    return height * width * (2 * 9 * 16 * channels + 2 * 9 * 16 * 32 / 4)
