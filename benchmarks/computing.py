"""The cells of a run on their way: what is left of a seed, what is done when one or its rows are finished."""

from __future__ import annotations

from collections import Counter
from subprocess import Popen
from typing import TYPE_CHECKING

from .interrupt import Interrupt
from .job import Job, Outcome
from .options import OnSeed
from .plan import Cell
from .scheduler import Scheduler, Unit, dependant
from .shared import drop
from .workers import Crew

if TYPE_CHECKING:
    from .session import Session


class Computing:
    """Computes cells seed by seed, longest first within one.

    Parameters
    ----------
    session
        The run.
    todo
        Its cells that are to be computed.
    on_seed
        Draws what there is when the first of several seeds is complete.
    """

    def __init__(self, session: Session, todo: list[Cell], on_seed: OnSeed | None):
        self.session, self.todo, self.on_seed = session, todo, on_seed
        self.seeds = sorted({cell.seed for cell in todo})
        self.left = Counter(cell.seed for cell in todo)
        self.users = Counter((cell.dataset, cell.seed) for cell in todo)
        self.late = 0  # cells that were not started, since they could not have ended in time
        self.aside: list[Popen[bytes]] = []  # draws the first seed meanwhile

    def run(self, workers: Crew, interrupt: Interrupt) -> bool:
        """Do it; return whether it came to the end."""
        session = self.session
        units = [unit for seed in self.seeds for unit in self.units(seed)]
        session.progress.begin(len(self.todo), {unit.job.hash: unit.seconds for unit in units})
        ready, spoilt = self._stages()
        scheduler = Scheduler(
            session.store, units, ready, session.keys, self._tell, interrupt, spoilt,
            say=session.say, claims=session.claims, pass_by=self._pass_by, in_time=session.in_time,
        )  # fmt: skip
        complete = scheduler.run(workers)
        self.late = sum(unit.job.kind == "cell" for unit in scheduler.units) if complete else 0
        return complete

    def units(self, seed: int) -> list[Unit]:
        """Return the missing stages of a seed's cells, then the cells, each longest first."""
        session, cells = self.session, [cell for cell in self.todo if cell.seed == seed]
        stages = [
            Unit(session.stage_job(s), session.costs.seconds(s.name, s.dataset))
            for s in session.missing_stages(cells)
        ]
        waiting = [
            Unit(
                session.job(c),
                session.seconds(c.variant, c.dataset),
                frozenset(stage.hash for stage in c.stages.values()),
            )
            for c in cells
        ]
        longest = lambda unit: -unit.seconds  # noqa: E731
        return [*sorted(stages, key=longest), *sorted(waiting, key=longest)]

    def _stages(self) -> tuple[set[str], dict[str, Outcome]]:
        """Return the stages that are stored, and what those that gave no result make of their users."""
        used = {stage.hash for cell in self.todo for stage in cell.stages.values()}
        stored = {hash: held for hash in used if (held := self.session.stage_state(hash)) is not None}
        ready = {hash for hash, held in stored.items() if held["status"] == "ok"}
        spoilt = {
            hash: dependant(held["name"], Outcome(held["status"], held["reason"]))
            for hash, held in stored.items()
            if hash not in ready
        }
        return ready, spoilt

    def _tell(self, job: Job, outcome: Outcome) -> None:
        self.session.progress.told(job, outcome)
        self._ended(job)

    def _pass_by(self, job: Job, outcome: Outcome) -> None:
        self.session.progress.passed_by(job, outcome)
        self._ended(job)

    def _ended(self, job: Job) -> None:
        if job.kind != "cell":
            return
        first, rows = self.seeds[0], (job.dataset, job.seed)
        self.left[job.seed] -= 1
        self.users[rows] -= 1
        if self.on_seed and len(self.seeds) > 1 and job.seed == first and not self.left[first]:
            self.aside.append(self.on_seed(self.session.store, f"seed {first} of {len(self.seeds)}"))
        if self.session.rows is not None and not self.users[rows] and job.seed != first:
            drop(self.session.rows, *rows)  # the first seed's are timed at the end
