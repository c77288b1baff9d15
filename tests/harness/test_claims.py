"""Claims: one run has a job, another sees it; what dies or falls silent loses it; a lost claim costs no result."""

import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from fusebench.results import claims as module
from fusebench.results.claims import PATIENCE, Claims


@pytest.fixture
def two(tmp_path):
    return Claims(tmp_path), Claims(tmp_path)


def file_of(claims, job="job"):
    return claims.folder / job


def written(claims, job="job", **changes):
    """Write somebody's claim by hand."""
    claims.folder.mkdir(exist_ok=True)
    told = {"host": "elsewhere", "pid": 1, "space": "another", "owner": "somebody"} | changes
    file_of(claims, job).write_text(json.dumps(told))
    return file_of(claims, job)


def dead_pid():
    process = multiprocessing.get_context("spawn").Process()
    process.start()
    process.join()
    return process.pid


def test_a_job_is_one_runs_until_it_is_given_back(two):
    mine, yours = two
    assert mine.take("job")
    assert mine.take("job")  # still mine
    assert not yours.take("job")
    assert yours.take("other")
    assert [claim.pid for claim in yours.others()] == [os.getpid()]
    mine.release("job")
    assert yours.take("job")
    assert not list(yours.others())


def test_what_was_not_taken_is_not_given_back(two):
    mine, yours = two
    assert mine.take("job")
    yours.release("job")
    assert not yours.take("job")


def test_the_claim_of_a_dead_process_lapses_at_once(two):
    mine, _ = two
    written(mine, pid=dead_pid(), space=mine.me.space)
    assert not list(mine.others())
    assert mine.take("job")
    assert json.loads(file_of(mine).read_text())["owner"] == mine.me.owner


@pytest.mark.skipif(sys.platform == "win32", reason="a process that has ended is gone there")
def test_the_claim_of_a_dead_process_that_nobody_has_waited_for_lapses_too(two):
    mine, _ = two
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        tell = psutil.Process(process.pid)
        while tell.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        written(mine, pid=process.pid, space=mine.me.space, born=module._born(process.pid))
        assert not list(mine.others())
        assert mine.take("job")


def test_the_claim_of_a_living_process_of_this_host_lapses_never(two):
    """Its machine slept, or its clock was set: a file's age says nothing of a process that can be looked for."""
    mine, yours = two
    assert yours.take("job")
    os.utime(file_of(yours), (time.time() - 100 * PATIENCE,) * 2)
    assert not mine.take("job")


def test_a_process_that_has_a_dead_ones_number_is_another(two):
    mine, _ = two
    written(mine, pid=os.getpid(), space=mine.me.space, born="long ago")
    assert mine.take("job")


def test_a_process_of_another_user_that_is_hidden_is_silent_before_it_lapses(two, monkeypatch):
    mine, yours = two
    assert yours.take("job")
    monkeypatch.setattr(module, "_born", lambda pid: "")
    assert not mine.take("job")
    os.utime(file_of(yours), (time.time() - PATIENCE - 5,) * 2)
    assert mine.take("job")


def test_a_claim_that_cannot_be_written_is_taken_away(two, monkeypatch):
    mine, yours = two

    def full(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(module.json, "dump", full)
        with pytest.raises(OSError, match="No space left"):
            mine.take("job")
    assert not mine.mine
    assert yours.take("job")


def test_another_hosts_claim_lapses_after_a_silence_alone(two):
    mine, _ = two
    path = written(mine, pid=dead_pid())  # that number means nothing here: it is another host's
    assert not mine.take("job")
    os.utime(path, (time.time() - PATIENCE / 2,) * 2)
    assert not mine.take("job")
    os.utime(path, (time.time() - PATIENCE - 5,) * 2)
    assert mine.take("job")


def test_a_clock_that_jumps_makes_nothing_lapse(two, monkeypatch):
    """The clock that dates the files is asked, not this process's."""
    mine, _ = two
    written(mine)
    monkeypatch.setattr(time, "time", lambda: 4e9)
    assert not mine.take("job")


def test_a_claim_that_is_being_written_is_respected(two):
    mine, _ = two
    mine.folder.mkdir()
    file_of(mine).touch()
    assert not mine.take("job")
    assert [claim.host for claim in mine.others()] == ["another host"]


def test_signs_of_life_keep_a_claim(two, monkeypatch):
    mine, yours = two
    mine.take("job")
    old = time.time() - PATIENCE - 5
    os.utime(file_of(mine), (old, old))
    mine.beat()  # too soon after it was made
    assert file_of(mine).stat().st_mtime == pytest.approx(old)
    monkeypatch.setattr(module, "BEAT", 0.0)
    mine.beat()
    assert not yours.take("job")


@pytest.mark.parametrize("busy", [False, True])
def test_a_run_that_computes_itself_shows_that_it_lives_from_a_thread(two, monkeypatch, busy):
    mine, yours = two
    monkeypatch.setattr(module, "BEAT", 0.02)
    threads = threading.active_count()
    with mine.living(busy):
        mine.take("job")
        old = time.time() - PATIENCE - 5
        os.utime(file_of(mine), (old, old))
        end = time.monotonic() + (30 if busy else 0.3)
        while time.monotonic() < end and file_of(mine).stat().st_mtime < old + 5:
            time.sleep(0.01)
        assert (file_of(mine).stat().st_mtime > old + 5) == busy
    assert yours.take("job")
    assert threading.active_count() == threads


def test_of_two_that_see_a_lapsed_claim_the_slower_takes_nothing_away(two):
    mine, yours = two
    written(mine, pid=dead_pid(), space=mine.me.space)
    assert yours.take("job")
    assert not mine._remove_lapsed("job")  # what mine saw as lapsed is yours by now
    assert file_of(yours).is_file()
    assert not mine.take("job")


def test_the_last_that_leaves_takes_the_folder_away(two):
    mine, yours = two
    mine.take("a")
    yours.take("b")
    list(yours.others())
    mine.close()
    assert mine.folder.is_dir()
    yours.close()
    assert not mine.folder.exists()
    assert mine.take("a")  # and it is made again
