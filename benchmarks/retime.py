"""`fusebench time`: take exclusive timings again that are missing, were taken on a busy machine or elsewhere."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import FusebenchError
from ..results.record import busy
from ..results.store import Store
from . import exclusive
from .interrupt import Interrupt
from .job import Job, Outcome
from .options import Options
from .plan import Cell
from .run import prepare
from .session import Session
from .work import check_device
from .workers import Workers

MISSING, BUSY, ELSEWHERE, ASKED = "missing", "of a busy machine", "of another machine", "asked for"
SHOWN = 10  # rows that are named


@dataclass
class Retimed:
    """What became of timings.

    Parameters
    ----------
    store
        The run's folder.
    wanted
        Why timings were taken again → how many were to be.
    done
        Which were: `variant on data set`.
    busy
        `variant on data set` → cores that others kept busy, of all timings that are still of a busy machine.
    trouble
        What could not be timed, a line each.
    complete
        False where the user stopped it.
    """

    store: Store
    wanted: Counter[str] = field(default_factory=Counter)
    done: list[str] = field(default_factory=list)
    busy: dict[str, float] = field(default_factory=dict)
    trouble: list[str] = field(default_factory=list)
    complete: bool = True

    @property
    def exit_code(self) -> int:
        """0 all well, 1 something could not be timed, 130 interrupted."""
        return 130 if not self.complete else int(bool(self.trouble))

    @property
    def lines(self) -> list[str]:
        """What was done, what could not be, and what is still of a busy machine."""
        name, total = self.store.root.name, self.wanted.total()
        why = ", ".join(f"{count} {reason}" for reason, count in self.wanted.items())
        if not total:
            lines = [f"{name}: no timing is {MISSING} or {BUSY}; `--elsewhere` and `--all` take more again."]
        else:
            lines = [f"{name}: {len(self.done)} of {total} timings taken ({why}){_listed(self.done)}."]
        lines += self.trouble
        if not self.complete:
            lines.append("Interrupted: what was timed is stored. Run the same command to go on.")
        if self.busy:
            rows = [f"{row} ({cores:.2f} cores)" for row, cores in self.busy.items()]
            lines.append(f"Still of a busy machine, {len(rows)} of them{_listed(rows)}.")
        return lines


def _listed(rows: Sequence[str]) -> str:
    rest = f" and {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f": {', '.join(rows[:SHOWN])}{rest}" if rows else ""


def retime(suite: str | Path, options: Options, every: bool = False, elsewhere: bool = False) -> Retimed:
    """Time again, alone, what needs it; nothing is trained but a model that is gone, and no record changes.

    Parameters
    ----------
    suite
        A name, a TOML path or a results folder.
    options
        Which variants and data sets, and where.
    every
        Take all timings again.
    elsewhere
        Also those that were taken under another machine fingerprint than this one.

    Raises
    ------
    FusebenchError
        For a user's mistake; nothing has been timed then.
    """
    check_device(options.device)
    plan, store, records = prepare(suite, options)
    if store.packed.is_file():
        raise FusebenchError(
            f"The run in {str(store.root)!r} is packed and holds no models: run {plan.suite.name!r} instead, and "
            "time that."
        )
    if not records:
        raise FusebenchError(f"No cell is stored in {str(store.root)!r}: run the suite first.")
    session, found = Session(plan, store, options, records), Retimed(store)
    here = exclusive.environment(session.environment, store)
    before, again = timed_cells(session), []
    for cell, timing in before:
        if why := reason(timing, here, every, elsewhere):
            again.append(cell)
            found.wanted[why] += 1
    if again:
        session.store.put_environments({here: session.environment})
        found.complete = _redo(session, again, here, found)
    after = timed_cells(session)
    pairs = zip(before, after, strict=True)
    found.done = [f"{cell.variant} on {cell.dataset}" for (cell, old), (_, new) in pairs if new != old]
    found.busy = {f"{cell.variant} on {cell.dataset}": timing["load"] for cell, timing in after
                  if timing is not None and busy(timing.get("load"))}  # fmt: skip
    return found


def timed_cells(session: Session) -> list[tuple[Cell, dict[str, Any] | None]]:
    """Return the cells that are timed, for the wanted variants and data sets, with what is stored of each."""
    plan, store = session.plan, session.store
    held = {timing["cell"]: timing for timing in store.timings()}
    pairs = sorted({c.key[:2] for c in plan.cells if c.hash in plan.wanted})
    cells = [cell for pair in pairs if (cell := session.lowest[pair]).incompatible is None]
    known = [(cell, store.get(cell.hash)) for cell in cells]
    return [(cell, held.get(cell.hash)) for cell, record in known if record is not None and record.status == "ok"]


def reason(timing: Mapping[str, Any] | None, here: str, every: bool, elsewhere: bool) -> str:
    """Return why a timing is to be taken again, empty where it is not.

    Parameters
    ----------
    timing
        What is stored; None where nothing is.
    here
        The id that this machine's timings are stored under.
    every, elsewhere
        As in `retime`.
    """
    if timing is None:
        return MISSING
    if busy(timing.get("load")):
        return BUSY
    if elsewhere and timing["environment"] != here:
        return ELSEWHERE
    return ASKED if every else ""


def _redo(session: Session, cells: list[Cell], here: str, found: Retimed) -> bool:
    """Time cells; return whether the user let it come to the end."""

    def told(job: Job, outcome: Outcome) -> None:
        session.progress.told(job, outcome)
        if outcome.status != "ok":
            found.trouble += _troubles(job, outcome)

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fusebench-")))
        session.rows, session.own = folder, session._own_file(folder)
        stack.enter_context(session.claims.living(busy=not session.jobs))
        interrupt = Interrupt(abrupt=not session.jobs)
        stack.enter_context(interrupt.listening())
        waiting = exclusive.jobs(cells, session.job, here, session.options.probes)
        limits = session.plan.suite.limits
        workers = Workers(min(session.jobs, 1), session.options.plugins, limits.timeout, limits.memory)
        complete = False
        try:
            complete = exclusive.alone(session.claims, interrupt, session.say) and exclusive.one_by_one(
                waiting, workers, interrupt, told, session.claims
            )
        finally:
            workers.close(now=not complete)
    return complete


def _troubles(job: Job, outcome: Outcome) -> list[str]:
    """Return a line for each variant of a job that could not be timed, or one for all of them."""
    lines = outcome.reason.strip().splitlines() or [outcome.status]
    named = [line for line in lines if line.endswith(")") and "(timing " in line]
    return [f"Not timed on {job.dataset}: {line.strip()}" for line in named or lines[-1:]]
