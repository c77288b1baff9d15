"""Part `outside`: of a long run that is there already, the share that was not training, its report included."""

from __future__ import annotations

from pathlib import Path

from ...core.errors import FusebenchError
from ...results.store import Store
from ..load import Others
from .commands import fusebench, seconds
from .ended import Ended
from .measurement import Measurement, Side


def measure(root: Path) -> list[Measurement]:
    """Return one row about a run's folder.

    Raises
    ------
    FusebenchError
        Where the folder holds no run that was computed in one go.
    """
    suite = Store(root).suite()
    ended = Ended.read(root, 0.0) if (root / "run.log").is_file() else None
    if ended is None or not one_go(ended):
        raise FusebenchError(
            f"The run in {str(root)!r} was not computed in one go, so that its run.log does not tell how long it "
            "took; name the folder of one that was."
        )
    workers = max(each["workers"] for each in suite["environments"].values())
    cells = sum(each.kind == "cell" for each in ended.work)
    others = Others()
    start = seconds(fusebench("run", root, "--dry-run", "--no-report"))
    report = seconds(fusebench("report", root))
    spent = start + max(each.end for each in ended.work) - ended.timing + report
    return [
        Measurement(
            "outside_run",
            f"outside training, {suite['name']}: {cells} cells, {workers} workers",
            "share",
            0.10,
            Side("start, data, store, waiting, report", [workers * spent - ended.trained]),
            Side("all of the run but its timing pass", [workers * spent]),
            others.cores(),
            notes=["One run: its cells as it recorded them, its start and its report measured anew."],
            more={"start": start, "report": report, "timing_pass": ended.timing, "trained": ended.trained},
        )
    ]


def one_go(ended: Ended) -> bool:
    """Return whether a run.log tells of one run: the clock in it never goes back."""
    ends = [each.end for each in ended.work]
    return bool(ends) and ends == sorted(ends)
