"""Whether a run is whole, and what a rerun would compute again and why. Nothing is written, not even an index."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import FusebenchError
from ..results.record import BAD, Key, Row
from ..results.store import Store
from ..results.verify import Held, Problem, file_of, look
from . import run
from .options import Options
from .suite import load as load_suite

SHOWN = 20  # problems of one kind that are printed; --json tells all
AGAIN, STAYS = "computed again by a rerun", "kept by a rerun: delete the record to have the cell computed again"

CAUSES: Mapping[str, tuple[str, str]] = {
    "suite": ("suite.json is damaged", "written by a rerun once it is deleted"),
    "unreadable": ("records that cannot be read", AGAIN),
    "stale": ("cells whose definition has changed", AGAIN),
    "missing": ("cells without a record", "computed by a rerun"),
    "unavailable": ("cells whose data could not be had", "tried again by a rerun"),
    "record": ("records that cannot be right", STAYS),
    "predictions": ("cells whose predictions are not whole", STAYS),
    "split": ("cells whose split is not whole", STAYS),
    "stage": ("stages that are not whole", "trained again when a cell that is computed uses it"),
    "timing": ("timings that cannot be read", "kept by a rerun: delete the file to have it taken again"),
}
RECOMPUTED = ("unreadable", "stale", "missing", "unavailable")


@dataclass
class Verdict:
    """What was found.

    Parameters
    ----------
    store
        The run's folder.
    records
        How many records could be read.
    problems
        Everything that a rerun would compute again, or that is damaged; in the order of `CAUSES`.
    notes
        What else there is to know, a line each.
    """

    store: Store
    records: int
    problems: list[Problem]
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 all well, 1 something would be computed again or is damaged."""
        return int(bool(self.problems))

    @property
    def lines(self) -> list[str]:
        """What to print: the sum, then problems by cause, a line each."""
        count = Counter(problem.cause for problem in self.problems)
        again = sum(count[cause] for cause in RECOMPUTED)
        told = f"{again} cells to compute, {count.total() - again} damaged files" if count else "all is well"
        lines = [f"{self.store.root.name}: {self.records} records read in {self.store.root}: {told}."]
        for cause in (cause for cause in CAUSES if count[cause]):
            title, fate = CAUSES[cause]
            lines.append(f"{title} ({count[cause]}), {fate}:")
            found = [problem for problem in self.problems if problem.cause == cause]
            lines += [f"  {_spoken(problem)}" for problem in found[:SHOWN]]
            if len(found) > SHOWN:
                lines.append(f"  … and {len(found) - SHOWN} more; --json names all")
        return [*lines, *self.notes]

    @property
    def json(self) -> dict[str, Any]:
        """The same as one object."""
        problems = [
            {"cause": p.cause, "file": p.file, "why": p.why, "computed_again": p.cause in RECOMPUTED}
            | dict(zip(("variant", "dataset", "seed"), p.key or (None, None, None), strict=True))
            for p in self.problems
        ]
        counts = Counter(problem.cause for problem in self.problems)
        told = {"run": self.store.root.name, "records": self.records, "causes": {c: counts[c] for c in CAUSES}}
        return told | {"problems": problems, "notes": self.notes}


def _spoken(problem: Problem) -> str:
    if problem.key is None:
        return f"{problem.file}: {problem.why}"
    variant, dataset, seed = problem.key
    where = f" ({problem.file})" if problem.file else ""
    return f"{variant} on {dataset}, seed {seed}{where}: {problem.why}"


def verify(suite: str | Path, options: Options) -> Verdict:
    """Check every record of a run, and compare it with the plan.

    Parameters
    ----------
    suite
        A name, a TOML path or a run's folder.
    options
        `out`, `plugins` and `own` count.

    Raises
    ------
    FusebenchError
        For a suite that does not exist or fit.
    """
    store = _folder(suite, options)
    held = look(store)
    verdict = Verdict(store, len(held.rows), held.problems)
    damaged = _damaged(store)
    if damaged is None:
        planned, remarks = _planned(suite, options, store, held)
        held.problems += _against(planned, held, store)
        verdict.notes += [*remarks, *_notes(store, held, planned)]
    else:
        held.problems.append(Problem("suite", "suite.json", damaged))
        verdict.notes.append("Records were not compared with a plan: suite.json cannot be read.")
    order = list(CAUSES)
    verdict.problems = sorted(held.problems, key=lambda p: (order.index(p.cause), p.key or ("", "", 0), p.file))
    return verdict


