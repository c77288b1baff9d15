"""What a data set hands out: rows of several modalities, split in three, as numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import FusebenchError

KINDS = ("tabular", "image", "audio", "embedding")


@dataclass(frozen=True)
class Modality:
    """One input: its name, its kind (`tabular`, `image`, `audio`, `embedding`) and the shape of a row.

    Shapes: tabular and embedding `(features,)`, image `(channels, height, width)`, audio
    `(channels, mel bands, frames)`.
    """

    name: str
    kind: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Numbers in one row."""
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Inputs:
    """Rows without labels: what a fitted variant is asked to predict.

    Parameters
    ----------
    inputs
        Modality name → float32 array of shape (n, *shape), in the data set's order.
    present
        Bool array of shape (n, M): False where a modality is absent in a row.
    """

    inputs: Mapping[str, np.ndarray]
    present: np.ndarray

    def __len__(self) -> int:
        return len(self.present)

    def take(self, index: np.ndarray | slice) -> Inputs:
        """Return the rows at `index`, in that order."""
        return Inputs({k: v[index] for k, v in self.inputs.items()}, self.present[index])


@dataclass(frozen=True)
class Rows(Inputs):
    """Labelled rows.

    Parameters
    ----------
    labels
        Int64 array of shape (n,): index into the bundle's classes.
    ids
        Array of shape (n,): where a row came from; rows of two splits never share one.
    groups
        Array of shape (n,) or None: speaker, patient …; a group never crosses a split.
    log_posterior
        Float array of shape (n, classes) or None: the exact log p(y | x) on synthetic sets.
    """

    labels: np.ndarray
    ids: np.ndarray
    groups: np.ndarray | None = None
    log_posterior: np.ndarray | None = None

    def take(self, index: np.ndarray | slice) -> Rows:
        """Return the rows at `index`, in that order."""
        bare = super().take(index)
        return Rows(
            bare.inputs,
            bare.present,
            self.labels[index],
            self.ids[index],
            None if self.groups is None else self.groups[index],
            None if self.log_posterior is None else self.log_posterior[index],
        )

    def unlabelled(self) -> Inputs:
        """Return the inputs alone, so that nothing downstream can read a label."""
        return Inputs(self.inputs, self.present)

    def with_labels(self, labels: np.ndarray) -> Rows:
        """Return the same rows under other labels."""
        return replace(self, labels=labels)


@dataclass(frozen=True)
class Bundle:
    """One fold of a data set: three disjoint splits of the same modalities and classes."""

    modalities: tuple[Modality, ...]
    classes: tuple[str, ...]
    train: Rows
    validation: Rows
    test: Rows

    @property
    def splits(self) -> dict[str, Rows]:
        """The three splits by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}


def all_present(rows: int, modalities: int) -> np.ndarray:
    """Return the mask of a data set in which nothing is absent."""
    return np.ones((rows, modalities), dtype=bool)


def check(bundle: Bundle, owner: str) -> Bundle:
    """Refuse a bundle that would mislead: bad shapes, non-finite numbers, absent classes, shared rows.

    Raises
    ------
    FusebenchError
        Naming the data set, the split, the modality or class, and what was expected.
    """
    for name, rows in bundle.splits.items():
        where = f"Data set {owner!r}, {name} rows"
        if len(rows) == 0:
            raise FusebenchError(f"{where}: there are none; give the data set more rows.")
        _check_inputs(bundle.modalities, rows, where)
        found = set(np.unique(rows.labels).tolist())
        extra = found - set(range(len(bundle.classes)))
        if extra:
            raise FusebenchError(f"{where}: label index {min(extra)} is not one of the classes.")
        lacking = [c for i, c in enumerate(bundle.classes) if i not in found]
        if lacking and name == "train":
            raise FusebenchError(
                f"{where}: class {lacking[0]!r} has no row to learn from; "
                "drop the class, add rows, or declare another split."
            )
    _check_disjoint(bundle, owner)
    return bundle


def _check_inputs(modalities: tuple[Modality, ...], rows: Rows, where: str) -> None:
    n = len(rows)
    if rows.present.shape != (n, len(modalities)) or len(rows.labels) != n or len(rows.ids) != n:
        raise FusebenchError(f"{where}: presence, labels and ids disagree about the number of rows.")
    for modality in modalities:
        array = rows.inputs.get(modality.name)
        if array is None or array.shape != (n, *modality.shape):
            came = "nothing" if array is None else f"shape {array.shape}"
            raise FusebenchError(
                f"{where}: modality {modality.name!r} has {came}, expected {(n, *modality.shape)}."
            )
        if not np.isfinite(array).all():
            bad = int(np.argwhere(~np.isfinite(array.reshape(n, -1)).all(axis=1))[0, 0])
            raise FusebenchError(f"{where}: modality {modality.name!r} holds NaN or infinity, first in row {bad}.")


def _check_disjoint(bundle: Bundle, owner: str) -> None:
    seen: dict[str, str] = {}
    for name, rows in bundle.splits.items():
        keys = {f"row {i}" for i in rows.ids.tolist()}
        if rows.groups is not None:
            keys |= {f"group {g}" for g in rows.groups.tolist()}
        for key in keys:
            if seen.setdefault(key, name) != name:
                raise FusebenchError(
                    f"Data set {owner!r}: {key} stands in both {seen[key]} and {name}; "
                    "a row or group may be in one split only."
                )
