"""What fits into some minutes: every variant is timed on a few rows of the data first, on this machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from .. import fusion
from ..core.errors import FusebenchError
from ..datasets import Bundle, DataSet, Rows
from ..datasets.derived import nested_order
from ..fusion.variant import Task, Variant
from .cost import RULE_SECONDS
from .emap import ROWS, predictions
from .suite import TrainingTable
from .timing import LARGE_CALLS, LARGE_ROWS, PROBE_SECONDS, SECONDS
from .work import warm_up
from .worker import one_thread

STEPS = 6  # batches of which a network's pace is taken
SMALL, LARGE = 100, 400  # rows between which a classical learner's pace is taken
FEWEST = 2  # folds below which nothing is estimated at all
HEADROOM = 1.2  # of the minutes that are asked for: the next call times its variants anew
MARGIN = 1.25  # workers share caches and memory, and the last one is waited for
START_SECONDS = 6.0  # until a worker has imported its libraries


@dataclass(frozen=True)
class Pace:
    """How long one variant takes on a data set.

    Parameters
    ----------
    fit
        Expected seconds of training on all training rows of a seed, its stages not counted.
    predict
        Seconds a row.
    """

    fit: float
    predict: float = 0.0


@dataclass(frozen=True)
class Share:
    """What of the whole plan fits.

    Parameters
    ----------
    seeds
        Number of seeds (folds) that are run.
    curve
        Whether the learning curve is.
    seconds
        Expected wall time.
    left_out
        What is not run, in words.
    """

    seeds: int
    curve: bool
    seconds: float
    left_out: tuple[str, ...] = ()


def probe(source: DataSet, training: TrainingTable, names: Iterable[str], device: str = "cpu") -> dict[str, Pace]:
    """Time every variant on a few rows of a data set's first seed.

    A network is timed over six batches, a classical learner at 100 and at 400 rows, from which the line
    through both is followed; a rule on stored decisions costs next to nothing.

    Parameters
    ----------
    source
        The data set.
    training
        The suite's settings.
    names
        Canonical names; those that cannot take the data are left out, and what breaks here will fail as a cell.
    device
        Torch device.

    Returns
    -------
    dict
        Name → `Pace`.
    """
    rows = source.load(0)
    task = fusion.make_task(rows.modalities, rows.classes, training.settings(), training.extractors, device=device)
    found = {}
    with one_thread():
        warm_up()
        for name in names:
            if fusion.refusal(name, rows.modalities, rows.classes) is None:
                found[name] = _pace(name, task, rows)
    return found


def _pace(name: str, task: Task, rows: Bundle) -> Pace:
    axes = fusion.resolve(name)[0].axes
    if axes.on_experts:
        return Pace(RULE_SECONDS)
    try:
        return _network(name, task, rows) if axes.learner == "neural" else _classical(name, task, rows)
    except Exception:  # its cells will say what is wrong
        return Pace(RULE_SECONDS)


def _network(name: str, task: Task, rows: Bundle) -> Pace:
    settings = task.settings
    few = first_rows(rows.train, STEPS * settings.batch)
    held = first_rows(rows.validation, 4 * settings.batch)
    variant = fusion.build(name, replace(task, settings=replace(settings, epochs=1))).fit(few, held)
    phases = variant.history.phases
    validate = phases.get("validate", 0.0) / len(held)
    step = (sum(phases.values()) - phases.get("validate", 0.0)) / ceil(len(few) / settings.batch)
    epoch = step * ceil(len(rows.train) / settings.batch) + validate * len(rows.validation)
    return Pace(settings.epochs * epoch + validate * (len(rows.validation) + len(rows.test)), validate)


def _classical(name: str, task: Task, rows: Bundle) -> Pace:
    n = len(rows.train)
    small, large = min(n, SMALL), min(n, LARGE)
    quick = _fit_seconds(fusion.build(name, task), rows, small)
    variant = fusion.build(name, task)
    slow = _fit_seconds(variant, rows, large)
    predict = _predict_seconds(variant, first_rows(rows.validation, LARGE))
    more = max(0.0, (slow - quick) / max(1, large - small)) * (n - large)
    return Pace(slow + more + predict * (len(rows.validation) + len(rows.test)), predict)


def _fit_seconds(variant: Variant, rows: Bundle, count: int) -> float:
    few = first_rows(rows.train, count)
    begin = time.perf_counter()
    variant.fit(few, rows.validation)
    return time.perf_counter() - begin


def _predict_seconds(variant: Variant, rows: Rows) -> float:
    begin = time.perf_counter()
    variant.predict_proba(rows.unlabelled())
    return (time.perf_counter() - begin) / len(rows)


def first_rows(rows: Rows, count: int) -> Rows:
    """Return at most `count` rows in which every class has its share."""
    return rows.take(np.sort(nested_order(rows.labels, "probe", 0)[:count]))


def timing_seconds(paces: Mapping[str, Pace], probes: Iterable[str], modalities: int) -> float:
    """Return the expected seconds of the timing pass: single calls, large calls, interaction of `probes`."""
    wanted = predictions(ROWS, modalities)
    plain = sum(SECONDS + (LARGE_CALLS + 1) * LARGE_ROWS * pace.predict for pace in paces.values())
    return plain + sum(min(PROBE_SECONDS, wanted * paces[name].predict) for name in probes if name in paces)


def wall_seconds(work: Iterable[float], jobs: int) -> float:
    """Return the expected wall time of some jobs on `jobs` workers (0 = this process)."""
    each = list(work)
    spread = sum(each) / max(jobs, 1)
    return MARGIN * max([spread, *each]) + (START_SECONDS if jobs and each else 0.0)


def choose(minutes: float, seeds: int, seconds: Callable[[int, bool], float], word: str = "folds") -> Share:
    """Choose what fits into some minutes: the learning curve is cut first, then seeds, never below two.

    Parameters
    ----------
    minutes
        Wall time that may be spent.
    seeds
        Of the whole plan.
    seconds
        (seeds, with the learning curve) → expected wall seconds of what is not stored yet.
    word
        What a seed is on this data set, in the plural.

    Raises
    ------
    FusebenchError
        Where two seeds without the curve do not fit; it says how many minutes are needed, and for what.
    """
    plans = [(seeds, True)] + [(number, False) for number in range(seeds, FEWEST - 1, -1)]
    for number, curve in plans:
        needed = seconds(number, curve)
        if needed <= 60 * minutes:
            return Share(number, curve, needed, left_out(number, seeds, curve, word))
    least = min(FEWEST, seeds)
    needed, missing = seconds(least, False), ", ".join(left_out(least, seeds, False, word))
    enough, everything = (whole_minutes(HEADROOM * s) for s in (needed, seconds(seeds, True)))
    raise FusebenchError(
        f"The data needs about {needed / 60:.1f} minutes for the least that can be judged ({least} {word}; "
        f"left out: {missing}), and {minutes:g} minutes were given: say --minutes {enough}, or --minutes "
        f"{everything} for everything."
    )


def whole_minutes(seconds: float) -> int:
    """Return the smallest whole number of minutes into which some seconds fit."""
    return max(1, ceil(seconds / 60))


def left_out(number: int, seeds: int, curve: bool, word: str) -> tuple[str, ...]:
    """Say what of the whole plan is not run."""
    lines = [] if curve else ["the learning curve"]
    if number < seeds:
        wide = ", so intervals are wide" if number == FEWEST else ""
        lines.append(f"{seeds - number} of {seeds} {word}{wide}")
    return tuple(lines)
