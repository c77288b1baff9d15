"""The jobs of a stored run with their recorded seconds, in the order in which a run of all of them wants them."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from ..core.errors import FusebenchError
from ..results.record import Record
from ..results.recorded import Cost, Size, recorded
from ..results.store import Store
from .cost import Costs
from .scaling_replay import Work
from .suite import TrainingTable

HOW = ("file", "baseline", "alone", "difference", "equal part")
"""How a stage's seconds are known: from its file; from the baseline that it is; from a cell that uses it alone;
from a cell that uses it with others that are known; as an equal part of what is left of such a cell."""


@dataclass(frozen=True)
class Jobs:
    """A run's jobs.

    Parameters
    ----------
    name
        The run's suite.
    works
        Stages and cells in the order in which a run wants them.
    cells, stages
        How many of each.
    seeds, repeated
        Those that were recorded, and those of the suite for which the first one's times stand in.
    known
        How many stages' seconds are known in which way (`HOW`).
    left_out
        Planned cells without a recorded time.
    machines
        Ids of the fingerprints of the recorded times.
    """

    name: str
    works: tuple[Work, ...]
    cells: int
    stages: int
    seeds: tuple[int, ...]
    repeated: tuple[int, ...]
    known: Mapping[str, int]
    left_out: int
    machines: tuple[str, ...]


def load(store: Store, reference: Mapping[tuple[str, str], Cost] | None = None, every_seed: bool = True) -> Jobs:
    """Read a run's jobs.

    Parameters
    ----------
    store
        A run, packed or not.
    reference
        What decides, as in a run into an empty folder, which job is expected to be longest; the committed
        reference runs where None. A job that it does not hold is expected to take what it took here.
    every_seed
        Whether seeds of the suite without any record are given the first recorded one's times.

    Raises
    ------
    FusebenchError
        Where no cell has a recorded time.
    """
    suite = store.suite()
    records = {record.cell: record for record in store.records() if record.spent is not None}
    stages = stage_seconds(store, suite, records)
    planned = suite["plan"]["cells"]
    cells = [c for c in planned if c["cell"] in records and all(stage in stages for stage in c["stages"])]
    if not cells:
        raise FusebenchError(f"The run in {str(store.root)!r} holds no cell with a recorded time: run it first.")
    order = _Order(suite, records, stages, recorded() if reference is None else reference)
    by_seed: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for cell in cells:
        by_seed[cell["seed"]].append(cell)
    groups = {seed: order.works(by_seed[seed]) for seed in sorted(by_seed)}
    absent = tuple(sorted(set(suite["seeds"]) - set(groups))) if every_seed else ()
    first = groups[min(groups)]
    used = {stage for cell in cells for stage in cell["stages"]}
    return Jobs(
        suite["name"],
        _joined([groups.get(seed, first) for seed in sorted({*groups, *absent})]),
        len(cells),
        len(used),
        tuple(groups),
        absent,
        dict(Counter(stages[stage][1] for stage in used)),
        len(planned) - len(cells),
        tuple(sorted({records[c["cell"]].environment or "" for c in cells})),
    )


def _joined(groups: Iterable[Sequence[Work]]) -> tuple[Work, ...]:
    works: list[Work] = []
    for number, group in enumerate(groups):  # a seed that repeats another's times has rows of its own
        begin = len(works)
        works += [
            replace(work, waits=tuple(begin + place for place in work.waits), rows=f"{number}: {work.rows}")
            for work in group
        ]
    return tuple(works)


class _Order:
    """Orders a seed's jobs as `Session` does: stages before cells, each longest first by what is expected."""

    def __init__(
        self,
        suite: dict[str, Any],
        records: Mapping[str, Record],
        stages: Mapping[str, tuple[float, str]],
        reference: Mapping[tuple[str, str], Cost],
    ):
        self.suite, self.records, self.stages = suite, records, stages
        self.told = {stage["stage"]: stage for stage in suite["plan"]["stages"]}
        self.costs = Costs(TrainingTable(**suite["training"]), {}, (), self._own() | dict(reference))

    def _own(self) -> dict[tuple[str, str], Cost]:
        """Return the mean over seeds of each stage and variant on each data set."""
        found: dict[tuple[str, str], list[float]] = defaultdict(list)
        for record in self.records.values():
            found[record.variant, record.dataset].append(record.spent or 0.0)
        for stage, (seconds, how) in self.stages.items():
            if how != "baseline":
                found[self.told[stage]["name"], self.told[stage]["dataset"]].append(seconds)
        size = Size(0, (), 0, self.suite["training"]["epochs"])
        return {key: Cost(fmean(seconds), size) for key, seconds in found.items()}

    def works(self, cells: Sequence[dict[str, Any]]) -> list[Work]:
        """Return a seed's jobs; `waits` are places among them."""
        used = dict.fromkeys(stage for cell in cells for stage in cell["stages"])
        stages = sorted(used, key=lambda s: -self._expected(self.told[s]["name"], self.told[s]["dataset"]))
        places = {stage: place for place, stage in enumerate(stages)}
        found = [_work("stage", self.stages[stage][0], (), self.told[stage]) for stage in stages]
        for cell in sorted(cells, key=lambda c: -self._expected(c["variant"], c["dataset"], cell=True)):
            waits = tuple(sorted(places[stage] for stage in cell["stages"]))
            found.append(_work("cell", self._spent(cell), waits, cell))
        return found

    def _expected(self, name: str, dataset: str, cell: bool = False) -> float:
        axes = self.suite["variants"][name] if cell else {}
        apart = axes.get("level") == "decisions" and axes.get("training") == "apart"
        rule = cell and (axes["architecture"] == "unimodal" or apart)
        return self.costs.seconds(name, dataset, "rule" if rule else axes.get("learner", "neural"))

    def _spent(self, cell: dict[str, Any]) -> float:
        """Return a cell's seconds; a baseline's training is its stage, so it is only scored."""
        record = self.records[cell["cell"]]
        own = any(self.told[stage]["name"] == cell["variant"] for stage in cell["stages"])
        return record.times.get("wall_predict", 0.0) if own else record.spent or 0.0


