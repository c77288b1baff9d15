"""The gate before any recommendation: does a variant know more than the class frequencies?

Two conditions, both strict and for all variants together. First, the test labels are dealt anew many times: where
nothing can be learned, the best of all variants on the true labels is one such draw more, so the chance that it
lies beyond all of them is 1 in (draws + 1), whatever the metric, the class shares, and how alike the variants are.
Second, its gain over guessing must be positive by a confidence bound: knowing something is not yet being of use,
where one class is nearly all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ...core.seeding import generator
from .evidence import Evidence, TestRows
from .measures import Scorer, direction, scorer

DRAWS = 999  # a truly useless set of variants is recommended from once in a thousand times
LEVEL = 0.01  # of the bound on the gain, for all variants together
HELD = 4_000_000  # labels in memory at once


@dataclass(frozen=True)
class Gate:
    """What passed.

    Parameters
    ----------
    guess
        Mean over seeds of what guessing scores.
    chance
        Variant → share of dealings, the true labels included, in which the best of all variants does as well.
    bound
        Variant → lower bound of its gain over guessing, positive where it is better.
    draws
        Number of dealings.
    """

    guess: float
    chance: Mapping[str, float]
    bound: Mapping[str, float]
    draws: int

    def passed(self, name: str) -> bool:
        """Return whether a variant is beyond every dealing and its gain is shown."""
        return self.chance[name] <= 1 / (self.draws + 1) + 1e-12 and self.bound[name] > 0


def gate(evidence: Evidence, draws: int = DRAWS) -> Gate:
    """Hold every complete variant against guessing."""
    log_p = {name: [evidence.log_p(name, s) for s in range(len(evidence.seeds))] for name in evidence.names}
    chance = chance_of(log_p, evidence.rows, evidence.metric, evidence.positive, draws)
    bounds = {name: _bound(evidence, name) for name in evidence.names}
    return Gate(float(evidence.guesses.mean()), chance, bounds, draws)


def chance_of(
    log_p: Mapping[str, Sequence[np.ndarray]],
    rows: TestRows,
    metric: str,
    positive: int | None = None,
    draws: int = DRAWS,
) -> dict[str, float]:
    """Return, for each variant, how often the best of all does as well under labels dealt anew.

    Parameters
    ----------
    log_p
        Variant → log probabilities (n, K) of each seed's test rows.
    rows
        True labels and groups. Labels of a group are dealt together, to rows that are together.
    metric, positive
        As in `measures.scorer`.
    draws
        Number of dealings; each variant's mean over seeds is put in units of its own spread over them.

    Returns
    -------
    dict
        Variant → (1 + dealings whose best is at least as far out) / (1 + draws): family-wise.
    """
    names, sign = list(log_p), direction(metric)
    true, dealt = np.zeros(len(names)), np.zeros((len(names), draws))
    rng = generator("dealings")
    labels = _dealings(rows.labels[0], rows.units(0), draws, rng)
    for seed in range(len(rows)):
        if seed > 0 and not rows.shared:
            labels = _dealings(rows.labels[seed], rows.units(seed), draws, rng)
        for place, name in enumerate(names):
            score = scorer(metric, log_p[name][seed], positive)
            true[place] += sign * float(score(rows.labels[seed])) / len(rows)
            dealt[place] += sign * _in_parts(score, labels) / len(rows)
    middle, spread = dealt.mean(1), dealt.std(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        out = np.where(spread > 0, (true - middle) / spread, -np.inf)
        best = np.where(spread[:, None] > 0, (dealt - middle[:, None]) / spread[:, None], -np.inf).max(0)
    return {name: float((1 + (best >= z - 1e-9).sum()) / (1 + draws)) for name, z in zip(names, out, strict=True)}


def _in_parts(score: Scorer, labels: np.ndarray) -> np.ndarray:
    size = max(1, HELD // labels.shape[1])
    return np.concatenate([score(labels[start : start + size]) for start in range(0, len(labels), size)])


def _dealings(labels: np.ndarray, units: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Return labels dealt anew, (draws, n).

    Labels stand in a random order of groups, rows within a group in random order, and are dealt to the rows in
    another such order. Without groups that is a permutation; a group of one label keeps its weight.
    """
    small = labels.astype(np.int16)
    if units.max() + 1 == len(units):
        return rng.permuted(np.tile(small, (draws, 1)), axis=1)
    dealt = np.empty((draws, len(labels)), dtype=np.int16)
    for draw in range(draws):
        dealt[draw, _order(units, rng)] = small[_order(units, rng)]
    return dealt


def _order(units: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    places = rng.permutation(units.max() + 1)
    return np.argsort(places[units] + rng.random(len(units)))


def _bound(evidence: Evidence, name: str) -> float:
    """Return the lower bound of the gain, by the larger of two errors: over rows, and over seeds."""
    seeds, sign = len(evidence.seeds), evidence.sign

    def gain(place: int, kept: np.ndarray) -> float:
        return sign * (evidence.measured(evidence.log_p(name, place), place, kept) - evidence.guess(place, kept))

    each = sign * (evidence.scores.values[evidence.names.index(name)] - evidence.guesses)
    over_rows = float(evidence.rows.covariance(gain)[0, 0])
    over_seeds = float(each.var(ddof=1)) / seeds if seeds > 1 else np.nan
    known = [variance for variance in (over_rows, over_seeds) if np.isfinite(variance)]
    if not known:
        return -np.inf
    return float(each.mean() - stats.norm.ppf(1 - LEVEL / len(evidence.names)) * np.sqrt(max(known)))
