"""What a run says while it goes on: a bar on a terminal, lines in run.log, nothing twice."""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from ..results.record import BAD
from .job import Job, Outcome


class Progress:
    """A bar with cells done, failed and the time remaining.

    The bar is drawn on a terminal only; in a file or a pipe one line a failed cell remains.

    Parameters
    ----------
    log
        The folder's run.log, appended to.
    cells
        Cells to compute.
    work
        Expected worker seconds of everything, stages included.
    jobs
        Worker processes.
    quiet
        Say nothing on stderr.
    """

    def __init__(self, log: Path, cells: int, work: float, jobs: int, quiet: bool = False):
        self.log, self.jobs, self.quiet = log, max(jobs, 1), quiet
        self.work, self.expected_done, self.spent = work, 0.0, 0.0
        self.counts: Counter[str] = Counter()
        self.seconds: Counter[str] = Counter()
        self.expected: dict[str, float] = {}
        self.begin = time.monotonic()
        on_terminal = sys.stderr.isatty() and not quiet
        self.bar = tqdm(total=cells, unit="cell", disable=not on_terminal, file=sys.stderr, bar_format=BAR)

    def told(self, job: Job, outcome: Outcome) -> None:
        """Note a finished job."""
        self.expected_done += self.expected.get(job.hash, 0.0)
        self.spent += outcome.seconds
        self.seconds[job.dataset] += outcome.seconds
        self.seconds[f"({job.kind}s)"] += outcome.seconds
        title = f"{job.name} on {job.dataset}, seed {job.seed}"
        self.write_log(f"{job.kind} {job.hash[:12]} {outcome.status} {outcome.seconds:.1f}s {title}")
        if job.kind == "cell":
            self.counts[outcome.status] += 1
            self.bar.update()
        if outcome.status in BAD:
            self.write_log(outcome.reason)
            last = outcome.reason.strip().splitlines()[-1:] or [""]
            self.say(f"{outcome.status}: {title}: {last[0][:200]}")
        failed = sum(self.counts[status] for status in BAD)
        self.bar.set_postfix_str(f"failed {failed}, {minutes(self.remaining)} left", refresh=False)

    @property
    def remaining(self) -> float:
        """Expected wall seconds left: what is left of the estimate, at the pace measured so far."""
        pace = self.spent / self.expected_done if self.expected_done > 0 else 1.0
        return max(self.work - self.expected_done, 0.0) * pace / self.jobs

    def say(self, line: str) -> None:
        """Print a line on stderr without breaking the bar."""
        if not self.quiet:
            tqdm.write(line, file=sys.stderr)

    def write_log(self, text: str) -> None:
        """Append to run.log."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a", encoding="utf-8") as file:
            file.write(f"{time.monotonic() - self.begin:9.1f} {text}\n")

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()


BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} cells [{elapsed}{postfix}]"


def minutes(seconds: float) -> str:
    """Return a duration in words: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
