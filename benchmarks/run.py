"""A run: plan, minus what is stored, through the workers, into the store. What is done the store alone knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from typing import Any

from .. import datasets, fusion
from ..core.collecting import uncollected
from ..core.errors import FusebenchError
from ..core.machine import fingerprint
from ..core.names import split_list
from ..datasets import DataSet
from ..datasets.cache import cache_folder
from ..results import index
from ..results.record import BAD, Key, Row
from ..results.store import Store
from . import announce, describe, starting
from . import plan as planning
from .cluster.nodes import joined
from .options import OnSeed, Options, Summary
from .plan import Cell, Plan
from .session import Session
from .suite import Suite, shipped
from .suite import load as load_suite
from .work import check_device


def run(suite: str | Path | Suite, options: Options, on_seed: OnSeed | None = None) -> Summary:
    """Compute what is missing of a suite.

    Parameters
    ----------
    suite
        A name, a TOML path or a checked suite.
    options
        What is computed, and how.
    on_seed
        Draws what there is when the first of several seeds is complete.

    Raises
    ------
    FusebenchError
        For a user's mistake; nothing has been trained then.
    """
    if options.cluster is None:  # else nodes are asked
        check_device(options.device)
    plan, store, records = prepare(suite, options)
    if store.packed.is_file():
        raise FusebenchError(
            f"The run in {str(store.root)!r} is packed: it is read (`report`, `status`), not continued; "
            f"run {plan.suite.name!r} instead."
        )
    todo = pending(plan, records, options)
    with ExitStack() as stack:
        joins = options.cluster is not None and todo and not options.dry_run
        nodes = stack.enter_context(joined(options)) if joins else None
        work = Session(plan, store, options, records, nodes)
        summary = Summary(store, counts=counts(plan, records))
        announced = work.announcement(todo)
        for line in [*_broken_lines(store), announced]:
            work.say(line)
        if options.dry_run:
            summary.lines = announce.listing(todo)
            return summary
        if work.jobs and nodes is None and any(cell.incompatible is None for cell in todo):
            starting.ahead(options.device)
        work.progress.write_log(announced)
        environments = {work.environment_id: work.environment} | (nodes.environments if nodes else {})
        written = describe.write(store, plan, environments)
        summary.complete, summary.left = work.go(todo, stack, on_seed), work.left
    summary.trained = work.progress.counts
    rows = stored_rows(store)
    if describe.stamp(store) != written:  # another run of the folder has told what it knew, or a node came late
        plan = plan_of(plan.suite, options, rows)
        environments |= nodes.environments if nodes else {}
        describe.write(store, plan, environments)
    held = by_key(rows, plan)
    summary.counts, summary.met = counts(plan, held), met(records, held)
    summary.lines, summary.trouble = work.closing(summary), announce.trouble(plan, held)
    return summary


@uncollected
def prepare(suite: str | Path | Suite, options: Options) -> tuple[Plan, Store, dict[Key, Row]]:
    """Return the plan, the folder and what it holds of each record, by key; raises for any mistake."""
    checked, store = opened(suite, options)
    rows = stored_rows(store)
    plan = plan_of(checked, options, rows)
    return plan, store, by_key(rows, plan)


def opened(suite: str | Path | Suite, options: Options) -> tuple[Suite, Store]:
    """Return the checked suite and its folder, with all that can be planned registered.

    Raises
    ------
    FusebenchError
        For a suite that does not exist or fit, and for own data that are not at hand.
    """
    source = suite if isinstance(suite, Suite) else stored_or_named(str(suite), options)
    checked = judged_for(source if isinstance(source, Suite) else load_suite(source), options.own)
    fusion.load_all()
    fusion.load_plugins(options.plugins)
    store = Store(folder_of(source, checked, options))
    name = own_data(store)
    if name is not None and not options.own:
        raise FusebenchError(
            f"The run in {str(store.root)!r} is of your own data {name!r}: go on with `--data CARD.toml`, or "
            "from Python, fusebench.run(suite, data=…)."
        )
    return checked, store


def plan_of(checked: Suite, options: Options, rows: Iterable[Row]) -> Plan:
    """Return the plan of a checked suite in a folder that holds some records."""
    wanted = split_list(options.variants), split_list(options.datasets)
    return planning.make(checked, *wanted, options.seeds, options.own, [row.key for row in rows])


def judged_for(suite: Suite, own: Sequence[DataSet]) -> Suite:
    """Return the suite with the metric, positive label and extractors that the user's own data ask for."""
    suite_table, training = suite.suite, suite.training
    for source in own[:1]:
        asked = {"metric": source.metric, "positive": source.positive}
        suite_table = suite_table.model_copy(update={k: v for k, v in asked.items() if v is not None})
        chosen = {**training.extractors, **source.extractors}
        training = training.model_copy(update={"extractors": chosen})
    return suite.model_copy(update={"suite": suite_table, "training": training})


