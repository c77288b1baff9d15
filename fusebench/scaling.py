"""`python -m fusebench.scaling [RUN …]`: what recorded runs would take on 1 to 1,000 workers.

What a job costs beside its training is measured first, on this machine; then the jobs of each run are replayed.
`results/perf/scaling.json` and `.csv` hold the numbers, `results/perf/figures/scaling.png` shows them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from .__main__ import in_a_sentence
from .core.errors import FusebenchError
from .core.files import write_json, write_text

RUNS = ("reference/quick", "reference/full")


def make(
    runs: Sequence[str] = RUNS,
    workers: Sequence[int] = (),
    checks: Sequence[str] = (),
    losses: float = 0.0,
    stored_costs: bool = False,
    out: Path = Path("."),
) -> Path:
    """Measure, replay, write and draw; return the JSON file.

    Parameters
    ----------
    runs
        Names or folders of stored runs.
    workers
        Numbers of workers; 1, 2, 4, … 1,000 where empty.
    checks
        Folders of runs made on this machine with their logs, whose wall time is held against the prediction.
    losses
        How often a worker is lost, a day.
    stored_costs
        Take costs and checks from the file that is there, and measure nothing.
    out
        The folder that holds `results/`.

    Raises
    ------
    FusebenchError
        For a run that is not stored, a log that tells nothing, or numbers that are none of workers.
    """
    from .benchmarks import scaling, scaling_costs, scaling_jobs
    from .reports.scaling import draw
    from .results.frames import find

    folder = out / "results" / "perf"
    target = folder / "scaling.json"
    stores = [find(run, out) for run in runs]
    jobs = [scaling_jobs.load(store) for store in stores]
    held = _held(target) if stored_costs else None
    costs = scaling_costs.measured(held["measured"]) if held else scaling_costs.measure(stores[0], folder)
    kept = [] if held is None else held["checks"]
    checked = [scaling.check(find(run, out), costs.costs) for run in checks]
    counts = tuple(workers) or scaling.doublings(scaling.MOST)
    told = [scaling.predict(each, costs.costs, counts, losses) for each in jobs]
    document = {"measured": costs.to_json(), "checks": [*kept, *checked], "runs": told}
    write_json(target, document, indent=1)
    write_text(folder / "scaling.csv", scaling.as_csv(told))
    draw(target, folder / "figures" / "scaling.png")
    return target


def _held(target: Path) -> dict[str, Any]:
    if not target.is_file():
        raise FusebenchError(
            f"--stored-costs: {str(target)!r} is not there; leave the option out to measure them."
        )
    return json.loads(target.read_bytes())


def numbers(text: str) -> tuple[int, ...]:
    """Parse `1,2,4`; an empty text gives none.

    Raises
    ------
    FusebenchError
        Where a part is not a whole number from 1.
    """
    parts = [part.strip() for part in text.split(",")] if text.strip() else []
    for part in parts:
        if not part.isdigit() or int(part) < 1:
            raise FusebenchError(f"--workers {text!r}: {part!r} is not a whole number from 1, such as in 1,2,4.")
    return tuple(sorted({int(part) for part in parts}))


def main(
    runs: Annotated[list[str] | None, typer.Argument(help="Stored runs; default: the reference runs.")] = None,
    workers: Annotated[str, typer.Option(help="Numbers of workers, such as 1,2,4; default: 1 to 1,000.")] = "",
    check: Annotated[list[str] | None, typer.Option(help="A run made here, to compare its wall time.")] = None,
    losses_a_day: Annotated[float, typer.Option(min=0, help="How often each worker is lost, a day.")] = 0.0,
    stored_costs: Annotated[bool, typer.Option("--stored-costs", help="Measure nothing anew.")] = False,
    out: Annotated[Path, typer.Option(help="The folder that holds results/.")] = Path("."),
) -> None:
    """Predict how runs scale."""
    with in_a_sentence():
        target = make(runs or RUNS, numbers(workers), check or (), losses_a_day, stored_costs, out)
    document = json.loads(target.read_bytes())
    for each in document["checks"]:
        print("{run}, {workers} workers: predicted {predicted:.1f} s, measured {measured:.1f} s".format(**each))
    for run in document["runs"]:
        last = run["rows"][-1]
        print(f"{run['run']}: {last['makespan']:.0f} s on {last['workers']} workers, {last['efficiency']:.0%}")
    print(target)


if __name__ == "__main__":
    typer.run(main)
