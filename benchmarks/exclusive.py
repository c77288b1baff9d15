"""The exclusive pass seen from the parent: which machine it is told under, and one job after the other, alone."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..core.machine import fingerprint_id
from ..results.claims import Claims
from ..results.store import Store
from .interrupt import Interrupt
from .job import NOT_STORED, Job, Outcome
from .plan import Cell
from .scheduler import WAIT, cannot_write
from .workers import Crew


def environment(here: Mapping[str, Any], store: Store) -> str:
    """Return the fingerprint id that timings taken on this machine are stored under.

    A timing is taken by one process alone, however many workers have trained: a stored fingerprint that differs
    from this machine's in the number of workers only is the same machine, and the one with most timings is taken.

    Parameters
    ----------
    here
        This machine's fingerprint.
    store
        The run's folder.
    """
    known = store.suite().get("environments", {}) if store.suite_file.is_file() else {}
    used = Counter(timing["environment"] for timing in store.timings())
    own = fingerprint_id(dict(here))
    same = [key for key, told in known.items() if _without_workers(told) == _without_workers(here)]
    return min(same, key=lambda key: (-used[key], key != own, key)) if same else own


def _without_workers(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != "workers"}


def alone(
    claims: Claims, interrupt: Interrupt, say: Callable[[str], None], wanted: Callable[[], bool] = lambda: True
) -> bool:
    """Wait until no other run of the folder computes or times; return whether the user waits, too.

    Parameters
    ----------
    claims, interrupt, say
        Which run does what, the user's wish to stop, and what prints a line.
    wanted
        Whether there is anything to time still: the other run may do it.
    """
    told = False
    while wanted() and (any(claims.others()) or not claims.take("timing")):
        if interrupt.count:
            return False
        if not told:
            say("Timing waits until the other run of this folder is done.")
            told = True
        time.sleep(WAIT)
    return True


def jobs(cells: Iterable[Cell], job: Callable[[Cell], Job], told_under: str, probes: tuple[str, ...]) -> list[Job]:
    """Return one job for the cells of each data set and seed: calls are interleaved within it.

    Parameters
    ----------
    cells
        What is timed.
    job
        Returns the job that trains a cell.
    told_under
        The fingerprint id of `environment`.
    probes
        Variants whose interaction is measured.
    """
    together: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        together.setdefault((cell.dataset, cell.seed), []).append(cell)
    found = []
    for group in together.values():
        listed = tuple((c.hash, c.variant, {n: s.hash for n, s in c.stages.items()}) for c in group)
        name = f"{len(group)} variant{'s' * (len(group) > 1)}"
        base = replace(job(group[0]), kind="timing", name=name, cells=listed, probes=probes)
        found.append(replace(base, environment=told_under))
    return found


def one_by_one(
    waiting: Iterable[Job],
    workers: Crew,
    interrupt: Interrupt,
    told: Callable[[Job, Outcome], None],
    claims: Claims,
) -> bool:
    """Do jobs, never two at once; return whether the user let it come to the end.

    Parameters
    ----------
    waiting
        The jobs; the next one is asked for when the last one has ended.
    workers, interrupt
        Who does them, and the user's wish to stop.
    told
        Called with every finished job and its outcome.
    claims
        Show other runs of the folder that this one lives.

    Raises
    ------
    FusebenchError
        Where a timing cannot be written.
    """
    for job in waiting:
        workers.start(job)
        done: list[tuple[Job, Outcome]] = []
        while not done:
            if interrupt.count:
                return False
            done = workers.finished()
            claims.beat()
        _, outcome = done[0]
        if outcome.status == NOT_STORED:
            raise cannot_write(job.root, outcome.reason)
        told(job, outcome)
    return True
