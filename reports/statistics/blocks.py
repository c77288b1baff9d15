"""Which part of an incomplete table is complete, and which points nothing beats: functions of plain arrays."""

from __future__ import annotations

import numpy as np


def largest_block(present: np.ndarray) -> np.ndarray:
    """Choose columns so that the block of rows present in all of them is large, with few rows lost.

    Columns join in falling order of how many rows they hold (the earlier first); the choice is the
    prefix of that order with the largest rows³ x columns, the longer one where two are equal. The cube
    makes rows dear: a second column may cost a fifth of them, not more.

    Parameters
    ----------
    present
        Bool, shape (rows, columns).

    Returns
    -------
    numpy.ndarray
        Bool, shape (columns,): the chosen ones; none where nothing is present.
    """
    order = np.argsort(-present.sum(axis=0), kind="stable")
    rows = np.logical_and.accumulate(present[:, order], axis=1).sum(axis=0)
    cells = rows.astype(float) ** 3 * np.arange(1, len(order) + 1)
    chosen = np.zeros(present.shape[1], dtype=bool)
    if cells.size and cells.max() > 0:
        last = len(cells) - 1 - int(np.argmax(cells[::-1]))
        chosen[order[: last + 1]] = True
    return chosen


def pareto_front(cost: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return which points no other beats: none costs at most as much and scores at least as much.

    Equal points stand or fall together. Both arrays have shape (k,); a point with NaN is never on it.
    """
    known = np.isfinite(cost) & np.isfinite(score)
    cheaper = cost[None, :] <= cost[:, None]
    better = score[None, :] >= score[:, None]
    strictly = (cost[None, :] < cost[:, None]) | (score[None, :] > score[:, None])
    return known & ~(known[None, :] & cheaper & better & strictly).any(axis=1)
