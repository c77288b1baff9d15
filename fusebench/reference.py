"""`python -m fusebench.reference [SUITE]`: bring a suite's committed reference run up to date.

Cells that are stored and current, in `results/SUITE` or in the committed run, are not computed again; then records
and timings are packed, a line each, into `results/reference/SUITE` and the report is drawn from them.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from .__main__ import in_a_sentence
from .core.errors import FusebenchError
from .core.files import dumps, write_text
from .core.names import split_list
from .results.store import Store

SUITE = "quick"


def pack(store: Store, target: Path) -> int:
    """Write a run's suite.json, records and timings to `target`; return the number of records.

    Of a run of some seeds, the plan that is packed holds the cells of these seeds alone.
    """
    suite, stored = store.suite(), {record.cell for record in store.records()}
    cells = [cell for cell in suite["plan"]["cells"] if cell["cell"] in stored]
    used = {stage for cell in cells for stage in cell["stages"]}
    stages = [stage for stage in suite["plan"]["stages"] if stage["stage"] in used]
    names = {cell["cell"] for cell in cells}
    shutil.rmtree(target, ignore_errors=True)
    number = store.pack(target, names)
    timings = [t for t in store.timings() if t["cell"] in names]
    lines = [dumps(t) + "\n" for t in sorted(timings, key=lambda t: (t["variant"], t["dataset"]))]
    write_text(target / "timing.jsonl", "".join(lines))
    Store(target).put_suite(suite | {"plan": {"cells": cells, "stages": stages}})
    return number


def make(suite: str = SUITE, seeds: Sequence[int] = (), jobs: int | None = None, out: Path = Path(".")) -> Path:
    """Run the suite, pack it, draw its report; return the packed folder.

    Raises
    ------
    FusebenchError
        Where a cell failed or its data could not be had: a reference run is whole, as far as its seeds go, or not
        made.
    """
    from . import api
    from .reports.build import build

    target = out / "results" / "reference" / suite
    if (held := Store(target)).packed.is_file():
        print(f"{Store(out / 'results' / suite).unpack(held)} records taken over from {target}")
    summary = api.run(suite, seeds=seeds, jobs=jobs, out=out, report=False)
    lacking = summary.counts["planned"] - summary.counts["ok"] - summary.counts["incompatible"]
    lacking -= summary.counts["missing"] if seeds else 0  # of the seeds that were not asked for
    if lacking or not summary.complete:
        raise FusebenchError(f"Reference run: {lacking} cells of {suite} are not ok; mend them first.")
    print(f"{pack(summary.store, target)} records packed into {target}")
    shutil.rmtree(out / "reports" / "reference" / suite, ignore_errors=True)
    for line in build(target, out).lines:
        print(line)
    return target


def main(
    suite: Annotated[str, typer.Argument(help="A shipped suite.")] = SUITE,
    seeds: Annotated[list[str] | None, typer.Option(help="Seeds to compute; default: the suite's.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Worker processes.")] = None,
) -> None:
    """Make the reference run."""
    with in_a_sentence():
        make(suite, [int(seed) for seed in split_list(seeds or ())], jobs)


if __name__ == "__main__":
    typer.run(main)
