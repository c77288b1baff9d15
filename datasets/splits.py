"""Seeds are folds: seed s tests fold s mod k of disjoint stratified folds, the next fold validates."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from ..core.errors import FusebenchError
from ..core.seeding import seed_from

Split = tuple[np.ndarray, np.ndarray, np.ndarray]


def fold_of(seed: int, folds: int) -> tuple[int, int]:
    """Return (fold, partition) of a seed: from `folds` on, seeds repeat folds under a fresh partition."""
    return seed % folds, seed // folds


def fold_split(labels: np.ndarray, seed: int, name: str, folds: int, groups: np.ndarray | None = None) -> Split:
    """Return the row indexes (train, validation, test) of one seed.

    Parameters
    ----------
    labels
        Array of shape (n,), stratified over.
    seed, name, folds
        The suite's seed, the data set's canonical name and the number of folds; the partition depends
        on these alone, never on how many seeds are run.
    groups
        Array of shape (n,): a group stays in one fold.

    Raises
    ------
    FusebenchError
        Where a class (or the groups) cannot fill every fold.
    """
    fold, partition = fold_of(seed, folds)
    assigned = _assign(labels, groups, folds, seed_from("split", dataset=name, partition=partition), name)
    test, validation = assigned == fold, assigned == (fold + 1) % folds
    return np.flatnonzero(~test & ~validation), np.flatnonzero(validation), np.flatnonzero(test)


def holdout(labels: np.ndarray, name: str, parts: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Cut a fixed stratified `1/parts` of the rows off; return (rest, part), the same for every seed."""
    state = seed_from("holdout", dataset=name)
    assigned = _assign(labels, None, parts, state, name)
    return np.flatnonzero(assigned != 0), np.flatnonzero(assigned == 0)


def _assign(labels: np.ndarray, groups: np.ndarray | None, folds: int, state: int, name: str) -> np.ndarray:
    values, counts = np.unique(labels, return_counts=True)
    if counts.min() < folds:
        raise FusebenchError(
            f"Data set {name!r}: class {values[counts.argmin()]!s} has {counts.min()} rows, "
            f"and {folds} folds need at least {folds}; add rows or declare fewer folds."
        )
    if groups is not None and len(np.unique(groups)) < folds:
        raise FusebenchError(f"Data set {name!r}: {len(np.unique(groups))} groups cannot fill {folds} folds.")
    state %= 2**32
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    assigned = np.empty(len(labels), dtype=int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # small classes are refused above, in our words
        cutter = kind(folds, shuffle=True, random_state=state)
        for number, (_, part) in enumerate(cutter.split(np.zeros(len(labels)), labels, groups)):
            assigned[part] = number
    return assigned
