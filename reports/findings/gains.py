"""Does fusion help over the best single modality?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from ..comparisons import best_single
from ..run import ARCHITECTURES, Run
from ..statistics import LEVEL, within
from ..versus.amounts import difference, interval, sets
from ..versus.measured import NORMAL, fixed_rows, row_half
from ..wording import listed, sentence
from .finding import Finding, finding, refusal


@dataclass(frozen=True)
class Gain:
    """The gain over the best single modality of one kind of fusion on one data set.

    Parameters
    ----------
    dataset, kind
        Names.
    value, half
        In the metric's unit, positive where fusion is better; half the 95 % interval, simultaneous over kinds.
    """

    dataset: str
    kind: str
    value: float
    half: float


def gains(run: Run) -> Iterator[Finding]:
    """Count the data sets on which some kind of fusion is ahead of the best single modality.

    A kind is an architecture; on every seed its entry, and the single modality, are those that validate best.
    Residuals of kind × seed are pooled; the interval is simultaneous over the kinds.
    """
    measured = {dataset: found for dataset in run.datasets if (found := kinds(run, dataset))}
    if not measured:
        return
    unjudged = [d for d in run.datasets if d not in measured and run.scores(d).names]
    best = {d: max(found, key=lambda gain: gain.value - gain.half) for d, found in measured.items()}
    helped = {d: gain for d, gain in best.items() if gain.value > gain.half}
    rest = [f"{dataset}{_rows(run, dataset)}" for dataset in best if dataset not in helped]
    how = "entry and modality are those that validate best; 95 % intervals, simultaneous over the kinds"
    if not helped:
        yield refusal(
            f"That any kind of fusion helps over the best single modality is shown on none of {sets(len(best))} "
            f"({how}).",
            "gain",
            run.metric,
        )
        return
    shown = [f"{dataset} {_words(run, gain)}" for dataset, gain in helped.items()]
    tail = f"; not shown on {listed(rest)}" if rest else ""
    tail += f"; not judged on {listed(unjudged)}" if unjudged else ""
    yield finding(
        f"Some kind of fusion helps over the best single modality on {len(helped)} of {sets(len(best))}: "
        f"{listed(shown)}{tail}. ({sentence(how)}.)",
        "gain",
        run.metric,
    )


def _words(run: Run, gain: Gain) -> str:
    ends = interval(gain.value - gain.half, gain.value + gain.half, run.metric)
    return f"{difference(gain.value, run.metric)} {ends} ({gain.kind.replace('_', '-')})"


def _rows(run: Run, dataset: str) -> str:
    rows = fixed_rows(run, dataset)
    return "" if rows is None else f" ({rows} fixed test rows)"


def kinds(run: Run, dataset: str) -> list[Gain]:
    """Return the gain of every kind of fusion that is complete on a data set; none without an interval."""
    single = best_single(run, dataset)
    chosen = {kind: values for kind in ARCHITECTURES[1:] if (values := _chosen(run, dataset, kind)) is not None}
    if single is None or not chosen:
        return []
    scores = run.scores(dataset)
    table = np.stack([single.values, *chosen.values()])
    shared = scores.within.factor - 1 / max(len(scores.seeds), 1)
    held = within(table, scores.within.larger, shared)
    if held.df <= 0:
        return []
    level = 1 - LEVEL / (2 * len(chosen))
    wide = float(stats.norm.ppf(level)) / NORMAL
    found = []
    for place, kind in enumerate(chosen, start=1):
        value = float(held.means[place] - held.means[0]) * (1 if held.larger else -1)
        seeds = float(stats.t.ppf(level, held.df)) * float(held.errors[place, 0])
        rows = wide * row_half(run, dataset, float(held.means[place]), float(held.means[0]))
        if math.isfinite(rows):
            found.append(Gain(dataset, kind, value, math.hypot(seeds, rows)))
    return found


def _chosen(run: Run, dataset: str, kind: str) -> np.ndarray | None:
    """Return the values, one a seed, of the entry of an architecture that validates best."""
    scores = run.scores(dataset)
    wanted = f"validation_{run.metric}"
    selector = run.scores(dataset, wanted if wanted in run.cells else "validation_accuracy")
    names = [n for n in scores.names if run.axes(n)[0] == kind and n in selector]
    if not names:
        return None
    table = selector.values[[selector.names.index(name) for name in names]]
    picks = (table if selector.within.larger else -table).argmax(axis=0)
    return np.array([scores.values[scores.names.index(names[pick]), seed] for seed, pick in enumerate(picks)])
