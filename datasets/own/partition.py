"""How the rows of a data card are split: folds, or a column that says train, validation or test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.errors import FusebenchError, unknown
from ..splits import Split, fold_split
from .arrays import counted

SPLITS = ("train", "validation", "test")
_WORDS = {"train": "train", "validation": "validation", "val": "validation", "valid": "validation"}
_WORDS |= {"dev": "validation", "test": "test"}
_PARTS = 5  # one of which validates where a published split has no validation rows


@dataclass(frozen=True, eq=False)
class Partition:
    """Labels, groups and, where it is published, the split of n rows.

    Parameters
    ----------
    owner, name
        The data set in messages, and its name, from which folds are drawn.
    labels
        Int64 array of shape (n,): index into `classes`.
    classes
        The label values.
    groups
        Text array of shape (n,) or None: a group stays in one split.
    published
        Text array of shape (n,) that says `train`, `validation` or `test`, or None.
    folds
        Number of folds where no split is published.
    """

    owner: str
    name: str
    labels: np.ndarray
    classes: tuple[str, ...]
    groups: np.ndarray | None
    published: np.ndarray | None
    folds: int

    def cut(self, seed: int) -> Split:
        """Return the row indexes (train, validation, test) of a seed: the same for all where published."""
        if self.published is None:
            return fold_split(self.labels, seed, self.name, self.folds, self.groups)
        train, validation, test = (np.flatnonzero(self.published == name) for name in SPLITS)
        return train, validation, test


def read_split(words: np.ndarray, column: str, owner: str) -> np.ndarray:
    """Return `train`, `validation` or `test` for each word of a split column, whatever its case.

    Raises
    ------
    FusebenchError
        For another word, and where no row trains or tests.
    """
    for word in dict.fromkeys(words.tolist()):
        if word.casefold() not in _WORDS:
            raise unknown(f"split in column {column!r} of {owner}:", word, _WORDS)
    split = np.array([_WORDS[word.casefold()] for word in words.tolist()])
    for needed in ("train", "test"):
        if needed not in split:
            raise FusebenchError(f"{owner}: no row says {needed!r} in column {column!r}; mark some.")
    return split


def check_partition(made: Partition, label: str, group: str | None, split: str | None) -> Partition:
    """Return a partition that can be cut; a fifth of its training rows validates where no row is marked.

    Parameters
    ----------
    made
        As read.
    label, group, split
        The columns' names, for messages.

    Raises
    ------
    FusebenchError
        For a group in two splits, and for a class or groups too few to fill every split.
    """
    if made.published is None:
        _check_counts(made, f"{made.folds} folds", "declare fewer folds (at least 3)", label, group)
        return made
    _check_crossing(made, group, split)
    if "validation" not in made.published:
        made = _with_validation(made, label, group, split)
    trained = set(made.labels[made.published == "train"].tolist())
    for number, name in enumerate(made.classes):
        if number not in trained:
            raise FusebenchError(
                f"{made.owner}: class {name!r} of column {label!r} has no training row by column {split!r}; mark "
                "some, or take the class out."
            )
    return made


def _with_validation(made: Partition, label: str, group: str | None, split: str | None) -> Partition:
    train = np.flatnonzero(made.published == "train")
    groups = None if made.groups is None else made.groups[train]
    part = Partition(made.owner, made.name, made.labels[train], made.classes, groups, None, _PARTS)
    advice = f"mark validation rows in column {split!r}"
    _check_counts(part, f"a cut of the training rows in {_PARTS}, one of which validates", advice, label, group)
    published = np.array(made.published, dtype=object)
    published[train[part.cut(0)[2]]] = "validation"
    parts = (made.owner, made.name, made.labels, made.classes, made.groups)
    return Partition(*parts, published.astype(str), made.folds)


def _check_counts(made: Partition, what: str, advice: str, label: str, group: str | None) -> None:
    counts = np.bincount(made.labels, minlength=len(made.classes))
    least = int(counts.argmin())
    if counts[least] < made.folds:
        raise FusebenchError(
            f"{made.owner}, column {label!r}: class {made.classes[least]!r} has {counted(counts[least], 'row')}, "
            f"and there must be {made.folds} for {what}; add rows, take the class out, or {advice}."
        )
    if made.groups is None:
        return
    held = np.unique(made.groups)
    if len(held) < made.folds:
        raise FusebenchError(
            f"{made.owner}, column {group!r}: {counted(len(held), 'group')} cannot fill {what}; add groups, or "
            f"{advice}."
        )
    for number, name in enumerate(made.classes):
        if len(np.unique(made.groups[made.labels == number])) < len(SPLITS):
            raise FusebenchError(
                f"{made.owner}: class {name!r} stands in fewer than three groups of column {group!r}, so that "
                "some fold has none to learn from; add groups or take the class out."
            )


def _check_crossing(made: Partition, group: str | None, split: str | None) -> None:
    if made.groups is None or made.published is None:
        return
    seen: dict[str, str] = {}
    for name, part in zip(made.groups.tolist(), made.published.tolist(), strict=True):
        if seen.setdefault(name, part) != part:
            raise FusebenchError(
                f"{made.owner}: group {name!r} of column {group!r} stands in {seen[name]} and in {part} by column "
                f"{split!r}; a group may be in one split only."
            )
