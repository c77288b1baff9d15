"""Two variants on the data sets where both are complete: what is known before it is put in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from ...core.errors import FusebenchError, unknown
from .. import across
from ..comparisons import SINGLE, mean
from ..run import Run, published
from ..statistics import LEVEL, Paired, paired

BEST_SINGLE = "best_single"  # how a user asks for `SINGLE`
NORMAL = float(stats.norm.ppf(1 - LEVEL / 2))


@dataclass(frozen=True)
class Difference:
    """Left minus right on one data set, turned so that positive means the left is better.

    Parameters
    ----------
    dataset
        Its name.
    left, right
        Means over seeds, in the metric's unit.
    effect, half
        The difference and half its 95 % interval over seeds; NaN where seeds support none.
    rows
        Test rows that every seed is scored on, which their spread is silent about; None where seeds are folds,
        0 where the number is not known.
    row_half
        Half the 95 % interval that the chance of these rows gives, were the errors of the two independent
        (those of two variants seldom are, so it is wide rather than narrow); NaN where it is not known.
    """

    dataset: str
    left: float
    right: float
    effect: float
    half: float
    rows: int | None
    row_half: float

    @property
    def whole(self) -> float:
        """Half the interval that holds both errors."""
        return math.hypot(self.half, self.row_half)

    @property
    def told(self) -> bool:
        """Whether that interval leaves out zero; never where there is none."""
        return abs(self.effect) > self.whole


@dataclass(frozen=True)
class Pairing:
    """One pair over the data sets of a run.

    Parameters
    ----------
    run
        The run.
    left, right
        Variants, or `SINGLE`.
    found
        What `across.versus` says of them.
    differences
        One a data set where both are complete, in the run's order.
    """

    run: Run
    left: str
    right: str
    found: across.Versus
    differences: tuple[Difference, ...]

    @property
    def asked(self) -> tuple[Run, str, str, tuple[str, ...]]:
        """What a cost is asked of: the run, the two, the data sets where they met."""
        return self.run, self.left, self.right, self.found.datasets

    @property
    def single(self) -> bool:
        """Whether one side is the single modality chosen on validation rows."""
        return SINGLE in (self.left, self.right)

    @property
    def seeded(self) -> bool:
        """Whether some data set has seeds enough for an interval; where none has, nothing is claimed."""
        return any(math.isfinite(each.half) for each in self.differences)

    @cached_property
    def heavy(self) -> Difference | None:
        """The data set that weighs more than all the others together, by absolute value; None if none does."""
        if len(self.differences) < 3:
            return None
        largest = max(self.differences, key=lambda each: abs(each.effect))
        rest = sum(abs(each.effect) for each in self.differences) - abs(largest.effect)
        return largest if abs(largest.effect) > rest else None

    def without(self, dataset: str) -> Paired:
        """What the other data sets say together."""
        return paired(np.array([each.effect for each in self.differences if each.dataset != dataset], dtype=float))


def called(name: str) -> str:
    """Return what a side is called in a sentence."""
    return f"the {SINGLE}" if name == SINGLE else name


def measure(run: Run, left: str, right: str) -> Pairing:
    """Compare two variants, or one with `best_single`, on every data set where both are complete.

    Raises
    ------
    FusebenchError
        For a name that the run does not have, or one name twice.
    """
    one, other = _name(run, left), _name(run, right)
    if one == other:
        raise FusebenchError(f"Two variants are compared, and {left!r} was named twice: name another one.")
    found = across.versus(run, one, other)
    triples = zip(found.datasets, found.effects, found.halves, strict=True)
    differences = tuple(_difference(run, one, other, d, float(effect), float(half)) for d, effect, half in triples)
    return Pairing(run, one, other, found, differences)


def _name(run: Run, name: str) -> str:
    if name in run.variants:
        return name
    if name in (BEST_SINGLE, SINGLE):
        return SINGLE
    if name in run.placebos:
        raise FusebenchError(
            f"{name!r} is {run.placebos[name]!r} again under another seed and compared with nothing; the table "
            "`placebos` tells how often chance is called a difference."
        )
    raise unknown("variant of this run", name, (*run.variants, BEST_SINGLE))


def _difference(run: Run, left: str, right: str, dataset: str, effect: float, half: float) -> Difference:
    means, rows = (mean(run, dataset, left), mean(run, dataset, right)), fixed_rows(run, dataset)
    return Difference(dataset, *means, effect, half, rows, row_half(run, dataset, *means))


def fixed_rows(run: Run, dataset: str) -> int | None:
    """Return how many test rows all seeds share (a published split), 0 if unknown; None where seeds are folds."""
    data = run.data(dataset)
    if not published(data):
        return None
    return int((data.get("rows") or {}).get("test") or 0)


def row_half(run: Run, dataset: str, left: float, right: float) -> float:
    """Return half the 95 % interval of a difference of accuracies by the chance of test rows that seeds share.

    The errors of the two are taken to be independent. 0 where seeds are folds; NaN where it is not known.
    """
    rows = fixed_rows(run, dataset)
    if rows is None:
        return 0.0
    if not rows or run.metric != "accuracy":
        return math.nan
    return NORMAL * math.sqrt(sum(max(share * (1 - share), 0.0) for share in (left, right)) / rows)
