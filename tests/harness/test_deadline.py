"""`--until`: which moment a text means, and what still fits before it, by clocks set by hand."""

import itertools
import shlex
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from fusebench.benchmarks.deadline import Deadline, again, left_words, parse, until
from fusebench.benchmarks.options import Options
from fusebench.core.errors import FusebenchError

EVENING = datetime(2026, 3, 3, 22, 15, 30)


class Clock:
    """Seconds that stand still until they are set."""

    def __init__(self, now=1000.0):
        self.now = now

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("07:00", 8 * 3600 + 44 * 60 + 30),  # tomorrow
        ("7:00", 8 * 3600 + 44 * 60 + 30),
        ("22:16", 30),  # today
        ("22:15:30", 24 * 3600),  # this very moment is over: the next one
        ("22:15", 24 * 3600 - 30),
        (" 23:00 ", 44 * 60 + 30),
        ("2026-03-03T22:20", 4 * 60 + 30),
        ("2026-03-04 07:00", 8 * 3600 + 44 * 60 + 30),
    ],
)
def test_the_next_such_time_of_day_or_the_date_that_is_named(text, seconds):
    assert until(text, EVENING, Clock()).left == pytest.approx(seconds)


def test_a_zone_that_is_named_is_kept():
    now = datetime(2026, 3, 3, 12, tzinfo=UTC)
    assert until("2026-03-03T12:00-01:00", now, Clock()).left == 3600
    assert until("2026-03-03T15:00:00Z", now.astimezone(timezone(timedelta(hours=9))), Clock()).left == 3 * 3600


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process cannot be set here")
@pytest.mark.parametrize(("day", "hours"), [(28, 8), (24, 9), (31, 9)])
def test_a_night_in_which_the_clock_is_put_forward_is_an_hour_shorter(day, hours, monkeypatch):
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    try:
        now = datetime(2026, 3, day, 22)  # summer time begins on the 29th at two
        assert until("07:00", now, Clock()).left == hours * 3600
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "7", "soon", "25:00", "07:60", "2026-03-04", "2026-13-04T07:00", "07:00 pm"])
def test_what_is_no_moment_is_told(text):
    with pytest.raises(FusebenchError, match="neither a time of day such as 07:00"):
        parse(text, EVENING)


def test_a_date_that_has_passed_is_told_with_the_present():
    with pytest.raises(FusebenchError, match=r"'2026-03-03T07:00' has passed: it is 2026-03-03 22:15 here"):
        until("2026-03-03T07:00", EVENING, Clock())


def test_what_fits_is_what_ends_in_time():
    clock = Clock()
    deadline = Deadline(1060.0, "07:00", clock)
    assert deadline.fits(60) and not deadline.fits(60.001)
    clock.now = 1050.0
    assert deadline.left == 10 and deadline.fits(10) and not deadline.fits(11)
    clock.now = 1061.0
    assert not deadline.fits(0)


def test_whoever_sets_the_clock_of_the_machine_changes_nothing(monkeypatch):
    clock = Clock()
    deadline = until("23:00", EVENING, clock)
    before = deadline.left
    jumps = itertools.count()
    monkeypatch.setattr(time, "time", lambda: 1e9 * next(jumps))
    assert deadline.left == before and deadline.fits(before)
    clock.now += 600
    assert deadline.left == before - 600


def test_the_command_that_goes_on_asks_for_the_same_again():
    assert again("quick", Options(until=Deadline(0.0))) == "run quick"
    options = Options(
        variants=("late_*", "gmu"),
        seeds=(0, 3),
        plugins=("/a b/mine.py",),
        out=Path("there"),
        shard=(2, 4),
        jobs=2,
        retry="failed",
        cluster="auto",
        gpu_share=0.25,
    )
    assert shlex.split(again(Path("my suite.toml"), options, "card.toml")) == [
        "run", "my suite.toml", "--variants", "late_*", "--variants", "gmu", "--seeds", "0", "--seeds", "3",
        "--plugin", "/a b/mine.py", "--out", "there", "--jobs", "2", "--retry", "failed", "--shard", "2/4",
        "--cluster", "auto", "--gpu-share", "0.25", "--data", "card.toml",
    ]  # fmt: skip
    assert left_words(1, "07:00").startswith("1 cell is left")
    assert left_words(12, "07:00") == "12 cells are left, which could not have ended before 07:00."
