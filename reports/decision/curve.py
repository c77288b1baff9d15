"""What more rows would bring: the metric at parts of the training rows, on the same test rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...core.names import parse
from .compare import Estimate, of_seeds
from .evidence import Evidence

PART = "train"  # the option that says which part of the training rows a data set keeps


@dataclass(frozen=True)
class Curve:
    """A variant's learning curve.

    Parameters
    ----------
    variant
        Its name.
    rows
        Training rows of each point, rising; the last are all.
    means
        Mean of the metric over the seeds that all points have.
    doubling
        Gain for each doubling of the training rows, positive where more rows help: the slope between the
        smallest part and the whole, by seed.
    """

    variant: str
    rows: tuple[int, ...]
    means: tuple[float, ...]
    doubling: Estimate


def curves(evidence: Evidence) -> list[Curve]:
    """Return the curves of all variants that were run on parts of the training rows."""
    parts = parts_of(evidence)
    if not parts:
        return []
    tables = {name: evidence.run.scores(name) for name in parts.values()}
    names = [name for name in evidence.names if all(name in table for table in tables.values())]
    return [_curve(evidence, name, parts) for name in names]


def parts_of(evidence: Evidence) -> Mapping[float, str]:
    """Return share of the training rows → name of the data set that keeps it, rising, the whole not included."""
    whole = parse(evidence.dataset)
    found = {}
    for name in evidence.run.datasets:
        part = parse(name)
        rest = {key: value for key, value in part.options.items() if key != PART}
        if PART in part.options and (part.base, rest) == (whole.base, dict(whole.options)):
            found[float(part.options[PART])] = name
    return dict(sorted(found.items()))


def _curve(evidence: Evidence, variant: str, parts: Mapping[float, str]) -> Curve:
    tables = [evidence.run.scores(name) for name in parts.values()] + [evidence.scores]
    seeds = [seed for seed in evidence.seeds if all(seed in table.seeds for table in tables)]
    values = np.array(
        [[t.values[t.names.index(variant), t.seeds.index(seed)] for seed in seeds] for t in tables]
    ).reshape(len(tables), len(seeds))
    rows = [evidence.run.data(name)["rows"]["train"] for name in [*parts.values(), evidence.dataset]]
    if not seeds:
        return Curve(variant, tuple(rows), (math.nan,) * len(rows), Estimate(math.nan, math.nan))
    doublings = math.log2(rows[-1] / rows[0])
    each = evidence.sign * (values[-1] - values[0]) / doublings
    shared = _shared_rows(evidence, variant, next(iter(parts.values())), seeds) / doublings**2
    return Curve(variant, tuple(rows), tuple(map(float, values.mean(1))), of_seeds(each, shared))


def _shared_rows(evidence: Evidence, variant: str, smallest: str, seeds: list[int]) -> float:
    """Return the variance over test rows that all seeds share; 0 where seeds are folds."""
    if not evidence.published:
        return 0.0
    places = [evidence.seeds.index(seed) for seed in seeds]

    def difference(place: int, kept: np.ndarray) -> float:
        if place not in places:  # the mean is over the seeds that have both points
            return 0.0
        pair = [evidence.log_p(variant, place), evidence.log_p(variant, place, smallest)]
        whole, part = (evidence.measured(log_p, place, kept) for log_p in pair)
        return (whole - part) * len(evidence.seeds) / len(places)

    return float(evidence.rows.covariance(difference)[0, 0])
