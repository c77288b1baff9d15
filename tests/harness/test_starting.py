"""Workers are forked from a server that has imported all; they are as fresh as if they had been spawned."""

import os
import re
import subprocess
import sys
from multiprocessing import forkserver
from multiprocessing.context import SpawnContext
from pathlib import Path

import psutil
import pytest

import fusebench
from fusebench.benchmarks import starting

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere workers are spawned")


@pytest.fixture(autouse=True)
def _as_it_began(monkeypatch):
    """Tests may begin a second after their developer's last edit."""
    monkeypatch.setattr(starting, "edited", lambda rooms: False)


@pytest.fixture
def told(suite, stubs, stored, tmp_path):
    """Run a stub in a worker; return what it tells: its folder's name, variables, and the process above it."""

    def go(number):
        name = f"stub(act=surroundings,number={number})"
        fusebench.run(
            suite(["stub", name]), plugins=[stubs], out=tmp_path, jobs=1, quiet=True, report=False, retry="failed"
        )
        assert stored.status("stub") == "ok"
        reason = stored.records[name, "tiny", 0].reason
        return re.search(r"here: \[(.*)\], forked by (\d+)", reason).groups()

    return go


def test_a_worker_is_where_its_run_is_whenever_the_server_started(told, monkeypatch, tmp_path):
    first, server = told(1)
    assert first == f"'{Path.cwd().name}', None, '1'"
    place = tmp_path / "elsewhere"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("FUSEBENCH_PROBE", "seen")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert told(2) == ("'elsewhere', 'seen', '1'", server)
    assert "forkserver" in " ".join(psutil.Process(int(server)).cmdline())


def test_code_that_was_edited_is_read_anew(told, monkeypatch):
    monkeypatch.setattr(starting, "edited", lambda rooms: True)
    assert isinstance(starting.starter("cpu"), SpawnContext)
    assert told(1)[1] == str(os.getpid())


def test_on_other_systems_and_for_other_devices_workers_are_spawned(monkeypatch):
    assert not isinstance(starting.starter("cpu"), SpawnContext)
    assert isinstance(starting.starter("cuda:1"), SpawnContext)
    monkeypatch.setattr(starting.sys, "platform", "darwin")
    assert isinstance(starting.starter("cpu"), SpawnContext)


def test_a_server_holds_all_that_workers_import_and_has_one_thread_of_python(cli):
    code = (
        "import sys, threading; before = len(sys.modules); import fusebench.benchmarks.ready; "
        "from fusebench.benchmarks import starting, worker; from fusebench.fusion import REGISTRY; "
        "held = set(sys.modules); worker.work.warm_up(); "
        "import gc; assert gc.isenabled() and gc.get_freeze_count() > 10**5; "
        "print(len(REGISTRY), threading.active_count(), sorted(set(sys.modules) - held))"
    )
    ended = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    entries, threads, late = ended.stdout.split(maxsplit=2)
    assert int(entries) >= 100
    assert threads == "1"
    assert len(late.split(",")) < 40, late  # a few modules of scikit-learn's own


@pytest.mark.nightly
def test_a_server_that_is_killed_costs_no_cell(suite, cli, stored, stubs, tmp_path, tools):
    suite([f"stub(act=nap,number={i})" for i in range(20)])
    # what lies in the current folder is not what libraries mean
    (tmp_path / "sympy.py").write_text("open('imported', 'w')\n")
    process = cli.start("run", "s.toml", "--plugin", stubs, "--jobs", 1, "--no-report", stderr=subprocess.PIPE)
    tools.wait_until(lambda: len(stored.files) >= 3)
    direct = psutil.Process(process.pid).children()
    (server,) = (each for each in direct if "forkserver import main" in " ".join(each.cmdline()))
    server.kill()
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    assert [record.status for record in stored.records.values()] == ["ok"] * 20
    assert not (tmp_path / "imported").exists()


@pytest.fixture
def run(stubs, tmp_path):
    """Run without report."""
    return lambda path, jobs=2: fusebench.run(
        path, plugins=[stubs], out=tmp_path, jobs=jobs, quiet=True, report=False
    )


@pytest.mark.nightly
def test_a_variant_during_which_the_server_ends_twice_fails(run, suite, stored):
    ended = run(suite(["stub(act=kill_server)", "stub"]), jobs=1)
    assert (ended.counts["ok"], ended.counts["failed"]) == (1, 1)
    assert stored.records["stub(act=kill_server)", "tiny", 0].reason == "its process ended with exit code 255"


def test_an_exit_code_that_a_dead_server_would_have_is_its_cells_own(run, suite, stored):
    run(suite(["stub"]))
    server = starting.server()
    ended = run(suite(["stub", "stub(act=exit255)", "stub(act=nap)", "stub(act=nap,number=1)"]))
    assert (ended.counts["ok"], ended.counts["failed"]) == (3, 1)
    assert stored.records["stub(act=exit255)", "tiny", 0].reason == "its process ended with exit code 255"
    assert starting.server() == server is not None
    # a server that the user's program may have is another
    assert forkserver._forkserver._forkserver_pid is None
    assert forkserver.connect_to_new_process.__self__ is forkserver._forkserver


def test_a_server_that_is_not_ready_in_time_or_has_other_code_is_not_waited_for(monkeypatch, tmp_path):
    never = starting._Server()
    never._server.set_forkserver_preload([])
    monkeypatch.setattr(starting, "PATIENCE", 0.2)
    monkeypatch.setattr(starting, "_server", never)
    try:
        assert isinstance(starting.starter("cpu"), SpawnContext)
        never._trouble = False
        never._told.write_text("somewhere/else.py")
        assert isinstance(starting.starter("cpu"), SpawnContext)
        never._told.write_text(starting.code_here())
        assert not isinstance(starting.starter("cpu"), SpawnContext)
    finally:
        never._server._stop()


@pytest.mark.nightly
def test_a_server_ends_with_its_owner_whose_children_s_time_is_its_workers(monkeypatch):
    made = starting._Server()
    monkeypatch.setattr(starting, "_server", made)
    assert made.ready()
    pid, before = made.pid, os.times()
    process = starting.starter("cpu").Process(target=pow, args=(7, 10**7))
    process.start()
    process.join()
    made.end()
    assert not psutil.pid_exists(pid)
    assert os.times().children_user - before.children_user > 0.2  # it imported, and its worker multiplied
    made.end()  # once more does nothing


@pytest.mark.nightly
def test_where_no_socket_can_be_made_workers_are_spawned(suite, cli, stored, stubs, tmp_path):
    long = tmp_path / ("long" * 30)
    long.mkdir()
    suite(["stub", "stub(number=1)"])
    ended = cli("run", "s.toml", "--plugin", stubs, "--jobs", 1, "--no-report", env={"TMPDIR": str(long)})
    assert ended.returncode == 0, ended.stderr
    assert len(stored.files) == 2
