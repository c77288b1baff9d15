"""One variant, or contrast, against another over data sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..comparisons import Effect, contrast, mean
from ..run import Run
from ..statistics import LEVEL, Paired, paired
from ..wording import listed
from .blocks import absent, no_claim, units


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval; NaN ends where there is none."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Versus:
    """One variant, or contrast, against another over data sets; positive where the left one is better.

    Parameters
    ----------
    left, right
        What is compared.
    datasets
        Those where both are complete.
    effects, halves
        Shape (n,): the difference on each, and half its 95 % interval by the seeds.
    paired
        Over data sets, as if each were a draw of its own: t interval, sign-flip test, win/tie/loss.
    fixed
        The mean on these data sets, with the error of rows and seeds alone.
    new
        The mean on a new data set, over source families; None where nothing is claimed.
    families
        Number of source families.
    left_out
        Data set → why it does not count.
    """

    left: str
    right: str
    datasets: tuple[str, ...]
    effects: np.ndarray
    halves: np.ndarray
    paired: Paired
    fixed: Estimate
    new: Paired | None
    families: int
    left_out: dict[str, str]

    @property
    def claim(self) -> bool:
        """Whether anything is said of a new data set."""
        return self.new is not None

    @property
    def why(self) -> str:
        """Why nothing is said of a new data set; empty where something is."""
        return no_claim(self.families)

    @property
    def tested(self) -> Paired:
        """What is tested: source families where a claim about new data is made, else data sets."""
        return self.new or self.paired


def versus(
    run: Run, left: str, right: str, datasets: Iterable[str] | None = None, metric: str | None = None
) -> Versus:
    """Compare two variants over data sets; either may be `SINGLE`.

    Parameters
    ----------
    datasets
        Those to compare on: all of the run's where None. Only those where both are complete count.
    """
    asked = tuple(run.datasets if datasets is None else datasets)
    found = {dataset: contrast(run, dataset, {left: 1.0, right: -1.0}, metric) for dataset in asked}
    out = {
        dataset: listed(
            [absent(run, n, dataset, metric) for n in (left, right) if np.isnan(mean(run, dataset, n, metric))]
        )
        for dataset, effect in found.items()
        if effect is None
    }
    return summarise(run, left, right, {d: e for d, e in found.items() if e is not None}, out)


def summarise(
    run: Run, left: str, right: str, found: Mapping[str, Effect], left_out: dict[str, str] | None = None
) -> Versus:
    """Sum up effects, one a data set."""
    effects = np.array([effect.value for effect in found.values()])
    grouped = units(run, found, effects)
    return Versus(
        left=left,
        right=right,
        datasets=tuple(found),
        effects=effects,
        halves=np.array([effect.half for effect in found.values()]),
        paired=paired(effects),
        fixed=_fixed(list(found.values())),
        new=paired(grouped.values) if grouped.claim else None,
        families=grouped.families,
        left_out=left_out or {},
    )


def _fixed(effects: list[Effect]) -> Estimate:
    """Return the mean of effects with the error of each; degrees of freedom after Satterthwaite (1946)."""
    if not effects:
        return Estimate(np.nan, np.nan, np.nan)
    squares = np.array([effect.error**2 for effect in effects])
    value, total = float(np.mean([effect.value for effect in effects])), float(squares.sum())
    half = 0.0
    if total != 0:  # also where an error is NaN
        df = total**2 / sum(s**2 / max(e.df, 1) for s, e in zip(squares, effects, strict=True))
        half = float(stats.t.ppf(1 - LEVEL / 2, df) * np.sqrt(total) / len(effects))
    return Estimate(value, value - half, value + half)
