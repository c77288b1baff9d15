"""Ranks over data sets: functions of plain arrays."""

from __future__ import annotations

import numpy as np
from scipy import stats

from .blocks import largest_block


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
