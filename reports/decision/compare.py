"""Differences between variants, paired by seed: who shares the first place, and by how much one is ahead.

Intervals are of the pooled residuals of variant and seed (`reports.statistics`). On a published split all seeds
test the same rows, and the residuals do not hold the chance of these rows: their covariance is added then.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats

from ..machines import Timed, column, of_one
from ..statistics import LEVEL, TIE, dunnett_point
from ..wording import plus_minus
from .evidence import Evidence

JOINT = "joint"
NORMAL = float(stats.norm.ppf(1 - LEVEL / 2))


@dataclass(frozen=True)
class Estimate:
    """A value and half its 95 % interval, NaN where there is none."""

    value: float
    half: float

    @property
    def above(self) -> bool:
        """Whether the interval lies above zero."""
        return math.isfinite(self.half) and self.value > self.half

    @property
    def below(self) -> bool:
        """Whether the interval lies below zero."""
        return math.isfinite(self.half) and self.value < -self.half

    def __str__(self) -> str:
        """Write it with its sign."""
        return plus_minus(self.value, self.half, sign=True)


def of_seeds(each: np.ndarray, rows: float = 0.0) -> Estimate:
    """Return the mean of one value a seed with a t interval over seeds.

    Parameters
    ----------
    each
        Shape (seeds,).
    rows
        Variance that the seeds do not show, of test rows that they share.
    """
    count = len(each)
    if count < 2:
        return Estimate(float(each.mean()), math.nan)
    over_seeds = stats.t.ppf(1 - LEVEL / 2, count - 1) * each.std(ddof=1) / math.sqrt(count)
    return Estimate(float(each.mean()), math.hypot(float(over_seeds), NORMAL * math.sqrt(max(rows, 0.0))))


@dataclass(frozen=True)
class Comparison:
    """The complete variants of a data set against each other and against baselines."""

    evidence: Evidence

    @cached_property
    def row_covariance(self) -> np.ndarray:
        """Covariance of the means over shared test rows, (k, k); zero where seeds are folds."""
        evidence = self.evidence
        k = len(evidence.names)
        if not evidence.published:
            return np.zeros((k, k))

        def values(place: int, kept: np.ndarray) -> list[float]:
            return [evidence.measured(evidence.log_p(name, place), place, kept) for name in evidence.names]

        return evidence.rows.covariance(values)

    @cached_property
    def errors(self) -> np.ndarray:
        """Standard errors of differences of means, (k, k)."""
        own = np.diag(self.row_covariance)
        shared = own[:, None] + own[None, :] - 2 * self.row_covariance
        return np.sqrt(self.evidence.scores.within.errors**2 + np.maximum(shared, 0.0))

    @cached_property
    def halves(self) -> np.ndarray:
        """Half the 95 % interval of each mean, (k,)."""
        within = self.evidence.scores.within
        return within.quantile * np.sqrt(within.variances * within.factor + np.diag(self.row_covariance))

    @cached_property
    def first(self) -> tuple[str, ...]:
        """Variants that share the first place: no other is ahead by more than the one-sided Dunnett point."""
        within, names = self.evidence.scores.within, self.evidence.names
        if within.df <= 0:
            return ()
        point = dunnett_point(len(names) - 1, round(within.df, 2), 0.5 if within.form == "pooled" else 0.0)
        behind = (within.means[None, :] - within.means[:, None]) * self.evidence.sign
        shares = np.all(behind <= point * self.errors + TIE, axis=1)
        return tuple(name for name, share in zip(names, shares, strict=True) if share)

    @property
    def leader(self) -> str | None:
        """The variant with the best mean."""
        return self.evidence.scores.best

    def mean(self, name: str) -> Estimate:
        """Return a variant's mean and interval."""
        place = self.evidence.names.index(name)
        return Estimate(float(self.evidence.scores.within.means[place]), float(self.halves[place]))

    def ahead(self, left: str | tuple[str, ...], right: str | tuple[str, ...]) -> Estimate:
        """Return how far one is ahead of another, positive where the left is better.

        Either may be a variant's name, or the names of those chosen on validation rows, one a seed.
        """
        evidence, seeds = self.evidence, range(len(self.evidence.seeds))
        pair = [(one,) * len(seeds) if isinstance(one, str) else one for one in (left, right)]
        each = [evidence.sign * (evidence.value(pair[0][s], s) - evidence.value(pair[1][s], s)) for s in seeds]
        within, names = evidence.scores.within, list(evidence.names)
        variance = sum(float(within.variances[[names.index(n) for n in one]].mean()) for one in pair)
        rows = self._rows_of(pair[0], pair[1]) if evidence.published else 0.0
        return Estimate(float(np.mean(each)), within.quantile * math.sqrt(variance * within.factor + rows))

    def _rows_of(self, left: tuple[str, ...], right: tuple[str, ...]) -> float:
        evidence = self.evidence

        def difference(s: int, kept: np.ndarray) -> float:
            pair = [evidence.measured(evidence.log_p(one[s], s), s, kept) for one in (left, right)]
            return pair[0] - pair[1]

        return float(evidence.rows.covariance(difference)[0, 0])

    # ---- baselines and costs

    def of_kind(self, kind: str) -> list[str]:
        """Return the complete variants that are `unimodal`, or that fuse and are trained jointly (`joint`)."""
        found = []
        for name in self.evidence.names:
            told = self.evidence.run.variant(name)
            single = told.get("architecture") == "unimodal"
            if single if kind == "unimodal" else not single and told.get("training") == kind:
                found.append(name)
        return found

    def chosen(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the variant that validates best on each seed; none where none is complete on validation."""
        evidence = self.evidence
        wanted = f"validation_{evidence.metric}"
        wanted = wanted if wanted in evidence.run.cells else "validation_accuracy"
        held = evidence.run.scores(evidence.dataset, wanted)
        pool = [name for name in names if name in held]
        if not pool:
            return ()
        table = np.stack([held.values[held.names.index(name)] for name in pool])
        picks = np.argmax(table if held.within.larger else -table, axis=0)
        return tuple(pool[place] for place in picks)

    @cached_property
    def trained(self) -> Timed:
        """The data set's cells whose training times may be compared: those of the machine that ran most."""
        return self._of_one("environment", "load")

    @cached_property
    def answered(self) -> Timed:
        """The data set's cells whose latency may be compared."""
        return self._of_one("timing_environment", "timing_load")

    @property
    def _ok(self) -> pd.DataFrame:
        cells = self.evidence.run.cells
        return cells[(cells["dataset"] == self.evidence.dataset) & (cells["status"] == "ok")]

    def _of_one(self, machine: str, load: str) -> Timed:
        kept = of_one(self._ok, machine)
        return Timed(kept, "", int(column(self._ok, machine).notna().sum()) - len(kept), load)

    def seconds(self, name: str) -> float:
        """Return the mean seconds of training a variant with everything it shares; NaN where others ran it."""
        cells = self.trained.cells[self.trained.cells["variant"] == name]
        return float((cells["wall_own"] + cells["wall_shared"]).mean())

    def latency(self, name: str) -> float:
        """Return the median milliseconds of an answer for one row, NaN where they are not known."""
        return _mean(self.answered.cells, name, "latency_p50")

    def parameters(self, name: str) -> float:
        """Return the mean number of trained parameters, NaN where it has none that are counted."""
        return _mean(self._ok, name, "parameters")

    def cheapest(self, names: Iterable[str]) -> str:
        """Return the variant that is quickest to train, then quickest to answer; those not measured come last."""
        known = {name: (self.seconds(name), self.latency(name)) for name in names}
        return min(known, key=lambda name: [math.inf if math.isnan(value) else value for value in known[name]])


def _mean(cells: pd.DataFrame, name: str, what: str) -> float:
    return float(column(cells[cells["variant"] == name], what).astype(float).mean())
