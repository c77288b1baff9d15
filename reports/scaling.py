"""Predicted scaling as a figure: efficiency and speed-up against workers, and what the workers' time goes to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..core.files import write_atomic
from ..results.record import busy
from . import style
from .figures import layout
from .figures.files import save
from .figures.registry import Heading
from .wording import counted

GOOD = 0.8  # efficiency below which workers are poorly used
PARTS: dict[str, tuple[str, str, str]] = {  # part → words, colour, hatch
    "computing": ("training and scoring, as recorded", "#0072B2", ""),
    "recording": ("copies, metrics, files in the worker", "#9CC9E8", ""),
    "reading": ("reading rows, each worker for itself", "#009E73", ""),
    "starting": ("start of workers", "#F0E442", ""),
    "driver": ("the driver: jobs and results queue", "#E69F00", "///"),
    "waiting": ("nothing to do: other jobs' results are needed", "#BBBBBB", "..."),
    "tail": ("nothing left to do: the last jobs run on", "#FFFFFF", ""),
    "lost": ("workers lost", "#000000", ""),
}
LOST = {
    "recording": "copies, metrics and files",
    "reading": "reading rows",
    "starting": "the start of workers",
    "driver": "queueing at the driver",
    "waiting": "idling until stages end",
    "tail": "idling at the end",
    "lost": "workers that were lost",
}
IDEAL = (0, (4, 2))
LOOKS = (("#0072B2", "o", "-"), ("#D55E00", "s", "-"), ("#009E73", "^", "-"), ("#000000", "D", "-"))
SIZE, LEFT, BETWEEN, BELOW = (3.15, 2.2), 0.55, 0.72, 0.45  # of a panel and around it, in inches


def limit(rows: Sequence[Mapping[str, float]], good: float = GOOD) -> float | None:
    """Return the number of workers from which efficiency stays below `good`; None where it never does.

    Between two numbers that were replayed it is taken to fall evenly on a logarithmic axis.
    """
    kept = [place for place, row in enumerate(rows) if row["efficiency"] >= good]
    if kept and kept[-1] == len(rows) - 1:
        return None
    if not kept:
        return rows[0]["workers"]
    one, two = rows[kept[-1]], rows[kept[-1] + 1]
    share = (one["efficiency"] - good) / (one["efficiency"] - two["efficiency"])
    return one["workers"] * (two["workers"] / one["workers"]) ** share


def dominant(row: Mapping[str, float]) -> str:
    """Return the part beside computing that most of the workers' time goes to."""
    return max(LOST, key=lambda part: row[part])


def title(run: Mapping[str, Any]) -> str:
    """Return a run's name with its size: `quick (3 seeds, 1,254 jobs, 3.1 h of work)`."""
    seeds = len(run["seeds"]) + len(run["repeated"])
    return (
        f"{run['run']} ({counted(seeds, 'seed')}, {counted(run['jobs'], 'job')}, {run['seconds'] / 3600:.1f} h of "
        "work)"
    )


def notes(told: Mapping[str, Any]) -> str:
    """Return what a reader must know of the prediction."""
    costs, runs = told["measured"]["costs"], told["runs"]
    driver = costs["hand_out"] + costs["take"]
    least = " and ".join(f"{run['bounds']['path']:.0f} s in {run['run']}" for run in runs)
    parts = [
        "Simulated from recorded times, not measured: every worker as fast as the one that recorded them, "
        "networks and the exclusive timing pass left out",
        f"Measured here: {1000 * driver:.1f} ms of the driver for a job and {1000 * costs['store']:.1f} ms to "
        f"store its result, {costs['start']:.1f} s to start a worker{_beside(told['measured'].get('load'))}",
        *(_stand_in(run) for run in runs if run["repeated"]),
        f"A worker's start and the longest chain of jobs alone take {least}",
        *(_held(each) for each in told["checks"]),
    ]
    lost = {run["losses_a_day"] for run in runs if run["losses_a_day"]}
    parts += [f"Each worker is lost {each:g} times a day" for each in sorted(lost)]
    return ". ".join(parts) + "."


def _stand_in(run: Mapping[str, Any]) -> str:
    which = f"seed{'s' * (len(run['repeated']) > 1)} {_ranges(run['repeated'])}"
    return f"Of {run['run']}, {which} were not run: the recorded times of seed {run['seeds'][0]} stand in"


def _held(check: Mapping[str, Any]) -> str:
    size = f"{counted(check['jobs'], 'job')} on {counted(check['workers'], 'worker')}"
    took = f"{check['measured']:.0f} s, predicted {check['predicted']:.0f} s"
    return f"A real run of {check['run']} ({size}): {took}"


def _beside(load: float | None) -> str:
    return f", while other processes kept {load:.1f} cores busy" if load is not None and busy(load) else ""


def _ranges(seeds: Sequence[int]) -> str:
    together = len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]}–{seeds[-1]}" if together else ", ".join(map(str, seeds))


def draw(source: Path, target: Path) -> None:
    """Draw `scaling.json` as a PNG."""
    told = json.loads(source.read_bytes())
    with style.drawing():
        made = figure(told)
        write_atomic(target, lambda file: save(made, "png", file))


