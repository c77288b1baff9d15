"""One metric on one data set: the values of the variants that may be compared there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .statistics import Within


@dataclass(frozen=True)
class Scores:
    """One metric on one data set, of the variants that are complete over the seeds in use.

    Parameters
    ----------
    names
        Complete variants, in the run's order.
    seeds
        The seeds in use.
    values
        Shape (variants, seeds).
    within
        What the seeds say about the means.
    """

    names: tuple[str, ...]
    seeds: tuple[int, ...]
    values: np.ndarray
    within: Within

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def mean(self, name: str) -> float:
        """Mean over seeds; NaN where the variant is not complete."""
        return float(self.within.means[self.names.index(name)]) if name in self.names else np.nan

    def half(self, name: str) -> float:
        """Half the 95 % interval of the mean; NaN where there is none."""
        return float(self.within.halves[self.names.index(name)]) if name in self.names else np.nan

    def error(self, left: str, right: str) -> float:
        """Standard error of the difference of two means."""
        return float(self.within.errors[self.names.index(left), self.names.index(right)])

    @property
    def first(self) -> tuple[str, ...]:
        """Variants that share the first place; none where nothing can be claimed."""
        return tuple(name for name, shares in zip(self.names, self.within.first, strict=True) if shares)

    @property
    def best(self) -> str | None:
        """The variant with the best mean, the first in order where several have it."""
        if not self.names:
            return None
        means = self.within.means
        return self.names[int(np.argmax(means) if self.within.larger else np.argmin(means))]
