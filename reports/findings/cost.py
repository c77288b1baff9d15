"""What a first place costs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

import numpy as np

from ..run import Run, Scores
from ..statistics import TIE, dunnett_point
from ..versus import costs
from ..versus.amounts import times
from .finding import Finding, finding


def cost(run: Run) -> Iterator[Finding]:
    """Name the cheapest variant to train of those that share the first place most often, and the dearest.

    A first place counts where it would be shared at the middle spread of the data set's variants too: a restless
    one shares it easily. Cheap is by the median over data sets of training time, compared on one machine.
    """
    judged = {d: steady(run.scores(d)) for d in run.datasets if run.scores(d).within.df > 0}
    counts = Counter(name for names in judged.values() for name in names)
    most = max(counts.values(), default=0)
    leading = [name for name in run.variants if counts[name] == most]
    if most < 2 or len(leading) < 2:
        return
    where = [d for d in judged if all(name in run.scores(d) for name in leading)]
    taken = costs.shares(run, leading, where) if where else {}
    if len(taken) < len(leading):
        return
    cheap, dear = min(taken, key=taken.__getitem__), max(taken, key=taken.__getitem__)
    ratio = costs.training(run, dear, cheap, where)
    if ratio is not None and cheap != dear:
        span = f"{times(ratio.low)} to {times(ratio.high)}"
        yield finding(
            f"{len(leading)} variants share the first place on {most} of {len(judged)} data sets, none on more "
            f"(at the usual spread over seeds). {cheap} is the cheapest of them to train; {dear}, the dearest, "
            f"takes {times(ratio.median)} its time (median of {ratio.datasets} data sets, {span}; one machine).",
            "cost",
            "timing",
        )


def steady(scores: Scores) -> tuple[str, ...]:
    """Return who shares the first place also if every variant had the middle variance of all."""
    held = scores.within
    correlation = 0.5 if held.form == "pooled" else 0.0
    point = dunnett_point(len(scores.names) - 1, round(held.df, 2), correlation)
    reach = point * math.sqrt(2 * float(np.median(held.variances)) * held.factor) + TIE
    gaps = (held.means.max() - held.means) if held.larger else (held.means - held.means.min())
    return tuple(
        name for name, gap in zip(scores.names, gaps, strict=True) if name in scores.first and gap <= reach
    )
