"""What a verdict rests on: the complete variants of one data set, their stored predictions, and the test rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ...core.errors import FusebenchError
from ...core.seeding import generator
from ...results.store import Store
from ..run import Run, Scores, published
from .measures import direction, prior_score, scorer

BLOCKS = 20  # parts left out in turn
Statistic = Callable[[int, np.ndarray], Any]


@dataclass(frozen=True)
class TestRows:
    """The test rows of every seed.

    Parameters
    ----------
    labels
        Class indexes of each seed's rows.
    groups
        Group of each row (patient, speaker …), or None for a seed without groups.
    shared
        Whether all seeds test the same rows, as on a published split.
    """

    __test__ = False  # for pytest: the name is no test's

    labels: Sequence[np.ndarray]
    groups: Sequence[np.ndarray | None]
    shared: bool = False

    def __len__(self) -> int:
        return len(self.labels)

    def units(self, seed: int) -> np.ndarray:
        """Return the number of the group of each row; a row is its own group where there are none."""
        groups = self.groups[seed]
        return np.arange(len(self.labels[seed])) if groups is None else np.unique(groups, return_inverse=True)[1]

    def blocks(self, seed: int) -> list[np.ndarray]:
        """Return the row indexes of at most 20 parts of equal numbers of groups, drawn once."""
        units = self.units(seed)
        order = generator("blocks").permutation(units.max() + 1)
        parts = np.array_split(order, min(BLOCKS, len(order)))
        return [np.flatnonzero(np.isin(units, part)) for part in parts]

    def covariance(self, statistic: Statistic) -> np.ndarray:
        """Return the covariance over test rows of the mean over seeds of a statistic, by the block jackknife.

        Groups are left out whole. One group alone says nothing of others: the result is NaN then.

        Parameters
        ----------
        statistic
            (seed's place, row indexes) → value or vector (k,).

        Returns
        -------
        numpy.ndarray
            Shape (k, k); (1, 1) for a scalar statistic.
        """
        if self.shared:
            return _jackknife(
                self.blocks(0), lambda kept: np.mean([statistic(s, kept) for s in range(len(self))], 0)
            )
        each = [_jackknife(self.blocks(s), lambda kept, s=s: statistic(s, kept)) for s in range(len(self))]
        return np.sum(each, axis=0) / len(self) ** 2


def _jackknife(blocks: list[np.ndarray], statistic: Callable[[np.ndarray], Any]) -> np.ndarray:
    everything = np.sort(np.concatenate(blocks))
    count = len(blocks)
    kept = [np.setdiff1d(everything, block, assume_unique=True) for block in blocks] if count > 1 else [everything]
    values = np.array([np.atleast_1d(np.asarray(statistic(rows), dtype=float)) for rows in kept])
    if count < 2:
        return np.full((values.shape[1],) * 2, np.nan)
    apart = values - values.mean(0)
    return (count - 1) / count * apart.T @ apart


@dataclass(frozen=True)
class Evidence:
    """One data set of a run, as a verdict reads it.

    Parameters
    ----------
    store, run
        The folder, and the run read from it.
    dataset
        The data set's name.
    """

    store: Store
    run: Run
    dataset: str
    _held: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def scores(self) -> Scores:
        """The run's metric for every complete variant."""
        return self.run.scores(self.dataset)

    @property
    def names(self) -> tuple[str, ...]:
        """The complete variants."""
        return self.scores.names

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in use."""
        return self.scores.seeds

    @property
    def metric(self) -> str:
        """The metric that decides."""
        return self.run.metric

    @property
    def sign(self) -> int:
        """1 where a larger value of the metric is better, else -1."""
        return direction(self.metric)

    @property
    def about(self) -> dict[str, Any]:
        """What suite.json tells about the data set."""
        return self.run.data(self.dataset)

    @property
    def published(self) -> bool:
        """Whether the test rows are fixed, and seeds vary the training alone."""
        return published(self.about)

    @property
    def seed_word(self) -> str:
        """What a seed is here."""
        return "fold" if not self.published and self.about.get("folds") else "seed"

    @cached_property
    def positive(self) -> int | None:
        """Index of the positive class; None where none is named."""
        label, classes = self.run.suite.get("positive"), self.about.get("classes", [])
        return classes.index(label) if label in classes else None

    @cached_property
    def splits(self) -> list[dict[str, np.ndarray]]:
        """Labels, groups and presence of each seed in use."""
        return [self.store.split(self._record(self.names[0], seed).split or "") for seed in self.seeds]

    @cached_property
    def rows(self) -> TestRows:
        """The test rows of the seeds in use."""
        labels = [split["test_labels"] for split in self.splits]
        return TestRows(labels, [split.get("test_groups") for split in self.splits], self.published)

    @cached_property
    def guesses(self) -> np.ndarray:
        """What guessing scores on each seed, (seeds,)."""
        return np.array([self.guess(place, np.arange(len(y))) for place, y in enumerate(self.rows.labels)])

    def guess(self, place: int, kept: np.ndarray) -> float:
        """Return what guessing scores on some test rows of a seed: the class frequencies of its training rows."""
        split, classes = self.splits[place], len(self.about["classes"])
        return prior_score(self.metric, split["train_labels"], split["test_labels"][kept], classes, self.positive)

    def log_p(self, variant: str, place: int, dataset: str | None = None) -> np.ndarray:
        """Return a variant's log probabilities of a seed's test rows, (n, K)."""
        key = variant, place, dataset
        if key not in self._held:
            record = self._record(variant, self.seeds[place], dataset)
            self._held[key] = self.store.predictions(record.cell)["test"].astype(np.float64)
        return self._held[key]

    def measured(self, log_p: np.ndarray, place: int, kept: np.ndarray | None = None) -> float:
        """Return the metric of predictions for a seed's test rows, or for some of them."""
        labels = self.rows.labels[place]
        if kept is not None:
            log_p, labels = log_p[kept], labels[kept]
        return float(scorer(self.metric, log_p, self.positive)(labels))

    def value(self, variant: str, place: int) -> float:
        """Return the stored metric of a variant on a seed."""
        return float(self.scores.values[self.names.index(variant), place])

    def _record(self, variant: str, seed: int, dataset: str | None = None) -> Any:
        cells = self.run.cells
        chosen = cells[
            (cells["variant"] == variant)
            & (cells["dataset"] == (dataset or self.dataset))
            & (cells["seed"] == seed)
        ]
        record = self.store.get(chosen["cell"].iloc[0]) if len(chosen) else None
        if record is None:
            raise FusebenchError(
                f"No record of {variant!r} on {dataset or self.dataset!r}, seed {seed}, is stored."
            )
        return record
