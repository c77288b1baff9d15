"""`run --until`: no cell is started that cannot end in time, what is left is told, and the next run goes on."""

import pytest

from fusebench.benchmarks.deadline import Deadline
from fusebench.benchmarks.options import Options
from fusebench.benchmarks.run import run as compute
from fusebench.results.store import Store

LONG, QUICK = "stub(number=1)", ("stub", "stub(number=2)")


@pytest.fixture
def run(suite, stubs, tmp_path):
    """Run three stubs of which one is expected to take long, with so many seconds left."""
    path = suite([*QUICK, LONG])

    def go(left, jobs=0):
        expected = {(name, "tiny"): 0.01 for name in QUICK} | {(LONG, "tiny"): 1e9}
        until = None if left is None else Deadline(left, "07:00", lambda: 0.0)
        told = {"jobs": jobs, "quiet": True, "expected": expected, "until": until}
        return compute(path, Options(plugins=(str(stubs),), out=tmp_path, **told))

    return go


@pytest.mark.parametrize("jobs", [0, pytest.param(2, marks=pytest.mark.nightly)])
def test_what_cannot_end_in_time_is_not_started(run, stored, jobs):
    ended = run(60.0, jobs)
    assert (ended.left, ended.complete, ended.exit_code) == (1, True, 0)
    assert {variant for variant, _, _ in stored.records} == set(QUICK)
    assert ended.counts["missing"] == 1
    again = run(None)
    assert (again.left, again.counts["ok"], sum(again.trained.values())) == (0, 3, 1)


def test_nothing_is_started_when_it_is_time(run, stored):
    ended = run(-1.0)
    assert (ended.left, ended.exit_code, stored.records) == (3, 0, {})


def test_without_a_deadline_everything_is_computed(run):
    assert run(None).counts["ok"] == 3


def test_timings_that_do_not_fit_are_left_for_the_next_run(run, stored):
    run(0.5)  # TIMING_SECONDS for each of two variants is more
    assert len(stored.records) == 2 and stored.store.timings() == []
    run(None)
    assert len(stored.store.timings()) == 3


def test_a_cell_that_failed_makes_the_run_fail_all_the_same(suite, stubs, tmp_path):
    path = suite(["stub(act=missing_file)", LONG])
    expected = {("stub(act=missing_file)", "tiny"): 0.01, (LONG, "tiny"): 1e9}
    until = Deadline(60.0, "07:00", lambda: 0.0)
    options = Options(plugins=(str(stubs),), out=tmp_path, jobs=0, quiet=True, expected=expected, until=until)
    ended = compute(path, options)
    assert (ended.left, ended.exit_code) == (1, 1)
    assert [r.status for r in Store(tmp_path / "results" / "s").records()] == ["failed"]


def test_a_text_that_names_no_moment_is_told_before_anything_runs(suite, door, stored):
    code, _, err = door("run", suite(QUICK), "--until", "soon")
    assert code != 0 and "--until 'soon' is neither a time of day" in err
    assert not stored.root.exists()
