"""Tiny data on which the contract is checked: well separated Gaussian classes in any modalities."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

import numpy as np

from ..core.seeding import generator
from ..datasets.bundle import Bundle, Modality, Rows
from .variant import Requires

SHAPES = {"tabular": (5,), "image": (2, 8, 8), "audio": (1, 8, 8), "embedding": (6,)}
GARBAGE = 1e3  # stands where a modality is absent: whoever reads it shows it


def usual_kinds(requires: Requires, count: int | None = None) -> tuple[str, ...]:
    """Return the kinds of `count` modalities that an entry takes; three, if it takes three."""
    least, most = requires.modalities
    wanted = count or max(least, min(3, most or 3))
    return tuple(islice(cycle(requires.kinds), wanted))


def modalities_of(kinds: tuple[str, ...]) -> tuple[Modality, ...]:
    """Return one small modality of each kind; a second image is called `image_2`."""
    return tuple(_modality(kind, kinds[:place].count(kind)) for place, kind in enumerate(kinds))


def specimen(
    kinds: tuple[str, ...],
    train: int = 48,
    validation: int = 12,
    test: int = 18,
    classes: int = 3,
    absent: float = 0.0,
) -> Bundle:
    """Return a data set whose every modality tells the class.

    Parameters
    ----------
    kinds
        Kind of each modality.
    train, validation, test
        Rows; labels go round.
    classes
        Number of classes.
    absent
        Share of absent inputs; in row 0 all are absent then.
    """
    modalities = modalities_of(kinds)
    rows = {"train": train, "validation": validation, "test": test}
    parts = {split: _draw(modalities, split, count, classes, absent) for split, count in rows.items()}
    return Bundle(modalities, tuple(f"class {k}" for k in range(classes)), **parts)


def ceiling(data: Bundle, names: Sequence[str] = ()) -> float:
    """Return the best possible accuracy on a specimen's test rows, from all its modalities or those named.

    The law is known: noise is Gaussian and alike everywhere, classes are equally frequent, so that the class whose
    means are nearest is the most probable one.
    """
    rows, distances = data.test, np.zeros((len(data.test), len(data.classes)))
    for modality in data.modalities:
        if not names or modality.name in names:
            means = _means(modality, len(data.classes))
            apart = rows.inputs[modality.name][:, None] - means[None]
            distances += (apart**2).reshape(*distances.shape, -1).sum(2)
    return float((distances.argmin(1) == rows.labels).mean())


def synergy(kinds: tuple[str, ...], train: int = 256, validation: int = 64, test: int = 400) -> Bundle:
    """Return a data set that tells its class by all modalities together and by no part of them.

    Each modality shows, clearly, one of two signs that are drawn at random; the class is whether the number of
    positive ones is odd. With two modalities no sum of scores of either is right in more than three rows of four.
    """
    modalities = modalities_of(kinds)
    sizes = {"train": train, "validation": validation, "test": test}
    parts = {split: _draw_synergy(modalities, split, rows) for split, rows in sizes.items()}
    return Bundle(modalities, ("even", "odd"), **parts)


def _draw_synergy(modalities: tuple[Modality, ...], split: str, rows: int) -> Rows:
    signs = generator("signs", split=split).integers(0, 2, (rows, len(modalities)))
    inputs = {}
    for column, modality in enumerate(modalities):
        pattern = _means(modality, 1)[0]
        shown = (2 * signs[:, column] - 1).reshape(-1, *[1] * pattern.ndim) * pattern * 4 / np.linalg.norm(pattern)
        noise = generator("noise", modality=modality.name, split=split).normal(size=(rows, *modality.shape))
        inputs[modality.name] = (shown + noise).astype(np.float32)
    ids = np.array([f"{split}-{i}" for i in range(rows)])
    return Rows(inputs, np.ones((rows, len(modalities)), bool), signs.sum(1) % 2, ids)


def _means(modality: Modality, classes: int) -> np.ndarray:
    return generator("means", modality=modality.name).normal(0, 1.5, (classes, *modality.shape))


def _modality(kind: str, before: int) -> Modality:
    return Modality(f"{kind}_{before + 1}" if before else kind, kind, SHAPES[kind])


def _draw(modalities: tuple[Modality, ...], split: str, rows: int, classes: int, absent: float) -> Rows:
    labels = np.arange(rows) % classes
    present = generator("absent", split=split).random((rows, len(modalities))) >= absent
    present[0] &= absent == 0
    inputs = {}
    for column, modality in enumerate(modalities):
        means = _means(modality, classes)
        noise = generator("noise", modality=modality.name, split=split).normal(size=(rows, *modality.shape))
        inputs[modality.name] = (means[labels] + noise).astype(np.float32)
        inputs[modality.name][~present[:, column]] = GARBAGE
    return Rows(inputs, present, labels, np.array([f"{split}-{i}" for i in range(rows)]))