def _work(kind: str, seconds: float, waits: tuple[int, ...], told: Mapping[str, Any]) -> Work:
    rows = f"{told['dataset']}, seed {told['seed']}"
    return Work(seconds, waits, f"{kind} {told.get('variant') or told['name']} on {rows}", rows)


def stage_seconds(
    store: Store, suite: dict[str, Any], records: Mapping[str, Record]
) -> dict[str, tuple[float, str]]:
    """Return stage → its wall seconds, and how they are known (`HOW`).

    Records tell what a baseline's stage took, and of other stages the sum over those that a cell uses.
    """
    names = {stage["stage"]: stage["name"] for stage in suite["plan"]["stages"]}
    known: dict[str, tuple[float, str]] = {}
    for stage in names:
        path = store.stage_path(stage)
        if path.is_file() and "wall" in (held := json.loads(path.read_bytes())):
            known[stage] = float(held["wall"]), "file"
    sums: list[tuple[set[str], float]] = []
    for cell in suite["plan"]["cells"]:
        record, used = records.get(cell["cell"]), set(cell["stages"])
        own = next((stage for stage in used if names[stage] == cell["variant"]), None)
        if record is not None and own is not None:
            known.setdefault(own, (record.times["wall_own"], "baseline"))
        elif record is not None and used:
            sums.append((used, record.times.get("wall_shared", 0.0)))
    _subtract(known, sums)
    return _shared_out(known, sums)


def _subtract(known: dict[str, tuple[float, str]], sums: Sequence[tuple[set[str], float]]) -> None:
    """Learn stages from cells of whose stages all others are known, until no more can be learnt."""
    before = -1
    while before < len(known):
        before = len(known)
        for used, total in sorted(sums, key=lambda pair: len(pair[0])):
            if len(unknown := used - set(known)) == 1:
                rest = max(total - sum(known[stage][0] for stage in used - unknown), 0.0)
                known[unknown.pop()] = rest, "alone" if len(used) == 1 else "difference"


def _shared_out(
    known: dict[str, tuple[float, str]], sums: Sequence[tuple[set[str], float]]
) -> dict[str, tuple[float, str]]:
    parts: dict[str, list[float]] = defaultdict(list)
    for used, total in sums:
        unknown = used - set(known)
        for stage in unknown:
            rest = max(total - sum(known[other][0] for other in used - unknown), 0.0)
            parts[stage].append(rest / len(unknown))
    return known | {stage: (fmean(values), "equal part") for stage, values in parts.items()}


_BEGUN = re.compile(r"cells to compute, .* on (?:(\d+) workers?|this process)")
_ENDED = re.compile(r"^ *([\d.]+) (?:stage|cell) [0-9a-f]+ \w+ [\d.]+s ")


def logged(store: Store) -> tuple[int, int, float]:
    """Return workers, jobs and wall seconds until the last cell of a run's latest log.

    Raises
    ------
    FusebenchError
        Where the folder has no log of a run that computed cells with worker processes.
    """
    path = store.root / "run.log"
    workers, jobs, seconds = 0, 0, 0.0
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        if begun := _BEGUN.search(line):
            workers, jobs, seconds = int(begun[1] or 0), 0, 0.0
        elif ended := _ENDED.match(line):
            jobs, seconds = jobs + 1, max(seconds, float(ended[1]))
    if not workers or not jobs:
        raise FusebenchError(
            f"{str(path)!r} tells of no run with worker processes: name the folder of a run made here with "
            "`--jobs 1` or more."
        )
    return workers, jobs, seconds
