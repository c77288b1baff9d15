"""What a run says of the time that is left."""

from pathlib import Path

import pytest

from fusebench.benchmarks.job import Job, Outcome
from fusebench.benchmarks.progress import Progress


@pytest.fixture
def progress(tmp_path):
    """A run of two workers with four jobs of ten expected seconds each."""
    held = Progress(tmp_path / "run.log", 2, quiet=True)
    held.begin(4, {str(number): 10.0 for number in range(4)})
    return held


def job(number, kind="cell"):
    return Job(kind, str(number), f"stub(number={number})", "tiny", 0, 0, Path(), {})


def test_the_time_left_is_what_is_expected_at_the_pace_so_far(progress):
    assert (progress.pace, progress.remaining) == (1.0, 20.0)
    progress.told(job(0), Outcome("ok", seconds=30.0))
    assert (progress.pace, progress.remaining) == (3.0, 45.0)
    progress.told(job(1, "stage"), Outcome("ok", seconds=10.0))
    assert (progress.pace, progress.remaining) == (2.0, 20.0)


@pytest.mark.parametrize("outcome", [Outcome("unavailable"), Outcome("failed", "its stage gave no result"),
                                     Outcome("failed", "ValueError: no", 0.1)])  # fmt: skip
def test_what_ends_early_or_is_not_tried_tells_nothing_of_the_pace(progress, outcome):
    progress.told(job(0), Outcome("ok", seconds=30.0))
    progress.told(job(1), outcome)
    assert (progress.pace, progress.remaining) == (3.0, 30.0)


def test_what_another_run_does_is_not_left_and_tells_nothing_of_the_pace(progress):
    progress.told(job(0), Outcome("ok", seconds=30.0))
    progress.passed_by(job(1), Outcome("ok"))
    assert (progress.pace, progress.remaining) == (3.0, 30.0)


def test_a_reason_that_is_no_text_is_written_all_the_same(progress):
    progress.told(job(0), Outcome("failed", "no such file: \udcff.csv"))
    assert "no such file: \\udcff.csv" in progress.log.read_text("utf-8")
