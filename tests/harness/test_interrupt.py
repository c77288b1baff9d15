"""Stopping: once finishes what runs, twice stops now; nothing survives, nothing finished is lost."""

import os
import signal
import subprocess
import sys

import pytest

import fusebench
from fusebench.benchmarks import session
from fusebench.benchmarks.interrupt import Interrupt

fcntl, termios = pytest.importorskip("fcntl"), pytest.importorskip("termios")
pytestmark = pytest.mark.skipif(not hasattr(os, "killpg"), reason="signals to a process group are POSIX's")


@pytest.fixture
def long_run(suite, cli, stubs, tmp_path):
    """Start a run of 20 cells of 0.25 s, its errors going to a file and its output to a terminal."""
    suite([f"stub(act=nap,number={i})" for i in range(20)])
    started = []

    def start(jobs=1):
        ours, theirs = os.openpty()
        with (tmp_path / "stderr.txt").open("wb") as file:
            process = cli.start(
                "run", "s.toml", "--plugin", stubs, "--jobs", jobs, "--no-report", stdout=theirs, stderr=file
            )
        os.close(theirs)
        started.append((process, ours))
        return process

    yield start
    for process, ours in started:
        process.kill()
        process.wait()
        os.close(ours)


def complaints(folder):
    return (folder / "stderr.txt").read_bytes().decode()


def test_interrupted_once_the_running_cell_is_finished_and_the_rest_is_resumed(
    long_run, door, stored, stubs, tmp_path, tools
):
    process = long_run()
    tools.wait_until(lambda: len(stored.files) >= 2)
    below = tools.family(process.pid)
    assert below
    tools.interrupt(process)
    assert process.wait(120) == 130
    assert tools.gone(below)
    done = len(stored.files)
    assert 2 <= done < 20  # two, where the signal came between two cells
    assert {record.status for record in stored.records.values()} == {"ok"}
    text = complaints(tmp_path)
    assert "\r" not in text
    assert "Traceback" not in text
    assert text.count("\n") <= 20 + 20
    assert "once more stops now" in text
    before, trained = stored.bytes(), stored.trained()
    assert trained == done
    code, out, _ = door("run", "s.toml", "--plugin", stubs, "--jobs", 0, "--no-report")
    assert code == 0
    assert "20 ok" in out
    assert stored.trained() - trained == 20 - done
    assert before.items() <= stored.bytes().items()


def test_interrupted_twice_it_stops_now(suite, cli, stored, stubs, tmp_path, tools):
    suite(["stub", "stub(act=sleep)", "stub(act=sleep,number=1)"])
    with (tmp_path / "stderr.txt").open("wb") as file:
        process = cli.start(
            "run", "s.toml", "--plugin", stubs, "--jobs", 2, "--no-report", stdout=subprocess.PIPE, stderr=file
        )
    tools.wait_until(lambda: len(stored.files) == 1)
    below = tools.family(process.pid)
    tools.interrupt(process)
    tools.wait_until(lambda: "once more stops now" in complaints(tmp_path))
    assert process.poll() is None
    tools.interrupt(process)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert tools.gone(below)
    assert b"Run the same command to resume" in told
    assert "Traceback" not in complaints(tmp_path)
    assert [record.status for record in stored.records.values()] == ["ok"]  # the others are missing, not failed


@pytest.mark.slow
def test_an_interrupt_while_workers_start_leaves_no_traceback(suite, cli, stubs, tmp_path, tools):
    suite([f"stub(act=nap,number={i})" for i in range(40)])  # some are left, however late the signal is sent
    with (tmp_path / "stderr.txt").open("wb") as file:
        process = cli.start(
            "run", "s.toml", "--plugin", stubs, "--jobs", 2, "--no-report", stdout=subprocess.PIPE, stderr=file
        )
    tools.wait_until(lambda: "cells to compute" in complaints(tmp_path) and len(tools.family(process.pid)) >= 2)
    below = tools.family(process.pid)
    tools.interrupt(process)
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert tools.gone(below)
    assert "Traceback" not in complaints(tmp_path)


@pytest.mark.nightly
def test_a_termination_of_the_whole_group_marks_no_cell_as_failed(long_run, stored, tmp_path, tools):
    """What a batch system does: the parent alone answers, and what runs is finished."""
    process = long_run(jobs=2)
    tools.wait_until(lambda: len(stored.files) >= 2)
    below = tools.family(process.pid)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(120) == 130
    assert tools.gone(below)
    assert {record.status for record in stored.records.values()} == {"ok"}
    assert "Traceback" not in complaints(tmp_path)


