"""Families of tests: what holds for all of them together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .flips import SLACK, complete, critical_share, share_to_t, shares
from .within import LEVEL


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p values so that at most `level` of families holds a false rejection (Holm 1979).

    Parameters
    ----------
    p
        Shape (m,). A NaN is a test that could not be made: it stays NaN and is not counted.

    Returns
    -------
    numpy.ndarray
        Shape (m,): reject where it is at most the level.
    """
    p = np.asarray(p, dtype=float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def least_sets(tests: int, level: float = LEVEL, sides: int = 2) -> int:
    """Return how many data sets it takes before Holm can reject anything: sides/2^n <= level/tests.

    By exact sign flips: 8 data sets for 6 tests, 11 for 26, 14 for 351. A set of the best is one test of
    one side, which takes 5.
    """
    n = 1
    while sides / 2.0**n > level / max(tests, 1):
        n += 1
    return n


@dataclass(frozen=True)
class MaxT:
    """m paired differences tested together.

    Parameters
    ----------
    t
        Paired t of each, shape (m,); 0 for a column of ties, ±inf for another that does not vary.
    p
        Two-sided and adjusted for all m, shape (m,).
    point
        Critical value of the largest |t| where nothing differs; infinite where so few data sets can
        reject nothing (below 6 at .05).
    low, high
        Simultaneous intervals of the means, shape (m,); NaN where the point is infinite.
    """

    t: np.ndarray
    p: np.ndarray
    point: float
    low: np.ndarray
    high: np.ndarray


def max_t(differences: np.ndarray, level: float = LEVEL) -> MaxT:
    """Test m paired differences together by joint sign flips of the data sets (Westfall & Young 1993).

    Single step: the adjusted p of a difference is the share of patterns whose largest |t| reaches its
    own. The intervals use the largest |t| of the differences from their means, for they must cover
    wherever the means lie: near the level, p and interval may differ in what they say of zero.
    Nothing is claimed (NaN throughout) below 2 data sets or without a difference.

    Parameters
    ----------
    differences
        Shape (n data sets, m), finite.
    level
        One minus the confidence of the intervals together.

    Raises
    ------
    ValueError
        If a difference is not finite.
    """
    d = complete(differences)
    n, m = d.shape
    if n < 2 or m < 1:
        nothing = np.full(m, np.nan)
        return MaxT(nothing, nothing, np.nan, nothing, nothing)
    flipped, mean = shares(d), d.mean(axis=0)
    p = (np.abs(flipped).max(axis=1)[:, None] >= np.abs(flipped[0]) - SLACK).mean(axis=0)
    largest = np.abs(shares(d - mean)).max(axis=1)
    point = float(share_to_t(critical_share(largest, level), n)) if 2 * 0.5**n <= level else np.inf
    half = (point if np.isfinite(point) else np.nan) * d.std(axis=0, ddof=1) / np.sqrt(n)
    return MaxT(share_to_t(flipped[0], n), p, point, mean - half, mean + half)
