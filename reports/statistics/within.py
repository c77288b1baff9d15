"""Statistics within one data set: what its seeds say about the means of variants.

Functions of plain arrays. `scores` has shape (k variants, S seeds); seeds are folds, the same rows for
every variant, so what a seed gives to all of them is removed before anything is compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import cast

import numpy as np
from scipy import optimize, special, stats

TIE = 1e-12
LEVEL = 0.05
FEWEST_MODERATED = 8  # below that many variants the spread of their spreads cannot be estimated


@cache
def dunnett_point(comparisons: int, df: float, correlation: float = 0.5, level: float = LEVEL) -> float:
    """Return the one-sided upper point of the largest of `comparisons` t statistics (Dunnett 1955).

    P(max T <= c) is the mean over s = sqrt(chi2_df / df) and z ~ N(0, 1) of
    Phi((c s - sqrt(r) z) / sqrt(1 - r))^comparisons, r the correlation. Both means are sums over fixed
    grids: the same value on every run.

    Parameters
    ----------
    comparisons
        Number of comparisons, at least 1 (k - 1 for k variants).
    df
        Degrees of freedom of the variance.
    correlation
        Between any two of the statistics, in [0, 1): 1/2 where all share one rival and one variance.
    level
        Chance that the largest exceeds the point where nothing differs.
    """
    z = np.linspace(-8.5, 8.5, 341) if correlation else np.zeros(1)
    weight = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    middle = (np.arange(400) + 0.5) / 400
    s = np.sqrt(stats.chi2.ppf(middle, df) / df)
    shift, scale = np.sqrt(correlation) * z, np.sqrt(1.0 - correlation)

    def excess(c: float) -> float:
        inside = special.ndtr((c * s[:, None] - shift) / scale) ** comparisons
        return float(inside.mean(axis=0) @ weight) - (1.0 - level)

    return _root(excess, 0.0, 200.0)


@cache
def _two_sided(df: float) -> float:
    return float(stats.t.ppf(1 - LEVEL / 2, df))


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return cast(float, optimize.brentq(function, low, high, xtol=1e-10))


@dataclass(frozen=True)
class Within:
    """What the seeds of one data set say about the means of k variants.

    Parameters
    ----------
    means
        Mean over seeds, shape (k,).
    variances
        Variance of one seed's value about its variant's mean and its seed's level, shape (k,);
        all equal in the pooled form. NaN where nothing can be estimated.
    df
        Degrees of freedom; 0 where there is one seed or one variant, and then nothing is claimed.
    factor
        What turns a variance into that of a mean: 1/S, or more where seeds share rows.
    form
        `pooled`, `moderated` or `none`.
    larger
        Whether larger is better.
    """

    means: np.ndarray
    variances: np.ndarray
    df: float
    factor: float
    form: str
    larger: bool

    @property
    def halves(self) -> np.ndarray:
        """Half the 95 % interval of each mean about the common level, shape (k,).

        How hard these folds are for everybody is left out: it moves all means together.
        """
        return self.quantile * np.sqrt(self.variances * self.factor)

    @property
    def quantile(self) -> float:
        """Two-sided 5 % point of t; NaN where nothing is claimed."""
        return _two_sided(self.df) if self.df > 0 else np.nan

    @property
    def errors(self) -> np.ndarray:
        """Standard error of the difference of each pair of means, shape (k, k)."""
        return np.sqrt((self.variances[:, None] + self.variances[None, :]) * self.factor)

    @property
    def first(self) -> np.ndarray:
        """Which variants share the first place, shape (k,); none where nothing is claimed.

        Entry i shares it unless max_j (x_j - x_i)/se exceeds the one-sided Dunnett point for k - 1
        comparisons. The correlation is 1/2 in the pooled form; a steady entry among restless ones sees
        nearly independent rivals, so the moderated form takes 0.
        """
        if self.df <= 0:
            return np.zeros(len(self.means), dtype=bool)
        correlation = 0.5 if self.form == "pooled" else 0.0
        point = dunnett_point(len(self.means) - 1, round(self.df, 2), correlation)
        gap = (self.means[None, :] - self.means[:, None]) * (1 if self.larger else -1)
        return np.all(gap <= point * self.errors + TIE, axis=1)


def within(scores: np.ndarray, larger: bool = True, shared_rows: float = 0.0) -> Within:
    """Pool the residuals of variant x seed.

    s² = 2 RSS / df for a difference of two variants on one seed, df = (k - 1)(S - 1), and
    se = sqrt(s² / S) for a difference of means; a variant's own variance is half of s². Where the
    spread over seeds differs between variants, each has a variance of its own, drawn up to the common
    one (`moderated`).

    Parameters
    ----------
    scores
        Shape (k, S), complete and finite; nothing is claimed of one variant, or on one seed.
    larger
        Whether larger is better.
    shared_rows
        Test rows over training rows where seeds re-split the same rows: the variance of a mean is then
        multiplied by 1/S + shared_rows in place of 1/S (Nadeau & Bengio 2003), which is conservative.
    """
    k, seeds = scores.shape
    means = scores.sum(axis=1) / max(seeds, 1)
    df = (k - 1) * (seeds - 1)
    factor = 1.0 / max(seeds, 1) + shared_rows
    if min(k, seeds) < 2:
        return Within(means, np.full(k, np.nan), 0.0, factor, "none", larger)
    deviations = scores - means[:, None]
    pooled = float(((deviations - deviations.mean(axis=0)) ** 2).sum() / df)
    if k >= FEWEST_MODERATED and (moderated := _moderate(deviations)) is not None:
        variances, own_df = moderated
        return Within(means, variances, min(own_df, df), factor, "moderated", larger)
    return Within(means, np.full(k, pooled), float(df), factor, "pooled", larger)


def _moderate(deviations: np.ndarray) -> tuple[np.ndarray, float] | None:
    """Draw each variant's variance up to the common one (Smyth 2004); None where spreads agree.

    The logarithms of k equal variances, each estimated on d = S - 1 df, vary by trigamma(d/2); what
    they vary beyond it gives the prior's degrees of freedom. The level of a seed is the mean of the
    middle half of the variants, which restless ones do not move, and no variant gets less than its
    own estimate: a restless one drawn down to steady ones would be thrown out too easily.
    """
    d = deviations.shape[1] - 1
    residuals = deviations - stats.trim_mean(deviations, 0.25, axis=0)
    own = (residuals**2).sum(axis=1) / d
    floor = 1e-5 * np.median(own)
    if floor <= 0:
        return None
    logs = np.log(np.maximum(own, floor)) - special.digamma(d / 2) + np.log(d / 2)
    beyond = float(logs.var(ddof=1) - special.polygamma(1, d / 2))
    if beyond < 1e-4:
        return None
    half = _root(lambda x: float(special.polygamma(1, x)) - beyond, 1e-3, 1e5)
    prior = np.exp(logs.mean() + special.digamma(half) - np.log(half))
    return np.maximum(own, (2 * half * prior + d * own) / (2 * half + d)), 2 * half + d
