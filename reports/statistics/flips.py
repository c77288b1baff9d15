"""Sign flips of data sets: the null on which everything said across data sets rests.

Were two entries equals, a data set might as well have shown their difference the other way round: any
pattern of signs is as likely as the one seen. A share of patterns is an exact p value wherever the
differences of equals are symmetric about zero, however few the data sets and however unequal in spread.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .within import TIE

MOST_EXACT = 13  # 2^13 = 8,192 patterns; from 14 data sets on a fixed sample of them
DRAWN = 10_000
SLACK = 1e-9  # patterns that weigh the same differ by rounding; a share is at most 1


@cache
def sign_patterns(n: int) -> np.ndarray:
    """Return the patterns of signs by which n data sets are flipped, shape (B, n), each ±1, read-only.

    All 2^n for n up to 13; else 10,000 drawn by a generator that n alone seeds. The first pattern
    flips nothing: it counts among them, so that no p is 0.
    """
    if n <= MOST_EXACT:
        bits = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    else:
        bits = np.random.default_rng([2004, n]).integers(0, 2, size=(DRAWN, n))
        bits[0] = 0
    patterns = 1.0 - 2.0 * bits
    patterns.setflags(write=False)
    return patterns


def sign_flip(differences: np.ndarray) -> float:
    """Return the two-sided p of a sign-flip test of paired differences.

    The statistic is the absolute mean. Flips leave the sum of squares as it is, so that the absolute t
    gives the same p. The smallest possible one is 2/2^n: five differences never reach .05.

    Parameters
    ----------
    differences
        Shape (n,), finite, one a data set; the result is NaN for fewer than 2.

    Raises
    ------
    ValueError
        If a difference is not finite.
    """
    d = complete(differences)
    if len(d) < 2:
        return np.nan
    size = np.abs(shares(d[:, None])[:, 0])
    return float((size >= size[0] - SLACK).mean())


def shares(differences: np.ndarray) -> np.ndarray:
    """Return mean over root mean square of each column under each pattern of signs.

    A share r rises with t, t = r sqrt(n - 1) / sqrt(1 - r²), and orders patterns as t does; where
    nothing varies it is still a number: 0 for a column of ties, ±1 for a constant one.

    Parameters
    ----------
    differences
        Shape (n data sets, m).

    Returns
    -------
    numpy.ndarray
        Shape (B, m); the first row is that of the differences as they are.
    """
    size = np.sqrt((differences**2).mean(axis=0))
    return sign_patterns(len(differences)) @ differences / len(differences) * inverse(size)


def inverse(size: np.ndarray) -> np.ndarray:
    """Return 1/size, and 0 where the size is a tie's."""
    return np.where(size > TIE, 1.0 / np.maximum(size, TIE), 0.0)


def share_to_t(share: np.ndarray, n: int) -> np.ndarray:
    """Turn shares of n differences into their t; ±inf where they do not vary."""
    varies = np.abs(share) < 1.0 - SLACK
    inside = np.where(varies, share, 0.0)
    t = inside * np.sqrt((n - 1) / (1.0 - inside**2))
    return np.where(varies, t, np.copysign(np.inf, share))


def critical_share(largest: np.ndarray, level: float) -> np.ndarray:
    """Return what the largest share must exceed, for p to be at most the level.

    Parameters
    ----------
    largest
        The largest share under each pattern, shape (B, ...).

    Returns
    -------
    numpy.ndarray
        Shape (...): one of the shares; infinite where the patterns are too few for the level.
    """
    allowed = int(level * len(largest) + SLACK)  # so many patterns may reach it
    if not allowed:
        return np.full(largest.shape[1:], np.inf)
    return -np.partition(-largest, allowed, axis=0)[allowed]


def complete(values: np.ndarray) -> np.ndarray:
    """Return the values as floats.

    Raises
    ------
    ValueError
        If one is not finite: which data sets count is for the caller to decide, and to tell.
    """
    values = np.asarray(values, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError("Values across data sets must be finite: leave incomplete data sets out first.")
    return values
