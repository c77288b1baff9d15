"""One run under way: from missing cells to jobs, through the workers, into the store."""

from __future__ import annotations

import pickle
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path
from subprocess import Popen
from typing import Any

from .. import fusion
from ..core.machine import fingerprint, fingerprint_id, usable_cores
from ..results.claims import Claims
from ..results.record import Key, Row
from ..results.store import Store
from . import announce, exclusive
from . import plan as planning
from . import stages as stage_files
from .cell import failure
from .cluster.driver import RayWorkers
from .cluster.node import model_here
from .cluster.nodes import Nodes
from .computing import Computing
from .cost import TIMING_SECONDS, Costs
from .interrupt import Interrupt
from .job import Job
from .options import OnSeed, Options, Summary
from .plan import Cell, Plan, Stage
from .progress import Progress
from .workers import LOOK, Crew, Workers


class Session:
    """The moving parts of one run."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        options: Options,
        records: Mapping[Key, Row],
        nodes: Nodes | None = None,
    ):
        self.plan, self.store, self.options = plan, store, options
        self.keys = {key: record.cell for key, record in records.items()}
        self.nodes, room = nodes, usable_cores()
        if nodes is not None:
            nodes.say, room = self.say, nodes.total
        self.jobs = room if options.jobs is None else min(options.jobs, room) if nodes else options.jobs
        # with nodes, of what is timed: that is done here
        here = usable_cores() if nodes else max(self.jobs, 1)
        self.environment = fingerprint(1, here, model_here(options.device)[0])
        self.environment_id = fingerprint_id(self.environment)
        self.costs = Costs(plan.suite.training, dict(plan.sources), records.values())
        self.costs.seen = {**options.expected, **self.costs.seen}
        self.seconds = cache(self._seconds)
        self.training = plan.suite.training.model_dump(mode="json")
        self.fine = {row.cell for row in records.values() if row.status == "ok"}
        self.lowest: dict[tuple[str, ...], Cell] = {}  # the cell that is timed for its (variant, data set)
        for cell in sorted(plan.cells, key=lambda c: c.seed):
            self.lowest.setdefault(cell.key[:2], cell)
        # asked several times before the first job, and every answer reads a fitted model to check it
        self.stage_state = cache(self._read_stage)
        self.begin = time.monotonic()
        self.own: Path | None = None
        self.rows: Path | None = None
        self.left = 0  # cells that were not started for want of time
        self.claims = Claims(store.root)
        self.progress = Progress(store.root / "run.log", self.jobs, options.quiet)

    def say(self, line: str) -> None:
        """Print a line on stderr."""
        self.progress.say(line)

    def announcement(self, todo: list[Cell]) -> str:
        """Return what is about to happen: cells, time, workers, disk."""
        seconds = sum(self.seconds(cell.variant, cell.dataset) for cell in todo)
        seconds += sum(self.costs.seconds(s.name, s.dataset) for s in self.missing_stages(todo))
        pairs = {cell.key[:2] for cell in todo if cell is self.lowest[cell.key[:2]] and cell.incompatible is None}
        wall = seconds / max(self.jobs, 1) + TIMING_SECONDS * len(pairs)
        return announce.announcement(self.plan, todo, wall, self.jobs)

    def _seconds(self, variant: str, dataset: str) -> float:
        """Return the expected seconds of a cell, its stages not counted."""
        axes = fusion.resolve(variant)[0].axes
        rule = axes.architecture == "unimodal" or axes.on_experts
        return self.costs.seconds(variant, dataset, "rule" if rule else axes.learner)

    def in_time(self, seconds: float) -> bool:
        """Return whether what is expected to take so long ends before the user's deadline, at the pace so far."""
        until = self.options.until
        return until is None or until.fits(seconds * self.progress.pace)

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
            rows=self.rows,
        )

    def stage_job(self, stage: Stage) -> Job:
        """Return the job of a stage."""
        fold = planning.fold(self.plan.sources[stage.dataset], stage.seed)
        base = Job(
            "stage", stage.hash, stage.name, stage.dataset, stage.seed, fold, self.store.root, self.training
        )
        where = {"device": self.options.device, "environment": self.environment_id}
        return replace(base, own=self.own, rows=self.rows, **where)

    def missing_stages(self, todo: list[Cell]) -> list[Stage]:
        """Return the stages of some cells that are not stored, each once."""
        used = {stage.hash: stage for cell in todo for stage in cell.stages.values()}
        return [stage for stage in used.values() if self.stage_state(stage.hash) is None]

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
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fusebench-")))
        self.rows, self.own = folder, self._own_file(folder)
        stack.enter_context(self.claims.living(busy=not self.jobs))
        interrupt = Interrupt(abrupt=not self.jobs)
        stack.enter_context(interrupt.listening())
        workers = self._crew(interrupt)
        stopped, computing = True, Computing(self, todo, on_seed)
        try:
            complete = computing.run(workers, interrupt)
            self.left = computing.late
            complete = complete and _ended(computing.aside, interrupt) and self._time(workers, interrupt)
            stopped = not complete
        finally:
            for process in computing.aside:
                process.kill()
                process.wait()
            workers.close(now=stopped)
            self.progress.close()
        return complete

    def _crew(self, interrupt: Interrupt) -> Crew:
        limits, plugins = self.plan.suite.limits, self.options.plugins
        if self.nodes is None:
            return Workers(self.jobs, plugins, limits.timeout, limits.memory)
        most, stopping = self.options.jobs, lambda: interrupt.count
        return RayWorkers(self.nodes, self.store, plugins, limits.timeout, limits.memory, most, stopping)

    def _own_file(self, folder: Path) -> Path | None:
        if not self.options.own:
            return None
        path = folder / "own.pickle"
        path.write_bytes(pickle.dumps({source.name: source for source in self.options.own}))
        return path

    def _record_incompatible(self, todo: list[Cell]) -> list[Cell]:
        for cell in todo:
            if cell.incompatible is not None:
                self.store.put(failure(self.job(cell), "incompatible", cell.incompatible))
                self.store.retire(self.keys, cell.key, cell.hash)
        return [cell for cell in todo if cell.incompatible is None]

    # ---- timing

    def _untimed(self) -> list[Cell]:
        """Return the lowest seed's cell of each wanted (variant, data set) that is ok and not timed."""
        pairs = {c.key[:2] for c in self.plan.cells if c.hash in self.plan.wanted}
        found = []
        for pair in sorted(pairs):
            cell = self.lowest[pair]
            if self.store.timing_done(cell.hash) or cell.incompatible is not None:
                continue
            if self._is_fine(cell.hash):
                found.append(cell)
        return found

    def _is_fine(self, hash: str) -> bool:
        if hash not in self.fine and (record := self.store.get(hash)) is not None and record.status == "ok":
            self.fine.add(hash)
        return hash in self.fine

    def _time(self, workers: Crew, interrupt: Interrupt) -> bool:
        if not exclusive.alone(self.claims, interrupt, self.say, lambda: bool(self._untimed())):
            return False
        here = exclusive.environment(self.environment, self.store)
        jobs = exclusive.jobs(self._untimed(), self.job, here, self.options.probes)
        waiting = (job for job in jobs if self.in_time(TIMING_SECONDS * len(job.cells)))
        return exclusive.one_by_one(waiting, workers, interrupt, self.progress.told, self.claims)

    def closing(self, summary: Summary) -> list[str]:
        """Return what became of the cells, and where the time went."""
        wall = time.monotonic() - self.begin
        return announce.closing(summary, self.plan.suite.name, wall, self.progress.seconds)


def _ended(processes: Iterable[Popen[bytes]], interrupt: Interrupt) -> bool:
    """Wait for processes, for nothing computes while a variant is timed; return whether the user waits, too."""
    for process in processes:
        while process.poll() is None:
            if interrupt.count:
                return False
            time.sleep(LOOK)
    return True
