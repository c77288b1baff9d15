"""Which table row, picture and recording make a pair of digits_trimodal: by (fold, seed) alone.

A source row stands in one split only. Pictures and recordings are cut into six disjoint folds;
the table, which is too short for that, is cut by arcs of a circle.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..core.seeding import generator
from .mfeat import PER_CLASS as TABLE_ROWS
from .mfeat import TWINS
from .splits import fold_of, fold_split

FAMILY = "digits_trimodal"  # what splits and noise are drawn by: all editions have the same pairs
PER_CLASS = {"train": 120, "validation": 40, "test": 40}  # in the order of fold_split
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
RECORDINGS = tuple(sorted(f"{d}_{s}_{i}.wav" for d in range(10) for s in SPEAKERS for i in range(50)))


def spoken_digits() -> np.ndarray:
    """Return the digit of every recording, int64 of shape (3000,)."""
    return np.array([int(name[0]) for name in RECORDINGS])


def pairs(digits: Mapping[str, np.ndarray], seed: int, held_out: bool) -> dict[str, dict[str, np.ndarray]]:
    """Return the pairs of one seed, 120 / 40 / 40 a digit.

    Parameters
    ----------
    digits
        The digit of every row of `tabular`, `image` and `audio`.
    seed
        The suite's seed; its fold is tested.
    held_out
        Whether the tested speaker is kept out of training; else recordings are cut at random.

    Returns
    -------
    dict
        Split → source → row numbers, in the order of the pairs.
    """
    pools = {source: _pools(source, target, seed, held_out) for source, target in digits.items()}
    return {split: _drawn(digits, pools, seed, split) for split in PER_CLASS}


def _drawn(
    digits: Mapping[str, np.ndarray], pools: Mapping[str, dict[str, np.ndarray]], seed: int, split: str
) -> dict[str, np.ndarray]:
    count = PER_CLASS[split]
    order = generator("order of pairs", dataset=FAMILY, seed=seed, split=split).permutation(10 * count)
    drawn = {}
    for source, target in digits.items():
        rng = generator("pairs", dataset=FAMILY, seed=seed, split=split, source=source)
        pool = pools[source][split]
        picks = [rng.permutation(pool[target[pool] == digit])[:count] for digit in range(10)]
        drawn[source] = np.concatenate(picks)[order]
    return drawn


def _pools(source: str, digits: np.ndarray, seed: int, held_out: bool) -> dict[str, np.ndarray]:
    """Return split → the rows of a source that may serve in it."""
    fold, partition = fold_of(seed, len(SPEAKERS))
    if source == "tabular":
        return _arcs(fold, partition)
    if source == "audio" and held_out:
        speaker = np.array([SPEAKERS.index(name.split("_")[1]) for name in RECORDINGS])
        turn = (speaker - fold) % len(SPEAKERS)  # 0 is tested, 1 validates, 2 to 5 train
        cuts = turn > 1, turn == 1, turn == 0
        return {name: np.flatnonzero(rows) for name, rows in zip(PER_CLASS, cuts, strict=True)}
    return dict(zip(PER_CLASS, fold_split(digits, seed, f"{FAMILY}/{source}", len(SPEAKERS)), strict=True))


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
