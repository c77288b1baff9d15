"""Which table row, picture and recording make a pair of the digits sets: by (fold, seed) alone.

A source row stands in one split only. Pictures and recordings are cut into six disjoint folds;
the table, which is too short for that, is cut by arcs of a circle. Where a split has more pairs than a
source has rows for it, the rows are gone through again, within the split.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.seeding import generator
from .mfeat import PER_CLASS as TABLE_ROWS
from .mfeat import TWINS
from .splits import fold_of, fold_split
from .spoken import SPEAKERS, turns

FAMILY = "digits_trimodal"  # what splits and noise are drawn by: all editions have the same pairs
PER_CLASS = {"train": 120, "validation": 40, "test": 40}  # in the order of fold_split
FOLDED = 10_000  # pictures of t10k are cut into folds; those of MNIST's own training part only train


def pairs(
    digits: Mapping[str, np.ndarray], seed: int, held_out: bool, per_class: Mapping[str, int] | None = None
) -> dict[str, dict[str, np.ndarray]]:
    """Return the pairs of one seed.

    Parameters
    ----------
    digits
        The digit of every row of some of `tabular`, `image` and `audio`. Pictures from the 10,000th on
        are of MNIST's training part: they alone train then, and pictures before it alone are tested.
    seed
        The suite's seed; its fold is tested.
    held_out
        Whether the tested speaker is kept out of training; else recordings are cut at random.
    per_class
        Split → pairs a digit; by default 120 / 40 / 40.

    Returns
    -------
    dict
        Split → source → row numbers, in the order of the pairs.
    """
    pools = {source: _pools(source, target, seed, held_out) for source, target in digits.items()}
    counts = per_class or PER_CLASS
    return {split: _drawn(digits, pools, seed, split, counts[split]) for split in PER_CLASS}


def _drawn(
    digits: Mapping[str, np.ndarray],
    pools: Mapping[str, dict[str, np.ndarray]],
    seed: int,
    split: str,
    count: int,
) -> dict[str, np.ndarray]:
    order = generator("order of pairs", dataset=FAMILY, seed=seed, split=split).permutation(10 * count)
    drawn = {}
    for source, target in digits.items():
        rng = generator("pairs", dataset=FAMILY, seed=seed, split=split, source=source)
        pool = pools[source][split]
        picks = [_picked(rng, pool[target[pool] == digit], count) for digit in range(10)]
        drawn[source] = np.concatenate(picks)[order]
    return drawn


def _picked(rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    """Return `count` rows in random order: none a second time before each has come once."""
    return np.concatenate([rng.permutation(rows) for _ in range(-(-count // len(rows)))])[:count]


def _pools(source: str, digits: np.ndarray, seed: int, held_out: bool) -> dict[str, np.ndarray]:
    """Return split → the rows of a source that may serve in it."""
    fold, partition = fold_of(seed, len(SPEAKERS))
    if source == "tabular":
        return _arcs(fold, partition)
    if source == "audio" and held_out:
        turn = turns(fold)
        cuts = turn > 1, turn == 1, turn == 0
        return {name: np.flatnonzero(rows) for name, rows in zip(PER_CLASS, cuts, strict=True)}
    folded = digits[:FOLDED]
    pools = dict(zip(PER_CLASS, fold_split(folded, seed, f"{FAMILY}/{source}", len(SPEAKERS)), strict=True))
    if len(digits) > FOLDED:
        pools["train"] = np.arange(FOLDED, len(digits))
    return pools


def _arcs(fold: int, partition: int) -> dict[str, np.ndarray]:
    """Return split → table rows: an arc of each digit's 200 rows, laid on a circle at random.

    A seed needs all 200 (120 + 40 + 40), so six disjoint tests of 40 do not exist; arcs that start a
    sixth of the circle apart overlap least. Rows lie on the circle in couples and arcs are cut between
    couples, so that identical rows, being couples, stay together.
    """
    circles = []
    for digit in range(10):
        couples = _couples(digit, generator("circle", dataset=FAMILY, digit=digit, partition=partition))
        circles.append(np.roll(couples, -round(fold * len(couples) / len(SPEAKERS)), axis=0))
    circle = np.stack(circles)  # digits × 100 couples × 2
    arcs = {"train": circle[:, 40:], "validation": circle[:, 20:40], "test": circle[:, :20]}
    return {split: arc.ravel() for split, arc in arcs.items()}


def _couples(digit: int, rng: np.random.Generator) -> np.ndarray:
    """Return the digit's rows two by two in random order, shape (100, 2); identical rows are a couple."""
    rows = np.arange(digit * TABLE_ROWS, (digit + 1) * TABLE_ROWS)
    twins = [pair for pair in TWINS if pair[0] in rows]
    single = np.setdiff1d(rows, np.array(twins, dtype=int))
    couples = [*rng.permutation(single).reshape(-1, 2).tolist(), *map(list, twins)]
    return rng.permutation(np.array(couples), axis=0)
