"""What is drawn beside labels, cues and noise: level, shared factor, shift, absence and the label given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .dials import Dials


@dataclass(frozen=True)
class Nuisances:
    """What happens to rows beside their content; of all this only absence is seen.

    Parameters
    ----------
    given
        Int array of shape (n,): the labels after `label_noise`.
    levels
        Array of shape (n,): what multiplies the strengths of a row.
    factor
        Array of shape (n,): the standard normal factor g of the noise that modalities share.
    shifts
        Int array of shape (n, M): cells by which a modality is rolled along its last axis.
    present
        Bool array of shape (n, M).
    """

    given: np.ndarray
    levels: np.ndarray
    factor: np.ndarray
    shifts: np.ndarray
    present: np.ndarray

    def seen_through(self, x: np.ndarray, m: int) -> np.ndarray:
        """Return the rows of modality m, (n, *shape), as they are handed out: rolled, zero where absent."""
        for shift in range(1, self.shifts.max(initial=0) + 1):
            chosen = self.shifts[:, m] == shift
            x[chosen] = np.roll(x[chosen], shift, axis=-1)
        x[~self.present[:, m]] = 0
        return x


def draw_nuisances(dials: Dials, labels: np.ndarray, rng: np.random.Generator) -> Nuisances:
    """Draw the nuisances of rows with these labels; a dial that is not set takes nothing from `rng`.

    Parameters
    ----------
    dials
        The setting.
    labels
        Int array of shape (n,): the labels that the rows are drawn for.
    rng
        Source of randomness.
    """
    several, rows = (len(labels), len(dials.inputs)), len(labels)
    given, levels, factor = labels, np.ones(rows), np.zeros(rows)
    shifts, present = np.zeros(several, dtype=np.int64), np.ones(several, dtype=bool)
    if dials.label_noise:
        given = through_channel(labels, 1 - dials.label_noise, dials.classes, rng)
    scales, weights = np.array(dials.levels).T
    if len(scales) > 1 or scales[0] != 1:
        levels = rng.choice(scales, size=rows, p=weights / weights.sum())
    if dials.correlated_noise:
        factor = rng.standard_normal(rows)
    if dials.time_shift:
        shifts = rng.integers(dials.time_shift + 1, size=several)
    if dials.absence.any():
        present = rng.random(several) >= dials.absence.T[labels]
    return Nuisances(given, levels, factor, shifts, present)


def through_channel(
    labels: np.ndarray, rho: float | np.ndarray, classes: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw cues of P_ρ(c|y): the label itself with probability ρ, else a uniform symbol."""
    kept = rng.random(labels.shape) < rho
    return np.where(kept, labels, rng.integers(classes, size=labels.shape))
