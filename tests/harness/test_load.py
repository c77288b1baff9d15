"""How many cores others keep busy: counters told by hand, and those of this machine where they run."""

import os
import subprocess
import sys

import psutil
import pytest

import fusebench
from fusebench.benchmarks import cell, load, stages
from fusebench.benchmarks.load import Others, Reading, reading

BURN = "import time\nwhile time.process_time() < 0.6: pass"


def others(*readings):
    told = iter(readings)
    return Others(lambda: next(told))


def test_others_are_all_but_our_own():
    watch = others(Reading(100, 50, 200, 10), Reading(110, 68, 220, 13))
    assert watch.cores() == 1.5  # 18 s of busy cores, 3 s of them ours, in 10 s


def test_it_looks_on_from_its_beginning():
    watch = others(Reading(0, 0, 0, 0), Reading(1, 0.5, 2, 0.5), Reading(4, 3, 8, 1))
    assert [watch.cores(), watch.cores()] == [0.0, 0.5]


def test_counters_that_step_never_make_a_load_negative():
    assert others(Reading(0, 0, 0, 0), Reading(1, 0.99, 2, 1.01)).cores() == 0.0


@pytest.mark.parametrize(
    "end",
    [None, Reading(0.4, 0.4, 0.8, 0), Reading(5, 0, 0, 3)],
    ids=["not told", "too short", "counters that stand still"],
)
def test_what_cannot_be_known_is_none(end):
    assert others(Reading(0, 0, 0, 0), end).cores() is None
    assert others(None, Reading(1, 1, 1, 1)).cores() is None


class Times:
    """What Linux tells of a core; a guest's time is told twice, as user's too."""

    user, nice, system, irq, softirq, steal = 100.0, 20.0, 3.0, 0.4, 0.05, 0.006
    idle, iowait, guest, guest_nice = 500.0, 60.0, 7.0, 0.8


def test_time_stolen_by_other_guests_is_busy_and_waiting_for_a_disk_is_not(monkeypatch):
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [Times()])
    found = reading()
    assert found.busy == pytest.approx(123.456)
    assert found.counted == pytest.approx(683.456)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no affinity here")
def test_cores_that_this_process_may_not_use_do_not_count(monkeypatch):
    class Full(Times):
        user = 1e6

    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1})
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [Full(), Times(), Full()])
    assert reading().busy == pytest.approx(123.456)
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [Times()])  # a container that counts cores anew
    assert reading().busy == pytest.approx(123.456)


def test_a_system_that_refuses_gives_nothing(monkeypatch):
    def refuse(percpu):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil, "cpu_times", refuse)
    assert reading() is None and Others().cores() is None


def burn():
    subprocess.run([sys.executable, "-S", "-c", BURN], check=True)


@pytest.fixture
def family():
    """Forget who belongs to the run afterwards."""
    held = list(load._family)
    yield load.belong_to
    load._family[:] = held


def test_what_children_did_is_ours_also_when_they_have_ended(family):
    family(os.getpid())
    before = reading()
    burn()
    after = reading()
    assert after.own - before.own >= 0.5
    if after.counted == before.counted:
        pytest.skip("the counters of this system stand still")
    assert after.busy - before.busy >= 0.4


def test_what_processes_of_others_do_is_not(family):
    sleeper = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    try:
        family(sleeper.pid)
        before = reading()
        burn()  # beside the sleeper: of another run, as far as that can tell
        assert reading().own - before.own < 0.2
    finally:
        sleeper.kill()
        sleeper.wait()
    assert reading() is None  # the run whose processes these were is gone


def test_a_record_keeps_what_stood_beside_its_training(suite, tmp_path, stored, stubs, monkeypatch):
    """And a baseline, whose training is its stage, what stood beside that."""

    def constant(cores):
        return type("Fixed", (), {"cores": lambda self: cores})

    monkeypatch.setattr(cell, "Others", constant(0.25))
    monkeypatch.setattr(stages, "Others", constant(1.5))
    fusebench.run(
        suite(["late_mean", "unimodal"]), out=tmp_path, jobs=0, report=False, quiet=True, plugins=[stubs]
    )
    found = {variant: record.load for (variant, _, _), record in stored.records.items()}
    assert found == {
        "late_mean": 0.25, "unimodal(modality=view_0)": 1.5, "unimodal(modality=view_1)": 1.5,
    }  # fmt: skip