def figure(told: Mapping[str, Any]) -> Figure:
    """Return the figure, drawn inside `style.drawing()`."""
    runs = told["runs"]
    names = ["Efficiency: speed-up / workers", "Speed-up over one worker with the same costs"]
    heading = Heading("Predicted scaling: recorded jobs replayed on 1 to 1,000 workers", notes(told))
    held = [part for part in PARTS if any(row[part] > 0 for run in runs for row in run["rows"])]
    handles = [Patch(facecolor=PARTS[p][1], hatch=PARTS[p][2], label=PARTS[p][0], **layout.EDGE) for p in held]
    panels = [*names, *map(title, runs)]
    made, axes = layout.panels(
        heading, panels, SIZE, columns=2, left=LEFT, between=BETWEEN, below=BELOW, handles=handles
    )
    _efficiency(axes[0], runs)
    _speed_up(axes[1], runs)
    for axis, run in zip(axes[2:], runs, strict=True):
        _shares(axis, run["rows"], held)
    return made


def _lines(axis: Axes, runs: Sequence[Mapping[str, Any]], column: str, scale: float = 1.0) -> None:
    for run, (colour, marker, dash) in zip(runs, _looks(len(runs)), strict=True):
        x = [row["workers"] for row in run["rows"]]
        y = [scale * row[column] for row in run["rows"]]
        axis.plot(x, y, color=colour, marker=marker, ls=dash, ms=4, lw=1.4, label=run["run"], clip_on=False)
    most = _most(runs)
    axis.set_xscale("log")
    axis.set_xlim(0.9, most * 1.1)
    axis.set_xticks([each for each in (1, 10, 100, 1000, 10_000) if each <= most])
    axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.set_xlabel("workers (one core each)")
    axis.grid()


def _most(runs: Sequence[Mapping[str, Any]]) -> float:
    return max(row["workers"] for run in runs for row in run["rows"])


def _looks(count: int) -> list[tuple[str, str, str]]:
    return [LOOKS[place % len(LOOKS)] for place in range(count)]


def _efficiency(axis: Axes, runs: Sequence[Mapping[str, Any]]) -> None:
    axis.axhline(100, color="#444444", ls=IDEAL, lw=1)
    axis.axhline(100 * GOOD, color="#888888", ls=(0, (1, 2)), lw=1)
    lines = [("#444444", ["thin: if workers wrote their own records"])]
    for run, (colour, _, _) in zip(runs, _looks(len(runs)), strict=True):
        beside = run["rows_in_workers"]
        axis.plot(
            [row["workers"] for row in beside], [100 * row["efficiency"] for row in beside], color=colour, lw=0.7
        )
        lines.append((colour, _sentence(run)))
    _lines(axis, runs, "efficiency", 100)
    axis.set_ylim(0, 108)
    axis.set_ylabel("efficiency (%)")
    written = [(colour, text) for colour, texts in lines for text in reversed(texts)]
    for place, (colour, text) in enumerate(written):
        axis.text(
            0.03, 0.04 + 0.075 * place, text, color=colour, transform=axis.transAxes, fontsize=7,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip


def _sentence(run: Mapping[str, Any]) -> list[str]:
    """Return in two lines from where on workers are poorly used, and what they do instead there."""
    from_here = limit(run["rows"])
    if from_here is None:
        return [f"{run['run']}: {GOOD:.0%} or more throughout"]
    below = next(row for row in run["rows"] if row["workers"] >= math.floor(from_here))
    head = f"{run['run']}: under {GOOD:.0%} from {from_here:,.0f} workers on,"
    return [head, f"   most lost to {LOST[dominant(below)]}"]


def _speed_up(axis: Axes, runs: Sequence[Mapping[str, Any]]) -> None:
    most = _most(runs)
    axis.plot([1, most], [1, most], color="#444444", ls=IDEAL, lw=1)
    _lines(axis, runs, "speed_up")
    axis.set_yscale("log")
    axis.set_ylim(0.9, most * 1.1)
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axis.set_ylabel("times as fast as one worker")
    ideal = Line2D([], [], color="#444444", ls=IDEAL, lw=1, label="ideal")
    axis.legend(handles=[*axis.get_lines()[1:], ideal], loc="upper left")


def _shares(axis: Axes, rows: Sequence[Mapping[str, float]], parts: Sequence[str]) -> None:
    under = [0.0] * len(rows)
    for part in parts:
        heights = [100 * row[part] for row in rows]
        words, colour, hatch = PARTS[part]
        axis.bar(range(len(rows)), heights, 0.8, under, color=colour, hatch=hatch, label=words, **layout.EDGE)
        under = [low + height for low, height in zip(under, heights, strict=True)]
    axis.set_xticks(range(len(rows)), [f"{row['workers']:,.0f}" for row in rows])
    axis.tick_params(axis="x", length=0, labelsize=7)
    axis.set_xlim(-0.6, len(rows) - 0.4)
    axis.set_ylim(0, 100)
    axis.set_xlabel("workers")
    axis.set_ylabel("share of all workers' time (%)")
