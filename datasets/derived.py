"""Data sets made of another: fewer training rows (a learning curve), or shuffled labels (a placebo)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.errors import FusebenchError
from ..core.fingerprint import source_hash
from ..core.names import Name, parse
from ..core.seeding import generator
from .bundle import Bundle, Modality, Rows
from .card import DataSet


@dataclass(frozen=True)
class Derived(DataSet):
    """Base: everything is the source's but what a subclass changes.

    Parameters
    ----------
    source
        The data set it is made of; its splits are kept, for they derive from its name.
    """

    source: DataSet

    def __post_init__(self) -> None:
        """Take the name and the card, of which the class has none of its own."""
        object.__setattr__(self, "name", str(self._name(parse(self.source.name))))
        object.__setattr__(self, "card", replace(self.source.card, notes=(*self.source.card.notes, self._note())))

    @abstractmethod
    def _name(self, source: Name) -> Name:
        """Return what it is called, from the source's name."""

    @abstractmethod
    def _note(self) -> str:
        """Return the sentence that a reader of its results must know."""

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The source's."""
        return self.source.modalities

    @property
    def classes(self) -> tuple[str, ...]:
        """The source's."""
        return self.source.classes

    @property
    def rows(self) -> dict[str, int]:
        """The source's."""
        return self.source.rows

    @property
    def folds(self) -> int:
        """The source's."""
        return self.source.folds

    @property
    def metric(self) -> str | None:
        """The source's."""
        return self.source.metric

    @property
    def positive(self) -> str | None:
        """The source's."""
        return self.source.positive

    @property
    def extractors(self) -> Mapping[str, str]:
        """The source's."""
        return self.source.extractors

    def identity(self) -> str:
        """Return the source's identity and its loader's source hash: this class's own is taken elsewhere."""
        return f"{self.source.name};{source_hash(type(self.source))};{self.source.identity()}"


@dataclass(frozen=True)
class Fewer(Derived):
    """A part of the training rows; validation and test rows stay as they are.

    Rows are drawn within classes, whatever their group (a group's rows are in the same split anyway).
    A smaller part of the same source lies inside a larger one, and every class keeps a row at least.

    Parameters
    ----------
    source
        The whole.
    train
        Share of its training rows, above 0 and at most 1.

    Raises
    ------
    FusebenchError
        For a share outside that.
    """

    train: float

    def __post_init__(self) -> None:
        """Check the share, then name it: `skin(train=0.25)`."""
        if not 0 < self.train <= 1:
            raise FusebenchError(
                f"Data set {self.source.name!r}: a share of {self.train!r} of its training rows was asked for; "
                "expected a number above 0 and at most 1."
            )
        super().__post_init__()

    def _name(self, source: Name) -> Name:
        return replace(source, options={**source.options, "train": self.train})

    def _note(self) -> str:
        return f"Trained on {100 * self.train:g} % of the training rows."

    @property
    def rows(self) -> dict[str, int]:
        """The source's, with fewer to train on."""
        return self.source.rows | {"train": self._count(self.source.rows["train"])}

    def _count(self, rows: int) -> int:
        return min(rows, max(len(self.classes), round(self.train * rows)))

    def load(self, seed: int) -> Bundle:
        """Return the source's rows of that seed, the first part of the training rows in a fixed drawn order."""
        whole = self.source.load(seed)
        order = nested_order(whole.train.labels, self.source.name, seed)
        kept = np.sort(order[: self._count(len(order))])
        return replace(whole, train=whole.train.take(kept))

    def bayes(self) -> dict[str, Any] | None:
        """Return the source's ceilings: they do not depend on training rows."""
        return self.source.bayes()


@dataclass(frozen=True)
class Placebo(Derived):
    """The same rows under shuffled labels: within each split they are dealt anew, so nothing is to be learned.

    Class counts, groups and inputs of every split stay; a method that finds something here finds it anywhere.
    """

    def _name(self, source: Name) -> Name:
        return replace(source, base=f"{source.base}-placebo")

    def _note(self) -> str:
        return "A placebo: the labels are shuffled within each split, and nothing can be learned."

    def load(self, seed: int) -> Bundle:
        """Return the source's rows of that seed with labels dealt anew."""
        whole = self.source.load(seed)
        dealt = {split: self._dealt(rows, seed, split) for split, rows in whole.splits.items()}
        return replace(whole, **dealt)

    def _dealt(self, rows: Rows, seed: int, split: str) -> Rows:
        rng = generator("placebo", dataset=self.source.name, seed=seed, split=split)
        return replace(rows, labels=rng.permutation(rows.labels), log_posterior=None)


def nested_order(labels: np.ndarray, name: str, seed: int) -> np.ndarray:
    """Return an order of rows of which every beginning is stratified.

    Rows of a class are shuffled; row r of n_k stands at r / n_k, so that the first of every class come
    first and any beginning holds the classes as the whole does, to within a row each.

    Parameters
    ----------
    labels
        Class indexes, (n,).
    name, seed
        The data set's name and the seed, from which the shuffle is drawn.
    """
    shuffled = generator("fewer", dataset=name, seed=seed).permutation(len(labels))
    place = np.empty(len(labels))
    for k in np.unique(labels):
        members = shuffled[labels[shuffled] == k]
        place[members] = np.arange(len(members)) / len(members)
    return shuffled[np.argsort(place[shuffled], kind="stable")]
