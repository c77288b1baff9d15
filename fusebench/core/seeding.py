"""Random state from named axes, so that a cell gives the same result wherever and whenever it runs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from .errors import FusebenchError


def seed_from(purpose: str, **axes: str | int) -> int:
    """Hash a purpose and named axes to a seed in [0, 2**63).

    The order in which axes are given does not matter; their names and values do.
    """
    text = json.dumps([purpose, sorted(axes.items())], separators=(",", ":"), ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(purpose: str, **axes: str | int) -> np.random.Generator:
    """Return a numpy generator seeded by `seed_from`."""
    return np.random.default_rng(seed_from(purpose, **axes))


@dataclass(frozen=True)
class Seeds:
    """The axes of one training: everything random in it is drawn from these and from nothing else.

    Parameters
    ----------
    dataset
        Canonical name of the data set.
    seed
        The suite's seed, counted from 0.
    fold
        The fold whose rows are tested.
    variant
        Canonical name of the variant; needed only for what is the variant's own.
    """

    dataset: str = "unnamed"
    seed: int = 0
    fold: int = 0
    variant: str | None = None

    def _axes(self) -> dict[str, str | int]:
        return {"dataset": self.dataset, "fold": self.fold, "seed": self.seed}

    def order(self) -> int:
        """Seed for the order of batches: the same for every variant, so that runs are paired."""
        return seed_from("order", **self._axes())

    def extractor(self, modality: str) -> int:
        """Seed for one modality's extractor weights: the same for every variant."""
        return seed_from("extractor", modality=modality, **self._axes())

    def own(self, purpose: str = "own") -> int:
        """Seed for what only this variant has: its fusion layers, head and dropout.

        Raises
        ------
        FusebenchError
            Where no variant is named: a shared seed there would tie unrelated variants together.
        """
        if self.variant is None:
            raise FusebenchError("Seeds.own() was asked before a variant was named: use for_variant().")
        return seed_from(purpose, variant=self.variant, **self._axes())

    def for_variant(self, name: str) -> Seeds:
        """Return the same axes for a named variant."""
        return Seeds(self.dataset, self.seed, self.fold, name)
