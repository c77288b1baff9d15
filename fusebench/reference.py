"""`python -m fusebench.reference`: bring the committed reference run of `quick` up to date.

Cells that are stored and current, in `results/quick` or in the committed run, are not computed again; then records
and timings are packed, a line each, into `results/reference/quick` and the report is drawn from them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from .core.errors import FusebenchError
from .core.files import dumps, write_text
from .results.store import Store

SUITE = "quick"


def pack(store: Store, target: Path) -> int:
    """Write a complete run's suite.json, records and timings to `target`; return the number of records."""
    cells = {cell["cell"] for cell in store.suite()["plan"]["cells"]}
    shutil.rmtree(target, ignore_errors=True)
    number = store.pack(target, cells)
    timings = [t for t in store.timings() if t["cell"] in cells]
    lines = [dumps(t) + "\n" for t in sorted(timings, key=lambda t: (t["variant"], t["dataset"]))]
    write_text(target / "timing.jsonl", "".join(lines))
    Store(target).put_suite(store.suite())
    return number


def make(jobs: int | None = None, out: Path = Path(".")) -> Path:
    """Run the suite, pack it, draw its report; return the packed folder.

    Raises
    ------
    FusebenchError
        Where a cell failed or its data could not be had: a reference run is whole or not made.
    """
    from . import api
    from .reports.build import build

    target = out / "results" / "reference" / SUITE
    if (held := Store(target)).packed.is_file():
        print(f"{Store(out / 'results' / SUITE).unpack(held)} records taken over from {target}")
    summary = api.run(SUITE, jobs=jobs, out=out, report=False)
    lacking = summary.counts["planned"] - summary.counts["ok"] - summary.counts["incompatible"]
    if lacking or not summary.complete:
        raise FusebenchError(f"Reference run: {lacking} cells of {SUITE} are not ok; mend them first.")
    print(f"{pack(summary.store, target)} records packed into {target}")
    shutil.rmtree(out / "reports" / "reference" / SUITE, ignore_errors=True)
    for line in build(target, out).lines:
        print(line)
    return target


def main(jobs: Annotated[int | None, typer.Option(help="Worker processes.")] = None) -> None:
    """Make the reference run."""
    make(jobs)


if __name__ == "__main__":
    typer.run(main)
