"""Rows in memory to measure with: noise with a cue, so that nothing is read and a network can still learn."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...core.seeding import generator
from ...datasets import Bundle, Card, DataSet, Modality, Rows

CLASSES = ("a", "b", "c", "d")
CUE = 0.05  # of a standard deviation, a step from class to class


@dataclass(frozen=True, eq=False)
class Held(DataSet):
    """A bundle in memory: every seed has its rows."""

    bundle: Bundle

    card = Card("Held", "noise with a cue, in memory", pairing="synthetic", source_family="perf")

    @property
    def modalities(self) -> tuple[Modality, ...]:
        """The bundle's."""
        return self.bundle.modalities

    @property
    def classes(self) -> tuple[str, ...]:
        """The bundle's."""
        return self.bundle.classes

    @property
    def rows(self) -> dict[str, int]:
        """The bundle's."""
        return {split: len(part) for split, part in self.bundle.splits.items()}

    def load(self, seed: int) -> Bundle:
        """Return a copy, into which a variant may write."""
        return copy.deepcopy(self.bundle)


def memo(side: int, training: int) -> Held:
    """Draw the memo's shapes: a table of 16, a picture 3×side×side and a spectrogram 1×side×side."""
    shapes = (
        ("table", "tabular", (16,)),
        ("image", "image", (3, side, side)),
        ("audio", "audio", (1, side, side)),
    )
    return _drawn(f"memo_{side}", tuple(Modality(*each) for each in shapes), training)


def tables(training: int, width: int = 16) -> Held:
    """Draw two tables of `width` columns: a step on them is tiny."""
    return _drawn("two_tables", tuple(Modality(f"table_{i}", "tabular", (width,)) for i in (1, 2)), training)


def _drawn(name: str, modalities: tuple[Modality, ...], training: int) -> Held:
    """Draw `training` rows to train with, and a quarter as many to validate and to test."""
    counts = {"train": training, "validation": training // 4, "test": training // 4}
    splits = {split: _rows(name, split, modalities, count) for split, count in counts.items()}
    return Held(Bundle(modalities, CLASSES, **splits), name=name)


def _rows(name: str, split: str, modalities: tuple[Modality, ...], count: int) -> Rows:
    random = generator("perf", dataset=name, split=split)
    labels = random.integers(0, len(CLASSES), count)
    inputs = {}
    for modality in modalities:
        cue = CUE * labels.reshape(-1, *[1] * len(modality.shape))
        inputs[modality.name] = (random.standard_normal((count, *modality.shape)) + cue).astype(np.float32)
    ids = np.array([f"{split}{number}" for number in range(count)])
    return Rows(inputs, np.ones((count, len(modalities)), dtype=bool), labels.astype(np.int64), ids)


def pickled(data: Held, folder: Path) -> Path:
    """Write a data set where jobs look for the user's own; return the file."""
    path = folder / f"{data.name}.pickle"
    path.write_bytes(pickle.dumps({data.name: data}))
    return path