def stored_or_named(text: str, options: Options) -> str:
    """Return the folder of a run that is stored under a name which no shipped suite has, else the name."""
    folder = options.out / "results" / text
    return str(folder) if text not in shipped() and (folder / "suite.json").is_file() else text


def told(store: Store) -> dict[str, Any]:
    """Return what suite.json tells beside the plan, which may be long; empty where there is none."""
    stamp = describe.stamp(store)
    return {} if stamp is None else _told(store.root, stamp)


@lru_cache(maxsize=1)
def _told(root: Path, stamp: index.Stamp) -> dict[str, Any]:
    return {key: value for key, value in Store(root).suite().items() if key != "plan"}


def own_data(store: Store) -> str | None:
    """Return the name of the user's own data set that a stored run is of, None where it is of others."""
    return next((name for name, about in told(store).get("datasets", {}).items() if about.get("own")), None)


def stored_counts(store: Store) -> dict[str, int]:
    """Return `counts` by the stored plan alone: for a run of data that is not at hand."""
    planned = store.suite()["plan"]["cells"]
    cells = [Cell(c["cell"], c["variant"], c["dataset"], c["seed"]) for c in planned]
    return _counted(cells, keyed(stored_rows(store), {cell.hash for cell in cells}))


def folder_of(source: str | Path | Suite, suite: Suite, options: Options) -> Path:
    """Return the results folder: the one that was named, else `OUT/results/NAME` (own data: NAME-CARD)."""
    if not isinstance(source, Suite) and (Path(source) / "suite.json").is_file():
        return Path(source)
    name = f"{suite.name}-{options.own[0].name}" if options.own else suite.name
    return options.out / "results" / name


def stored_rows(store: Store) -> list[Row]:
    """Return what planning and counting need of every stored record; files that have not changed are not read."""
    return index.rows(store, lambda: cache_folder() / "index")


def by_key(rows: Iterable[Row], plan: Plan) -> dict[Key, Row]:
    """Return what is stored, by key, for a plan."""
    return keyed(rows, {cell.hash for cell in plan.cells})


def keyed(rows: Iterable[Row], planned: Collection[str]) -> dict[Key, Row]:
    """Return what is stored, by key: of two, where a run was killed before it moved one away, the planned one."""
    return {row.key: row for row in sorted(rows, key=lambda row: row.cell in planned)}


def counts(plan: Plan, records: Mapping[Key, Row]) -> dict[str, int]:
    """Return how many planned cells stand at each status, and how many are stale or missing."""
    return _counted(plan.cells, records)


def _counted(cells: Sequence[Cell], records: Mapping[Key, Row]) -> dict[str, int]:
    names = ("ok", *BAD, "incompatible", "unavailable", "stale", "missing")
    found = Counter[str]()
    for cell in cells:
        held = records.get(cell.key)
        found["missing" if held is None else held.status if held.cell == cell.hash else "stale"] += 1
    return {"planned": len(cells)} | {name: found[name] for name in names}


def met(before: Mapping[Key, Row], after: Mapping[Key, Row]) -> tuple[str, ...]:
    """Return the fusion variants that have records now and had none, in a folder that already held some."""
    known = {variant for variant, _, _ in before}
    new = sorted({variant for variant, _, _ in after} - known) if known else []
    ranked = [(name, fusion.resolve(name)[0]) for name in new]
    return tuple(n for n, entry in ranked if entry.axes.architecture != "unimodal" and entry.placebo_of is None)


def pending(plan: Plan, records: Mapping[Key, Row], options: Options) -> list[Cell]:
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
    return [
        *broken_entries(),
        *store.remarks,
        *(f"unreadable record {path.name}: {why}; it is computed again" for path, why in store.broken.items()),
    ]


def broken_entries() -> list[str]:
    """Return a line for each file of variants or data sets that could not be loaded."""
    broken = fusion.REGISTRY.broken | datasets.REGISTRY.broken
    return [f"{name} could not be loaded: {why}; the others go on" for name, why in broken.items()]


@uncollected
def state(suite: str | Path, options: Options) -> tuple[Store, dict[str, int], list[str]]:
    """Return a run's folder, its counts by status, and remarks: what is unreadable, broken or differs here."""
    store = Store(Path(stored_or_named(str(suite), options)))
    if own_data(store) is not None and not options.own:
        found = stored_counts(store)
    else:
        plan, store, records = prepare(suite, options)
        found = counts(plan, records)
    return store, found, [*_broken_lines(store), *differing_libraries(store)]


def differing_libraries(store: Store) -> list[str]:
    """Return a line for each library whose version differs from the one a stored run was made with."""
    held_in = told(store).get("environments", {})
    here = fingerprint()["libraries"] if held_in else {}
    lines = []
    for held in held_in.values():
        for library, version in held.get("libraries", {}).items():
            if here.get(library, version) != version:
                lines.append(f"stored results were made with {library} {version}, here is {here[library]}")
    return sorted(set(lines))
