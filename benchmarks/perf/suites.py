"""Part `suite`: what a whole run costs beside its trainings, and what a second worker brings."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from . import cores
from .alternate import Alternated, alternate
from .commands import fusebench, seconds, write_suite
from .ended import Ended
from .measurement import Measurement, Scale, Side

DATA = "synthetic_redundant(rows={rows},test_rows=1000)"
RULES = tuple(
    f"late_{rule}" for rule in ("mean", "product", "max", "vote", "weighted", "confidence", "dempster_shafer")
)
CELLS = ("concat_features", "merge_sum", "merge_product", "merge_network")
SEEDS = tuple(range(6))  # in a shorter suite the wait for the last cell is a large part
COUNT = len(CELLS) * len(SEEDS)


def measure(scale: Scale) -> list[Measurement]:
    """Measure whole commands into empty folders: rules on shared experts, workers, overheads."""
    with tempfile.TemporaryDirectory(prefix="fusebench-perf-") as folder:
        runs = _Runs(Path(folder), scale)
        found = [*runs.rules(), *runs.workers()]
    return [*found, cores.measure(scale)]


@dataclass
class _Runs:
    """Runs of one data set, each into a folder of its own."""

    folder: Path
    scale: Scale
    ended: dict[str, list[Ended]] = field(default_factory=dict)

    def rules(self) -> list[Measurement]:
        """Compare seven rules on the same experts with the plain mean alone."""
        sides = {
            name: partial(self._run, name, rules, (0,), 1, self.scale.expert_epochs)
            for name, rules in (("one", RULES[:1]), ("seven", RULES))
        }
        took = self._alternate(sides)
        where = f"On {self._data()}, {self.scale.expert_epochs} epochs, seed 0, into an empty folder."
        return _costs(took, self._last("seven"), self._last("one"), where)

    def workers(self) -> list[Measurement]:
        """Compare two workers with one, and training with everything beside it."""
        sides = {
            name: partial(self._run, name, CELLS, SEEDS, count, self.scale.suite_epochs)
            for name, count in (("two", 2), ("one worker", 1))
        }
        took = self._alternate(sides)
        where = f"{COUNT} cells on {self._data()}, {self.scale.suite_epochs} epochs."
        return [
            *_paces(took, self._last("two"), self._last("one worker"), where),
            _waste(self._last("two"), took, where),
        ]

    def _alternate(self, sides: dict[str, Any]) -> Alternated:
        next(iter(sides.values()))()  # programs and data are in memory from here on
        return alternate(sides, self.scale.repetitions, warm_up=False)

    def _last(self, name: str) -> list[Ended]:
        return self.ended[name][-self.scale.repetitions :]

    def _data(self) -> str:
        return DATA.format(rows=self.scale.suite_rows)

    def _run(self, name: str, variants: tuple[str, ...], seeds: tuple[int, ...], jobs: int, epochs: int) -> float:
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            training = {"epochs": epochs}
            suite = write_suite(Path(place), "measured", variants, [self._data()], seeds, training)
            command = fusebench("run", suite, "--jobs", str(jobs), "--no-report", "--out", place)
            whole = seconds(command)
            ended = Ended.read(Path(place) / "results" / "measured", whole)
            self.ended.setdefault(name, []).append(ended)
        return whole


def _costs(took: Alternated, seven: list[Ended], one: list[Ended], where: str) -> list[Measurement]:
    """Return what seven rules cost beside one, over the whole command and without start and timing pass."""
    alone = [[run.kinds()["stage"] + run.kinds()["cell"] for run in runs] for runs in (seven, one)]
    names = ", ".join(RULES)
    return [
        Measurement(
            "late_rules",
            "7 late rules together, whole run",
            "share",
            1.15,
            Side(f"whole run of {names}", took.seconds["seven"]),
            Side("whole run of late_mean alone", took.seconds["one"]),
            took.load,
            notes=[where, "A worker's start is in it, and the timing pass, up to half a second a rule."],
        ),
        Measurement(
            "late_rules_computing",
            "the same, experts and rules alone",
            "share",
            None,
            Side(f"the worker's seconds for {names}", alone[0]),
            Side("the worker's seconds for late_mean", alone[1]),
            took.load,
            notes=[where],
            more={"seven": [run.kinds() for run in seven], "one": [run.kinds() for run in one]},
        ),
    ]


def _paces(took: Alternated, two: list[Ended], one: list[Ended], where: str) -> list[Measurement]:
    """Return what a second worker brings, while cells are computed and over the whole command."""
    return [
        Measurement(
            "workers",
            "cells a minute, 2 workers against 1",
            "times",
            1.85,
            Side(
                "2 workers, from the first training's begin to the last one's end", [run.computing for run in two]
            ),
            Side("1 worker, likewise", [run.computing for run in one]),
            took.load,
            notes=[where],
        ),
        Measurement(
            "workers_whole",
            f"the same, whole command of {COUNT} cells",
            "times",
            None,
            Side("2 workers, start and timing pass included", took.seconds["two"]),
            Side("1 worker, likewise", took.seconds["one worker"]),
            took.load,
            notes=["Starting takes seconds once, whatever the length of a suite."],
        ),
    ]


def _waste(two: list[Ended], took: Alternated, where: str) -> Measurement:
    """Return the share of two workers' time, while cells are computed, in which nothing was trained."""
    return Measurement(
        "outside_cells",
        "outside training, while 2 workers compute",
        "share",
        0.10,
        Side("2 workers: data, store, waiting", [2 * run.computing - run.trained for run in two]),
        Side("2 workers, from the first training's begin to the last one's end", [2 * r.computing for r in two]),
        took.load,
        notes=[f"{where} Start and report come once a run: `--run FOLDER` measures them with a long one."],
    )
