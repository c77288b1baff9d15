"""The contract that every variant keeps, whatever is inside.

`fit(train, validation, seed) → self`, `predict_proba(inputs) → (n, classes)`. Model selection may look at
the validation rows, never at test rows: a variant is not given them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np

from ..core.seeding import Seeds
from ..datasets.bundle import Inputs, Modality, Rows


@dataclass(frozen=True)
class Settings:
    """Training settings, one for every variant of a suite.

    Parameters
    ----------
    epochs, batch, lr, weight_decay
        AdamW with a cosine schedule to zero over `epochs`.
    patience, min_epochs
        Training stops early after `patience` epochs without a better validation log-loss, never before
        epoch `min_epochs`: on purely synergistic data the loss stands still for the first epochs.
    precision
        `fp32` or `bf16` (autocast).
    capacity
        `native`: every entry at its own widths; `matched`: widths solved so that the networks agree in
        parameters with plain concatenation.
    width
        Numbers each extractor hands over (the memo's `fusion_dim`).
    class_weight
        `none` or `balanced` (inverse class frequency on training rows).
    """

    epochs: int = 25
    batch: int = 64
    lr: float = 1e-3
    weight_decay: float = 1e-2
    patience: int = 10
    min_epochs: int = 15
    precision: str = "fp32"
    capacity: str = "native"
    width: int = 64
    class_weight: str = "none"


@dataclass(frozen=True)
class Task:
    """What a variant is built for.

    Parameters
    ----------
    modalities, classes
        Of the data set, in its order.
    settings
        Training settings.
    extractors
        Modality name → extractor class.
    seeds
        Axes of this training's random state.
    device
        A torch device.
    """

    modalities: tuple[Modality, ...]
    classes: tuple[str, ...]
    settings: Settings = field(default_factory=Settings)
    extractors: Mapping[str, Any] = field(default_factory=dict)
    seeds: Seeds = field(default_factory=Seeds)
    device: str = "cpu"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the modalities."""
        return tuple(modality.name for modality in self.modalities)

    def only(self, name: str) -> Task:
        """Return the same task with one modality."""
        return replace(self, modalities=tuple(m for m in self.modalities if m.name == name))

    def seeded(self, seeds: Seeds) -> Task:
        """Return the same task under other seeds."""
        return replace(self, seeds=seeds)


@dataclass(frozen=True)
class Requires:
    """What an entry declares about the data it can take; anything else is `incompatible` at planning.

    Parameters
    ----------
    modalities
        Smallest and largest number of modalities; None = no upper limit.
    kinds
        Kinds of modality it takes.
    max_classes
        Largest number of classes; None = no limit.
    """

    modalities: tuple[int, int | None] = (2, None)
    kinds: tuple[str, ...] = ("tabular", "image", "audio", "embedding")
    max_classes: int | None = None

    def words(self) -> str:
        """Say what is taken: `2 or more modalities, each tabular or image`."""
        least, most = self.modalities
        count = f"{least}" if most == least else f"{least} or more" if most is None else f"{least} to {most}"
        limit = f", up to {self.max_classes} classes" if self.max_classes else ""
        return f"{count} modalities, each {' or '.join(self.kinds)}{limit}"

    def refuse(self, modalities: tuple[Modality, ...], classes: tuple[str, ...]) -> str | None:
        """Return why such data cannot be taken, in one sentence, or None."""
        least, most = self.modalities
        if len(modalities) < least:
            return f"it needs at least {least} modalities, the data set has {len(modalities)}"
        if most is not None and len(modalities) > most:
            return f"it takes at most {most} modalities, the data set has {len(modalities)}"
        for modality in modalities:
            if modality.kind not in self.kinds:
                return f"it does not take the kind {modality.kind!r} of modality {modality.name!r}"
        if self.max_classes is not None and len(classes) > self.max_classes:
            return f"it takes at most {self.max_classes} classes, the data set has {len(classes)}"
        return None


@dataclass
class History:
    """What training left behind: curves by epoch, the epoch kept, seconds by phase, rows seen an epoch."""

    curves: dict[str, list[float]] = field(default_factory=dict)
    epoch: int | None = None
    phases: dict[str, float] = field(default_factory=dict)
    rows_seen: list[int] = field(default_factory=list)


class Stages(Protocol):
    """Hands out fitted stages (experts, pre-trainings) by name."""

    def get(self, name: str) -> Any:
        """Return the fitted stage of that canonical name."""
        ...


class Variant(ABC):
    """Base of every variant.

    Parameters
    ----------
    task
        What it is built for.
    """

    stages: Stages | None = None
    name: str = "unnamed"

    def __init__(self, task: Task):
        self.task = task
        self.history = History()

    def needs(self) -> tuple[str, ...]:
        """Names of the stages it uses: each is trained once and shared by all that name it."""
        return ()

    @abstractmethod
    def fit(self, train: Rows, validation: Rows, seed: Seeds | int = 0) -> Self:
        """Learn from training rows; validation rows serve for selection alone."""

    @abstractmethod
    def predict_proba(self, inputs: Inputs) -> np.ndarray:
        """Return class probabilities, float64 of shape (n, classes), rows summing to 1."""

    def parameters(self) -> int | None:
        """Trainable parameters that received a gradient; None where nothing is trained by gradient."""
        return None

    def flops(self, inputs: Inputs) -> int | None:
        """Floating-point operations to predict one row of `inputs`; None where they are not counted."""
        return None

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to make an equal fitted variant."""

    @abstractmethod
    def restore(self, state: dict[str, Any]) -> Self:
        """Become the fitted variant whose `state` this is."""


def as_seeds(seed: Seeds | int, variant: str) -> Seeds:
    """Return full seeds: a bare number is a seed of an unnamed data set."""
    seeds = seed if isinstance(seed, Seeds) else Seeds(seed=seed)
    return seeds if seeds.variant is not None else seeds.for_variant(variant)
