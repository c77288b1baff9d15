"""What a run says before it starts and when it ends."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping

from ..results.record import BAD, Key, Row
from .cost import BYTES_A_CELL
from .options import Summary
from .plan import Cell, Plan
from .progress import minutes
from .starting import THREAD_VARIABLES

SHOWN = 10  # kinds of trouble listed at the end of a run; `status` and the report tell all


def announcement(plan: Plan, todo: list[Cell], seconds: float, jobs: int) -> str:
    """Return what is about to happen: cells, time, workers, disk.

    Parameters
    ----------
    plan, todo
        The plan, and the wanted cells that are not stored.
    seconds
        Expected wall seconds.
    jobs
        Worker processes; 0 = this process alone.
    """
    if not todo:
        return f"{plan.suite.name}: all {len(plan.wanted)} cells are stored; nothing to train."
    where = f"{jobs} worker{'s' * (jobs > 1)} of one thread" if jobs else "this process, one thread"
    refused = [f"{name}={os.environ[name]}" for name in THREAD_VARIABLES if os.environ.get(name, "1") != "1"]
    note = f" ({', '.join(refused)} is not used: results would depend on it)" if refused else ""
    return (
        f"{plan.suite.name}: {len(todo)} of {len(plan.wanted)} cells to compute, about "
        f"{minutes(seconds)} on {where}{note}, {len(todo) * BYTES_A_CELL / 1e6:.0f} MB."
    )


def listing(todo: Iterable[Cell]) -> list[str]:
    """Return the cells to compute, a line for each data set and seeds in common."""
    seeds: dict[tuple[str, str], list[int]] = defaultdict(list)
    for cell in todo:
        seeds[cell.dataset, cell.variant].append(cell.seed)
    together: dict[tuple[str, tuple[int, ...]], list[str]] = defaultdict(list)
    for (dataset, variant), found in seeds.items():
        together[dataset, tuple(sorted(found))].append(variant)
    return [
        f"{dataset}, {_seeds(found)}: {', '.join(variants)}" for (dataset, found), variants in together.items()
    ]


def closing(summary: Summary, name: str, wall: float, seconds: Mapping[str, float]) -> list[str]:
    """Return what became of the cells and where the time went.

    Parameters
    ----------
    summary, name
        How the run ended, and the suite's name.
    wall
        Seconds since it began.
    seconds
        Worker seconds by data set, and by kind of job in brackets.
    """
    shown = [f"{n} {status}" for status, n in summary.counts.items() if n and status != "planned"]
    lines = [f"{name}: {summary.counts['planned']} cells: {', '.join(shown)}."]
    if not summary.complete:
        done = sum(summary.trained.values())
        lines.append(
            f"Interrupted after {done} cells; everything finished is stored. Run the same command to resume."
        )
    if seconds:
        largest = sorted(seconds.items(), key=lambda item: -item[1])
        kinds = ", ".join(f"{k[1:-1]} {minutes(v)}" for k, v in largest if k[0] == "(")
        sets = ", ".join(f"{k} {minutes(v)}" for k, v in largest if k[0] != "(")
        lines.append(f"{minutes(wall)} of wall time; worker time: {kinds}; by data set: {sets}.")
    return lines


def trouble(plan: Plan, records: Mapping[Key, Row]) -> list[str]:
    """Return what failed and what could not be had, a line for each variant or data set and cause."""
    current = [records[c.key] for c in plan.cells if c.key in records and records[c.key].cell == c.hash]
    failed: dict[tuple[str, str], list[Row]] = defaultdict(list)
    absent: dict[tuple[str, str], int] = defaultdict(int)
    for row in current:
        if row.status in BAD:
            failed[f"{row.status}: {row.variant} on {row.dataset}", row.trouble].append(row)
        elif row.status == "unavailable":
            absent[row.dataset, row.trouble] += 1
    lines = [
        f"{title}, {_seeds(sorted(r.seed for r in held))}: {last} (show {held[0].cell[:8]})"
        for (title, last), held in failed.items()
    ]
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"… and {len(lines) - SHOWN} more that failed"]
    return [*lines, *(f"unavailable: {name} ({n} cells): {why}" for (name, why), n in absent.items())]


def _seeds(seeds: Iterable[int]) -> str:
    listed = list(seeds)
    return f"seed{'s' * (len(listed) > 1)} {', '.join(map(str, listed))}"
