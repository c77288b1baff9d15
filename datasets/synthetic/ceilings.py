"""The ceilings that follow from the exact posterior: Bayes accuracy, information, Shapley values.

Averages over draws are of max_y p(y|x_S), never of hits, and of Σ_y p(y|x_S) log p(y|x_S)/π_y, which have the
right mean and less noise. All of them are about the label that is given.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np

from .dials import Dials
from .evidence import cells
from .generator import draw_projections
from .posterior import log_posterior

GAMES = ("accuracy", "mutual_information")

FEWEST, MOST_DRAWS = 500, 100_000
EFFORT = 1_000_000_000  # numbers to go through: some ten seconds


def subsets_of(several: int) -> list[tuple[int, ...]]:
    """Return all subsets of `several` modalities as index tuples, the small ones first."""
    return [s for size in range(several + 1) for s in combinations(range(several), size)]


def shapley_weights(several: int) -> np.ndarray:
    """Return the (M, 2^M) matrix that turns the values of `subsets_of` into Shapley values."""
    subsets = subsets_of(several)
    weights = np.zeros((several, len(subsets)))
    for column, subset in enumerate(subsets):
        for m in range(several):
            others = len(subset) - (m in subset)
            share = 1 / (several * comb(several - 1, others))
            weights[m, column] = share if m in subset else -share
    return weights


def affordable(dials: Dials) -> int:
    """Return how many draws to average over: 100,000, or fewer where a row takes long."""
    factor = 40 if dials.correlated_noise else 1  # about as many nodes
    once = sum(cells(dials, list(subset)) for subset in subsets_of(len(dials.inputs)))
    row = len(dials.levels) * factor * once + _drawn(dials)
    return int(np.clip(EFFORT // row, FEWEST, MOST_DRAWS))


def _drawn(dials: Dials) -> int:
    """Return how many numbers stand in a row that is drawn whole, which only `time_shift` asks for."""
    shifts = dials.time_shift + 1 if dials.time_shift else 0
    return shifts * sum(modality.size + 3 * dials.classes for modality in dials.inputs)


def ceilings(dials: Dials, rng: np.random.Generator, draws: int) -> dict[str, Any]:
    """Return Bayes accuracy, mutual information (nats) and Shapley values, with standard errors.

    The empty set is worth the largest prior, and 0 nats.

    Returns
    -------
    `subsets` (names joined by `+`, or `none` → means and errors), `shapley` and its errors `shapley_se`
    (game → modality → value), and the number of `draws`.
    """
    names = [modality.name for modality in dials.inputs]
    subsets, weights = subsets_of(len(names)), shapley_weights(len(names))
    gains, gains_se, shares, shares_se = _averages(dials, rng, draws, subsets, weights)
    start = {"accuracy": float(dials.given_prior.max()), "mutual_information": 0.0}
    table: dict[str, dict[str, float]] = {}
    for s, subset in enumerate(subsets):
        row = table["+".join(names[m] for m in subset) or "none"] = {}
        for g, game in enumerate(GAMES):
            row[game] = start[game] + float(gains[g, s])
            row[f"{game}_se"] = float(gains_se[g, s])
    shapley, shapley_se = (
        {game: dict(zip(names, values[g].tolist(), strict=True)) for g, game in enumerate(GAMES)}
        for values in (shares, shares_se)
    )
    return {"subsets": table, "shapley": shapley, "shapley_se": shapley_se, "draws": draws}


def _averages(
    dials: Dials, rng: np.random.Generator, draws: int, subsets: list[tuple[int, ...]], weights: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Average, in chunks of bounded memory, what every subset and every modality gains over knowing nothing.

    Returns
    -------
    Means and standard errors over subsets, (2, 2^M), then over modalities, (2, M).
    """
    numbers = dials.classes * (3 * len(dials.inputs) + dials.classes) + 4 * len(subsets)
    chunk = max(1, 2_000_000 // (numbers + 4 * _drawn(dials)))
    total = square = np.zeros((len(GAMES), len(subsets) + len(weights)))
    for done in range(0, draws, chunk):
        _, z = draw_projections(dials, min(chunk, draws - done), rng)
        gains = np.stack([_gains(z, dials, subset) for subset in subsets], axis=-1)
        values = np.concatenate([gains, gains @ weights.T], axis=-1)
        total = total + values.sum(axis=1)
        square = square + (values**2).sum(axis=1)
    mean = total / draws
    error = np.sqrt(np.maximum(square / draws - mean**2, 0) / draws)
    cut = len(subsets)
    return mean[:, :cut], error[:, :cut], mean[:, cut:], error[:, cut:]


def _gains(z: np.ndarray, dials: Dials, subset: tuple[int, ...]) -> np.ndarray:
    """Return (2, n): the gain in accuracy and the information that each row of a subset carries."""
    if not subset:
        return np.zeros((len(GAMES), len(z)))
    log_p, prior = log_posterior(z, dials, subset), dials.given_prior
    p = np.exp(log_p)
    information = (p * (log_p - np.log(prior))).sum(axis=1)
    return np.stack([p.max(axis=1) - prior.max(), np.maximum(information, 0)])  # rounding may dip below
