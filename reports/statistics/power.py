"""What a number of data sets could have seen: the smallest mean difference found with a given power."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import optimize, stats

from .within import LEVEL

POWER = 0.8


def detectable(sd: float, n: int, level: float = LEVEL, power: float = POWER) -> float:
    """Return the mean paired difference that n data sets find with this power: sd * tau(n).

    Found means that the t interval leaves out zero. A sign-flip test of few data sets finds less: at
    this difference 62 % on 6 and 76 % on 8, as much from 12 on.

    Parameters
    ----------
    sd
        Standard deviation of the differences over data sets; the result has its unit.
    n
        Number of data sets; NaN below 2.
    """
    return float(sd * tau(n, level, power))


def detectable_best(sd: float, n: int, point: float, power: float = POWER) -> float:
    """Return how far below the best an entry must lie for a set of the best to leave it out.

    One-sided, with the largest-t critical value in place of Student's. Other rivals can only add to the
    chance, so that the power is at least this, by simulation at 6 to 20 data sets and 2 to 33 entries;
    5 data sets reach 67 % (2 entries) to 78 % (9 entries) in place of 80 %.

    Parameters
    ----------
    sd
        Standard deviation over data sets of the entry's difference from the best.
    n
        Number of data sets.
    point
        `BestSet.point`; where it is infinite no difference is large enough, and the result is NaN.
    """
    if n < 2 or not np.isfinite(point):
        return np.nan
    return float(sd * _effect(n, float(point), power, two_sided=False))


def tau(n: int, level: float = LEVEL, power: float = POWER) -> float:
    """Return the mean over the standard deviation at which a two-sided t test of n has this power.

    By the noncentral t on n - 1 degrees of freedom: 1.43, 1.16, .89, .66 at n = 6, 8, 12, 20. NaN for
    n below 2.
    """
    if n < 2:
        return np.nan
    return _effect(n, float(stats.t.ppf(1 - level / 2, n - 1)), power, two_sided=True)


@cache
def _effect(n: int, point: float, power: float, two_sided: bool) -> float:
    def lacking(effect: float) -> float:
        centre = effect * np.sqrt(n)
        found = stats.nct.sf(point, n - 1, centre)
        if two_sided:  # scipy gives NaN for some tails too small to matter
            found += np.nan_to_num(stats.nct.cdf(-point, n - 1, centre))
        return float(found) - power

    high = 1.0
    while lacking(high) < 0:
        high *= 2
    return float(optimize.brentq(lacking, 0.0, high, xtol=1e-10))  # type: ignore[arg-type]
