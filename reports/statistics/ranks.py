"""Ranks over data sets, and the tests that rest on ranks: functions of plain arrays."""

from __future__ import annotations

from functools import cache
from typing import cast

import numpy as np
from scipy import special, stats

from .blocks import largest_block
from .flips import complete, sign_flip
from .within import LEVEL, TIE


def mean_ranks(means: np.ndarray, larger: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Rank variants on complete data sets only: nothing that is absent is filled in.

    Parameters
    ----------
    means
        Shape (k variants, D data sets); NaN where a variant is not complete.
    larger
        Whether larger is better.

    Returns
    -------
    ranks
        Mean rank from 1 = best, ties sharing their mean rank; NaN for a variant outside the block.
    used
        Bool, shape (D,): the data sets ranked on (`largest_block`).
    """
    present = np.isfinite(means)
    used = largest_block(present)
    ranks = np.full(len(means), np.nan)
    inside = present[:, used].all(axis=1) & used.any()
    if inside.any():
        signed = means[np.ix_(inside, used)] * (-1 if larger else 1)
        ranks[inside] = stats.rankdata(signed, axis=0).mean(axis=1)
    return ranks, used


def iman_davenport(ranks: np.ndarray) -> tuple[float, float]:
    """Test whether mean ranks differ: Iman & Davenport's (1980) F of Friedman's chi-squared.

    chi² = (k - 1) sum_j (R_j - n (k + 1)/2)² / (sum of squared ranks - n k (k + 1)²/4), R_j the sum of a
    column, which is Friedman's with ties allowed for; F = (n - 1) chi² / (n (k - 1) - chi²).

    Parameters
    ----------
    ranks
        Shape (n data sets, k entries): ranks within each data set, ties sharing their mean rank.

    Returns
    -------
    f, p
        On k - 1 and (k - 1)(n - 1) degrees of freedom. Where all data sets agree F is infinite and p is
        the chance that the others repeat the first one's order; where all is tied F is 0 and p is 1.
        NaN below 2 data sets or entries.
    """
    n, k = ranks.shape
    if min(n, k) < 2:
        return np.nan, np.nan
    spread = float((ranks**2).sum() - n * k * (k + 1) ** 2 / 4)
    if spread <= 0:
        return 0.0, 1.0
    chi2 = (k - 1) * float(((ranks.sum(axis=0) - n * (k + 1) / 2) ** 2).sum()) / spread
    if (ranks == ranks[0]).all():
        ties = np.unique(ranks[0], return_counts=True)[1]
        orders = special.gammaln(k + 1) - special.gammaln(ties + 1).sum()
        return np.inf, float(np.exp(-(n - 1) * orders))
    f = (n - 1) * chi2 / (n * (k - 1) - chi2)
    return float(f), float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))


@cache
def critical_difference(k: int, n: int, level: float = LEVEL) -> float:
    """Return how far two mean ranks of k entries on n data sets must lie apart (Nemenyi; Demšar 2006).

    q sqrt(k (k + 1) / (6 n)), q the studentised range's point at infinite degrees of freedom over the
    root of two. NaN below 2 entries or without a data set.
    """
    if k < 2 or n < 1:
        return np.nan
    q = stats.studentized_range.ppf(1 - level, k, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(k * (k + 1) / (6 * n)))


def cd_readable(k: int, n: int, level: float = LEVEL) -> bool:
    """Say whether a critical-difference diagram tells anything: under a third of the number of entries.

    It is 14.7 ranks for 27 entries on 8 data sets: one bar over nearly all of them.
    """
    return bool(critical_difference(k, n, level) < k / 3)


def wilcoxon(differences: np.ndarray) -> tuple[float, float, str]:
    """Test paired differences, one a data set, by Wilcoxon's signed ranks, exact and two-sided.

    Takes the wide pivot only: one difference a data set, formed by the data set's name. Rows of a long
    table paired by their order give any p at all.

    Parameters
    ----------
    differences
        Shape (n,), finite.

    Returns
    -------
    statistic, p, method
        The smaller sum of ranks and "wilcoxon"; where a difference is zero or two have one size
        (within 1e-12), the mean difference and "sign flip". NaN for p below 2 differences.

    Raises
    ------
    ValueError
        If a difference is not finite.
    """
    d = complete(differences)
    if len(d) < 2:
        return np.nan, np.nan, "none"
    size = np.sort(np.abs(d))
    if size[0] <= TIE or np.diff(size).min() <= TIE:
        return float(d.mean()), sign_flip(d), "sign flip"
    statistic, p = cast(tuple[float, float], stats.wilcoxon(d, method="exact"))
    return float(statistic), float(p), "wilcoxon"
