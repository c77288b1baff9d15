"""One pair looked at: over all data sets, on each where information is synergistic, and over the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..comparisons import contrast
from ..run import Run
from ..statistics import LEVEL, detectable, least_sets, paired
from ..versus import Difference, Pairing

ALL, ONE, REST = "all", "one", "rest"


@dataclass(frozen=True)
class Look:
    """What some data sets say of a pair; positive where the left one is better.

    Parameters
    ----------
    scope
        `ALL`, `ONE` (a data set whose information is synergistic) or `REST` (all but those).
    datasets
        Those looked at.
    mean, low, high
        The mean difference and its 95 % interval: Student's over data sets, or that of the one data set's
        seeds and fixed test rows; NaN ends where there is none.
    p
        That of the interval's t test; over data sets the larger of it and the sign-flip test's.
    wins, ties, losses
        Numbers of data sets.
    least
        The difference found with a power of 80 %; NaN where that cannot be said.
    flipped
        Whether the sign-flip test alone rejects; over several data sets only.
    """

    scope: str
    datasets: tuple[str, ...]
    mean: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int
    least: float
    flipped: bool = False

    @property
    def beyond(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0

    @property
    def word(self) -> str:
        """The verdict: `left` or `right` is ahead; `perhaps`, the two tests disagree; `few` data sets; `open`."""
        if self.beyond and self.p <= LEVEL:
            return "left" if self.mean > 0 else "right"
        if self.beyond and len(self.datasets) < least_sets(1):
            return "few"
        return "perhaps" if self.beyond or self.flipped else "open"


def looks(run: Run, pair: Pairing) -> tuple[Look, ...]:
    """Return every look at a pair, all data sets first; those by kind only where there are both kinds."""
    each = pair.differences
    if not each:
        return ()
    found = [_look(run, pair, ALL, each)]
    special = [d for d in each if run.data(d.dataset).get("interaction") == "synergy"]
    others = [d for d in each if d not in special]
    if special and others:
        found += [_look(run, pair, ONE, [d]) for d in special]
        found.append(_look(run, pair, REST, others))
    return tuple(found)


def _look(run: Run, pair: Pairing, scope: str, each: Sequence[Difference]) -> Look:
    names = tuple(d.dataset for d in each)
    over = paired(np.array([d.effect for d in each], dtype=float))
    counts = over.wins, over.ties, over.losses
    if not pair.seeded:
        return Look(scope, names, over.mean, math.nan, math.nan, math.nan, *counts, math.nan)
    if len(each) == 1:
        return Look(scope, names, over.mean, *_alone(run, pair, each[0], counts))
    p, flips = max(_two_sided(over.mean, over.sd / math.sqrt(over.n), over.n - 1), over.p), over.p <= LEVEL
    return Look(scope, names, over.mean, over.low, over.high, p, *counts, over.detectable, flips)


def _alone(
    run: Run, pair: Pairing, each: Difference, counts: tuple[int, int, int]
) -> tuple[float, float, float, int, int, int, float]:
    """Return a data set's interval, p, counts and what it could have shown, degrees of freedom rounded down."""
    effect = contrast(run, each.dataset, {pair.left: 1.0, pair.right: -1.0})
    if effect is None or not math.isfinite(each.whole):
        return math.nan, math.nan, math.nan, *counts, math.nan
    error = each.whole / float(stats.t.ppf(1 - LEVEL / 2, effect.df))
    p, n = _two_sided(each.effect, error, effect.df), int(effect.df) + 1
    return each.effect - each.whole, each.effect + each.whole, p, *counts, detectable(error * math.sqrt(n), n)


def _two_sided(value: float, error: float, df: float) -> float:
    if error > 0:
        return float(2 * stats.t.sf(abs(value) / error, df))
    return 0.0 if value else 1.0
