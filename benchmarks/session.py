"""One run under way: from missing cells to jobs, through the workers, into the store."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from subprocess import Popen
from typing import Any

from .. import fusion
from ..core.machine import fingerprint, fingerprint_id, usable_cores
from ..results.record import Key, Record
from ..results.store import Store
from . import announce
from . import plan as planning
from . import stages as stage_files
from .cell import failure
from .cost import TIMING_SECONDS, Costs
from .job import Job, Outcome
from .options import OnSeed, Options, Summary
from .plan import Cell, Plan, Stage
from .progress import Progress
from .scheduler import Interrupt, Scheduler, Unit, dependant
from .work import device_model
from .workers import Workers


class Session:
    """The moving parts of one run."""

    def __init__(self, plan: Plan, store: Store, options: Options, records: dict[Key, Record]):
        self.plan, self.store, self.options = plan, store, options
        self.keys = {key: record.cell for key, record in records.items()}
        self.jobs = usable_cores() if options.jobs is None else options.jobs
        self.environment = fingerprint(1, max(self.jobs, 1), device_model(options.device))
        self.environment_id = fingerprint_id(self.environment)
        self.costs = Costs(plan.suite.training, dict(plan.sources), records.values())
        self.costs.seen = {**options.expected, **self.costs.seen}
        self.training = plan.suite.training.model_dump(mode="json")
        self.lowest: dict[tuple[str, ...], Cell] = {}  # the cell that is timed for its (variant, data set)
        for cell in sorted(plan.cells, key=lambda c: c.seed):
            self.lowest.setdefault(cell.key[:2], cell)
        # asked several times before the first job, and every answer reads a fitted model to check it
        self._stage_state = cache(self._read_stage)
        self.begin = time.monotonic()
        self.own: Path | None = None
        self.aside: list[Popen[bytes]] = []  # draws the first seed meanwhile
        self.progress = Progress(store.root / "run.log", self.jobs, options.quiet)

    def say(self, line: str) -> None:
        """Print a line on stderr."""
        self.progress.say(line)

    def announcement(self, todo: list[Cell]) -> str:
        """Return what is about to happen: cells, time, workers, disk."""
        seconds = sum(self.seconds(cell.variant, cell.dataset) for cell in todo)
        seconds += sum(self.costs.seconds(s.name, s.dataset) for s in self._missing_stages(todo))
        pairs = {cell.key[:2] for cell in todo if cell is self.lowest[cell.key[:2]] and cell.incompatible is None}
        wall = seconds / max(self.jobs, 1) + TIMING_SECONDS * len(pairs)
        return announce.announcement(self.plan, todo, wall, self.jobs)

    def seconds(self, variant: str, dataset: str) -> float:
        """Return the expected seconds of a cell, its stages not counted."""
        axes = fusion.resolve(variant)[0].axes
        rule = axes.architecture == "unimodal" or axes.on_experts
        return self.costs.seconds(variant, dataset, "rule" if rule else axes.learner)

    # ---- jobs

    def job(self, cell: Cell) -> Job:
        """Return the job of a cell."""
        source = self.plan.sources[cell.dataset]
        return Job(
            kind="cell",
            hash=cell.hash,
            name=cell.variant,
            dataset=cell.dataset,
            seed=cell.seed,
            fold=planning.fold(source, cell.seed),
            root=self.store.root,
            training=self.training,
            stages={name: stage.hash for name, stage in cell.stages.items()},
            device=self.options.device,
            environment=self.environment_id,
            positive=self.plan.suite.suite.positive,
            keep_model=self.lowest[cell.key[:2]] is cell and not self.store.timing_done(cell.hash),
            own=self.own,
        )

    def stage_job(self, stage: Stage) -> Job:
        """Return the job of a stage."""
        fold = planning.fold(self.plan.sources[stage.dataset], stage.seed)
        base = Job(
            "stage", stage.hash, stage.name, stage.dataset, stage.seed, fold, self.store.root, self.training
        )
        return replace(base, device=self.options.device, environment=self.environment_id, own=self.own)

    def _missing_stages(self, todo: list[Cell]) -> list[Stage]:
        used = {stage.hash: stage for cell in todo for stage in cell.stages.values()}
        return [stage for stage in used.values() if self._stage_state(stage.hash) is None]

    def _read_stage(self, hash: str) -> dict[str, Any] | None:
        held = stage_files.read(self.store.stage_path(hash))
        if held is None or held["status"] == "unavailable":
            return None
        retried = self.options.retry == "failed" and held["status"] != "ok"
        return None if retried else held

    # ---- going

    def go(self, todo: list[Cell], stack: ExitStack, on_seed: OnSeed | None) -> bool:
        """Compute the cells, then time; return whether it came to the end."""
        todo = self._record_incompatible(todo)
        if not todo and not self._untimed():
            return True
        limits = self.plan.suite.limits
        self.own = self._own_file(stack)
        interrupt = Interrupt(abrupt=not self.jobs)
        stack.enter_context(interrupt.listening())
        workers = Workers(self.jobs, self.options.plugins, limits.timeout, limits.memory)
        stopped = True
        try:
            complete = self._compute(todo, workers, interrupt, on_seed) and self._time(workers, interrupt)
            stopped = not complete
        finally:
            for process in self.aside:
                process.kill()
                process.wait()
            workers.close(now=stopped)
            self.progress.close()
        return complete

    def _own_file(self, stack: ExitStack) -> Path | None:
        if not self.options.own:
            return None
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fusebench-own-"))
        path = Path(folder) / "data.pickle"
        path.write_bytes(pickle.dumps({source.name: source for source in self.options.own}))
        return path

    def _record_incompatible(self, todo: list[Cell]) -> list[Cell]:
        for cell in todo:
            if cell.incompatible is not None:
                self.store.put(failure(self.job(cell), "incompatible", cell.incompatible))
                self.store.retire(self.keys, cell.key, cell.hash)
        return [cell for cell in todo if cell.incompatible is None]

    def _compute(
        self,
        todo: list[Cell],
        workers: Workers,
        interrupt: Interrupt,
        on_seed: OnSeed | None,
    ) -> bool:
        seeds = sorted({cell.seed for cell in todo})
        units = [unit for seed in seeds for unit in self._units([c for c in todo if c.seed == seed])]
        self.progress.begin(len(todo), {unit.job.hash: unit.seconds for unit in units})
        stages = {stage.hash: self._stage_state(stage.hash) for c in todo for stage in c.stages.values()}
        ready = {hash for hash, held in stages.items() if held is not None and held["status"] == "ok"}
        spoilt = {
            hash: dependant(held["name"], Outcome(held["status"], held["reason"]))
            for hash, held in stages.items()
            if held is not None and held["status"] != "ok"
        }
        left = Counter(cell.seed for cell in todo)

        def tell(job: Job, outcome: Outcome) -> None:
            self.progress.told(job, outcome)
            if job.kind == "cell":
                left[job.seed] -= 1
                if on_seed and len(seeds) > 1 and job.seed == seeds[0] and left[job.seed] == 0:
                    self.aside.append(on_seed(self.store, f"seed {job.seed} of {len(seeds)}"))

        scheduler = Scheduler(self.store, units, ready, self.keys, tell, interrupt, spoilt, say=self.say)
        return scheduler.run(workers)

    def _units(self, cells: list[Cell]) -> list[Unit]:
        stages = [
            Unit(self.stage_job(s), self.costs.seconds(s.name, s.dataset)) for s in self._missing_stages(cells)
        ]
        waiting = [
            Unit(
                self.job(c),
                self.seconds(c.variant, c.dataset),
                frozenset(stage.hash for stage in c.stages.values()),
            )
            for c in cells
        ]
        longest = lambda unit: -unit.seconds  # noqa: E731
        return [*sorted(stages, key=longest), *sorted(waiting, key=longest)]

    # ---- timing

    def _untimed(self) -> list[Cell]:
        """Return the lowest seed's cell of each wanted (variant, data set) that is ok and not timed."""
        pairs = {c.key[:2] for c in self.plan.cells if c.hash in self.plan.wanted}
        found = []
        for pair in sorted(pairs):
            cell = self.lowest[pair]
            if self.store.timing_done(cell.hash) or cell.incompatible is not None:
                continue
            record = self.store.get(cell.hash)
            if record is not None and record.status == "ok":
                found.append(cell)
        return found

    def _time(self, workers: Workers, interrupt: Interrupt) -> bool:
        for process in self.aside:  # nothing else computes while a variant is timed
            process.wait()
        together: dict[tuple[str, int], list[Cell]] = {}
        for cell in self._untimed():
            together.setdefault((cell.dataset, cell.seed), []).append(cell)
        for cells in together.values():
            base = self.job(cells[0])
            listed = tuple((c.hash, c.variant, {n: s.hash for n, s in c.stages.items()}) for c in cells)
            probes, name = self.options.probes, f"{len(cells)} variants"
            workers.start(replace(base, kind="timing", name=name, cells=listed, probes=probes))
            while True:
                if interrupt.count:
                    return False
                done = workers.finished()
                if done:
                    self.progress.told(*done[0])
                    break
        return True

    def closing(self, summary: Summary) -> list[str]:
        """Return what became of the cells, and where the time went."""
        wall = time.monotonic() - self.begin
        return announce.closing(summary, self.plan.suite.name, wall, self.progress.seconds)
