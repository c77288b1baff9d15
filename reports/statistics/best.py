"""Which entries may be the best over data sets: a confidence set, by joint sign flips.

The entry with the largest mean was selected for it, so an interval of its lead over another says too
much: on 8 data sets where nothing differs it leaves out a given entry, a best one like all, in 11 % of
suites of 9 entries and in 19 % of suites of 27; the confidence set does in 4-5 %. That holds for a given
best entry. Where many are equally good, one or other of them is left out more often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .flips import SLACK, complete, critical_share, inverse, share_to_t, sign_patterns
from .within import LEVEL


@dataclass(frozen=True)
class BestSet:
    """The entries that share the first place over n data sets.

    Parameters
    ----------
    p
        Chance, were the entry a best one, of a rival as far above it as the one seen, shape (k,); NaN
        where nothing is claimed.
    inside
        Bool, shape (k,): p above the level. None where nothing is claimed (no data set, or fewer than
        2 entries); all where so few data sets can leave nobody out (`able`).
    point
        Critical value of the largest t, for `detectable_best`: it differs from entry to entry, and this
        is the one that nine in ten do not exceed. Infinite where nobody can be left out, NaN where
        nothing is claimed.
    able
        Whether so many data sets can leave anybody out: 1/2^n <= level, at .05 from 5 data sets on.
    """

    p: np.ndarray
    inside: np.ndarray
    point: float
    able: bool


def confidence_set(scores: np.ndarray, level: float = LEVEL) -> BestSet:
    """Find the entries that may be the best: a true best is left out with a chance of `level` at most.

    T_i = max_j t(x_j - x_i), a paired t over data sets. Were i a best one and the others its equals, the
    differences of a data set might as well have had the other sign, all of them together: p_i is the
    share of joint sign flips of the data sets (all 2^n, or 10,000) whose T is as large.

    Parameters
    ----------
    scores
        Shape (n data sets, k entries), finite, seeds averaged, larger is better.
    level
        Entries with p above it stay.

    Raises
    ------
    ValueError
        If a score is not finite.
    """
    x = complete(scores)
    n, k = x.shape
    able = k > 1 and n > 0 and 0.5**n <= level
    if n < 1 or k < 2:
        return BestSet(np.full(k, np.nan), np.zeros(k, dtype=bool), np.nan, able)
    largest = _largest_shares(x)
    p = (largest >= largest[0] - SLACK).mean(axis=0)
    return BestSet(p, p > level, _point(x, level), able)


def _point(x: np.ndarray, level: float) -> float:
    """Critical value with the entries' means made equal, so that it does not rest on what differs."""
    points = critical_share(_largest_shares(x - x.mean(axis=0)), level)
    return float(share_to_t(np.quantile(points, 0.9, method="higher"), len(x)))


def _largest_shares(x: np.ndarray) -> np.ndarray:
    """For each pattern and entry i, the largest mean over root mean square of x_j - x_i: shape (B, k)."""
    n, k = x.shape
    x = x - x.mean(axis=1, keepdims=True)
    means = np.ascontiguousarray((sign_patterns(n) @ x / n).T)
    largest, gaps = np.empty_like(means), np.empty_like(means)
    for i in range(k):
        scale = inverse(np.sqrt(((x - x[:, [i]]) ** 2).mean(axis=0)))
        np.subtract(means, means[i], out=gaps)
        np.multiply(gaps, scale[:, None], out=gaps)
        np.max(gaps, axis=0, out=largest[i])
    return np.ascontiguousarray(largest.T)