@pytest.mark.nightly
def test_a_terminal_that_hangs_up_stops_after_the_running_cell(suite, cli, stored, door, stubs, tools):
    """A dropped ssh: the kernel tells the session of the terminal, and nothing can be printed any more."""

    def take_the_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        tools.hear_signals()

    suite([f"stub(act=nap,number={i})" for i in range(12)])
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        cli.command("run", "s.toml", "--plugin", stubs, "--jobs", 1, "--no-report"),
        cwd=cli.folder, env=tools.environment(), stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True, preexec_fn=take_the_terminal,
    )  # fmt: skip
    os.close(theirs)
    tools.wait_until(lambda: len(stored.files) >= 2)
    below = tools.family(process.pid)
    os.close(ours)
    assert process.wait(120) == 130
    assert tools.gone(below)
    done = len(stored.files)
    assert 2 <= done < 12
    assert {record.status for record in stored.records.values()} == {"ok"}
    assert "12 ok" in door("run", "s.toml", "--plugin", stubs, "--jobs", 0, "--no-report")[1]


def test_hanging_up_counts_once_though_it_is_told_twice():
    """An interactive shell passes it on to its jobs, and when the shell ends the system tells them again."""
    interrupt = Interrupt()
    held = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    try:
        with interrupt.listening():
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGHUP)
            assert interrupt.count == 1
            signal.raise_signal(signal.SIGTERM)
        assert interrupt.count == 2
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, held)


def test_nobody_who_wants_to_stop_waits_for_a_drawing():
    interrupt = Interrupt()
    drawing = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        interrupt.count = 1
        assert not session._ended([drawing], interrupt)
        drawing.kill()
        drawing.wait()
        assert session._ended([drawing], interrupt)
    finally:
        drawing.kill()


def test_what_the_user_had_ignored_stays_ignored():
    """`nohup`: a run goes on when the terminal hangs up."""
    interrupt = Interrupt()
    held = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupt.listening():
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
        assert interrupt.count == 1
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, held)


def test_a_run_that_is_killed_loses_only_what_was_running(suite, cli, stored, stubs, tmp_path, tools):
    quick = ["stub", "stub(number=1)", "stub(number=2)"]
    path = suite([*quick, "stub(act=sleep)"])
    plugin = ["--plugin", stubs, "--jobs", 1, "--no-report"]
    process = cli.start("run", "s.toml", *plugin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    tools.wait_until(lambda: stored.files)
    below = tools.family(process.pid)
    os.kill(process.pid, signal.SIGKILL)
    assert tools.gone(below)  # the sleeping one too, though nobody has asked yet how the run ended
    process.wait()
    before, trained = stored.bytes(), stored.trained()
    assert {record.status for record in stored.records.values()} == {"ok"}
    fusebench.run(path, variants=quick, plugins=[stubs], out=tmp_path, jobs=0, quiet=True, report=False)
    assert len(stored.records) == 3
    assert stored.trained() - trained == 3 - len(before)
    assert before.items() <= stored.bytes().items()


def test_without_workers_the_second_interrupt_stops_the_cell_itself():
    held = signal.getsignal(signal.SIGINT)
    interrupt = Interrupt(abrupt=True)
    with interrupt.listening():
        signal.raise_signal(signal.SIGINT)
        assert interrupt.count == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is held


MOTHER = """
import subprocess, sys, time
from fusebench.fusion import register

@register("mother", architecture="late", data_fusion="merge", level="features", operator="x")
def mother(h):
    if h.shape[1] > 2:  # not while it is sized
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(61)"])
        time.sleep(60)
    return h.sum(0)
"""


@pytest.mark.nightly
def test_what_a_worker_has_started_goes_with_it(suite, cli, stubs, tmp_path, tools):
    (tmp_path / "mother.py").write_text(MOTHER)
    suite(["mother"], ["tiny"])
    with (tmp_path / "stderr.txt").open("wb") as file:
        plugins = ["--plugin", "mother.py", "--plugin", stubs]
        process = cli.start("run", "s.toml", *plugins, "--jobs", 1, stdout=subprocess.DEVNULL, stderr=file)
    tools.wait_until(lambda: any("time.sleep(61)" in " ".join(p.cmdline()) for p in tools.family(process.pid)))
    below = tools.family(process.pid)
    os.kill(process.pid, signal.SIGINT)
    tools.wait_until(lambda: "once more stops now" in complaints(tmp_path))
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) == 130
    assert tools.gone(below)
    assert len(below) >= 2
