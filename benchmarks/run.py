"""A run: plan, minus what is stored, through the workers, into the store. What is done the store alone knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from .. import datasets, fusion
from ..core.errors import FusebenchError
from ..core.machine import fingerprint
from ..core.names import split_list
from ..datasets import DataSet
from ..results.record import BAD, Key, Record
from ..results.store import Store
from . import announce
from . import plan as planning
from .describe import describe
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
    check_device(options.device)
    plan, store, records = prepare(suite, options)
    if store.packed.is_file():
        raise FusebenchError(
            f"The run in {str(store.root)!r} is packed: it is read (`report`, `status`), not continued; "
            f"run {plan.suite.name!r} instead."
        )
    todo = pending(plan, records, options)
    work = Session(plan, store, options, records)
    summary = Summary(store, counts=counts(plan, records))
    announced = work.announcement(todo)
    for line in [*_broken_lines(store), announced]:
        work.say(line)
    if options.dry_run:
        summary.lines = announce.listing(todo)
        return summary
    work.progress.write_log(announced)
    store.put_suite(describe(plan, store, {work.environment_id: work.environment}))
    with ExitStack() as stack:
        summary.complete = work.go(todo, stack, on_seed)
    summary.trained = work.progress.counts
    held = current(store)
    summary.counts, summary.met = counts(plan, held), met(records, held)
    summary.lines, summary.trouble = work.closing(summary), announce.trouble(plan, held)
    return summary


def prepare(suite: str | Path | Suite, options: Options) -> tuple[Plan, Store, dict[Key, Record]]:
    """Return the plan, the folder and its records by key; raises for any mistake."""
    source = suite if isinstance(suite, Suite) else _stored_or_named(str(suite), options)
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
    records = current(store)
    wanted = split_list(options.variants), split_list(options.datasets)
    plan = planning.make(checked, *wanted, options.seeds, options.own, records)
    return plan, store, records


def judged_for(suite: Suite, own: Sequence[DataSet]) -> Suite:
    """Return the suite with the metric, positive label and extractors that the user's own data ask for."""
    suite_table, training = suite.suite, suite.training
    for source in own[:1]:
        asked = {"metric": source.metric, "positive": source.positive}
        suite_table = suite_table.model_copy(update={k: v for k, v in asked.items() if v is not None})
        chosen = {**training.extractors, **source.extractors}
        training = training.model_copy(update={"extractors": chosen})
    return suite.model_copy(update={"suite": suite_table, "training": training})


def _stored_or_named(text: str, options: Options) -> str:
    """Return the folder of a run that is stored under a name which no shipped suite has, else the name."""
    folder = options.out / "results" / text
    return str(folder) if text not in shipped() and (folder / "suite.json").is_file() else text


def own_data(store: Store) -> str | None:
    """Return the name of the user's own data set that a stored run is of, None where it is of others."""
    held = store.suite()["datasets"] if store.suite_file.is_file() else {}
    return next((name for name, about in held.items() if about.get("own")), None)


def stored_counts(store: Store) -> dict[str, int]:
    """Return `counts` by the stored plan alone: for a run of data that is not at hand."""
    planned = store.suite()["plan"]["cells"]
    cells = [Cell(c["cell"], c["variant"], c["dataset"], c["seed"]) for c in planned]
    return _counted(cells, current(store))


def folder_of(source: str | Path | Suite, suite: Suite, options: Options) -> Path:
    """Return the results folder: the one that was named, else `OUT/results/NAME` (own data: NAME-CARD)."""
    if not isinstance(source, Suite) and (Path(source) / "suite.json").is_file():
        return Path(source)
    name = f"{suite.name}-{options.own[0].name}" if options.own else suite.name
    return options.out / "results" / name


def current(store: Store) -> dict[Key, Record]:
    """Return the stored records by key."""
    return {record.key: record for record in store.records()}


def counts(plan: Plan, records: dict[Key, Record]) -> dict[str, int]:
    """Return how many planned cells stand at each status, and how many are stale or missing."""
    return _counted(plan.cells, records)


def _counted(cells: Sequence[Cell], records: dict[Key, Record]) -> dict[str, int]:
    names = ("ok", *BAD, "incompatible", "unavailable", "stale", "missing")
    found = Counter[str]()
    for cell in cells:
        held = records.get(cell.key)
        found["missing" if held is None else held.status if held.cell == cell.hash else "stale"] += 1
    return {"planned": len(cells)} | {name: found[name] for name in names}


def met(before: dict[Key, Record], after: dict[Key, Record]) -> tuple[str, ...]:
    """Return the fusion variants that have records now and had none, in a folder that already held some."""
    known = {variant for variant, _, _ in before}
    new = sorted({variant for variant, _, _ in after} - known) if known else []
    ranked = [(name, fusion.resolve(name)[0]) for name in new]
    return tuple(n for n, entry in ranked if entry.axes.architecture != "unimodal" and entry.placebo_of is None)


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
    return [
        *broken_entries(),
        *(f"unreadable record {path.name}: {why}; it is computed again" for path, why in store.broken.items()),
    ]


def broken_entries() -> list[str]:
    """Return a line for each file of variants or data sets that could not be loaded."""
    broken = fusion.REGISTRY.broken | datasets.REGISTRY.broken
    return [f"{name} could not be loaded: {why}; the others go on" for name, why in broken.items()]


def state(suite: str | Path, options: Options) -> tuple[Store, dict[str, int], list[str]]:
    """Return a run's folder, its counts by status, and remarks: what is unreadable, broken or differs here."""
    store = Store(Path(_stored_or_named(str(suite), options)))
    if own_data(store) is not None and not options.own:
        found = stored_counts(store)
    else:
        plan, store, records = prepare(suite, options)
        found = counts(plan, records)
    return store, found, [*_broken_lines(store), *differing_libraries(store)]


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
