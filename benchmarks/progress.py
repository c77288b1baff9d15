"""What a run says while it goes on: a bar on a terminal, lines in run.log, nothing twice."""

from __future__ import annotations

import sys
import time
from collections import Counter, defaultdict
from contextlib import suppress
from pathlib import Path

from tqdm import tqdm

from ..results.record import BAD
from .job import Job, Outcome


class Progress:
    """A bar with cells done, failed and the time remaining.

    The bar is drawn on a terminal only; a file or a pipe gets a line at every tenth of the cells, and one
    for each cell that failed.

    Parameters
    ----------
    log
        The folder's run.log, appended to.
    jobs
        Worker processes.
    quiet
        Say nothing on stderr.
    """

    def __init__(self, log: Path, jobs: int, quiet: bool = False):
        self.log, self.jobs, self.quiet = log, max(jobs, 1), quiet
        self.expected_done, self.spent = 0.0, 0.0
        self.counts: Counter[str] = Counter()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.expected: dict[str, float] = {}
        self.started, self.cells, self.tenth = time.monotonic(), 0, 0
        self.bar = tqdm(disable=True)

    def begin(self, cells: int, expected: dict[str, float]) -> None:
        """Draw the bar.

        Parameters
        ----------
        cells
            How many cells will be told.
        expected
            Hash → expected worker seconds of every job, stages included.
        """
        self.cells, self.expected = cells, expected
        hidden = self.quiet or not sys.stderr.isatty()
        self.bar = tqdm(total=cells, unit="cell", disable=hidden, file=sys.stderr, bar_format=BAR)

    def told(self, job: Job, outcome: Outcome) -> None:
        """Note a finished job."""
        if outcome.status in ("ok", "timeout", "out_of_memory"):
            self.expected_done += self.expected.get(job.hash, 0.0)
            self.spent += outcome.seconds
        else:  # it ended early, or was not even tried, and tells nothing of the pace
            self.expected.pop(job.hash, None)
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
        state = f"failed {sum(self.counts[s] for s in BAD)}, {minutes(self.remaining)} left"
        self.bar.set_postfix_str(state, refresh=False)
        self._tell_tenths(state)

    def _tell_tenths(self, state: str) -> None:
        done = self.counts.total()
        if self.bar.disable and self.cells >= MANY and 10 * done // self.cells > self.tenth:
            self.tenth = 10 * done // self.cells
            self.say(f"{done} of {self.cells} cells, {state}")

    @property
    def remaining(self) -> float:
        """Expected wall seconds left: what is left of the estimate, at the pace measured so far."""
        return max(sum(self.expected.values()) - self.expected_done, 0.0) * self.pace / self.jobs

    @property
    def pace(self) -> float:
        """Seconds that an expected second has taken so far."""
        return self.spent / self.expected_done if self.expected_done > 0 else 1.0

    def passed_by(self, job: Job, outcome: Outcome) -> None:
        """Note a job that another run of the folder has done."""
        self.expected.pop(job.hash, None)
        self.write_log(f"{job.kind} of another run {job.hash[:12]} {outcome.status}")
        if job.kind == "cell":
            self.bar.update()

    def say(self, line: str) -> None:
        """Print a line on stderr without breaking the bar."""
        if not self.quiet:
            tqdm.write(line, file=sys.stderr)

    def write_log(self, text: str) -> None:
        """Append to run.log; a full disk costs the line and not the run."""
        with suppress(OSError):
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(f"{time.monotonic() - self.started:9.1f} {text}\n")

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()


MANY = 50  # cells from which on a file is told about every tenth
BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} cells [{elapsed}{postfix}]"


def minutes(seconds: float) -> str:
    """Return a duration in words: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
