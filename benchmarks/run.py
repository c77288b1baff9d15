"""A run: plan, minus what is stored, through the workers, into the store. What is done the store alone knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from .. import fusion
from ..core.machine import fingerprint
from ..results.record import BAD, Key, Record
from ..results.store import Store
from . import plan as planning
from .describe import describe
from .options import Options, Summary
from .plan import Cell, Plan
from .session import Session
from .suite import Suite
from .suite import load as load_suite


def run(suite: str | Path | Suite, options: Options, on_seed: Callable[[Store], None] | None = None) -> Summary:
    """Compute what is missing of a suite.

    Parameters
    ----------
    suite
        A name, a TOML path or a checked suite.
    options
        What is computed, and how.
    on_seed
        Called when the first of several seeds is complete.

    Raises
    ------
    FusebenchError
        For a user's mistake; nothing has been trained then.
    """
    plan, store, records = prepare(suite, options)
    todo = pending(plan, records, options)
    work = Session(plan, store, options, records)
    summary = Summary(store)
    for line in [*_broken_lines(store), work.announcement(todo)]:
        work.say(line)
    if options.dry_run:
        summary.counts = counts(plan, records)
        return summary
    store.put_suite(describe(plan, store, {work.environment_id: work.environment}))
    with ExitStack() as stack:
        summary.complete = work.go(todo, stack, on_seed)
    summary.trained = work.progress.counts
    summary.counts = counts(plan, current(store))
    summary.lines = work.closing(summary)
    return summary


def prepare(suite: str | Path | Suite, options: Options) -> tuple[Plan, Store, dict[Key, Record]]:
    """Return the plan, the folder and its records by key; raises for any mistake."""
    checked = suite if isinstance(suite, Suite) else load_suite(suite)
    fusion.load_all()
    fusion.load_plugins(options.plugins)
    store = Store(folder_of(suite, checked, options))
    records = current(store)
    wanted = planning.split_list(options.variants), planning.split_list(options.datasets)
    plan = planning.make(checked, *wanted, options.seeds, options.own, records)
    return plan, store, records


def folder_of(source: str | Path | Suite, suite: Suite, options: Options) -> Path:
    """Return the results folder: the one that was named, else `OUT/results/NAME` (own data: NAME-CARD)."""
    if not isinstance(source, Suite) and (Path(source) / "suite.json").is_file():
        return Path(source)
    name = f"{suite.name}-{options.own.name}" if options.own else suite.name
    return options.out / "results" / name


def current(store: Store) -> dict[Key, Record]:
    """Return the stored records by key."""
    return {record.key: record for record in store.records()}


def counts(plan: Plan, records: dict[Key, Record]) -> dict[str, int]:
    """Return how many planned cells stand at each status, and how many are stale or missing."""
    names = ("ok", *BAD, "incompatible", "unavailable", "stale", "missing")
    found = Counter[str]()
    for cell in plan.cells:
        held = records.get(cell.key)
        found["missing" if held is None else held.status if held.cell == cell.hash else "stale"] += 1
    return {"planned": len(plan.cells)} | {name: found[name] for name in names}


def pending(plan: Plan, records: dict[Key, Record], options: Options) -> list[Cell]:
    """Return the wanted cells that have no current record, or one that is to be retried."""
    again = {"unavailable"} | (set(BAD) if options.retry == "failed" else set())
    todo = []
    for cell in plan.cells:
        held = records.get(cell.key)
        done = held is not None and held.cell == cell.hash and held.status not in again
        if cell.hash in plan.wanted and not done:
            todo.append(cell)
    part, parts = options.shard
    return [cell for cell in todo if int(cell.hash, 16) % parts == part - 1]


def _broken_lines(store: Store) -> list[str]:
    return [f"unreadable record {path.name}: {why}; it is computed again" for path, why in store.broken.items()]


def differing_libraries(store: Store) -> list[str]:
    """Return a line for each library whose version differs from the one a stored run was made with."""
    if not store.suite_file.is_file():
        return []
    here = fingerprint()["libraries"]
    lines = []
    for held in store.suite().get("environments", {}).values():
        for library, version in held.get("libraries", {}).items():
            if here.get(library, version) != version:
                lines.append(f"stored results were made with {library} {version}, here is {here[library]}")
    return sorted(set(lines))