def _folder(suite: str | Path, options: Options) -> Store:
    named = run.stored_or_named(str(suite), options)
    if (Path(named) / "suite.json").is_file():
        return Store(Path(named))
    return Store(run.folder_of(named, run.judged_for(load_suite(named), options.own), options))


def _damaged(store: Store) -> str | None:
    """Return what is wrong with suite.json; None where nothing is, or nothing is stored yet."""
    if not store.suite_file.is_file():
        return None
    try:
        lacking = {"definition", "plan", "datasets"} - set(store.suite())
    except FusebenchError as error:
        return str(error)
    return f"it lacks {min(lacking)!r}" if lacking else None


def _planned(suite: str | Path, options: Options, store: Store, held: Held) -> tuple[dict[Key, str], list[str]]:
    """Return the hash that every planned cell has now, and remarks on the plan."""
    own = run.own_data(store)
    if own is not None and not options.own:
        cells = store.suite()["plan"]["cells"]
        remark = f"Compared with the stored plan: own data {own!r} are not at hand (--data CARD.toml)."
        return {(c["variant"], c["dataset"], c["seed"]): c["cell"] for c in cells}, [remark]
    checked, _ = run.opened(suite, options)
    plan = run.plan_of(checked, options, held.rows)
    return {cell.key: cell.hash for cell in plan.cells}, run.broken_entries()


def _against(planned: Mapping[Key, str], held: Held, store: Store) -> Iterator[Problem]:
    """Yield what a rerun would compute."""
    unreadable = {Path(problem.file).stem for problem in held.problems if problem.cause == "unreadable"}
    rows = run.keyed(held.rows, set(planned.values()))
    for key, cell in planned.items():
        row = rows.get(key)
        if cell in unreadable:
            continue
        if row is None:
            yield Problem("missing", "", "nothing is stored of it", key)
        elif row.cell != cell:
            why = "what it is computed from has changed since (code, options, settings or data)"
            yield Problem("stale", file_of(store, row.cell), why, key)
        elif row.status == "unavailable":
            yield Problem("unavailable", file_of(store, cell), row.trouble, key)


def _notes(store: Store, held: Held, planned: Mapping[Key, str]) -> Iterator[str]:
    rows = run.keyed(held.rows, set(planned.values()))
    failed = sum(row.status in BAD and planned.get(key) == row.cell for key, row in rows.items())
    unplanned = len(rows.keys() - planned.keys())
    beside = len(held.rows) - len(rows)
    if store.packed.is_file():
        yield "The run is packed: it holds no predictions, splits or stages, and is made afresh, not continued."
    elif untimed := _untimed(store, rows, planned):
        yield f"Not timed yet: {untimed} (variant, data set); a rerun, or `fusebench time`, times them."
    if failed:
        yield f"{failed} cells failed and are kept so: `--retry failed` computes them again."
    if unplanned:
        yield f"{unplanned} records are of no cell that can be planned here; nothing shows them."
    if beside:
        yield f"{beside} superseded records still lie beside the current ones; nothing shows them."
    if held.orphans:
        yield f"{held.orphans} unfinished temporary files are ignored; delete them when no run is under way."


def _untimed(store: Store, rows: Mapping[Key, Row], planned: Mapping[Key, str]) -> int:
    """Return how many (variant, data set) have a result of their lowest seed and no timing."""
    lowest: dict[tuple[str, str], Key] = {}
    for key in sorted(planned):
        lowest.setdefault(key[:2], key)
    timed = {timing["cell"] for timing in store.timings()}
    found = (rows[key] for key in lowest.values() if key in rows and rows[key].cell == planned[key])
    return sum(row.status == "ok" and row.cell not in timed for row in found)
