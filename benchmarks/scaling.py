"""Scaling beyond these machines, on paper: what a suite's recorded jobs would take on 1 to 1,000 workers.

Every worker is taken to be as fast as the one that recorded the times, whatever else its machine does, and to read
data and stages as fast; what the network costs is not in it. The exclusive timing pass, which one process does
alone after the last cell, is left out.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..results.store import Store
from .scaling_jobs import Jobs, load, logged
from .scaling_replay import PARTS, Costs, Work, replay

MOST = 1000  # workers
COLUMNS = ("run", "workers", "makespan", "speed_up", "efficiency", "bound", *PARTS)


def losses(workers: int, per_day: float, seed: int = 0) -> Iterator[tuple[float, int]]:
    """Yield (seconds, worker) without end: each worker is lost at random, `per_day` times a day on average."""
    drawn, when = random.Random(seed), 0.0
    while per_day > 0:
        when += drawn.expovariate(workers * per_day / 86_400)
        yield when, drawn.randrange(workers)


def bounds(works: Sequence[Work], workers: int, costs: Costs) -> dict[str, float]:
    """Return seconds that no order of the jobs can beat.

    Returns
    -------
    dict
        `path`: of the longest chain of jobs that wait for each other; `work`: of all jobs shared out evenly;
        `driver`: of its part of all jobs.
    """
    serial = costs.take + costs.store
    lasts = [costs.gap + work.seconds + costs.record + serial for work in works]
    ends: dict[int, float] = {}

    def end(place: int) -> float:
        if place not in ends:
            before = max((end(needed) + costs.hand_out for needed in works[place].waits), default=costs.start)
            ends[place] = before + lasts[place]
        return ends[place]

    return {
        "path": max(map(end, range(len(works))), default=0.0),
        "work": costs.start + sum(costs.gap + work.seconds + costs.record for work in works) / workers,
        "driver": len(works) * (costs.hand_out + serial),
    }


def table(
    works: Sequence[Work], costs: Costs, counts: Iterable[int], per_day: float = 0.0
) -> list[dict[str, Any]]:
    """Replay jobs on several numbers of workers.

    Parameters
    ----------
    works, costs
        As in `replay`.
    counts
        Numbers of workers.
    per_day
        How often a worker is lost.

    Returns
    -------
    list of dict
        A row a number: `workers`, `makespan`, `speed_up` (over one worker with the same costs, none lost),
        `efficiency` (speed_up / workers), `bound` (the largest of `bounds`), and the share of all workers' time
        that goes to each of `PARTS`.
    """
    alone = replay(works, 1, costs).makespan
    rows = []
    for workers in counts:
        made = replay(works, workers, costs, losses(workers, per_day))
        speed_up, total = alone / made.makespan, workers * made.makespan
        row = {"workers": workers, "makespan": made.makespan, "speed_up": speed_up}
        row |= {"efficiency": speed_up / workers, "bound": max(bounds(works, workers, costs).values())}
        rows.append(row | {part: made.spent[part] / total for part in PARTS})
    return rows


def in_workers(costs: Costs) -> Costs:
    """Return the costs of a local run, whose workers write their own records."""
    return replace(costs, store=0.0, record=costs.record + costs.store)


def doublings(most: int) -> tuple[int, ...]:
    """Return 1, 2, 4, … below a number, and the number itself."""
    return (*(2**n for n in range(most.bit_length()) if 2**n < most), most)


def predict(jobs: Jobs, costs: Costs, counts: Iterable[int], per_day: float = 0.0) -> dict[str, Any]:
    """Return what a run's jobs would take on several numbers of workers, in JSON values.

    Parameters
    ----------
    jobs, costs
        What is replayed, and what a job costs beside its recorded seconds.
    counts
        Numbers of workers.
    per_day
        How often a worker is lost.

    Returns
    -------
    dict
        What `Jobs` tells of the run, `seconds` (of all jobs, as recorded), `longest` (of one job), `bounds` with
        one worker, the rows of `table`, and its rows where workers write their own records (`in_workers`).
    """
    told = {
        "run": jobs.name, "cells": jobs.cells, "stages": jobs.stages, "jobs": len(jobs.works),
        "seeds": list(jobs.seeds), "repeated": list(jobs.repeated), "stage_seconds": dict(jobs.known),
        "left_out": jobs.left_out, "machines": list(jobs.machines),
    }  # fmt: skip
    seconds = [work.seconds for work in jobs.works]
    told |= {"seconds": sum(seconds), "longest": max(seconds), "bounds": bounds(jobs.works, 1, costs)}
    told |= {"losses_a_day": per_day, "rows": table(jobs.works, costs, counts, per_day)}
    return told | {"rows_in_workers": table(jobs.works, in_workers(costs), counts, per_day)}


def check(store: Store, costs: Costs) -> dict[str, Any]:
    """Hold the prediction against a real run on this machine.

    Parameters
    ----------
    store
        A run made here in one go, with its log.
    costs
        What a job costs beside its recorded seconds.

    Returns
    -------
    dict
        `run`, `workers`, `jobs`, wall seconds until the last cell, `measured` and `predicted`, and their `ratio`.

    Raises
    ------
    FusebenchError
        Where there is no log, or no recorded time.
    """
    workers, number, measured = logged(store)
    jobs = load(store, every_seed=False)
    predicted = replay(jobs.works, workers, in_workers(costs)).makespan
    told = {"run": jobs.name, "workers": workers, "jobs": len(jobs.works), "logged_jobs": number}
    return told | {"measured": measured, "predicted": predicted, "ratio": predicted / measured}


def as_csv(runs: Sequence[dict[str, Any]]) -> str:
    """Return the rows of several predictions as CSV: times in seconds, parts as shares of all workers' time."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for run in runs:
        for row in run["rows"]:
            writer.writerow([run["run"], row["workers"], *(f"{row[name]:.6g}" for name in COLUMNS[2:])])
    return text.getvalue()
